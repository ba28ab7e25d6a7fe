"""Reads the bodies of requests, within limits, and says no in the same words everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

LARGEST = 1_048_576
"""Bytes of a body."""

MOST_ARRIVING = 64 * LARGEST
"""Bytes of all bodies that are arriving: who sends them is known only when they are whole."""

AGAIN = {"Retry-After": "5"}
"""Providers send again later what was answered with 503."""


class Bodies:
    """Reads bodies; all of those that are arriving have a limit together."""

    def __init__(self) -> None:
        self._arriving = 0

    async def read(self, scope: Scope, receive: Receive, largest: int = LARGEST) -> bytes | Response:
        """Return the body, or the response to one that is too long or broken off, or that there is no room for."""
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length[:20]) > largest:
            return _too_long(largest)
        pieces, size = [], 0
        try:
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    return said(400, "the body broke off")
                pieces.append(event.get("body", b""))
                size += len(pieces[-1])
                self._arriving += len(pieces[-1])
                if size > largest:
                    return _too_long(largest)
                if self._arriving > MOST_ARRIVING:
                    return said(503, "too much at once", {**AGAIN, "Connection": "close"})
                if not event.get("more_body"):
                    return b"".join(pieces)
        finally:
            self._arriving -= size


def _too_long(largest: int) -> Response:
    return said(413, f"a body has at most {largest:,} bytes", {"Connection": "close"})


def said(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A response of one sentence."""
    return PlainTextResponse(text + "\n", status, dict(headers or {}))


class Json(JSONResponse):
    """A JSON document. What it repeats of a request may hold halves of characters, which become question marks."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers by their names in small letters; those that come several times are joined by commas."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def path_of(scope: Scope, prefix: str = "") -> str:
    """The path as it was sent, without ``prefix`` in front."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1").removeprefix(prefix)
