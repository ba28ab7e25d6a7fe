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
    """What an outcome says about the gateway, regardless of the message."""

    CLEAR = "clear"  # the gateway answered: it accepted or rejected this message
    QUIET = "quiet"  # neither good nor bad: a rate-limit answer
    FAILING = "failing"  # unknown, or a temporary error
    AGAIN = "again"  # another temporary error for a message that already had one
    UNREACHABLE = "unreachable"


def event_of(outcome: Outcome, *, again: bool) -> BreakerEvent:
    """Classify an outcome for the breaker; ``again`` is True if the message was tried before.

    Repeated failures of one message weigh less than failures of different messages: while others get through, the
    message is at fault; when nothing gets through, the gateway is.
    """
    if outcome.cause is Cause.NONE and outcome.verdict is Verdict.ACCEPTED:  # as nearly all are
        return BreakerEvent.CLEAR
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
    """Circuit breaker of one gateway: closed, open or half-open, and how many messages may be in flight.

    ``epoch`` increases whenever the breaker opens or tries again. An answer is recorded with the epoch in which its
    message was submitted, so late answers from before an outage do not decide the next try.
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
        """Whether every retry failed, so the run must be paused."""
        return self._opened_at is not None and self._tries >= len(self._options.waits)

    @property
    def open(self) -> bool:
        """Whether claiming and sending are stopped."""
        return self._opened_at is not None

    @property
    def half_open(self) -> bool:
        """Whether a single message is being sent to test if the gateway is back."""
        return self._half_open

    def allowance(self, now: float) -> int:
        """Return how many messages may be in flight now. Moves an open breaker to half-open once its wait is over."""
        if self._opened_at is None:
            return 1 if self._half_open else self._ramp
        if self.gave_up or self.reopens_in(now) > 0:
            return 0
        self._opened_at = None
        self._half_open = True
        self.epoch += 1
        return 1

    def reopens_in(self, now: float) -> float:
        """Return the seconds until the next try; 0 when closed or due."""
        if self._opened_at is None or self.gave_up:
            return 0.0
        return max(0.0, self._opened_at + self._options.waits[self._tries] - now)

    def start_again(self) -> None:
        """Try once more with a single message, however often that failed."""
        self._opened_at, self._half_open, self._tries = None, True, 0
        self.epoch += 1

    def record(self, sign: BreakerEvent, epoch: int, now: float) -> None:
        """Update the breaker with one outcome; ignored if it belongs to an earlier epoch or the breaker is open."""
        if epoch != self.epoch or self._opened_at is not None:
            return
        if sign is BreakerEvent.CLEAR or (sign is BreakerEvent.QUIET and self._half_open):
            self._clear()
        elif sign is not BreakerEvent.QUIET:
            self._bad(sign, now)

    @property
    def is_troubled(self) -> bool:
        """Whether the breaker is not closed, or at least two messages in a row had no clear answer."""
        return self.open or self._half_open or self._failing > 1

    def _clear(self) -> None:
        if self._half_open:
            self._half_open = False
            self._ramp = 0
            self._last.clear()
        self._tries = self._failing = self._unreachable = 0
        if self._ramp < self._concurrency:
            self._ramp += 1
        self._last.append(False)

    def _bad(self, sign: BreakerEvent, now: float) -> None:
        if sign is not BreakerEvent.AGAIN:  # a few messages that keep failing must not fill half the window
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
