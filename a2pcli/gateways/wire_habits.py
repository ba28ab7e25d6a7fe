"""What one server was seen to do with connections that it keeps open, and what follows for the next request.

Two habits make a kept connection dangerous, and neither is announced:

- It hangs up after some time, or after each answer, without ``Connection: close``. A request that is written
  just then is lost, and nobody can say whether it was read. From the first such hang-up a connection is used again
  only within half the time that it lived, or not at all where that was next to nothing. After a minute the
  usual time is tried again; a server that still hangs up does so while nothing is under way, and is
  learnt anew.
- It says more than it was asked: a second answer, an error page after the answer. On a kept connection that
  would be taken for the answer to the next request. From the first such bytes every request gets a connection
  of its own, for as long as the engine lives.
"""

from __future__ import annotations

IDLE = 1.5
"""Seconds for which an unused connection is kept (most servers allow at least 2)."""

SHORTEST_IDLE = 0.1
"""Seconds; a connection that lives no longer than twice this after an answer is not used again."""

TRIED_AGAIN_AFTER = 60.0
"""Seconds for which a hang-up is remembered."""


class Habits:
    """How long a connection to one server may lie unused. Told what time it is, in seconds of a steady clock."""

    __slots__ = ("_forget_at", "_idle", "is_out_of_step")

    def __init__(self) -> None:
        self._idle = IDLE
        self._forget_at = 0.0
        self.is_out_of_step = False
        """Whether it was seen to send what nobody asked for."""

    def idle(self, now: float) -> float:
        """Seconds for which an unused connection may be used again; 0 for never."""
        if self.is_out_of_step:
            return 0.0
        if self._idle < IDLE and now >= self._forget_at:
            self._idle = IDLE
        return self._idle

    def hung_up(self, unused: float, now: float) -> None:
        """It ended a connection that it had left open, ``unused`` seconds after the last answer."""
        limit = unused / 2
        self._idle = min(self._idle, limit if limit >= SHORTEST_IDLE else 0.0)
        self._forget_at = now + TRIED_AGAIN_AFTER
