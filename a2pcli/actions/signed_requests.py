"""Requests to systems of the user's own: signed, and bounded in time and size."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    import ssl

LARGEST = 65_536
"""Bytes of a response."""


def signature(secret: bytes, timestamp: str, method: str, target: str, body: bytes) -> str:
    """The value of ``X-A2pcli-Signature``: over the timestamp, the method, the path with its query, each followed by a
    line end, and the body."""
    head = f"{timestamp}\n{method}\n{target}\n".encode("latin-1", "replace")
    return "v1=" + hmac.new(secret, head + body, hashlib.sha256).hexdigest()


def signed_headers(secret: str, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
    """The headers that sign a request of now."""
    target = (path or "/") + (f"?{query}" if query else "")
    timestamp = str(int(time.time()))
    return {
        "X-A2pcli-Timestamp": timestamp,
        "X-A2pcli-Signature": signature(secret.encode(), timestamp, method, target, body),
    }


@dataclass(frozen=True, slots=True)
class Told:
    """What a system answered: a JSON object, or in a few words why there is none. ``is_certain``: the request
    certainly did not reach it."""

    data: Mapping[str, Any] | None = None
    why: str = ""
    is_certain: bool = False


@cache
def tls_context() -> ssl.SSLContext:
    """The certificates that servers are checked with. Reading them takes 20 ms, for which an event loop would stand
    still at each request."""
    import httpx

    return httpx.create_ssl_context()


async def post_signed(url: str, secret: str, document: Mapping[str, Any], seconds: float) -> Told:
    """POST a JSON document and return the answer. Never raises; follows no redirects."""
    import httpx

    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    parts = urlsplit(url)
    headers = {
        "Content-Type": "application/json",
        **signed_headers(secret, "POST", parts.path, parts.query, body),
    }
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, verify=tls_context()) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            if not response.is_success:
                return Told(None, f"it answered {response.status_code}")
            data = b""
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > LARGEST:
                    return Told(None, f"its answer has more than {LARGEST:,} bytes")
    except (TimeoutError, httpx.TimeoutException):
        return Told(None, f"no answer within {seconds:g} seconds")
    except httpx.ConnectError:
        return Told(None, "it cannot be reached", is_certain=True)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return Told(None, "the connection failed")
    try:
        found = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError):
        return Told(None, "its answer is not JSON")
    return Told(found) if isinstance(found, dict) else Told(None, "its answer is not a JSON object")
