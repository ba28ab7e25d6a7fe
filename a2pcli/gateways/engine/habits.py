"""How a server treats idle connections, learnt from what it does."""

from __future__ import annotations

IDLE = 1.5
"""Seconds for which an unused connection is kept (most servers allow at least 2)."""

SHORTEST_IDLE = 0.1
"""Seconds. If the server closes idle connections within twice this time, they are not used again."""

TRIED_AGAIN_AFTER = 60.0
"""Seconds after which an early close by the server is forgotten."""


class Habits:
    """How long a connection to one server may stay idle. Times are seconds of a monotonic clock."""

    __slots__ = ("_forget_at", "_idle", "is_out_of_step")

    def __init__(self) -> None:
        self._idle = IDLE
        self._forget_at = 0.0
        self.is_out_of_step = False
        """Whether the server has sent data that no request asked for."""

    def idle(self, now: float) -> float:
        """Return the seconds for which an idle connection may be used again; 0 if never."""
        if self.is_out_of_step:
            return 0.0
        if self._idle < IDLE and now >= self._forget_at:
            self._idle = IDLE
        return self._idle

    def hung_up(self, unused: float, now: float) -> None:
        """Record that the server closed a connection it had left open, ``unused`` seconds after the last answer."""
        limit = unused / 2
        self._idle = min(self._idle, limit if limit >= SHORTEST_IDLE else 0.0)
        self._forget_at = now + TRIED_AGAIN_AFTER
