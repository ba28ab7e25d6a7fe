"""An event loop on a clock of its own."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable


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

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
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
