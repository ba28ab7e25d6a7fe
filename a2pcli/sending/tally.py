"""The counts of a run in progress: the ledger's totals at the start, then updated with every answer."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import field

from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Claimed, Exchange, Totals
from a2pcli.messages import Cause, Outcome, State, Verdict
from a2pcli.sending.options import Progress

MOST_CODES = 50
"""Maximum number of distinct codes counted, so that a provider inventing codes cannot fill memory."""

RATE_WINDOW = 10.0
"""Seconds over which the rate is measured."""


@dataclass(slots=True)
class Tally:
    """Counts of one run. Money in 1e-9 currency units."""

    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    skipped: int = 0
    retrying: int = 0
    left: int = 0
    planned: int = 0
    """Like ``left``, as this sender last saw it in the ledger; others may have sent some since."""
    back: int = 0
    """Planned again, but not yet written."""
    spent: Counter[str] = field(default_factory=Counter)
    """Cost of accepted and unknown messages: what was, or may have been, paid."""
    flying: Counter[str] = field(default_factory=Counter)
    """Cost of messages with the gateway now."""
    codes: Counter[str] = field(default_factory=Counter)
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    @classmethod
    def of(cls, totals: Totals, before: Tally | None = None) -> Tally:
        """Return the counts of the run from the ledger; ``before`` supplies what only its sender knows."""
        before = before or cls()
        tally = cls(
            skipped=before.skipped,
            retrying=before.retrying,
            codes=before.codes,
            _samples=before._samples,
            accepted=totals.count(State.ACCEPTED),
            rejected=totals.count(State.REJECTED),
            unknown=totals.count(State.UNKNOWN),
            left=totals.count(State.PLANNED),
            planned=totals.count(State.PLANNED),
        )
        for state in (State.ACCEPTED, State.UNKNOWN):
            if state in totals.states:
                tally.spent.update(totals.states[state].cost)
        return tally

    def snapshot(self) -> tuple[int, int, int, Counter[str]]:
        """Return accepted, rejected, unknown and spent as counted now."""
        return self.accepted, self.rejected, self.unknown, self.spent.copy()

    def heard(self, totals: Totals, told: tuple[int, int, int, Counter[str]], mine: int) -> None:
        """Add what other senders of the run did: the difference between ``totals`` and the snapshot ``told``.

        ``mine`` is the number of messages that this sender has claimed and whose outcome is not in the ledger yet.
        """
        self.left = totals.count(State.PLANNED) + max(0, totals.count(State.SUBMITTING) - mine)
        now, (accepted, rejected, unknown, spent) = Tally.of(totals), told
        self.accepted += now.accepted - accepted
        self.rejected += now.rejected - rejected
        self.unknown += now.unknown - unknown
        for currency, cost in (now.spent - spent).items():
            self.spent[currency] += cost

    @property
    def done(self) -> int:
        """Number of messages with a final result."""
        return self.accepted + self.rejected + self.unknown + self.skipped

    def departed(self, claimed: Claimed) -> None:
        """Count a message handed to the gateway."""
        if claimed.cost and claimed.currency:
            self.flying[claimed.currency] += claimed.cost

    def settled(self, claimed: Claimed, outcome: Outcome, state: State) -> None:
        """Count the result of a message."""
        if claimed.cost and claimed.currency:
            self.flying[claimed.currency] -= claimed.cost
            if state is State.ACCEPTED or state is State.UNKNOWN:
                self.spent[claimed.currency] += claimed.cost
        if state is State.ACCEPTED:
            self.accepted += 1
            return
        if state is State.REJECTED:
            self.rejected += 1
        elif state is State.UNKNOWN:
            self.unknown += 1
        elif state is State.PLANNED:
            self.back += 1
        if outcome.verdict is not Verdict.ACCEPTED and outcome.cause is not Cause.BATCH:
            code = outcome.code or str(outcome.cause)
            self.codes[code if code in self.codes or len(self.codes) < MOST_CODES else "other"] += 1

    def took(self, exchange: Exchange, back: int) -> None:
        """Update from a committed transaction; ``back`` of its messages are planned again."""
        self.left = max(0, self.left + (exchange.left or 0) - self.planned)
        self.planned = exchange.left or 0
        self.back -= back
        self.skipped += exchange.skipped
        again = sum(one.attempts > 1 for one in exchange.claimed)
        self.retrying = max(0, self.retrying - again)

    def progress(self, state: str, now: float, here: int, flying: int, pace: float | None) -> Progress:
        """Return the counts as a value.

        ``here`` claimed messages have no answer yet, ``flying`` of them were submitted. ``pace`` is the allowed
        messages per second, for an ETA before there is a measured rate.
        """
        self._samples.append((now, self.done))
        while len(self._samples) > 2 and now - self._samples[0][0] > RATE_WINDOW:
            self._samples.popleft()
        then, done_then = self._samples[0]
        seconds = now - then
        rate = (self.done - done_then) / seconds if seconds > 0 else 0.0
        speed = rate or pace or 0.0
        left = self.left + self.back + here
        return Progress(
            state=state,
            done=self.done,
            accepted=self.accepted,
            rejected=self.rejected,
            unknown=self.unknown,
            skipped=self.skipped,
            retrying=self.retrying,
            left=left,
            in_flight=flying,
            rate=rate,
            eta=left / speed if speed > 0 else None,
            spend={currency: cost for currency, cost in self.spent.items() if cost},
            errors_by_code=dict(self.codes),
        )
