"""How much to claim next, and when: little, and late, so that opt-outs are heeded to the last and little is unknown
after a crash; but enough that messages go on leaving while the ledger writes."""

from __future__ import annotations

from collections.abc import Callable

from a2pcli.ledger.quotas import QuotaWait
from a2pcli.ledger.records import Exchange
from a2pcli.sending.breaker import Breaker
from a2pcli.sending.dispatcher import Dispatcher
from a2pcli.sending.pace import CLAIMED_AHEAD, Pace
from a2pcli.sending.run_policy import RunPolicy
from a2pcli.sending.timing import HORIZON, LINGER, LOOK_AGAIN, TICK

FARTHEST = 4
"""So many times what may be in flight are claimed at most: if the ledger is taken away, no more than that leaves."""

_MEASURED = 0.25
"""Seconds over which is measured how fast messages leave."""

_SHORTEST = 0.002
"""Seconds of the shortest wait for company."""


class Claiming:
    """What the sender knows of the rows that it has not claimed. ``clock`` gives UTC milliseconds."""

    def __init__(
        self,
        policy: RunPolicy,
        dispatcher: Dispatcher,
        breaker: Breaker,
        pace: Pace,
        *,
        senders: bool,
        clock: Callable[[], int],
    ) -> None:
        self._policy, self._dispatcher, self._breaker, self._pace = policy, dispatcher, breaker, pace
        self._senders, self._clock = senders, clock
        self._mark = (0.0, 0)  # a moment of the loop's clock, and how many had left then
        self._speed = self._write = (
            0.0  # messages a second that leave; seconds of the ledger's slower transactions
        )
        self.looks_far = False
        """Whether claims that never left are told from others after a crash, so that more may be made."""
        self._from = 0  # UTC ms before which asking for more is pointless
        self.next_due = 0
        """UTC ms at which the first of the rows that wait may go; 0 where it is not known."""
        self.quota: QuotaWait | None = None
        """The quota that is used up, if that is why nothing was claimed."""
        self._asked_at = 0  # UTC ms: the moment for which the ledger said so
        self.is_empty = False
        """The ledger had no more to claim, and nothing went back since."""

    def want(self, now: float) -> int:
        """How many more to claim now (``now`` by the loop's clock)."""
        if self._policy.ended is not None or self._dispatcher.closed:
            return 0
        allowed = self._breaker.allowance(now)
        if (
            self._pace.held(now) > HORIZON
        ):  # a claim would be given back at once, and made again, over and over
            return 0
        if self._breaker.half_open:
            return max(0, allowed - self._dispatcher.flying - self._dispatcher.ready)
        ahead = min(self._most(allowed, now) - self._dispatcher.flying, self._pace.within(HORIZON, now))
        if self._senders:
            ahead = min(ahead, CLAIMED_AHEAD)
        return max(0, int(ahead) - self._dispatcher.ready)

    def patience(self, want: int, now: float) -> float:
        """Seconds for which what came back may wait for company: until too few are ready for what leaves while the
        ledger writes; 0 where so many are wanted that claiming them should not wait."""
        allowed = self._breaker.allowance(now)
        if not allowed:
            return LINGER
        spare = self._dispatcher.ready - max(allowed, self._speed * self._write)
        if 2 * want >= allowed and spare < 0:
            return 0.0
        return min(LINGER, max(_SHORTEST, spare / self._speed)) if self._speed and spare > 0 else LINGER

    def _most(self, allowed: int, now: float) -> int:
        """How many may be claimed at once: twice what may be in flight, or what leaves while the ledger writes."""
        if not self.looks_far:
            return 2 * allowed
        then, left = self._mark
        if now - then > _MEASURED:
            self._speed = (self._dispatcher.left - left) / (now - then)
            self._mark = now, self._dispatcher.left
        # One transaction's time until it is asked for these, another's until they are there; and half as much again,
        # because no two take the same time.
        return min(max(2 * allowed, allowed + int(self._speed * 3 * self._write)), FARTHEST * allowed)

    def wait(self, want: int) -> float:
        """Seconds until asking for ``want`` makes sense; 0 for now."""
        if want > 0 and not self.is_empty:
            return max(0.0, (self._from - self._clock()) / 1000)
        return TICK

    def gave_back(self) -> None:
        """Rows were returned to the plan."""
        self.is_empty, self._from, self.next_due, self.quota = False, 0, 0, None

    def took(self, exchange: Exchange, want: int, seconds: float, asked_at: int) -> None:
        """A transaction of so many seconds went through, in which ``want`` were asked for; ``asked_at`` is the moment
        (UTC ms) for which the ledger answered."""
        self._write = max(seconds, 0.8 * self._write)
        self._policy.stands_by = exchange.elsewhere
        if want <= 0:  # what else is there was not looked at, and what was known of it still holds
            return
        self._asked_at, self.quota = asked_at, exchange.quota
        if len(exchange.claimed) >= want:  # there may be more
            self.is_empty, self._from, self.next_due = False, 0, 0
            return
        if exchange.pause:  # what else is there was not looked at
            self.is_empty, self.next_due = False, 0
            self._from = self._clock() + int(exchange.pause * 1000) + 1
            if exchange.quota is not None:
                self.next_due = exchange.quota.until
            return
        self.is_empty = exchange.next_due is None and not exchange.more
        # Rows that are due and yet not given (another holds them) are not asked for without a pause.
        soon = self._clock() + int(TICK * 1000) if not exchange.claimed else 0
        self.next_due = exchange.next_due or 0
        # Now and then the ledger is asked whether the run is still to be sent.
        patience = self._clock() + int(LOOK_AGAIN * 1000)
        self._from = 0 if exchange.more else max(min(self.next_due, patience), soon)

    @property
    def has_opened(self) -> bool:
        """Whether the moment for which the rows wait has come since the ledger was asked for them."""
        return self._asked_at < self.next_due <= self._clock()

    @property
    def waits(self) -> bool:
        """Whether everything that is left waits for an hour that has not come."""
        return self._is_idle and self.next_due > self._clock() + int(LOOK_AGAIN * 1000)

    @property
    def waits_until(self) -> int | None:
        """For which moment (UTC ms) everything waits; also for a quota's that comes soon. None where it does not."""
        waits = self.waits or (self.quota is not None and self._is_idle)
        return self.next_due if waits and self.next_due > self._clock() else None

    @property
    def _is_idle(self) -> bool:
        return not (self._dispatcher.flying or self._dispatcher.ready)
