"""The HTTP/1.1 engine of the hot path: connections of asyncio's, answers read by llhttp (``httptools``).

Why not a client library: docs/decisions.md has the measurements. In short, what counts here is to know for
sure whether any byte of a request left; the libraries either resend by themselves, or call a connection that
was dropped after the request a failure to connect, and cost two to three times as much.

A request is written once, on a connection that is known to be open at that moment, and never again. To keep
the moment small in which a server closes an idle connection just as it is used again: idle connections live
1.5 seconds, less where the server says so (``Keep-Alive: timeout=``) or was seen to hang up earlier
(``wire_habits``), the one used last is used first, and before each use the socket is asked whether anything came in.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable

from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.dialing import Dialer, Route
from a2pcli.gateways.engine import NotSent, nobody_asks
from a2pcli.gateways.wire_connection import Connection
from a2pcli.gateways.wire_habits import Habits
from a2pcli.gateways.wire_request import RequestWriter, asking_to_close

SPARE = 4
"""One connection more is opened for each so many in use; beyond, a request waits until one has rested."""

_LAST_WORDS = 1.0
"""Seconds for which a connection that has something to say is listened to before it is closed."""


class WireEngine:
    """Sends requests over connections that are kept and used again, at most ``limit`` at once.

    A connection rests for a moment after each answer. A few more of them are opened, so that few requests wait.
    """

    def __init__(
        self, limit: int, *, dialer: Dialer | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._dialer = dialer or Dialer(tls=tls)
        self._idle: dict[Route, deque[Connection]] = {}
        self._resting: dict[Route, deque[Connection]] = {}
        self._habits: dict[Route, Habits] = {}
        self._busy: set[Connection] = set()
        self._writer = RequestWriter()
        self._now = time.monotonic
        """The clock of the event loop; asking for the running loop costs more than a request's bytes."""

    async def send(self, request: HttpRequest, leaving: Callable[[], None] = nobody_asks) -> HttpResponse:
        """The answer; see ``Engine.send``."""
        route, data = self._writer.encode(request)
        if self._slots.locked():
            await self._wait_for_slot(request.timeout)
        else:
            await self._slots.acquire()
        try:
            habits = self._habits.get(route)
            if habits is None:
                habits = self._habits[route] = Habits()
            if habits.idle(self._now()) <= 0:
                data = asking_to_close(data)
            connection = await self._rested_connection(route) or await self._new_connection(route, habits)
            self._busy.add(connection)
            try:
                response = await connection.exchange(data, request.timeout, leaving)
            finally:
                self._busy.discard(connection)
                self._keep(route, connection)
        finally:
            self._slots.release()
        return response

    async def close(self) -> None:
        """Close every connection, those in use included."""
        for kept in (*self._idle.values(), *self._resting.values()):
            for connection in kept:
                connection.close()
        for connection in list(self._busy):
            connection.close()
        self._idle.clear()
        self._resting.clear()

    async def _wait_for_slot(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise NotSent("busy", "all connections were in use") from None

    async def _new_connection(self, route: Route, habits: Habits) -> Connection:
        connection = await self._dialer.dial(route, lambda: Connection(habits))
        # TLS has things to say of its own; a plain server that speaks first does not answer this request.
        if not route.secure and connection.has_something_to_read():
            connection.close()
            raise NotSent("unasked", "the server spoke, or hung up, before it was asked anything")
        return connection

    async def _rested_connection(self, route: Route) -> Connection | None:
        """One that may be used again; None where a new one is to be opened. Waits rather than open too many."""
        resting = self._resting.get(route)
        while True:
            while resting and resting[0].rested_at <= self._now():
                self._idle.setdefault(route, deque()).append(resting.popleft())
            found = self._idle_connection(route)
            if found is not None or not resting or len(resting) < len(self._busy) // SPARE:
                return found
            await asyncio.sleep(resting[0].rested_at - self._now())

    def _idle_connection(self, route: Route) -> Connection | None:
        """The connection used last, if it can be used again."""
        idle = self._idle.get(route)
        while idle:
            connection = idle.pop()
            if connection.is_usable():
                return connection
            if connection.has_something_to_read():
                asyncio.get_running_loop().call_later(_LAST_WORDS, connection.close)  # it tells the habits
            else:
                connection.close()
        return None

    def _keep(self, route: Route, connection: Connection) -> None:
        if not connection.may_be_kept():
            connection.close()
            return
        self._resting.setdefault(route, deque()).append(connection)
        idle = self._idle.get(route)
        while idle and idle[0].is_expired():  # those at the bottom are not used while the load is small
            idle.popleft().close()
