"""Reading: runs, totals, rows, and the history of one address. Nothing here writes."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select
from sqlalchemy.engine import Connection

from a2pcli.errors import InvalidInput, Problem, UsageError
from a2pcli.ledger import plan_people, plan_store
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.history import Event, HistoryEntry
from a2pcli.ledger.plan_people import Searched
from a2pcli.ledger.plan_rows import PlanRows, as_rows, row_mapping
from a2pcli.ledger.plans import of_run, run_from_row
from a2pcli.ledger.records import RESUMABLE, Run
from a2pcli.ledger.tables import attempts, events, is_claimed, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_c = attempts.c


def run_by_id(connection: Connection, id: str, *, lock: bool = False) -> Run:
    """The run with this id; with ``lock``, nobody else changes it until the transaction ends.

    Raises ``UsageError`` with the nearest id for one that is not there.
    """
    query = select(runs).where(runs.c.id == id.strip().lower())
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is not None:
        return run_from_row(row)
    known = connection.execute(select(runs.c.id).order_by(runs.c.number.desc()).limit(10_000)).scalars().all()
    near = difflib.get_close_matches(id.strip().lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "`a2pcli runs` lists the runs of this ledger"
    raise UsageError(Problem(f"no run '{id}' in this ledger", hint=hint, code="unknown-run"))


def list_runs(
    connection: Connection, limit: int | None, campaign: str | None, without: Sequence[str]
) -> list[Run]:
    """Runs, newest first, but for those in the states ``without``."""
    query = select(runs).order_by(runs.c.number.desc())
    if without:
        query = query.where(runs.c.state.not_in([str(state) for state in without]))
    if campaign is not None:
        query = query.where(runs.c.campaign == campaign)
    if limit is not None:
        query = query.limit(limit)
    return [run_from_row(row) for row in connection.execute(query).mappings()]


def count_runs(connection: Connection, campaign: str | None, states: Sequence[str]) -> int:
    """How many runs are in one of the states."""
    query = select(func.count()).select_from(runs).where(runs.c.state.in_([str(state) for state in states]))
    if campaign is not None:
        query = query.where(runs.c.campaign == campaign)
    return int(connection.execute(query).scalar_one())


def open_run(connection: Connection, occasion: int) -> Run | None:
    """The newest run of the occasion that was interrupted or paused."""
    query = (
        select(runs)
        .where(runs.c.occasion == occasion, runs.c.state.in_(sorted(str(state) for state in RESUMABLE)))
        .order_by(runs.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else run_from_row(row)


def reached(connection: Connection, occasion: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The ``person`` of everybody in a claimed state within the occasion, sorted."""
    import numpy as np

    query = (
        select(_c.person)
        .where(_c.occasion == occasion, is_claimed(_c.claimed_at), _c.person.is_not(None))
        .order_by(_c.person)
    )
    return np.fromiter(chain.from_iterable(read_rows(connection, query)), np.int64)


def had_already(connection: Connection, run: Run) -> list[tuple[str, str, int]]:
    """Why rows of a plan were left out as sent already: run id, state of the messages there, how many messages; newest
    run first. Several rows of one person have one message."""
    people = _left_out_as_sent(connection, run)
    if not people:
        return []
    query = (
        select(_c.person, runs.c.number, runs.c.id, _c.state)
        .join_from(attempts, runs, runs.c.number == _c.run)
        .where(_c.occasion == run.occasion, is_claimed(_c.claimed_at))
    )
    counts: Counter[tuple[int, str, str]] = Counter()
    for person, number, id, state in read_rows(connection, query):
        if person in people:
            counts[-number, id, state] += 1
    return [(id, state, many) for (_, id, state), many in sorted(counts.items())]


def _left_out_as_sent(connection: Connection, run: Run) -> set[int]:
    """The people of a plan who were left out, by it or at the claim, because they had the message."""
    reason = str(Reason.ALREADY_SENT)
    query = select(_c.person).where(of_run(run), _c.reason == reason, _c.person.is_not(None))
    people = set(connection.execute(query).scalars())
    for head in plan_store.heads(connection, run):
        if any(group.reason == reason for group in head.groups):
            chunk = plan_store.load(connection, run, head, ("person", "reason"))
            rows = zip(chunk.values("person"), chunk.values("reason"), strict=True)
            people.update(person for person, why in rows if why == reason and person is not None)
    return people


def recipients(connection: Connection, names: Sequence[str]) -> pa.StringArray:
    """Addresses that have, or may have, a message of these runs (ids) or campaigns (names): for ``exclude.runs``.

    Raises ``InvalidInput`` for a name that is neither.
    """
    import pyarrow as pa

    arrays = []
    for name in names:
        chosen = select(runs).where(or_(runs.c.id == name, runs.c.campaign == name))
        found = [run_from_row(row) for row in connection.execute(chosen).mappings()]
        if not found:
            known = connection.execute(select(runs.c.campaign).distinct()).scalars().all()
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else None
            problem = Problem(f"no run or campaign '{name}' in the ledger", hint=hint, code="unknown-run")
            raise InvalidInput(problem)
        for run in found:
            _still_known(run)
            query = select(_c.address).where(
                of_run(run), is_claimed(_c.claimed_at), _c.state != str(State.REJECTED)
            )
            arrays.append(pa.array(chain.from_iterable(read_rows(connection, query)), pa.string()))
    return pa.concat_arrays(arrays).unique() if arrays else pa.array([], pa.string())


def _still_known(run: Run) -> None:
    """Raise ``InvalidInput`` where retention removed who got the run: they would get the next message too."""
    pruned = run.summary.get("pruned", {})
    if "people" in pruned:
        problem = Problem(
            f"it is no longer known who got run {run.id} of {run.campaign}: `a2pcli prune` deleted the data on"
            f" {pruned['people']}",
            hint="remove it from exclude.runs, or list newer runs by their ids",
            code="run-pruned",
        )
        raise InvalidInput(problem)


def history(
    connection: Connection, address: str, run: Run | None, cells: Sequence[str], now: int
) -> list[HistoryEntry]:
    """The messages of one address over all runs, or in ``run``, oldest first, with their events.

    For ``cells`` see ``plan_people.Searched``. What of a run still waits is told as it is at ``now``.
    """
    found = sorted(
        of_person(connection, Searched(address, tuple(cells)), run, now), key=lambda row: int(row["id"])
    )
    return [
        HistoryEntry(_run_numbered(connection, row["run"]), row, events_of(connection, row["id"]))
        for row in found
    ]


def of_person(connection: Connection, whom: Searched, run: Run | None, now: int) -> Iterator[dict[str, Any]]:
    """Every row of a person, over all runs or in ``run``, with the columns of ``plan_rows.NAMES``."""
    readers: dict[int, PlanRows] = {}
    for one, head, places in plan_people.in_chunks(connection, whom, run):
        if one.number not in readers:
            readers[one.number] = PlanRows(connection, one, now)
        yield from as_rows(readers[one.number].at(connection, head, places))
    for within in plan_people.without_chunks(connection, run):
        query = select(attempts).where(within, plan_people.condition(whom)).order_by(_c.id)
        for row in connection.execute(query).mappings().all():
            yield row_mapping(dict(row))


def _run_numbered(connection: Connection, number: int) -> Run:
    return run_from_row(connection.execute(select(runs).where(runs.c.number == number)).mappings().one())


def events_of(connection: Connection, message_id: int) -> tuple[Event, ...]:
    """The events of one message, oldest first."""
    return _events(connection, events.c.message == message_id)


def run_events(connection: Connection, run: Run) -> tuple[Event, ...]:
    """What happened to the run as a whole, and its test messages, oldest first."""
    return _events(connection, (events.c.run == run.number) & events.c.message.is_(None))


def _events(connection: Connection, chosen: Any) -> tuple[Event, ...]:
    e = events.c
    query = select(e.at, e.kind, e.code, e.detail, e.gateway_id).where(chosen).order_by(e.number)
    return tuple(Event(*row) for row in connection.execute(query))
