"""Claiming: intents before the call, in one durable transaction with the outcomes of the calls before.

A sender hands in what it learnt and gets its next batch; the one commit makes the outcomes and the new intents
durable together, so that a group of messages costs one flush of the disk.

Which messages are next: half of a claim are rows that waited and whose moment has come (a small index knows them),
half are messages of the plan that nothing happened to yet, in the file's order; where there are too few of one kind,
more of the other. So neither keeps the other from leaving: rows that the gateway would not take again and again must
not stand in front of a million that it would. Nothing is written for whoever's clock is closed: they stay as the plan
has them. What was tried and goes back to ``planned`` gets a ``due_at``, so the index knows all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import attempt_counts, caps, clocks, counting, paces
from a2pcli.ledger.one_claim import Binding, Claim
from a2pcli.ledger.outcomes import IS_PLANNED, IS_SUBMITTING, add_run_event, lose, settle
from a2pcli.ledger.plan_cursor import PlanCursor
from a2pcli.ledger.plans import UNCOUNTED, changed, of_run
from a2pcli.ledger.records import Exchange, Run, RunState, Settled
from a2pcli.ledger.tables import attempts, runs
from a2pcli.ledger.together import is_on, later, together
from a2pcli.messages import State

_c = attempts.c

_state = select(runs.c.state, runs.c.changes).where(runs.c.number == bindparam("run"))
_STATE = "SELECT state, changes FROM runs WHERE number = %s FOR SHARE"
"""Until the commit nobody cancels the run, erases one of its people or refuses a country, unseen by this claim."""


@dataclass(slots=True)
class Progress:
    """Where one sender is in a run: what of its plan is left, how many rows wait for another try, what binds them."""

    plan: PlanCursor
    waiting: int
    changes: int
    """The run's, when this was read: where it is another, somebody changed what is left."""
    binding: Binding
    odd: bool = False
    """Changes with each claim: of an odd number of rows, which kind gets the larger half."""
    halving: bool = False
    """Whether a person was taken by another run in the middle of a claim; from then on claims are made to be halved."""

    @classmethod
    def at_first(cls, connection: Connection, run: Run, waiting: int) -> Progress:
        """Of a sender that has looked at nothing yet."""
        known = clocks.of_run(connection, run)
        by_clock = {number: one.caps for number, one in known.items() if one.caps}
        changes = connection.execute(select(runs.c.changes).where(runs.c.number == run.number)).scalar()
        attempt_counts.refuse_lost(connection, run)
        plan = PlanCursor(connection, run)
        return cls(plan, waiting, int(changes or 0), Binding(known, caps.Caps(run, by_clock)))

    @property
    def left(self) -> int:
        """Number of messages that are still planned."""
        return self.waiting + self.plan.left.total()


def start(connection: Connection, run: Run, now: int) -> tuple[int, Progress]:
    """``submitting`` left by a crash becomes ``unknown``; the run is ``sending``. Gives how many, and where we are."""
    found = select(_c.state, func.count()).where(of_run(run)).group_by(_c.state)
    counts = {str(state): int(count) for state, count in connection.execute(found)}
    lost = counts.get(str(State.SUBMITTING), 0)
    if lost:
        lose(connection, run, now)
    clocks.wake(connection, run, now)
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number)
        .values(
            state=str(RunState.SENDING),
            state_reason=None,
            started_at=func.coalesce(runs.c.started_at, now),
            finished_at=None,
            **UNCOUNTED,
        )
    )
    add_run_event(connection, run, RunState.SENDING, None, now)
    return lost, Progress.at_first(connection, run, counts.get(str(State.PLANNED), 0))


def beginning(connection: Connection, run: Run) -> Progress:
    """The progress of a sender that has looked at nothing yet."""
    waits = (_c.run == run.number) & _c.due_at.is_not(None)
    query = select(func.count()).select_from(attempts).where(waits, IS_PLANNED)
    return Progress.at_first(connection, run, int(connection.execute(query).scalar_one()))


def nobodys(connection: Connection, run: Run, known: Collection[int]) -> list[int]:
    """Claimed messages of the run that its only sender does not know: their claim was committed, and never heard of."""
    found = connection.execute(select(_c.id).where(of_run(run), IS_SUBMITTING)).scalars()
    return [id for id in found if id not in known]


def exchange(
    connection: Connection,
    run: Run,
    progress: Progress,
    settled: Sequence[Settled],
    want: int,
    now: int,
    shared: Sequence[paces.SharedPace] = (),
) -> tuple[Exchange, Progress]:
    """Record outcomes, then claim, no more than the ``shared`` paces have slots for.

    To be committed by the caller before anything is handed over.
    """
    if progress.binding.caps and want > 0:
        caps.lock(connection)
    with together(connection):
        asked = later(connection, _STATE, (run.number,)) if is_on(connection) else None
        back = settle(connection, run, settled, now)
    found = asked.row if asked else connection.execute(_state, {"run": run.number}).one_or_none()
    state, changes = found or (None, 0)
    progress = replace(progress, waiting=progress.waiting + back)
    if settled and state != RunState.SENDING:
        changed(connection, run)
        counting.keep(connection, run)
    if want <= 0 or state != RunState.SENDING:
        return Exchange([], 0, progress.left, None), progress
    if changes != progress.changes:  # somebody was erased, a country refused, an opt-out given back
        anew = beginning(connection, run)
        progress = replace(anew, odd=progress.odd, halving=progress.halving)
        progress.plan.begin()
    slots = paces.Slots(connection, shared, now) if shared else None
    wanted = want if slots is None else min(want, slots.room)
    if slots is not None and not wanted:
        return Exchange([], 0, progress.left, None, pause=slots.pause), progress
    claim = Claim(connection, run, now, progress.plan, progress.binding, wanted, halving=progress.halving)
    waited = claim.waited((wanted + progress.odd) // 2)
    claim.fresh()
    if waited:
        claim.waited(claim.room)
    skipped = claim.skipped + claim.gate.expired
    progress = replace(progress, waiting=progress.waiting - claim.of_waiting, odd=not progress.odd)
    next_due = claim.next_due() if claim.room else None
    more = claim.room > 0 and claim.unseen
    waits = [] if slots is None else slots.reserve(claim.claimed)
    pause = 0.0 if slots is None or claim.room or wanted == want else slots.pause
    return Exchange(claim.claimed, skipped, progress.left, next_due, more, waits, pause), progress
