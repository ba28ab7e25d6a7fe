"""The HTTP/1.1 engine of the hot path: connections of asyncio's, answers read by llhttp (``httptools``).

Why not a client library: docs/decisions.md has the measurements. In short, what counts here is to know for
sure whether any byte of a request left; the libraries either resend by themselves, or call a connection that
was dropped after the request a failure to connect, and cost two to three times as much.

A request is written once, on a connection that is known to be open at that moment, and never again. To keep
the moment small in which a server closes an idle connection just as it is used again: idle connections live
1.5 seconds, less where the server says so (``Keep-Alive: timeout=``) or was seen to hang up earlier
(``wire_connection``), the one used last is used first, and before each use the socket is asked whether anything
came in.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable

from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine.dialing import Dialer, Route
from a2pcli.gateways.engine.habits import Habits
from a2pcli.gateways.engine.protocol import NotSent, ignore_departure
from a2pcli.gateways.engine.wire_connection import Connection
from a2pcli.gateways.engine.wire_request import RequestWriter, asking_to_close

SPARE = 4
"""One spare connection is opened for this many in use; beyond that, a request waits until a connection has rested."""

_LAST_WORDS = 1.0
"""Seconds for which a connection with unexpected data is watched before it is closed."""


class _Server:
    """An engine's connections to one server, and what it has learnt about the server."""

    __slots__ = ("habits", "idle", "resting")

    def __init__(self) -> None:
        self.habits = Habits()
        self.idle: deque[Connection] = deque()
        """Connections ready for use, the most recently used at the right."""
        self.resting: deque[Connection] = deque()


class WireEngine:
    """Sends requests over connections that are kept open, at most ``limit`` at once.

    A connection rests for a moment after each answer. A few spare ones are opened, so that few requests wait.
    """

    def __init__(
        self, limit: int, *, dialer: Dialer | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._dialer = dialer or Dialer(tls=tls)
        self._servers: dict[Route, _Server] = {}
        self._last: tuple[Route | None, _Server] = (None, _Server())
        """The route of the last request and its server: hashing a route costs as much as writing a request."""
        self._busy: set[Connection] = set()
        self._writer = RequestWriter()
        self._now = _clock()

    async def send(
        self, request: HttpRequest, leaving: Callable[[], None] = ignore_departure
    ) -> HttpResponse:
        """Send a request and return the answer; see ``Engine.send`` for errors."""
        route, data = self._writer.encode(request)
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait_for_slot(request.timeout)
        try:
            known, server = self._last
            if known is not route:
                server = self._servers.setdefault(route, _Server())
                self._last = route, server
            now = self._now()
            if server.habits.idle(now) <= 0:
                data = asking_to_close(data)
            connection, pause = self._rested_connection(server, now)
            while pause > 0:
                await asyncio.sleep(pause)
                connection, pause = self._rested_connection(server, self._now())
            if connection is None:
                connection = await self._new_connection(route, server.habits)
            self._busy.add(connection)
            try:
                return await connection.exchange(data, request.timeout, leaving)
            finally:
                self._busy.discard(connection)
                self._keep(server, connection)
        finally:
            self._give_slot_back()

    async def close(self) -> None:
        """Close every connection, including those in use."""
        for server in self._servers.values():
            for connection in (*server.idle, *server.resting):
                connection.close()
            server.idle.clear()
            server.resting.clear()
        for connection in list(self._busy):
            connection.close()

    async def _wait_for_slot(self, seconds: float) -> None:
        """Wait until another request releases its slot."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():  # it came just then
                self._give_slot_back()
            if isinstance(error, TimeoutError):
                raise NotSent("busy", "no free connection") from None
            raise

    def _give_slot_back(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    async def _new_connection(self, route: Route, habits: Habits) -> Connection:
        connection = await self._dialer.dial(route, lambda: Connection(habits))
        # TLS sends data of its own; a plain server that speaks first is not answering this request.
        if not route.secure and connection.has_something_to_read():
            connection.close()
            raise NotSent("unasked", "the server spoke, or hung up, before it was asked anything")
        return connection

    def _rested_connection(self, server: _Server, now: float) -> tuple[Connection | None, float]:
        """Return a connection that may be used again, or None and the seconds until one has rested (0: open a new
        one)."""
        resting = server.resting
        while resting and resting[0].rested_at <= now:
            server.idle.append(resting.popleft())
        found = _idle_connection(server.idle, now)
        if found is not None or not resting or len(resting) < len(self._busy) // SPARE:
            return found, 0.0
        return None, max(resting[0].rested_at - now, 0.0)

    def _keep(self, server: _Server, connection: Connection) -> None:
        now = self._now()
        if not connection.may_be_kept(now):
            connection.close()
            return
        server.resting.append(connection)
        idle = server.idle
        while idle and idle[0].is_expired(now):  # those at the bottom are not used while the load is small
            idle.popleft().close()


def _clock() -> Callable[[], float]:
    """Return the clock of the running event loop, which the moments of connections are told by; looking it up for each
    request costs more than writing one."""
    try:
        return asyncio.get_running_loop().time
    except RuntimeError:  # made before a loop runs; the loops of asyncio go by this clock
        return time.monotonic


def _idle_connection(idle: deque[Connection], now: float) -> Connection | None:
    """Return the most recently used connection that can still be used."""
    while idle:
        connection = idle.pop()
        if connection.is_usable(now):
            return connection
        if connection.has_something_to_read():
            asyncio.get_running_loop().call_later(_LAST_WORDS, connection.close)  # it tells the habits
        else:
            connection.close()
    return None
