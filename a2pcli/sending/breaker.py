"""The circuit breaker: stops sending to a gateway that is down.

It also starts slowly. The first message goes alone; each clear answer lets one more be in flight. So a
gateway that is down from the start, or hangs, or refuses the account, costs a handful of messages, not a
hundred; over a gateway that answers, the doubling is done after a few round trips.

It has no clock of its own: each call is given the time, in seconds of any monotonic clock.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from a2pcli.messages import Cause, Outcome, Verdict
from a2pcli.sending.options import BreakerOptions


class BreakerEvent(StrEnum):
    """What an outcome says about the gateway, whatever it says about the message."""

    CLEAR = "clear"  # it answered: accepted, or refused this one message
    QUIET = "quiet"  # nothing either way: a rate answer
    FAILING = "failing"  # unknown, or a temporary error
    AGAIN = "again"  # another temporary error of a message that had one before
    UNREACHABLE = "unreachable"


def event_of(outcome: Outcome, *, again: bool) -> BreakerEvent:
    """What an outcome says about the gateway; ``again``: the message was tried before.

    A message that fails again and again says less than another one that fails: as long as others get through, it
    is the message. Where nothing else does, it is the gateway.
    """
    if outcome.cause is Cause.UNREACHABLE:
        return BreakerEvent.UNREACHABLE
    if outcome.verdict is Verdict.UNKNOWN:
        return BreakerEvent.FAILING
    if outcome.cause is Cause.RATE:
        return BreakerEvent.QUIET
    is_not_now = outcome.verdict is Verdict.NOT_SENT and outcome.cause is not Cause.BATCH
    if is_not_now or outcome.cause is Cause.TEMPORARY:
        return BreakerEvent.AGAIN if again else BreakerEvent.FAILING
    return BreakerEvent.CLEAR


class Breaker:
    """Closed, open or half-open, and how many messages may be in flight.

    ``epoch`` goes up whenever it opens or tries again. An answer is reported with the epoch in which its
    message left, so that stragglers of a failed second do not decide about the try after it.
    """

    def __init__(self, options: BreakerOptions, concurrency: int) -> None:
        self._options = options
        self._concurrency = max(concurrency, 1)
        self._ramp = 1
        self._last: deque[bool] = deque(maxlen=options.window)
        self._failing = 0
        self._unreachable = 0
        self._tries = 0
        self._opened_at: float | None = None
        self._half_open = False
        self.epoch = 0

    @property
    def gave_up(self) -> bool:
        """Every retry failed; the run must be paused."""
        return self._opened_at is not None and self._tries >= len(self._options.waits)

    @property
    def open(self) -> bool:
        """Whether nothing may be claimed or sent."""
        return self._opened_at is not None

    @property
    def half_open(self) -> bool:
        """Whether a single message tries if the gateway is back."""
        return self._half_open

    def allowance(self, now: float) -> int:
        """How many messages may be in flight now. Ends an open period whose wait is over."""
        if self._opened_at is None:
            return 1 if self._half_open else self._ramp
        if self.gave_up or self.reopens_in(now) > 0:
            return 0
        self._opened_at = None
        self._half_open = True
        self.epoch += 1
        return 1

    def reopens_in(self, now: float) -> float:
        """Seconds until the next try; 0 when closed or due."""
        if self._opened_at is None or self.gave_up:
            return 0.0
        return max(0.0, self._opened_at + self._options.waits[self._tries] - now)

    def record(self, sign: BreakerEvent, epoch: int, now: float) -> None:
        """Take in what one outcome says about the gateway."""
        if epoch != self.epoch or self.open:
            return
        if sign is BreakerEvent.CLEAR or (sign is BreakerEvent.QUIET and self._half_open):
            self._clear()
        elif sign is not BreakerEvent.QUIET:
            self._bad(sign, now)

    @property
    def is_troubled(self) -> bool:
        """Whether more than one message lately had no clear answer, and none had one in between."""
        return self.open or self._half_open or self._failing > 1

    def _clear(self) -> None:
        if self._half_open:
            self._half_open = False
            self._ramp = 0
            self._last.clear()
        self._tries = self._failing = self._unreachable = 0
        self._ramp = min(self._ramp + 1, self._concurrency)
        self._last.append(False)

    def _bad(self, sign: BreakerEvent, now: float) -> None:
        if sign is not BreakerEvent.AGAIN:  # a few stubborn messages do not make half of all answers bad
            self._last.append(True)
        self._failing += 1
        self._unreachable = self._unreachable + 1 if sign is BreakerEvent.UNREACHABLE else 0
        if self._half_open:
            self._half_open = False
            self._tries += 1
            self._open(now)
        elif (
            self._unreachable >= self._options.unreachable
            or self._failing >= self._options.failing
            or (
                len(self._last) == self._last.maxlen
                and sum(self._last) >= self._options.share * len(self._last)
            )
        ):
            self._open(now)

    def _open(self, now: float) -> None:
        self._opened_at = now
        self.epoch += 1
        self._ramp = 1
        self._failing = self._unreachable = 0
        self._last.clear()
