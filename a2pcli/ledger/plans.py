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
"""Number of unsent plans of an occurrence that can still be approved with ``--plan ID``; older ones lose their rows."""

# No vowels, so that no id is a word; no characters that look alike (0 o, 1 l i).
_ALPHABET = "23456789bcdfghjkmnpqrstvwxyz"


def new_run_id() -> str:
    """Return ``r`` and seven characters that are easy to read aloud: 13 billion possible ids."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(7))


def end_id(run: Run) -> int:
    """Return one more than the largest message id of the run."""
    return (run.number + 1) * ROWS_PER_RUN


UNCOUNTED = {"totals": None, "changes": runs.c.changes + 1}
"""Part of every update of a run that may change its rows, which invalidates the stored count; see ``counting``."""


def changed(connection: Connection, run: Run) -> None:
    """Mark the run's rows as changed, which invalidates its stored count and its sender's position."""
    connection.execute(update(runs).where(runs.c.number == run.number).values(**UNCOUNTED))


def of_run(run: Run) -> Any:
    """Return the condition for the attempts of a run: a range of the primary key."""
    return (attempts.c.id >= first_id(run)) & (attempts.c.id < end_id(run))


def lock_run(connection: Connection, run: Run) -> None:
    """Let no sender claim for the run, and no process change it, until the commit. Call it before locking any attempt.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(runs.c.number).where(runs.c.number == run.number).with_for_update())


def run_from_row(row: RowMapping) -> Run:
    """Return a ``Run`` from a row of the runs table."""
    values: dict[str, Any] = {field.name: row[field.name] for field in fields(Run)}
    values["summary"] = json.loads(row["summary"]) if row["summary"] else {}
    values["sending"] = json.loads(row["sending"]) if row["sending"] else {}
    return Run(**values)


class Plans(SubStore):
    """Makes plans in an open ledger; each plan has one planner."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._locks: dict[int, RunLock] = {}
        self.chunk_engine: Engine | None = None
        """Connections for chunks of plans, whose commits need not be durable yet; None while nothing is planned."""

    def occasion(self, campaign: str, occurrence: str) -> int:
        """Return the number of a campaign's occurrence, within which nobody is messaged twice; created if new."""
        with self._ledger.writing() as connection:
            number = _known_occasion(connection, campaign, occurrence)
            if not number:
                # another process may create it at the same time
                with suppress(IntegrityError), connection.begin_nested():
                    connection.execute(insert(occasions).values(campaign=campaign, occurrence=occurrence))
                number = _known_occasion(connection, campaign, occurrence)
        return number

    def known_occasion(self, campaign: str, occurrence: str) -> int:
        """Return the number of a campaign's occurrence; 0 if it was never planned."""
        with self._ledger.reading() as connection:
            return _known_occasion(connection, campaign, occurrence)

    def begin(self, new: NewRun) -> Run:
        """Create a run in state ``planning``, and remove unfinished plans of the occurrence left by ended processes."""
        self._clean(new.occasion)
        with self._ledger.writing() as connection:
            _refuse_forgotten(connection, new.occasion)
            run = _begin(connection, new)
            # Locked before others can see the run, so that they do not take its planner for ended.
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
        """Store one chunk of the plan in one commit; may be called from another thread, one call at a time.

        One-time codes are stored row by row instead, because their texts are deleted as soon as they are settled.
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
        """Complete the plan durably. ``clocks`` are those its rows use, by number.

        Unsent plans of the occurrence beyond the newest three lose their rows.
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
        """Delete the rows of an unsent plan; the run stays as ``discarded``."""
        with self._ledger.writing() as connection:
            state = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar_one()
            if state in (RunState.PLANNING, RunState.PLANNED):
                drop_rows(connection, run, RunState.DISCARDED, "not approved")
        self._end(run)

    def verify(self, run: Run) -> None:
        """Raise ``LedgerError`` if the run would not send what was planned; see ``approved``.

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
        """Close the connection for chunks."""
        if self.chunk_engine is not None:
            with plainly(self.url):
                self.chunk_engine.dispose()
            self.chunk_engine = None

    def drop_locks(self) -> None:
        """Release the locks of unfinished plans, which the next plan of their occurrence removes."""
        for held in self._locks.values():
            held.drop()
        self._locks.clear()


def _known_occasion(connection: Connection, campaign: str, occurrence: str) -> int:
    same = (occasions.c.campaign == campaign) & (occasions.c.occurrence == occurrence)
    return int(connection.execute(select(occasions.c.number).where(same)).scalar() or 0)


def _refuse_forgotten(connection: Connection, occasion: int) -> None:
    """Raise ``LedgerError`` if it is no longer known who got this occurrence of the campaign."""
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
            continue  # the id is taken: once in 13 billion
    row = connection.execute(select(runs).where(runs.c.id == values["id"])).mappings().one()
    return run_from_row(row)


def keeps_no_texts(run: Run) -> bool:
    """Whether texts are deleted as soon as they are settled: one-time codes are never kept."""
    return run.purpose == "otp"


def _add_each(connection: Connection, run: Run, rows: PlannedRows) -> None:
    """Insert an attempt for each row of the chunk, including excluded ones."""
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
    """Set the run to planned: it can be approved, and survives power loss once committed.

    Adds a digest over everything stored to the summary's ``digests``. Raises ``LedgerError`` if another process
    considered the plan abandoned and removed its rows.
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
    """Make PostgreSQL analyse the new rows at once; it would do so by itself within a minute.

    Until then it assumes a handful of rows, and sorts all remaining rows for each claim of a hundred.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE (SKIP_LOCKED) attempts")


def drop_rows(connection: Connection, run: Run, state: RunState, reason: str) -> None:
    """Delete the rows of an unsent run and keep the run as history. Does nothing if sending has started."""
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
    """Return unsent plans of the occurrence beyond the newest ``KEPT_PLANS``."""
    query = (
        select(runs)
        .where(runs.c.occasion == occasion, runs.c.state == str(RunState.PLANNED))
        .order_by(runs.c.number.desc())
        .offset(KEPT_PLANS)
    )
    return [run_from_row(row) for row in connection.execute(query).mappings()]


def _abandoned(connection: Connection, engine: Engine, occasion: int) -> list[tuple[Run, RunLock]]:
    """Return runs of the occurrence whose planner ended, each with its lock, now held: the caller drops it."""
    query = select(runs).where(runs.c.occasion == occasion, runs.c.state == str(RunState.PLANNING))
    found = []
    for row in connection.execute(query).mappings().all():
        run = run_from_row(row)
        lock = locks.planner_lock(engine, run.number, run.id)
        if lock.take():
            found.append((run, lock))
    return found
