"""How much to claim next, and when: little, and late, so that opt-outs are heeded to the last and little is unknown
after a crash; but enough that messages go on leaving while the ledger writes."""

from __future__ import annotations

from collections.abc import Callable

from a2pcli.ledger.quota_values import QuotaWait
from a2pcli.ledger.records import Exchange, Rooms
from a2pcli.sending.lanes import AnyBreaker, AnyDispatcher, AnyPace
from a2pcli.sending.pace import CLAIMED_AHEAD
from a2pcli.sending.run_policy import RunPolicy
from a2pcli.sending.timing import HORIZON, LINGER, LOOK_AGAIN, TICK

FARTHEST = 4
"""At most this multiple of the messages allowed in flight is claimed, which bounds what is sent to people who opted
out meanwhile."""

SMALL = 800
"""Up to this number of messages, twice ``FARTHEST`` may be claimed: a fast gateway takes more than four times what is
in flight while the ledger writes. Once the ledger's file is gone, hardly more leave than may be in flight."""

_MEASURED = 0.1
"""Seconds over which the sending speed is measured."""

_SHORTEST = 0.002
"""Shortest time in seconds that outcomes wait to be written together."""


class Claiming:
    """Decides how many messages to claim, and when to ask the ledger again. ``clock`` returns UTC milliseconds."""

    def __init__(
        self,
        policy: RunPolicy,
        dispatcher: AnyDispatcher,
        breaker: AnyBreaker,
        pace: AnyPace,
        *,
        senders: bool,
        clock: Callable[[], int],
    ) -> None:
        self._policy, self._dispatcher, self._breaker, self._pace = policy, dispatcher, breaker, pace
        self._senders, self._clock = senders, clock
        self._mark = (0.0, 0)  # loop time and number of submitted messages at the last measurement
        self._speed = self._write = (
            0.0  # messages a second that leave; seconds of the ledger's slower transactions
        )
        self.looks_far = False
        """Whether claims that were never submitted can be told from others after a crash, so that more may be
        claimed."""
        self._from = 0  # UTC ms before which asking for more is pointless
        self.next_due = 0
        """UTC ms at which the first waiting message may be sent; 0 if unknown."""
        self.quota: QuotaWait | None = None
        """The used-up quota, if that is why nothing was claimed."""
        self.stays_until = 0
        """UTC ms: the due time of waiting messages for which the sender decided to stay; 0 if none."""
        self._asked_at = 0  # UTC ms for which the ledger gave ``next_due``
        self.rooms: Rooms | None = None
        """Of a run with several gateways: what each had room for when ``want`` was asked for last."""
        self.is_empty = False
        """Whether the ledger had nothing more to claim and nothing was returned since."""

    def want(self, now: float) -> int:
        """Return how many more messages to claim now (``now``: loop time in seconds)."""
        if self._policy.ended is not None or self._dispatcher.closed:
            return 0
        allowed = self._breaker.allowance(now)
        if self._pace.held(now) > HORIZON:  # such a claim would be given back and made again, over and over
            return 0
        if self._breaker.half_open:
            return max(0, allowed - self._dispatcher.flying - self._dispatcher.ready)
        ahead = min(self._most(allowed, now) - self._dispatcher.flying, self._pace.within(HORIZON, now))
        if self._senders:
            ahead = min(ahead, CLAIMED_AHEAD)
        return max(0, int(ahead) - self._dispatcher.ready)

    def patience(self, want: int, now: float) -> float:
        """Return the seconds that outcomes may wait to be written together: until fewer messages are ready than are
        sent during one ledger write; 0 if so many claims are needed that they should not wait."""
        allowed = self._breaker.allowance(now)
        if not allowed:
            return LINGER
        spare = self._dispatcher.ready - max(allowed, self._speed * self._write)
        if 2 * want >= allowed and spare < 0:
            return 0.0
        return min(LINGER, max(_SHORTEST, spare / self._speed)) if self._speed and spare > 0 else LINGER

    def _most(self, allowed: int, now: float) -> int:
        """Return how many messages may be claimed at once: twice the number allowed in flight, or what is sent during
        a ledger write."""
        if not self.looks_far:
            return 2 * allowed
        then, left = self._mark
        if now - then > _MEASURED:
            self._speed = (self._dispatcher.left - left) / (now - then)
            self._mark = now, self._dispatcher.left
        # One transaction may be running when these are requested, and the next one delivers them; half as much again
        # allows for varying durations.
        farthest = max(FARTHEST * allowed, min(2 * FARTHEST * allowed, SMALL))
        return min(max(2 * allowed, allowed + int(self._speed * 3 * self._write)), farthest)

    def wait(self, want: int) -> float:
        """Return the seconds until asking for ``want`` messages makes sense; 0 for now."""
        if want > 0 and not self.is_empty:
            return max(0.0, (self._from - self._clock()) / 1000)
        return TICK

    def asks_once_more(self) -> bool:
        """Ask for messages that are held though they could go, before the run ends with some left; whether to wait for
        the answer."""
        return False

    def gave_back(self) -> None:
        """Ask the ledger again: claims were returned to the plan."""
        self.is_empty, self._from, self.next_due, self.quota = False, 0, 0, None

    def wrote(self, seconds: float, *, looks_far: bool) -> None:
        """A transaction took so long."""
        self._write, self.looks_far = max(seconds, 0.8 * self._write), looks_far

    def took(self, exchange: Exchange, want: int, seconds: float, asked_at: int) -> None:
        """Update from a ledger transaction that took ``seconds`` and in which ``want`` messages were requested, as of
        ``asked_at`` (UTC ms)."""
        self.wrote(seconds, looks_far=self.looks_far)
        self._policy.stands_by = exchange.elsewhere
        if want <= 0:  # the remaining messages were not examined, so what was known still holds
            return
        self._asked_at, self.quota = asked_at, exchange.quota
        if len(exchange.claimed) >= want:  # there may be more
            self.is_empty, self._from, self.next_due = False, 0, 0
            return
        if exchange.pause:  # the remaining messages were not examined
            self.is_empty, self.next_due = False, 0
            self._from = self._clock() + int(exchange.pause * 1000) + 1
            if exchange.quota is not None:
                self.next_due = exchange.quota.until
            return
        self.is_empty = exchange.next_due is None and not exchange.more
        # Messages that are due but claimed by another sender are asked for again only after a pause.
        soon = self._clock() + int(TICK * 1000) if not exchange.claimed else 0
        self.next_due = exchange.next_due or 0
        # The ledger is still checked now and then, in case another command ended the run.
        patience = self._clock() + int(LOOK_AGAIN * 1000)
        self._from = 0 if exchange.more else max(min(self.next_due, patience), soon)

    @property
    def has_opened(self) -> bool:
        """Whether the due time of the waiting messages has passed since the ledger was last asked."""
        return self._asked_at < self.next_due <= self._clock()

    @property
    def waits(self) -> bool:
        """Whether all remaining messages wait for a later permitted time."""
        return self._is_idle and self.next_due > self._clock() + int(LOOK_AGAIN * 1000)

    @property
    def waits_until(self) -> int | None:
        """UTC ms for which all remaining messages wait, including a quota that frees up soon; None if they do not
        wait."""
        stays = self.quota is not None or 0 < self.next_due <= self.stays_until
        waits = self.waits or (stays and self._is_idle)
        return self.next_due if waits and self.next_due > self._clock() else None

    @property
    def _is_idle(self) -> bool:
        return not (self._dispatcher.flying or self._dispatcher.ready)
