"""The intervals that sending uses, and a clock that does not change when the machine's clock is set."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from a2pcli.errors import LedgerUnavailable
from a2pcli.ledger.about import TOLERANCE
from a2pcli.ledger.processes import steady
from a2pcli.ledger.records import now_ms

log = logging.getLogger(__name__)
Result = TypeVar("Result")

HORIZON = 0.5
"""Seconds of the pace that are claimed ahead; a claim that would wait longer is given back."""

LINGER = 0.02
"""Seconds that an outcome waits to be written together with others, if no claims are needed."""

TICK = 0.1
"""Seconds after which the loop runs even if nothing happened."""

IDLE = 5.0
"""The same while all messages wait for permitted hours; Ctrl-C wakes it."""

LOOK_AGAIN = 60.0
"""Seconds after which a waiting sender checks whether another command ended the run."""

CATCHING_UP = 0.2
"""Seconds given to answers that arrived while the process was suspended, before anything counts as late."""

LEDGER_PAUSES = (0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 10.0)
"""Seconds between tries of a failing transaction; after the last, sending stops. A server restarts in less."""

BRIEFLY = 3.0
"""The longest of these pauses for a failure that waiting is not expected to fix."""


def patiently(work: Callable[[], Result], gives_up: Callable[[], bool] = lambda: False) -> Result:
    """Call ``work``, which must be safe to repeat, until it succeeds or the ledger stays unreachable.

    Raises its ``LedgerUnavailable`` after the last of ``LEDGER_PAUSES``, or as soon as ``gives_up`` returns True.
    """
    for pause in LEDGER_PAUSES:
        try:
            return work()
        except LedgerUnavailable as error:
            log.warning("the ledger failed, retrying: %s", error)
        until = time.monotonic() + pause
        while time.monotonic() < until and not gives_up():
            time.sleep(min(TICK, pause))
        if gives_up():
            break
    return work()


class SteadyClock:
    """UTC milliseconds that do not change when the machine's clock is set during a run; ``jump`` tells if it was.

    ``wall`` is the machine's clock in UTC milliseconds; ``passed`` returns seconds of a steady clock that includes
    sleep.
    """

    def __init__(self, wall: Callable[[], int] = now_ms, passed: Callable[[], float] = steady) -> None:
        self._wall, self._passed = wall, passed
        self._wall_then, self._passed_then = wall(), passed()

    def __call__(self) -> int:
        """Return UTC milliseconds by the steady clock."""
        return self._wall_then + int((self._passed() - self._passed_then) * 1000)

    @property
    def jump(self) -> int:
        """Milliseconds by which the machine's clock was set since the start (negative: back); 0 for small
        differences."""
        ahead = self._wall() - self()
        return ahead if abs(ahead) > TOLERANCE else 0


def jump_of(clock: Callable[[], int]) -> int:
    """Return the ``jump`` of a ``SteadyClock``; 0 for any other clock."""
    return clock.jump if isinstance(clock, SteadyClock) else 0
