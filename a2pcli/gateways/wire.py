"""The HTTP/1.1 engine of the hot path: connections of asyncio's, answers read by llhttp (``httptools``).

Why not a client library: docs/decisions.md has the measurements. In short, what counts here is to know for
sure whether any byte of a request left; the libraries either resend by themselves, or call a connection that
was dropped after the request a failure to connect, and cost two to three times as much.

A request is written once, on a connection that is known to be open at that moment, and never again. To keep
the moment small in which a server closes an idle connection just as it is used again: idle connections live
1.5 seconds (most servers allow at least 2), less where the server says so (``Keep-Alive: timeout=``), the
one used last is used first, and before each use the socket is asked whether anything came in.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import cast
from urllib.parse import quote, urlsplit

import httptools

from a2pcli import __version__
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.dialing import Dialer, Route, proxy_for
from a2pcli.gateways.engine import MAX_BODY, MaybeSent, NotSent, Unsendable, WireError

IDLE = 1.5
"""Seconds for which an unused connection is kept."""

MAX_HEAD = 65_536
"""Bytes of an answer's headers that are read; more than that is not an answer."""

_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"}
)
_NO_BODY = frozenset({"GET", "HEAD"})
_TARGETS_KEPT = 64
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_KEEP_ALIVE = re.compile(r"timeout=(\d+)")
_GARBLED = "the answer was not HTTP"


class WireEngine:
    """Sends requests over connections that are kept and used again, at most ``limit`` at once."""

    def __init__(
        self, limit: int, *, dialer: Dialer | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._dialer = dialer or Dialer(tls=tls)
        self._idle: dict[Route, deque[_Connection]] = {}
        self._busy: set[_Connection] = set()
        self._routes: dict[tuple[str, str], Route] = {}
        self._starts: dict[tuple[str, str], tuple[Route, str]] = {}
        self._names: set[str] = set()
        self._fixed = f"User-Agent: a2pcli/{__version__}\r\nAccept-Encoding: identity\r\n"

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The answer; see ``Engine.send``."""
        route, data = self._encode(request)
        if self._slots.locked():
            await self._wait_for_slot(request.timeout)
        else:
            await self._slots.acquire()
        try:
            connection = self._idle_connection(route) or await self._dialer.dial(route, _Connection)
            self._busy.add(connection)
            try:
                response = await connection.exchange(data, request.timeout)
            finally:
                self._busy.discard(connection)
                self._keep(route, connection)
        finally:
            self._slots.release()
        return response

    async def close(self) -> None:
        """Close every connection, those in use included."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        for connection in list(self._busy):
            connection.close()
        self._idle.clear()

    async def _wait_for_slot(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise NotSent("busy", "all connections were in use") from None

    def _idle_connection(self, route: Route) -> _Connection | None:
        """The connection used last, if it can be used again."""
        idle = self._idle.get(route)
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _keep(self, route: Route, connection: _Connection) -> None:
        if not connection.may_be_kept():
            connection.close()
            return
        idle = self._idle.get(route)
        if idle is None:
            idle = self._idle[route] = deque()
        idle.append(connection)
        while idle and idle[0].is_expired():  # those at the bottom are not used while the load is small
            idle.popleft().close()

    def _encode(self, request: HttpRequest) -> tuple[Route, bytes]:
        """The route and the bytes of a request. Raises ``Unsendable``."""
        key = (request.method, request.url)
        known = self._starts.get(key)
        if known is None:
            known = self._start(request.method, request.url)
            if (
                len(self._starts) < _TARGETS_KEPT
            ):  # most providers have one URL; a GET has one for each message
                self._starts[key] = known
        route, start = known
        head = start
        lines = 0
        for name, value in request.headers.items():
            if name in self._names or self._is_header(name):
                head += f"{name}: {value}\r\n"
                lines += 1
        if request.body or request.method not in _NO_BODY:
            head += f"Content-Length: {len(request.body)}\r\n"
            lines += 1
        lines += start.count("\n")
        if head.count("\n") != lines or head.count("\r") != lines or "\0" in head:
            raise Unsendable("a header cannot hold this text")
        try:
            return route, f"{head}\r\n".encode() + request.body
        except UnicodeEncodeError:
            raise Unsendable("a header cannot hold this text") from None

    def _is_header(self, name: str) -> bool:
        """Whether a header is sent as the provider says; False for those that are the engine's to say."""
        if not _TOKEN.fullmatch(name):
            raise Unsendable("this is no name of a header")
        if name.lower() in _OURS:
            return False
        self._names.add(name)
        return True

    def _start(self, method: str, url: str) -> tuple[Route, str]:
        """The route of a URL, and the lines that every request to it starts with."""
        route, target = self._target(url)
        start = f"{method} {target} HTTP/1.1\r\nHost: {route.authority}\r\n{self._fixed}"
        if route.is_relayed and route.proxy and route.proxy.authorization:
            start += f"Proxy-Authorization: {route.proxy.authorization}\r\n"
        return route, start

    def _target(self, url: str) -> tuple[Route, str]:
        """The route of a URL, and what the request line says after the method."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise Unsendable("the URL cannot be read") from None
        key = (parts.scheme, parts.netloc)
        route = self._routes.get(key)
        if route is None:
            direct = route_of(url)
            route = replace(direct, proxy=proxy_for(direct.secure, direct.host))
            self._routes[key] = route
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        if not target.isascii() or not target.isprintable() or " " in target:
            target = _quoted(target)
        return route, f"http://{route.authority}{target}" if route.is_relayed else target


def route_of(url: str) -> Route:
    """Where a URL leads, without proxies. Raises ``Unsendable`` for one that leads nowhere."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unsendable("the URL must start with https:// or http://, and name a host")
        if "@" in parts.netloc:
            raise Unsendable("the URL must not hold a user name or password")
        secure = parts.scheme == "https"
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
        port = (443 if secure else 80) if parts.port is None else parts.port
        if not re.fullmatch(r"[A-Za-z0-9._:\-]+", host):
            raise Unsendable("the URL's host is not one that can exist")
        return Route(secure, host, port)
    except ValueError:
        # Its text may quote a password.
        raise Unsendable("the URL cannot be read") from None


def _quoted(target: str) -> str:
    try:
        return quote(target, safe="!#$%&'()*+,/:;=?@[]~")
    except UnicodeEncodeError:
        raise Unsendable("the URL cannot hold this text") from None


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._closed = False
        self._clean = True  # nothing has happened after which it could not be used again
        self._until = 0.0
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._read = 0
        self._head_read = 0
        self._head_complete = False
        self._keep_alive = False

    # What the engine asks

    async def exchange(self, data: bytes, seconds: float) -> HttpResponse:
        """Write the request, wait for the answer. Whatever goes wrong from here on is a ``MaybeSent``."""
        waiter: asyncio.Future[HttpResponse] = self._loop.create_future()
        self._waiter = waiter
        timer = self._loop.call_later(seconds, self._timed_out)
        try:
            self._transport.write(data)
            return await waiter
        except WireError:
            self._clean = False
            raise
        except Exception as error:
            self._clean = False
            raise MaybeSent("dropped", f"the connection failed: {type(error).__name__}") from error
        except BaseException:  # cancelled: the answer may still come, and is nobody's
            self._clean = False
            raise
        finally:
            self._waiter = None
            timer.cancel()

    def may_be_kept(self) -> bool:
        """Whether the last exchange left it ready for another."""
        return (
            self._clean
            and self._keep_alive
            and not self._closed
            and self._transport.get_write_buffer_size() == 0
        )

    def is_expired(self) -> bool:
        """Whether it has been idle for too long."""
        return self._loop.time() >= self._until

    def is_usable(self) -> bool:
        """Whether it is open at this moment: nothing came in since the last answer, not even its end."""
        return not (
            self._closed
            or self.is_expired()
            or self._transport.is_closing()
            or _is_readable(self._descriptor)
        )

    def close(self) -> None:
        """Close at once."""
        self._clean = False
        if not self._closed:
            self._transport.abort()

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # other event loops have classes of their own
        self._descriptor = _Watch(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # an answer to nothing
            return
        if not self._head_complete:
            self._head_read += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("garbled", _GARBLED)
        if not self._head_complete and self._head_read > MAX_HEAD:
            self._fail("garbled", "the answer's headers had no end")

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if exc is None and self._head_complete and self._is_until_close():
            self._answer()
        else:
            self._fail("dropped", "the connection was closed before a whole answer came")

    def _is_until_close(self) -> bool:
        return "content-length" not in self._headers and "transfer-encoding" not in self._headers

    # What llhttp tells

    def on_message_begin(self) -> None:
        if self._waiter is None or self._waiter.done():
            self._clean = False  # a second answer to one request: whose would the next one be?
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_complete:
            return  # a trailer
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        self._head_complete = True

    def on_body(self, body: bytes) -> None:
        room = MAX_BODY - self._read
        if room <= 0:
            return
        self._chunks.append(body[:room])
        self._read += len(body)
        if self._read >= MAX_BODY:
            self._clean = False
            self._answer()

    def on_message_complete(self) -> None:
        if 100 <= self._parser.get_status_code() < 200:
            self._begin()  # an interim answer; the real one follows
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._answer()

    # Ends

    def _answer(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        idle = IDLE
        said = self._headers.get("keep-alive")
        if said is not None and (limit := _KEEP_ALIVE.search(said)):
            idle = min(IDLE, int(limit[1][:6]) - 1)
        self._until = self._loop.time() + idle
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if "content-encoding" in self._headers:
            body = _decompressed(body)
        self._waiter.set_result(HttpResponse(self._parser.get_status_code(), self._headers, body))

    def _fail(self, code: str, detail: str) -> None:
        self._clean = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(MaybeSent(code, detail))
        if not self._closed:
            self._transport.abort()

    def _timed_out(self) -> None:
        self._fail("timeout", "no answer in time")


def _decompressed(body: bytes) -> bytes:
    """A gzip or zlib body that came although none was asked for, at most ``MAX_BODY`` of it; else as it is."""
    with suppress(zlib.error):
        return zlib.decompressobj(wbits=47).decompress(body, MAX_BODY)
    return body


class _Watch:
    """Asks the operating system whether a socket has something to read, without reading it (0.5 µs)."""

    __slots__ = ("_descriptor", "_poll")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)

    def is_readable(self) -> bool:
        if self._poll is not None:
            return bool(self._poll.poll(0))
        return bool(select.select([self._descriptor], [], [], 0)[0])


def _is_readable(watch: _Watch) -> bool:
    return watch.is_readable()
