"""Reading: runs, totals, rows, and the history of one address. Nothing here writes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, UsageError
from a2pcli.ledger.bulk import read_rows
from a2pcli.ledger.history import Event, HistoryEntry
from a2pcli.ledger.plans import end_id, first_id, of_run, run_from_row
from a2pcli.ledger.records import RESUMABLE, Run
from a2pcli.ledger.tables import events, is_claimed, messages, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_c = messages.c

PUNCTUATION = " -().'"
"""What people write between the digits of a number."""

ENOUGH = 7
"""So many digits make a part of a cell a number of its own."""


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
    raise UsageError(Problem(f"there is no run '{id}' in this ledger", hint=hint, code="unknown-run"))


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
    before = messages.alias()
    query = (
        select(runs.c.id, before.c.state, func.count(before.c.id.distinct()))
        .select_from(messages)
        .join(before, and_(before.c.occasion == _c.occasion, before.c.person == _c.person))
        .join(runs, runs.c.number == before.c.run)
        .where(of_run(run), _c.reason == str(Reason.ALREADY_SENT), is_claimed(before.c.claimed_at))
        .group_by(runs.c.number, runs.c.id, before.c.state)
        .order_by(runs.c.number.desc())
    )
    return [(id, state, int(count)) for id, state, count in connection.execute(query)]


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
            f"who got run {run.id} of {run.campaign} is not known any more: `a2pcli prune` removed it on"
            f" {pruned['people']}",
            hint="take it out of exclude.runs, or name younger runs by their ids",
            code="run-pruned",
        )
        raise InvalidInput(problem)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a run: those in any of the states, for any of the reasons. None stands for all."""

    states: Sequence[str] | None = None
    reasons: Sequence[str] | None = None

    def of(self, query: Select[Any]) -> Select[Any]:
        """The query, narrowed to these rows."""
        for column, values in ((_c.state, self.states), (_c.reason, self.reasons)):
            if values is not None:
                query = query.where(column.in_([str(value) for value in values]))
        return query


def rows_after(
    connection: Connection, run: Run, after: int | None, chunk: int, wanted: Wanted
) -> list[dict[str, Any]]:
    """The next rows of the run by id; ``after`` is the last id seen."""
    query = wanted.of(select(messages)).where(_next(run, after)).order_by(_c.id).limit(chunk)
    return [dict(row) for row in connection.execute(query).mappings()]


def columns_after(
    connection: Connection, run: Run, after: int | None, chunk: int, wanted: Wanted
) -> dict[str, Sequence[Any]]:
    """The next rows of the run as parallel columns: 3x the speed of a mapping for each row (measured)."""
    query = wanted.of(select(messages)).where(_next(run, after)).order_by(_c.id).limit(chunk)
    rows = connection.execute(query).all()
    columns = zip(*rows, strict=True) if rows else repeat(())
    return dict(zip(messages.columns.keys(), columns, strict=False))


def _next(run: Run, after: int | None) -> Any:
    return (_c.id > (first_id(run) - 1 if after is None else after)) & (_c.id < end_id(run))


def of_person(address: str, cells: Sequence[str]) -> Any:
    """The condition for all rows of an address in any of its forms, and those whose cell holds it; for ``cells``
    see ``history``."""
    from a2pcli.addresses.phone.same_phone import same_phone_forms

    same: Any = _c.address.in_(same_phone_forms(address))
    bare: Any = _c.cell
    for mark in PUNCTUATION:
        bare = func.replace(bare, mark, "")
    for cell in cells:
        text = cell.translate(str.maketrans("", "", PUNCTUATION))
        # A few digits stand in many numbers: they have to be the whole cell.
        match = bare.contains(text, autoescape=True) if len(text) >= ENOUGH else bare == text
        same = or_(same, _c.cell == cell, and_(_c.cell.is_not(None), match))
    return same


def history(
    connection: Connection, address: str, run: Run | None, cells: Sequence[str]
) -> list[HistoryEntry]:
    """The messages of one address over all runs, or in ``run``, oldest first, with their events.

    ``cells`` are texts as people typed them: rows excluded for their number have no address, only a cell. It
    may be written in another way, or hold more than the number; spaces and punctuation are not compared.
    """
    same = of_person(address, cells)
    query = select(messages).where(same).order_by(_c.id)
    if run is not None:
        query = query.where(of_run(run))
    found = [dict(row) for row in connection.execute(query).mappings()]
    return [
        HistoryEntry(_run_numbered(connection, row["run"]), row, events_of(connection, row["id"]))
        for row in found
    ]


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
