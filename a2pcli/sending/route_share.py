"""How much of its messages a gateway of a route gets while it is in trouble, and how it comes back.

A gateway that fails loses half of its share with every failing answer, at once, and gets it back step by step while
it does not fail: all of it after ``BACK`` seconds. It has no clock of its own: each call is given the time, in seconds
of any monotonic clock.
"""

from __future__ import annotations

from a2pcli.dataclass import dataclass

LEAST = 0.02
"""The share below which none falls, so that a message tries now and then."""
BACK = 60.0
"""Seconds in which a whole share comes back."""
WELL, ILL = 0.9, 0.5
"""The share from which a gateway counts as back, and below which as failing."""
HALVED, LESS = 0.5, 0.8
"""What is left of a share after a failing answer, and after one that asks to slow down."""


@dataclass(slots=True)
class Share:
    """A share from ``LEAST`` to 1, as it was at a moment."""

    was: float = 1.0
    at: float = float("-inf")
    most: float = 1.0
    """The share that it may have now: less for a gateway that is slow."""

    def now(self, now: float) -> float:
        """The share at this moment."""
        return max(LEAST, min(self.most, self._grown(now)))

    def _grown(self, now: float) -> float:
        return min(1.0, self.was + max(0.0, now - self.at) / BACK) if self.was < 1.0 else 1.0

    def lose(self, now: float, factor: float = HALVED) -> None:
        """Lose a part of it."""
        self.was, self.at = max(LEAST, self._grown(now) * factor), now

    def lose_all(self, now: float) -> None:
        """Start again from the least."""
        self.was, self.at = LEAST, now
