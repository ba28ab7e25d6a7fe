"""How fast the gateways of a route answer, and which of them is too slow compared with the others."""

from __future__ import annotations

from collections.abc import Mapping

SLOW_FROM = 3.0
"""Seconds below which no answer counts as slow."""
SLOWER = 4.0
"""So many times slower than the fastest other gateway is too slow."""
_NEW = 0.2
"""The weight of a new answer in the average."""
_SEVERAL = 5


class Speed:
    """One gateway's answers: how long they take, and how many come in a second. Times in seconds."""

    def __init__(self) -> None:
        self._away: dict[int, float] = {}
        self._seconds: float | None = None
        self._answers = 0
        self._since: float | None = None
        self._per_second = 0.0
        self.best: float | None = None
        """The lowest average there was, of several answers."""
        self._all = 0

    def left(self, id: int, now: float) -> None:
        """A message was handed to the gateway."""
        self._away[id] = now
        if self._since is None:
            self._since = now

    def came_back(self, id: int, now: float) -> None:
        """It was answered, or the wait for its answer was given up."""
        since = self._away.pop(id, None)
        if since is None:
            return
        took = now - since
        self._seconds = took if self._seconds is None else self._seconds + _NEW * (took - self._seconds)
        self._answers += 1
        self._all += 1
        if self._all >= _SEVERAL:
            self.best = self._seconds if self.best is None else min(self.best, self._seconds)
        if self._since is not None and now - self._since >= 1.0:
            speed = self._answers / (now - self._since)
            self._per_second = speed if not self._per_second else (self._per_second + speed) / 2
            self._answers, self._since = 0, now

    def forget(self, id: int) -> None:
        """It was never handed over."""
        self._away.pop(id, None)

    @property
    def per_second(self) -> float:
        """Answers a second lately; 0 before there were any."""
        return self._per_second

    def seconds(self, now: float) -> float | None:
        """How long an answer takes: on average, or as long as the one that is waited for longest, if that is more. None
        before there was any."""
        oldest = next(iter(self._away.values()), None)  # they are in the order in which they left
        waited = 0.0 if oldest is None else now - oldest
        if self._seconds is None:
            return waited if waited >= SLOW_FROM else None
        return max(self._seconds, waited)


def too_slow(speeds: Mapping[str, Speed], now: float) -> dict[str, float]:
    """The gateways that are too slow, compared with the others or with how fast they were themselves, with the seconds
    that they take."""
    taken = {name: seconds for name, one in speeds.items() if (seconds := one.seconds(now)) is not None}
    found = {}
    for name, seconds in taken.items():
        usual = [other for one, other in taken.items() if one != name]
        usual += [best] if (best := speeds[name].best) is not None else []
        if usual and seconds > max(SLOW_FROM, SLOWER * min(usual)):
            found[name] = seconds
    return found
