"""The time while a run is sent: the wall clock of its start, moved on by a clock that nobody sets."""

from __future__ import annotations

from collections.abc import Callable

from a2pcli.ledger.about import TOLERANCE
from a2pcli.ledger.processes import steady
from a2pcli.ledger.records import now_ms


class SteadyClock:
    """UTC milliseconds. Setting the machine's clock while a run is sent changes nothing here; ``jump`` tells of it.

    ``wall`` is the machine's clock in UTC milliseconds, ``passed`` seconds of one that goes on evenly, while the
    machine sleeps too.
    """

    def __init__(self, wall: Callable[[], int] = now_ms, passed: Callable[[], float] = steady) -> None:
        self._wall, self._passed = wall, passed
        self._wall_then, self._passed_then = wall(), passed()

    def __call__(self) -> int:
        """Seconds of the steady clock."""
        return self._wall_then + int((self._passed() - self._passed_then) * 1000)

    @property
    def jump(self) -> int:
        """Milliseconds by which the machine's clock was set forward (back: below 0) since the start; 0 for little."""
        ahead = self._wall() - self()
        return ahead if abs(ahead) > TOLERANCE else 0


def jump_of(clock: Callable[[], int]) -> int:
    """``clock.jump`` of a ``SteadyClock``; any other clock is believed."""
    return clock.jump if isinstance(clock, SteadyClock) else 0
