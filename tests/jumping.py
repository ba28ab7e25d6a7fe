"""A selector for event loops on a clock of their own."""

from __future__ import annotations

import selectors


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
