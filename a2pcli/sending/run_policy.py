"""Decides for every message whether it may leave, and what the gateway's answer means for it and for the run."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from enum import Enum

from a2pcli.errors import Problem
from a2pcli.ledger.alternatives import channels_of
from a2pcli.ledger.exchanges import Fall
from a2pcli.ledger.falling_back import FallenBack
from a2pcli.ledger.holds import Hold
from a2pcli.ledger.records import Claimed, Run, Settled
from a2pcli.ledger.route_values import Switch
from a2pcli.messages import STOPS_THE_RUN, Cause, Outcome, State, Verdict
from a2pcli.sending import endings
from a2pcli.sending.breaker import BreakerEvent, event_of
from a2pcli.sending.fallback_rule import FallbackRule
from a2pcli.sending.lane import Lane
from a2pcli.sending.ledger_writer import WriteBatch
from a2pcli.sending.options import Ended, SendOptions
from a2pcli.sending.retry import Decision, RetryPolicy, decide, not_taken, pause_of
from a2pcli.sending.router import Router
from a2pcli.sending.tally import Tally

log = logging.getLogger(__name__)

_CLEAR = BreakerEvent.CLEAR


class Departure(Enum):
    """Whether a claimed message may be submitted."""

    NOW = "now"
    NOT_NOW = "not now"
    """Not now, or never; checked again when another message returns."""
    TOO_LATE = "too late"
    """Its permitted time is over: give it back."""


class RunPolicy:
    """State and decisions of one run while it is sent. Lives on the event loop and never blocks.

    ``time`` is the loop's clock in seconds, ``clock`` the wall clock in UTC milliseconds. ``hold`` says whether this
    process is still the run's sender, ``wake`` wakes the main loop, and ``group`` outcomes are worth a transaction at
    once.
    """

    def __init__(
        self,
        run: Run,
        lanes: Sequence[Lane],
        options: SendOptions,
        *,
        hold: Hold,
        group: int,
        time: Callable[[], float],
        clock: Callable[[], int],
        wake: Callable[[], None],
        rule: FallbackRule | None = None,
    ) -> None:
        self._run, self._lanes, self._options = run, lanes, options
        self._hold, self._group = hold, group
        self._time, self._clock, self._wake = time, clock, wake
        self._rule = rule if rule is not None and rule.is_on else None
        self._policy = RetryPolicy(options.backoff_base, options.backoff_max)
        self._elsewhere = False  # whether another gateway may take the message whose answer is looked at
        self._tries: dict[int, int] = {}  # tries of messages whose last error was temporary
        self.router: Router | None = None
        """Of a run that goes by a route: what chooses the gateways of its messages."""
        self.switches: list[Switch] = []
        """Gateways of the route that lost their share or have it back, oldest first."""
        self.tally = Tally()
        self.writes = WriteBatch()
        self.round_since = 0.0
        self.refused: set[str] = set()
        self._refused_by: dict[tuple[str, str | None], Outcome] = {}  # by channel and country: the answer
        self.ended: Ended | None = None
        self.reason: Problem | None = None
        self.ended_at = 0.0
        self.last_failure: Outcome | None = None
        self.defect: BaseException | None = None
        self.hope_until = 0
        """UTC ms. The run waits for messages due again by then; later ones do not keep it from ending."""
        self.stands_by = False
        """Whether other senders of the run have all remaining messages."""

    @property
    def run(self) -> Run:
        """The run as it was when sending started."""
        return self._run

    @property
    def is_stuck(self) -> bool:
        """Whether the latest answers suggest that nothing gets through."""
        return all(
            one.stopped is not None or one.only_rate_since is not None or one.breaker.is_troubled
            for one in self._lanes
        )

    def departure(self, claimed: Claimed) -> Departure:
        """Check expiry, permitted time and budget of a message right before it is submitted."""
        if self.ended is not None or not self._hold.is_fresh:
            return Departure.NOT_NOW
        if self._run.expires_at is not None and self._clock() >= self._run.expires_at:
            self.end(Ended.EXPIRED, endings.expired(self._run))
            return Departure.NOT_NOW
        if self.is_late(claimed):
            return Departure.TOO_LATE
        currency = claimed.currency
        limit = self._options.max_cost.get(currency) if currency else None
        if not claimed.cost or currency is None or limit is None:
            return Departure.NOW
        if self.tally.spent[currency] + claimed.cost > limit:
            self.end_by_budget(currency)
            return Departure.NOT_NOW
        # Messages in flight may yet be rejected and cost nothing, which would make room for this one.
        fits = self.tally.spent[currency] + self.tally.flying[currency] + claimed.cost <= limit
        return Departure.NOW if fits else Departure.NOT_NOW

    def is_late(self, claimed: Claimed) -> bool:
        """Return whether the permitted sending time of the message is over."""
        return claimed.until is not None and self._clock() >= claimed.until

    def give_back(self, ids: Sequence[int]) -> None:
        """Return claims that were not submitted to the plan, in the next transaction."""
        if ids:
            self.writes.release += ids
            self._wake()

    def departed(self, claimed: Claimed) -> None:
        """Count the message's cost against the budget."""
        self.tally.departed(claimed)
        if self.router is not None:
            self.router.left(claimed)

    def returned(
        self, batch: Sequence[Claimed], outcomes: Sequence[Outcome], epoch: int, lane: Lane | None = None
    ) -> Collection[str]:
        """Settle each message of a batch and update breaker and pace from its outcomes.

        Returns the refused countries if there are new ones: unsubmitted messages to them are to be given back.
        """
        now = self._time()
        lane = lane or self._lanes[0]
        refused_before = len(self.refused) + len(self._refused_by)
        settled = self.writes.settled
        before = len(settled)
        if not before:
            self.round_since = now
        for claimed, outcome in zip(batch, outcomes, strict=True):
            again = claimed.attempts > 1
            if self.router is not None:
                again = again and self.router.has_tried(claimed)
                self._elsewhere = self.router.returned(claimed, outcome)
            is_accepted = outcome.verdict is Verdict.ACCEPTED
            usual = is_accepted and outcome.cause is Cause.NONE
            lane.breaker.record(_CLEAR if usual else event_of(outcome, again=again), epoch, now)
            if is_accepted:
                falls = self._falls(claimed, outcome, State.ACCEPTED) if self._rule else None
                one = Settled(
                    claimed.message.id, outcome, State.ACCEPTED, attempts=claimed.attempts, falls=falls
                )
                lane.pace.answered()
                lane.only_rate_since, lane.answered_at = None, now
                if self._tries:
                    self._tries.pop(claimed.message.id, None)
            else:
                one = self._failed(claimed, outcome, now, lane)
            self.tally.settled(claimed, outcome, one.state)
            settled.append(one)
        # The main loop costs more than a message, so it is woken only for the first and last of a group.
        if not before or before < self._group <= len(settled) or self.writes.is_urgent:
            self._wake()
        if len(self.refused) + len(self._refused_by) == refused_before:
            return ()
        return self.refused | {country for _, country in self._refused_by if country is not None}

    def broke(self, error: BaseException) -> None:
        """Raise a bug found in a task from the main loop."""
        self.defect = error
        self._wake()

    def end(self, ended: Ended, reason: Problem) -> None:
        """Submit no more; the first reason stands. Messages in flight are still waited for."""
        if self.ended is None:
            self.ended, self.reason, self.ended_at = ended, reason, self._time()
            self._wake()

    def stop(self, lane: Lane, problem: Problem) -> None:
        """A gateway is given nothing more. The run goes on with its others; without any it ends ``paused``."""
        if lane.stopped is None:
            lane.stopped, lane.stopped_at = problem, self._time()
            self._wake()
            if any(one.stopped is None for one in self._lanes):
                log.warning("%s; the run goes on with its other gateways", problem.message)
        if all(one.stopped is not None for one in self._lanes):
            self.end(Ended.PAUSED, problem if len(self._lanes) == 1 else self._all_stopped())

    def _all_stopped(self, left: int | None = None) -> Problem:
        stopped = {one.name: one.stopped for one in self._lanes if one.stopped is not None}
        return endings.stopped(self._run, stopped, left)

    def why_some_stopped(self, left: int) -> Problem | None:
        """Return why ``left`` messages are not sent though all others are; None if no gateway was stopped."""
        is_any = any(one.stopped is not None for one in self._lanes)
        return self._all_stopped(left) if is_any and left > 0 else None

    def left_of_budget(self, currency: str) -> int:
        """Return what the budget has left in a currency, messages in flight included (1e-9 units)."""
        limit = self._options.max_cost.get(currency, 0)
        return limit - self.tally.spent[currency] - self.tally.flying[currency]

    def end_by_budget(self, currency: str) -> None:
        """End the run because the budget in this currency has no room for more."""
        limit = self._options.max_cost.get(currency, 0)
        self.end(Ended.OVER_BUDGET, endings.over_budget(self._run, limit, currency))

    def refuse(self, country: str) -> None:
        """Send no more to this country: planned messages are skipped; the caller gives claimed ones back."""
        self.refused.add(country)
        self.writes.refuse.add(country)

    def without_refused(self, claimed: list[Claimed]) -> list[Claimed]:
        """Return the messages that may be handed over; settle those by a channel that takes none to their country."""
        if not self._refused_by:
            return claimed
        going: list[Claimed] = []
        for one in claimed:
            answer = self._refused_by.get((one.message.channel, one.message.country))
            if answer is None:
                going.append(one)
                continue
            why = answer.detail or answer.code or "not to this country"
            outcome = replace(answer, detail=f"not sent, because the gateway had refused the country: {why}")
            falls = self._falls(one, outcome, State.REJECTED)
            self.tally.departed(one)
            self.tally.settled(one, outcome, State.REJECTED)
            self.writes.settled.append(
                Settled(
                    one.message.id,
                    outcome,
                    State.REJECTED,
                    counted=False,  # it was never handed over, so it uses up no quota
                    attempts=one.attempts,
                    falls=falls,
                )
            )
        if len(going) < len(claimed):
            self._wake()
        return going

    def _failed(self, claimed: Claimed, outcome: Outcome, now: float, lane: Lane) -> Settled:
        id = claimed.message.id
        tries = self._tries.get(id, 0) + 1
        decision = decide(outcome, tries, self._policy, random.random)
        if decision.state is State.PLANNED and decision.counted:
            self._tries[id] = tries
        elif decision.state is not State.PLANNED:
            self._tries.pop(id, None)
        self.last_failure = lane.last_failure = outcome
        if outcome.cause in STOPS_THE_RUN:
            self.stop(lane, endings.stopped_by(self._run, lane.name, outcome))
        elif self._elsewhere and decision.state is State.REJECTED:
            decision = Decision(State.PLANNED, not_taken(outcome), counted=False)
        elif decision.state is State.REJECTED:
            lane.only_rate_since = None
            self._learn(claimed, outcome)
        elif decision.state is State.PLANNED:
            self._slow_down(outcome, now, lane)
        due_at = None
        if decision.state is State.PLANNED:
            wait = decision.due_in or 0.0
            if outcome.cause is Cause.RATE:
                wait = max(wait, lane.pace.held(now))
            elif decision.counted:
                self.tally.retrying += 1
            if self._elsewhere:  # another gateway of the route may take it at once
                wait = 0.0
            due_at = self._clock() + int(wait * 1000)
            if tries < self._options.max_attempts and wait <= self._options.longest_hold:
                self.hope_until = max(self.hope_until, due_at)
        falls = self._falls(claimed, outcome, decision.state) if self._rule else None
        return Settled(
            id, decision.outcome, decision.state, due_at, decision.counted, claimed.attempts, falls
        )

    def _falls(self, claimed: Claimed, outcome: Outcome, state: State) -> Fall | None:
        """Return when the message's next channel is to be tried; None if it is not."""
        return None if self._rule is None else self._rule.fall(claimed, outcome, state, self._clock())

    def fell_back(self, done: FallenBack) -> None:
        """Take messages that continue on another channel out of the counts of their last outcome."""
        self.tally.rejected -= done.made.get(str(State.REJECTED), 0)
        self.tally.accepted -= done.made.get(str(State.ACCEPTED), 0)
        self._wake()

    def _learn(self, claimed: Claimed, outcome: Outcome) -> None:
        """Apply to later messages what one rejection says: an opt-out, or a refused country."""
        message = claimed.message
        if outcome.cause is Cause.OPTED_OUT:
            self.writes.suppress.append(message.id)
        elif outcome.cause is Cause.COUNTRY and message.country:
            if self.router is not None and self.router.serves(message.country):
                return  # other gateways of the route may send there
            if channels_of(self._run):  # says nothing about the other channels
                self._refused_by.setdefault((message.channel, message.country), outcome)
            else:
                self.refuse(message.country)

    def _slow_down(self, outcome: Outcome, now: float, lane: Lane) -> None:
        """Make all messages wait after a rate-limit answer or ``Retry-After``; too long a wait pauses the run.

        A single message that is refused while others are accepted waits alone.
        """
        if outcome.cause is Cause.RATE:
            asked = None if outcome.retry_after is None else pause_of(outcome)
            wait = lane.pace.refused(now, asked)
            if lane.only_rate_since is None:
                lane.only_rate_since = now
            silence = now - lane.only_rate_since
            if silence > self._options.longest_silence:
                self.stop(lane, endings.only_rate_answers(self._run, lane.name, silence))
        elif lane.breaker.is_troubled:
            lane.pace.hold(now + pause_of(outcome))
            wait = lane.pace.held(now)
        else:
            wait = 0.0
        if wait > self._options.longest_hold:
            self.stop(lane, endings.hold_too_long(self._run, lane.name, wait))


class LanePolicy:
    """The policy as one of several lanes' dispatchers asks it."""

    def __init__(self, policy: RunPolicy, lane: Lane) -> None:
        self._policy, self._lane = policy, lane
        self.is_late, self.give_back = policy.is_late, policy.give_back
        self.departed, self.broke = policy.departed, policy.broke

    def departure(self, claimed: Claimed) -> Departure:
        """Whether this message may go now; none may to a gateway that was stopped."""
        return Departure.NOT_NOW if self._lane.stopped is not None else self._policy.departure(claimed)

    def returned(self, batch: Sequence[Claimed], outcomes: Sequence[Outcome], epoch: int) -> Collection[str]:
        """What became of a batch of this gateway's."""
        return self._policy.returned(batch, outcomes, epoch, self._lane)
