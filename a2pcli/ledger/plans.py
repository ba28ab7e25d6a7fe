"""Making a plan: a run in state ``planning`` takes rows chunk by chunk, and is ``planned`` once they are all there.

A planner that dies leaves a run in ``planning``; its rows can never be sent, and the next plan of the same
occasion removes them. Whether a planner is dead is not guessed by age: it holds a lock that ends with it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection, Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from a2pcli.errors import LedgerError, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger import attempt_counts, plan_store
from a2pcli.ledger.bulk import insert_columns
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.database import connect
from a2pcli.ledger.faults import plainly, shown, translates_errors
from a2pcli.ledger.plan_store import first_id
from a2pcli.ledger.records import NewRun, PlannedRows, Run, RunState, now_ms
from a2pcli.ledger.tables import ROWS_PER_RUN, attempts, clocks, events, occasions, runs
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.ledger import approved, chunks, counting
    from a2pcli.ledger import clocks as run_clocks
    from a2pcli.ledger import lock as locks
    from a2pcli.ledger.clocks import RunClock
    from a2pcli.ledger.lock import RunLock
    from a2pcli.ledger.store import Ledger
else:
    approved, chunks, counting, run_clocks, locks = lazily(
        "a2pcli.ledger", "approved", "chunks", "counting", "clocks", "lock"
    )

NO_CLOCKS: Mapping[int, RunClock] = {}

KEPT_PLANS = 3
"""Unsent plans of an occasion that stay approvable by ``--plan ID``; older ones lose their rows."""

# No vowels, so that no id reads as a word; nothing that looks like something else (0 o, 1 l i).
_ALPHABET = "23456789bcdfghjkmnpqrstvwxyz"


def new_run_id() -> str:
    """``r`` and seven characters that are easy to read out: 13 thousand million of them."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(7))


def end_id(run: Run) -> int:
    """One more than the largest message id of the run."""
    return (run.number + 1) * ROWS_PER_RUN


UNCOUNTED = {"totals": None, "changes": runs.c.changes + 1}
"""Goes into every change of a run that may change its rows: a count kept before does not hold; see ``counting``."""


def changed(connection: Connection, run: Run) -> None:
    """Rows of the run changed while nobody sends it."""
    connection.execute(update(runs).where(runs.c.number == run.number).values(**UNCOUNTED))


def of_run(run: Run) -> Any:
    """The condition for the attempts of a run: a range of the primary key."""
    return (attempts.c.id >= first_id(run)) & (attempts.c.id < end_id(run))


def lock_run(connection: Connection, run: Run) -> None:
    """Until the commit no sender claims for the run, and nothing else changes it. To be taken before any attempt is.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(runs.c.number).where(runs.c.number == run.number).with_for_update())


def run_from_row(row: RowMapping) -> Run:
    """A ``Run`` from a row of the runs table."""
    values: dict[str, Any] = {field.name: row[field.name] for field in fields(Run)}
    values["summary"] = json.loads(row["summary"]) if row["summary"] else {}
    values["sending"] = json.loads(row["sending"]) if row["sending"] else {}
    return Run(**values)


class Plans(SubStore):
    """Making plans in an open ledger; one planner a plan."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._locks: dict[int, RunLock] = {}
        self.chunk_engine: Engine | None = None
        """Connections for chunks of plans, whose commits need not be durable yet; None while nothing is planned."""

    def occasion(self, campaign: str, occurrence: str) -> int:
        """The number of a campaign's occurrence, within which nobody is messaged twice; made when it is new."""
        with self._ledger.writing() as connection:
            number = _known_occasion(connection, campaign, occurrence)
            if not number:
                # Another process may make it meanwhile.
                with suppress(IntegrityError), connection.begin_nested():
                    connection.execute(insert(occasions).values(campaign=campaign, occurrence=occurrence))
                number = _known_occasion(connection, campaign, occurrence)
        return number

    def known_occasion(self, campaign: str, occurrence: str) -> int:
        """The same; 0 where nobody has planned it yet."""
        with self._ledger.reading() as connection:
            return _known_occasion(connection, campaign, occurrence)

    def begin(self, new: NewRun) -> Run:
        """A run in state ``planning``. Plans of the occasion that a dead process left half-made are removed."""
        self._clean(new.occasion)
        with self._ledger.writing() as connection:
            _refuse_forgotten(connection, new.occasion)
            run = _begin(connection, new)
            # Taken before others can see the run, so that nobody takes its planner for dead.
            lock = locks.planner_lock(self._ledger.engine, run.number, run.id)
            lock.take()
            self._locks[run.number] = lock
        return run

    def _clean(self, occasion: int) -> None:
        with self._ledger.writing() as connection, ExitStack() as held:
            for run, lock in _abandoned(connection, self._ledger.engine, occasion):
                held.callback(lock.drop)
                drop_rows(connection, run, RunState.DISCARDED, "planning was interrupted")

    @translates_errors
    def add_rows(self, run: Run, rows: PlannedRows) -> None:
        """One chunk of the plan in one commit; safe from a thread, one call at a time.

        One-time codes are no part of a chunk: their texts go as soon as they are settled.
        """
        if self.chunk_engine is None:
            ledger = self._ledger
            self.chunk_engine = connect(
                ledger.url, busy_seconds=ledger.busy_seconds, chunks=True, key=ledger.key, watch=ledger.watch
            )
        with self.chunk_engine.begin() as connection:
            if keeps_no_texts(run):
                _add_each(connection, run, rows)
                return
            packed = chunks.pack_rows(rows)
            if packed is not None:
                plan_store.add(connection, run, packed)

    def finish(
        self,
        run: Run,
        *,
        digest: str,
        rows_read: int,
        summary: Mapping[str, Any],
        clocks: Mapping[int, RunClock] = NO_CLOCKS,
    ) -> Run:
        """The plan is complete and durable. ``clocks`` are those that its rows name, by number.

        Unsent plans of the occasion beyond the newest three lose their rows.
        """
        with self._ledger.writing() as connection:
            run_clocks.write(connection, run, clocks)
            _finish(connection, run, digest=digest, rows_read=rows_read, summary=summary)
            counting.keep(connection, run)
        self._end(run)
        with self._ledger.writing() as connection:
            _tell_planner(connection)
            for old in _outdated(connection, run.occasion):
                drop_rows(
                    connection, old, RunState.SUPERSEDED, f"replaced by newer plans, the latest is {run.id}"
                )
        return self._ledger.runs.get(run.id)

    def discard(self, run: Run) -> None:
        """Take an unsent plan away: its rows are removed, the run stays as ``discarded``."""
        with self._ledger.writing() as connection:
            state = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar_one()
            if state in (RunState.PLANNING, RunState.PLANNED):
                drop_rows(connection, run, RunState.DISCARDED, "not approved")
        self._end(run)

    def verify(self, run: Run) -> None:
        """Raise ``LedgerError`` where the run would not send what was planned; see ``approved``.

        Reads the whole run: 2 s for a million rows.
        """
        with self._ledger.reading() as connection:
            approved.verify(connection, run)

    def _end(self, run: Run) -> None:
        lock = self._locks.pop(run.number, None)
        if lock is not None:
            lock.drop()
        if not self._locks:
            self.close_connection()

    def close_connection(self) -> None:
        """Let go of the connection for chunks."""
        if self.chunk_engine is not None:
            with plainly(self.url):
                self.chunk_engine.dispose()
            self.chunk_engine = None

    def drop_locks(self) -> None:
        """What was being planned is left half-made: the next plan of its occasion removes it."""
        for held in self._locks.values():
            held.drop()
        self._locks.clear()


def _known_occasion(connection: Connection, campaign: str, occurrence: str) -> int:
    same = (occasions.c.campaign == campaign) & (occasions.c.occurrence == occurrence)
    return int(connection.execute(select(occasions.c.number).where(same)).scalar() or 0)


def _refuse_forgotten(connection: Connection, occasion: int) -> None:
    """Raise ``LedgerError`` where nobody can tell any more who got this occurrence of the campaign."""
    attempt_counts.refuse_lost_of(connection, occasion)
    query = select(runs).where(runs.c.occasion == occasion, runs.c.summary.contains('"forgotten"'))
    for row in connection.execute(query).mappings():
        run = run_from_row(row)
        if run.summary.get("pruned", {}).get("forgotten"):
            problem = Problem(
                f"it is no longer known who got this occurrence of {run.campaign}: retention deleted the data on"
                f" {run.summary['pruned']['people']} (run {run.id})",
                hint="plan it under another name: --occurrence NAME",
                code="occurrence-pruned",
            )
            raise LedgerError(problem)


def _begin(connection: Connection, new: NewRun) -> Run:
    """Insert the run in state ``planning``."""
    values = {field.name: getattr(new, field.name) for field in fields(NewRun)}
    values["sending"] = json.dumps(dict(new.sending), ensure_ascii=False)
    values["state"] = str(RunState.PLANNING)
    for _ in range(8):
        values["id"] = new_run_id()
        try:
            with connection.begin_nested():
                connection.execute(insert(runs).values(values))
            break
        except IntegrityError:
            continue  # the id is taken: once in 13 thousand million
    row = connection.execute(select(runs).where(runs.c.id == values["id"])).mappings().one()
    return run_from_row(row)


def keeps_no_texts(run: Run) -> bool:
    """Whether texts go as soon as they are settled: one-time codes are never kept."""
    return run.purpose == "otp"


def _add_each(connection: Connection, run: Run, rows: PlannedRows) -> None:
    """Insert a row for each of the chunk, those that are left out too."""
    shared = {"run": run.number, "occasion": run.occasion}
    offset = {"id": first_id(run)}
    if rows.accepted is not None:
        columns = _columns(rows.accepted) | shared | {"state": str(State.PLANNED), "due_at": 0}
        insert_columns(connection, attempts, columns, offset=offset)
    if rows.excluded is not None:
        columns = _columns(rows.excluded) | shared | {"state": str(State.SKIPPED)}
        insert_columns(connection, attempts, columns, offset=offset)


_OF_CHUNKS_ALONE = ("spelling", "others", "alternatives", "route")


def _columns(half: Any) -> dict[str, Any]:
    # A person's other addresses do not matter to codes: no opt-out binds them.
    names = (field.name for field in fields(half) if field.name not in _OF_CHUNKS_ALONE)
    columns = {name: getattr(half, name) for name in names}
    if getattr(half, "spelling", None) is not None:
        columns["cell"] = half.spelling
    columns["id"] = columns.pop("row")
    return columns


def _finish(
    connection: Connection, run: Run, *, digest: str, rows_read: int, summary: Mapping[str, Any]
) -> None:
    """The run is planned: from now on it can be approved, and it survives power loss once committed.

    To the ``digests`` of its summary comes one over all that was stored.
    Raises ``LedgerError`` where another process took it for left behind, and removed its rows.
    """
    now = now_ms()
    document = dict(summary)
    known = plan_store.heads(connection, run)
    if known and "digests" in document:
        document["digests"] = {**document["digests"], "chunks": plan_store.chain(known)}
    done = connection.execute(
        update(runs)
        .where(runs.c.number == run.number, runs.c.state == str(RunState.PLANNING))
        .values(
            state=str(RunState.PLANNED),
            digest=digest,
            rows_read=rows_read,
            summary=json.dumps(document, ensure_ascii=False, default=str),
            planned_at=now,
        )
    ).rowcount
    if not done:
        problem = Problem(
            "the plan was removed by another process, because this one could not reach the ledger for a while",
            path=shown(connection.engine.url),
            hint="plan again",
            code="plan-gone",
        )
        raise LedgerError(problem)
    plan_store.note(connection, replace(run, digest=digest), document.get("digests"), now)


def _tell_planner(connection: Connection) -> None:
    """Let PostgreSQL look at the new rows, as it would by itself within a minute.

    Until then it takes a run for a handful of rows, and sorts all that is left of it for each claim of a hundred.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) attempts")


def drop_rows(connection: Connection, run: Run, state: RunState, reason: str) -> None:
    """Take the rows of an unsent run away; the run itself stays, as history. A run that is sent by now is left."""
    unsent = runs.c.state.in_([str(RunState.PLANNING), str(RunState.PLANNED)])
    done = connection.execute(
        update(runs)
        .where(runs.c.number == run.number, unsent)
        .values(state=str(state), state_reason=reason, **UNCOUNTED)
    ).rowcount
    if not done:
        return
    connection.execute(delete(clocks).where(clocks.c.run == run.number))
    plan_store.remove(connection, run)
    connection.execute(delete(attempts).where(of_run(run)))
    attempt_counts.forget(connection, run)
    connection.execute(
        insert(events).values(run=run.number, at=now_ms(), kind="run", code=str(state), detail=reason)
    )


def _outdated(connection: Connection, occasion: int) -> list[Run]:
    """Unsent plans of the occasion beyond the newest ``KEPT_PLANS``."""
    query = (
        select(runs)
        .where(runs.c.occasion == occasion, runs.c.state == str(RunState.PLANNED))
        .order_by(runs.c.number.desc())
        .offset(KEPT_PLANS)
    )
    return [run_from_row(row) for row in connection.execute(query).mappings()]


def _abandoned(connection: Connection, engine: Engine, occasion: int) -> list[tuple[Run, RunLock]]:
    """Runs of the occasion whose planner died, each with its lock, now ours: drop it when done."""
    query = select(runs).where(runs.c.occasion == occasion, runs.c.state == str(RunState.PLANNING))
    found = []
    for row in connection.execute(query).mappings().all():
        run = run_from_row(row)
        lock = locks.planner_lock(engine, run.number, run.id)
        if lock.take():
            found.append((run, lock))
    return found
