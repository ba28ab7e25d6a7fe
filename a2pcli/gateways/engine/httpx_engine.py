"""The same engine on httpx: for tests with ``httpx.MockTransport``, and for networks that need what httpx can do.

Choose it with ``engine: httpx`` in a gateway's block. It is many times slower than ``wire`` and just as
careful: httpx never sends a request twice, and each of its exceptions stands in one of the two tables below. Every
request has a connection of its own, because httpx takes what a server says beyond an answer for the answer to the next
request on that connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import httpx

from a2pcli import __version__
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine.protocol import (
    CONNECT_TIMEOUT,
    MAX_BODY,
    MaybeSent,
    NotSent,
    Unsendable,
    ignore_departure,
)

NOTHING_LEFT: dict[type[Exception], tuple[str, str]] = {
    httpx.ConnectTimeout: ("connect-timeout", "connection timed out"),
    httpx.ConnectError: ("connect", "no connection"),
    httpx.PoolTimeout: ("busy", "no free connection"),
    httpx.ProxyError: ("proxy", "the proxy refused the connection"),
}
"""Exceptions raised before the first byte of a request is sent."""

SOMETHING_LEFT: dict[type[Exception], tuple[str, str]] = {
    httpx.ReadTimeout: ("timeout", "no answer within the timeout"),
    httpx.WriteTimeout: ("timeout", "the request could not be written in time"),
    httpx.ReadError: ("dropped", "the connection was closed before the answer was complete"),
    httpx.WriteError: ("dropped", "the connection was closed while the request was written"),
    httpx.CloseError: ("dropped", "the connection could not be closed"),
    httpx.RemoteProtocolError: ("dropped", "the connection was closed before the answer was complete"),
    httpx.LocalProtocolError: ("garbled", "the answer was not HTTP"),
    httpx.DecodingError: ("garbled", "the answer could not be decoded"),
    httpx.TooManyRedirects: ("garbled", "the answer was a redirect"),
}
"""Exceptions after which the other side may have the request."""

NEVER_A_REQUEST: tuple[type[Exception], ...] = (httpx.InvalidURL, httpx.UnsupportedProtocol)
"""Exceptions for a request that cannot be written."""


class HttpxEngine:
    """Sends with ``httpx.AsyncClient``."""

    def __init__(
        self,
        limit: int,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        largest: int = MAX_BODY,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._largest = largest
        self._tells = False
        """Whether httpx was seen to report when a request is sent. Before that, and with a transport that does not,
        every request counts as sent before a connection is made for it."""
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=True if tls is None else tls,
            limits=httpx.Limits(max_connections=limit, max_keepalive_connections=0),
            headers={"User-Agent": f"a2pcli/{__version__}", "Accept-Encoding": "identity"},
            follow_redirects=False,
        )

    async def send(
        self, request: HttpRequest, leaving: Callable[[], None] = ignore_departure
    ) -> HttpResponse:
        """Send a request and return the answer; see ``Engine.send`` for errors."""
        told = not self._tells
        if told:
            leaving()

        async def trace(event: str, _info: object) -> None:
            # Events that are not about a connection come after it was made
            # (https://www.encode.io/httpcore/extensions/).
            nonlocal told
            if event.startswith("connection."):
                return
            if not told:
                told = True
                leaving()
            self._tells = self._tells or event.endswith("send_request_headers.started")

        try:
            outgoing = self._client.build_request(
                request.method,
                request.url,
                headers=[(name.encode("ascii"), value.encode()) for name, value in request.headers.items()],
                content=request.body,
                timeout=httpx.Timeout(request.timeout, connect=min(CONNECT_TIMEOUT, request.timeout)),
                extensions={"trace": trace},
            )
        except Exception as error:
            raise Unsendable("the request cannot be written as HTTP") from error
        try:
            # httpx limits each read; this also limits an answer that trickles in forever.
            async with asyncio.timeout(CONNECT_TIMEOUT + request.timeout):
                response = await self._client.send(outgoing, stream=True)
                try:
                    return HttpResponse(
                        response.status_code, _headers(response), await _body(response, self._largest)
                    )
                finally:
                    await response.aclose()
        except NEVER_A_REQUEST as error:
            raise Unsendable("the URL cannot be used") from error
        except Exception as error:
            raise wire_error(error) from error

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        await self._client.aclose()


def wire_error(error: Exception) -> NotSent | MaybeSent:
    """Return what an exception of httpx says about the request; an unknown one is a ``MaybeSent``."""
    if isinstance(error, TimeoutError):
        return MaybeSent("timeout", "no answer within the timeout")
    for kind in type(error).__mro__:
        if kind in NOTHING_LEFT:
            return NotSent(*NOTHING_LEFT[kind])
        if kind in SOMETHING_LEFT:
            return MaybeSent(*SOMETHING_LEFT[kind])
    return MaybeSent("dropped", f"the exchange failed: {type(error).__name__}")


def _headers(response: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _body(response: httpx.Response, largest: int) -> bytes:
    """Return the body, at most ``largest`` bytes."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk[: largest - size])
        size += len(chunk)
        if size >= largest:
            break
    return b"".join(chunks)
