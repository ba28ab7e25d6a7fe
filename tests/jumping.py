"""An event loop on a clock of its own."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Callable
from typing import Any, TypeAlias


class JumpingSelector(selectors.SelectSelector):
    """Waits for nothing: where the loop would sleep, its clock jumps. Standing still, it would spin for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError("everybody waits, and nothing is scheduled")
            self.now += max(timeout, 1e-6)  # a remainder of rounding would not move it at all
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own: hours of backoff pass in no time, the same way each time.

    What would run on another thread runs at once.
    """

    def __init__(self, selector: JumpingSelector | None = None) -> None:
        self._jumping = selector or JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, _executor: object, function: Callable[..., object], *args: object
    ) -> asyncio.Future[object]:  # type: ignore[override]
        done: asyncio.Future[object] = self.create_future()
        try:
            done.set_result(function(*args))
        except Exception as error:
            done.set_exception(error)
        return done


ON_THE_WAY = 0.01
"""Seconds of real time that something sent may take to arrive at the other end on a busy machine."""

End: TypeAlias = tuple[Any, Any]
"""One end of a connection: its own address and that of the other end."""


class _SocketSelector(JumpingSelector):
    """Jumps only when nothing is on its way between two sockets of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[int, End] = {}
        """The open connections, by file descriptor."""
        self.awaited: set[End] = set()
        """Where something has yet to arrive."""
        self.closed: set[End] = set()
        self.connecting = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = selectors.SelectSelector.select(self, 0)
        if not events and (self.awaited or self.connecting) and timeout != 0:
            events = selectors.SelectSelector.select(self, ON_THE_WAY)
            if not events:
                self.awaited, self.connecting = set(), False
        for key, mask in events:
            if mask & selectors.EVENT_READ:
                end = self.ends.get(key.fd)
                if end is None:
                    self.connecting = False
                else:
                    self.awaited.discard(end)
        return events or super().select(timeout)


class SocketLoop(VirtualLoop):
    """A virtual loop on which both ends of each connection are real sockets. The system takes a moment to hand over
    what was sent, more on a busy machine; meanwhile the clock stands still."""

    def __init__(self) -> None:
        self._sockets = _SocketSelector()
        super().__init__(self._sockets)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self._sockets.connecting = True
        try:
            await super().sock_connect(sock, address)
        except OSError:
            self._sockets.connecting = False
            raise

    def _make_socket_transport(self, sock: socket.socket, *args: Any, **named: Any) -> Any:
        transport = super()._make_socket_transport(sock, *args, **named)  # type: ignore[misc]
        mine = sock.getsockname(), sock.getpeername()
        self._sockets.ends[sock.fileno()] = mine
        self._sockets.closed.discard(mine)
        for name in ("write", "writelines", "close", "abort"):
            setattr(transport, name, self._noting(mine, getattr(transport, name)))
        return transport

    def _noting(self, mine: End, method: Callable[..., None]) -> Callable[..., None]:
        """The method of a transport, which also notes that something is on its way to the other end."""
        sockets, (here, there) = self._sockets, mine

        def noting(*args: Any) -> None:
            if (there, here) not in sockets.closed:
                sockets.awaited.add((there, here))
            if method.__name__ in ("close", "abort"):
                sockets.closed.add(mine)
                sockets.awaited.discard(mine)
            method(*args)

        return noting
