"""How several senders share a run: how one joins, gets its next chunk, takes over from one that was killed, and leaves.

A sender with nothing left to claim waits while others send the rest, so that it can take over the chunks of one that
is killed; all of them end with the run. A sender that joins when there is nothing left to do is told so.
The run's state is that of all its senders: it is ``sending`` while one of them is at work, and the last one records how
it ended; that nothing is left is recorded by the first to find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.engine import URL, Connection

from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, RunBusy
from a2pcli.ledger import claims, counting, holds, in_flight, lock, outcomes, plans, spending
from a2pcli.ledger.holds import Hold, Holder
from a2pcli.ledger.processes import steady
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.tables import events, runs
from a2pcli.messages import State

LOOKS_AGAIN = 1.0
"""Seconds until a sender that got no chunk asks again."""

_SHARE = 20
"""Looking for a chunk of a large run takes time: a waiting sender spends at most one part in this many on it."""


@dataclass(frozen=True, slots=True)
class Leased:
    """The result of asking for a chunk: the sender's position, its chunks, and holders found to have ended."""

    progress: claims.SenderPosition
    mine: Set[int] | None
    gone: tuple[Holder, ...]
    seconds: float


def join(
    connection: Connection,
    run: Run,
    progress: claims.SenderPosition,
    lease: int,
    now: int,
    budget: Mapping[str, int],
) -> tuple[Set[int], claims.SenderPosition]:
    """Add one of several senders; return its chunks and position. Raises ``RunBusy`` if others have all that is
    left."""
    others = _others(connection, run, lease)
    spending.begin(connection, run, budget, alone=not others)
    progress = replace(progress, is_counted=spending.is_on(connection, run))
    mine = claims.more_chunks(connection, run, progress, lease, now)
    if mine is None and others and claims.is_elsewhere(connection, run, progress, now):
        raise RunBusy(_nothing_to_do(run, others))
    return mine or set(), progress


def is_time(run: Run, progress: claims.SenderPosition, want: int, now: int) -> bool:
    """Return whether a sender should ask for another chunk."""
    return steady() >= progress.leases_from and claims.needs_chunk(run, progress, want, now)


def lease_more(
    url: URL, connection: Connection, run: Run, progress: claims.SenderPosition, hold: Hold, now: int
) -> Leased:
    """Lease another chunk, taking over from a killed sender if necessary. The caller commits, then calls ``leased``."""
    began = steady()
    holds.one_by_one(connection, run)
    mine = claims.more_chunks(connection, run, progress, hold.token, now)
    if mine is not None:
        return Leased(progress, mine, (), 0.0)
    gone = []
    for one in holds.holders_of(connection, run):
        found = holds.evict(connection, run, one) if one.token != hold.token else None
        if found is not None:
            lock.lose_claims(url, connection, run, found)
            gone.append(found)
    lock.free_chunks_of_nobody(connection, run)
    progress = claims.anew(connection, run, progress)
    mine = claims.more_chunks(connection, run, progress, hold.token, now)
    return Leased(progress, mine, tuple(gone), steady() - began)


def leased(url: URL, run: Run, found: Leased) -> claims.SenderPosition:
    """Apply a committed ``lease_more``; return the sender's new position."""
    for gone in found.gone:
        in_flight.discard(url, run, gone.token)
    if found.mine is not None:
        found.progress.plan.mine = found.mine
        return replace(found.progress, leases_from=0.0)
    pause = max(LOOKS_AGAIN, _SHARE * found.seconds)
    return replace(found.progress, leases_from=steady() + pause)


def leave(
    connection: Connection, run: Run, hold: Hold | None, state: str, reason: str | None, now: int
) -> tuple[str, bool]:
    """End a sender, and set the run's state unless others continue or have set it.

    Returns the names of those that continue (empty for none), and whether the state was set.
    """
    if hold is None or not hold.is_shared:
        outcomes.set_run_state(connection, run, state, reason, now)
        return "", True
    holds.one_by_one(connection, run)
    plans.lock_run(connection, run)
    others = _others(connection, run, hold.token)
    lock.leave(connection, hold)
    before = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar()
    if before != RunState.SENDING:  # cancelled meanwhile, or finished by another sender
        return "", False
    is_done = state == RunState.FINISHED and not counting.count(connection, run).count(
        State.PLANNED, State.SUBMITTING
    )
    if others and not is_done:
        return lock.named(others), False
    outcomes.set_run_state(connection, run, state, reason, now)
    return "", True


def has_left(connection: Connection, run: Run, hold: Hold, state: str, now: int) -> tuple[str, bool] | None:
    """Return the result of a ``leave`` whose commit was not confirmed; None if it was not committed."""
    holders = holds.holders_of(connection, run)
    if any(one.token == hold.token for one in holders):
        return None
    found = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar()
    if found == RunState.SENDING:
        return lock.named(_others(connection, run, hold.token)), False
    told = (events.c.run == run.number, events.c.kind == "run", events.c.code == state, events.c.at == now)
    return "", connection.execute(select(events.c.number).where(*told).limit(1)).first() is not None


def _others(connection: Connection, run: Run, token: int) -> list[Holder]:
    found = holds.holders_of(connection, run)
    return [one for one in found if one.token != token and not one.is_gone]


def _nothing_to_do(run: Run, others: list[Holder]) -> Problem:
    who = "another process is" if len(others) == 1 else f"{len(others)} other processes are"
    text = f"{who} sending all remaining messages of run {run.id} ({lock.named(others)})"
    hint = "they will finish the run; running this command again sends nothing twice"
    return Problem(text, hint=hint, code="run-busy")
