"""HTTP/1.1 on one connection, with limits that uvicorn does not have: the size of a head, and the time without a whole
request."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 65_536
"""Bytes of a request before its body: the URL and the headers."""

SLOWEST = 20.0
"""Seconds that a request may take to arrive, and that a connection may stay open after bytes that begin none."""


class BoundedHttp(HttpToolsProtocol):
    """Ends connections whose heads are too long, or whose requests take too long to arrive."""

    _head = 0
    _is_in_body = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before a body."""
        if not self._is_in_body:
            self._head += len(data)
        super().data_received(data)
        if not self._is_in_body and self._head > LARGEST_HEAD:
            self.transport.close()
        elif self._timer is None and self._waits_for_ever():
            self._start_timer()

    def _waits_for_ever(self) -> bool:
        """Whether nothing else ends the connection. Any bytes end uvicorn's keep-alive, also line ends that belong to
        no request, and the rest of one that is answered already."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and self.timeout_keep_alive_task is None

    def on_message_begin(self) -> None:
        """A request begins."""
        self._stop_timer()
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete; the next head begins."""
        self._is_in_body, self._head = False, 0
        self._stop_timer()
        super().on_message_complete()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(SLOWEST, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
