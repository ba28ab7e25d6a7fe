"""Plans to test with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from a2pcli.ledger.records import AcceptedRows, ExcludedRows, NewRun, PlannedRows, Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Outcome, State, Verdict

NOW = 1_800_000_000_000

ACCEPTED = Outcome(Verdict.ACCEPTED, gateway_id="SM1", code="201")
REJECTED = Outcome(Verdict.REJECTED, cause=Cause.PERMANENT, code="21211", detail="not a valid number")
NOT_SENT = Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="503")
UNKNOWN = Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, detail="the answer did not come")


def number(person: int) -> str:
    """The address of the person with this number."""
    return f"+4477009{person:05d}"


def accepted(people: Sequence[int], **columns: Any) -> AcceptedRows:
    """Rows to send, one for each of ``people``, at rows 1, 2, 3 …"""
    rows = list(range(1, len(people) + 1))
    values: dict[str, Any] = {
        "row": rows,
        "line": [row + 1 for row in rows],
        "address": [number(person) for person in people],
        "person": list(people),
        "body": [f"Hello {person}" for person in people],
        "country": "GB",
        "encoding": "GSM-7",
        "units": 7,
        "parts": 1,
        "cost": 40_000_000,
        "currency": "GBP",
    }
    return AcceptedRows(**(values | columns))


@dataclass
class Make:
    """Makes plans in a ledger."""

    ledger: Ledger

    def begun(self, campaign: str = "spring", occurrence: str = "once", **values: Any) -> Run:
        """A run in state ``planning``."""
        occasion = self.ledger.plans.occasion(campaign, occurrence)
        return self.ledger.plans.begin(NewRun(campaign, occasion, "outbox", **values))

    def plan(
        self,
        people: int | Sequence[int] = 5,
        *,
        excluded: ExcludedRows | None = None,
        columns: dict[str, Any] | None = None,
        **values: Any,
    ) -> Run:
        """A finished plan for these people (a number: that many, from 0)."""
        people = range(people) if isinstance(people, int) else people
        run = self.begun(**values)
        self.ledger.plans.add_rows(run, PlannedRows(accepted(people, **(columns or {})), excluded))
        return self.ledger.plans.finish(run, digest="d" * 64, rows_read=len(people), summary={})

    def sending(self, people: int | Sequence[int] = 5, **values: Any) -> Run:
        """A plan whose sending has begun."""
        run = self.plan(people, **values)
        self.ledger.attempts.start(run, NOW)
        return run


def claim(ledger: Ledger, run: Run, want: int = 100, now: int = NOW) -> list[int]:
    """Claim; gives the ids."""
    return [claimed.message.id for claimed in ledger.attempts.exchange(run, [], want, now).claimed]


def settle(
    ledger: Ledger, run: Run, ids: Sequence[int], outcome: Outcome = ACCEPTED, due_at: int | None = None
) -> None:
    """Record the outcome of claimed messages; ``NOT_SENT`` goes back to planned."""
    states = {
        Verdict.ACCEPTED: State.ACCEPTED,
        Verdict.REJECTED: State.REJECTED,
        Verdict.UNKNOWN: State.UNKNOWN,
        Verdict.NOT_SENT: State.PLANNED,
    }
    state = states[outcome.verdict]
    ledger.attempts.exchange(run, [Settled(id, outcome, state, due_at) for id in ids], 0, NOW)


def states(ledger: Ledger, run: Run) -> dict[str, int]:
    """How many rows of the run are in which state, counted from the rows themselves."""
    counted: dict[str, int] = {}
    for chunk in ledger.messages.rows(run):
        for row in chunk:
            counted[row["state"]] = counted.get(row["state"], 0) + 1
    return counted


def row_of(ledger: Ledger, run: Run, id: int, now: int = NOW) -> dict[str, Any]:
    """One row of the run, as it is at this moment."""
    return next(row for chunk in ledger.messages.rows(run, now=now) for row in chunk if row["id"] == id)
