"""Asks bots: bounded in time and size, without redirects; what is not a usable answer is told in a few words."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from a2pcli import __version__
from a2pcli.actions.bot_protocol import Question, Said, document_of, read, url_of
from a2pcli.actions.signed_requests import signed_headers, tls_context
from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    import httpx

    from a2pcli.config.bots import Bot

LARGEST = 262_144
"""Bytes of an answer."""
TRIES = 3
BUSY = (408, 409, 425, 429, 500, 502, 503, 504)
"""Answers after which the request is made again, while there is time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question. ``is_free``: the endpoint certainly did not work on it, so it cost nothing."""

    said: Said
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class _Busy:
    """The endpoint wants to be asked later: after so many seconds, None if it did not say."""

    why: str
    seconds: float | None = None
    may_cost: bool = False


def pseudonym(secret: str | None, bot: str, address: str) -> str:
    """The name of a person that a bot may know: the same each time, and nobody without the secret can tell whose."""
    if not secret:
        return ""
    return hmac.new(secret.encode(), f"a2pcli chat\0{bot}\0{address}".encode(), hashlib.sha256).hexdigest()[
        :32
    ]


async def ask(bot: Bot, secret: str | None, question: Question) -> Asked:
    """Ask a bot. Never raises, except when cancelled."""
    import httpx

    seconds = float(bot.timeout)
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    may_cost = False
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=seconds, verify=tls_context()) as client,
        ):
            for attempt in range(TRIES):
                found = await _once(client, bot, secret, question)
                if isinstance(found, Said):
                    return Asked(found)
                if isinstance(found, Asked):
                    return Asked(found.said, found.is_free and not may_cost)
                wait = (
                    found.seconds if found.seconds is not None else 0.5 * 2**attempt * (1 + random.random())
                )
                if attempt + 1 == TRIES or loop.time() + wait >= until:
                    return Asked(Said(None, found.why), not (may_cost or found.may_cost))
                await asyncio.sleep(wait)
                may_cost = may_cost or found.may_cost
    except (TimeoutError, httpx.TimeoutException):
        return Asked(Said(None, f"no answer within {seconds:g} seconds"))
    except httpx.ConnectError:
        return Asked(Said(None, "it cannot be reached"), not may_cost)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return Asked(Said(None, "the connection failed"))
    return Asked(Said(None, "no answer"))


async def _once(
    client: httpx.AsyncClient, bot: Bot, secret: str | None, question: Question
) -> Said | Asked | _Busy:
    url = url_of(bot)
    body = json.dumps(document_of(bot, question), ensure_ascii=False, separators=(",", ":")).encode(
        errors="replace"
    )
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
    }
    headers["User-Agent"] = f"a2pcli/{__version__}"
    if secret and bot.kind == "openai":
        headers["Authorization"] = f"Bearer {secret}"
    elif secret:
        parts = urlsplit(url)
        headers |= signed_headers(secret, "POST", parts.path, parts.query, body)
    async with client.stream("POST", url, content=body, headers=headers, follow_redirects=False) as response:
        status = response.status_code
        if status in BUSY:
            later = _seconds(response.headers.get("retry-after"))
            return _Busy(f"it answered {status}", later, may_cost=status >= 500)
        if 300 <= status < 400:
            return Asked(Said(None, f"it answered {status}: redirects are not followed"), is_free=True)
        if not response.is_success:
            return Asked(Said(None, f"it answered {status}"), is_free=400 <= status < 500)
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            return Said(None, "its answer is compressed, which was not asked for")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return Said(None, f"its answer is no JSON but {kind[:40] or 'of no type'}")
        data = bytearray()
        async for piece in response.aiter_raw():
            data += piece
            if len(data) > LARGEST:
                return Said(None, f"its answer has more than {LARGEST:,} bytes")
    return read(bot, bytes(data))


def _seconds(value: str | None) -> float | None:
    """Seconds of a Retry-After; a date counts as long."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return math.inf
    return seconds if math.isfinite(seconds) and seconds >= 0 else math.inf
