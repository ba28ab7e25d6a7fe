"""Plans: every chunk is what its digest says, its counts are those of its rows, the chunks of a run follow each other
and are the ones that were planned; and attempts are of rows of their plan, with what was planned for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from a2pcli.dataclass import dataclass
from a2pcli.ledger import approved, attempt_counts, counting, plan_store
from a2pcli.ledger import audit as trail
from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.integrity_receipts import look_at_run
from a2pcli.ledger.integrity_rows import first
from a2pcli.ledger.plan_store import Group, first_id
from a2pcli.ledger.planned_costs import as_planned
from a2pcli.ledger.plans import end_id, keeps_no_texts, of_run, run_from_row
from a2pcli.ledger.records import SENDABLE, Run, RunState
from a2pcli.ledger.tables import MOST_ROWS, attempts, audit, clocks, plan_chunks, plan_ends, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.ledger.chunks import Chunk

_a, _p, _e = attempts.c, plan_chunks.c, plan_ends.c

_PERSONAL = ("address", "person", "clock", "consent_until")
"""Columns that are blank in an attempt of an erased person."""

_PLANNED = (*_PERSONAL, "country", "variant", "parts", "cost", "currency", "sender")
"""Columns that an attempt copies from its plan."""

_GONE = (RunState.PLANNING, RunState.DISCARDED, RunState.SUPERSEDED)
"""States of runs whose rows are incomplete or removed."""

_TAKES_OUT = ("people.erase", "prune")
"""Actions that remove rows or texts from plans of ended runs."""


@dataclass(frozen=True, slots=True)
class _Trail:
    """What the audit trail says about plans: by run, its newest entry and the hash of its digests."""

    known: Mapping[str, tuple[int, Any]]
    took_out: int
    """Number of the newest entry of an erasure or a pruning; 0 if there is none."""


@dataclass(frozen=True, slots=True)
class _Head:
    """A row of ``plan_chunks`` without its data."""

    number: int
    first_row: int
    rows: int
    accepted: int
    counts: str
    digest: str

    @property
    def place(self) -> str:
        """The chunk in words, such as ``chunk 3 (rows 50,001 to 75,000)``."""
        return f"chunk {self.number} (rows {self.first_row:,} to {self.first_row + self.rows - 1:,})"


def look_at(context: CheckContext, chosen: frozenset[tuple[int, int]] | None) -> None:
    """Check all runs; of their chunks only the ``chosen`` ones (run and number; None: all)."""
    known: list[_Trail] = []
    context.take("the audit trail", lambda: _read_trail(context, known))
    rows: list[Any] = []

    def read() -> Iterator[Finding]:
        found = context.connection.execute(select(runs).order_by(runs.c.number)).mappings()
        rows.extend(
            {**row, **{name: _readable(row[name]) for name in ("summary", "sending", "totals")}}
            for row in found
        )
        return iter(())

    context.take("the table runs", read)
    for row in rows:
        context.checked.runs += 1
        made: list[Run] = []

        def make(row: Any = row, made: list[Run] = made) -> Iterator[Finding]:
            made.append(run_from_row(row))
            return iter(())

        context.take("the run", make, str(row["id"]))
        if made:
            _OneRun(context, made[0], known[0] if known else _Trail({}, 0), chosen).look_at(row["totals"])


def _read_trail(context: CheckContext, known: list[_Trail]) -> Iterator[Finding]:
    c = audit.c
    actions = (plan_store.MADE, plan_store.CHANGED, *_TAKES_OUT)
    plans: dict[str, tuple[int, Any]] = {}
    took_out = 0
    for row in context.connection.execute(
        select(audit).where(c.action.in_(actions)).order_by(c.number)
    ).mappings():
        entry = trail.AuditEntry(**row)
        if entry.action in _TAKES_OUT:
            took_out = entry.number
        elif entry.subject is not None:
            plans[entry.subject] = (entry.number, entry.facts.get("digests"))
    known.append(_Trail(plans, took_out))
    return iter(())


class _OneRun:
    """Checks one run: its plan, attempts and totals."""

    def __init__(
        self, context: CheckContext, run: Run, known: _Trail, chosen: frozenset[tuple[int, int]] | None
    ) -> None:
        self.look = context
        self.connection = context.connection
        self.run = run
        self.known = known
        self.chosen = chosen
        self.heads: list[_Head] = []
        self.pruned = run.summary.get("pruned", {})
        self.specs: dict[int, str] = {}

    def look_at(self, totals: str | None) -> None:
        """Check the whole run; adds a ``Finding`` for each problem."""
        take, id = self.look.take, self.run.id
        take("its chunks", self._order, id)
        take("its clocks", self._clocks, id)
        for head in self.heads:
            self.look.checked.chunks += 1
            self.look.checked.rows += head.rows
            if self.chosen is None or (self.run.number, head.number) in self.chosen:
                self.look.checked.chunks_read += 1
                self.look.checked.rows_read += head.rows
                take(f"{head.place} of its plan", partial(self._chunk, head), id)
                begin = first_id(self.run) + head.first_row
                take("its receipts", partial(look_at_run, self.look, self.run, begin, begin + head.rows), id)
        if not self.heads:
            ids = first_id(self.run), end_id(self.run)
            take("its receipts", partial(look_at_run, self.look, self.run, *ids), id)
        take("its attempts", self._strangers, id)
        if self.heads:
            take("its attempts", self._lost, id)
        take("the record of its plan", self._record, id)
        take("its ends", self._ends, id)
        take("its totals", lambda: self._totals(totals), id)

    def _found(self, code: str, message: str) -> Finding:
        return Finding(code, message, self.run.id)

    def _lost(self) -> Iterator[Finding]:
        """Check that as many attempts exist as were made."""
        for one in attempt_counts.differences(self.connection, self.run):
            rows = f"of the rows {one.first:,} to {one.last:,}, {one.made:,} were sent, tried or skipped"
            yield self._found("attempts-lost", f"{rows}, but {one.there:,} are recorded")

    def _order(self) -> Iterator[Finding]:
        """Check that the chunks are consecutive from row 1, and hold as many rows as were read."""
        query = select(_p.number, _p.first_row, _p.rows, _p.accepted, _p.counts, _p.digest)
        for row in self.connection.execute(query.where(_p.run == self.run.number).order_by(_p.number)):
            self.heads.append(_Head(*row))
        number, next_row = 1, 1
        for head in self.heads:
            if head.number != number or head.first_row != next_row:
                yield self._found(
                    "plan-incomplete", f"rows of its plan are missing or duplicated at {head.place}"
                )
            number, next_row = head.number + 1, head.first_row + head.rows
        if not self.heads:
            yield from self._gone()
        elif self.run.state not in _GONE and self.run.rows_read not in (None, next_row - 1):
            text = f"its plan has {next_row - 1:,} rows, and {self.run.rows_read:,} were read"
            yield self._found("plan-incomplete", text)

    def _gone(self) -> Iterator[Finding]:
        """Check a plan without chunks: all its rows are in ``attempts``, or retention removed them."""
        kept = self.run.summary.get(approved.DIGESTS)
        if isinstance(kept, dict) and approved.CHUNKS in kept and "people" not in self.pruned:
            if self.run.state not in _GONE:
                yield self._found("plan-incomplete", "its plan is gone")
        elif self.run.state not in _GONE and "people" not in self.pruned:
            many = self.connection.execute(select(func.count()).where(of_run(self.run))).scalar_one()
            if self.run.rows_read not in (None, many):
                text = f"it has {many:,} rows, and {self.run.rows_read:,} were read"
                yield self._found("plan-incomplete", text)

    def _clocks(self) -> Iterator[Finding]:
        """Check that each clock is readable, and that every clock used exists."""
        from a2pcli.ledger import clocks as run_clocks

        c = clocks.c
        query = select(c.number, c.spec).where(c.run == self.run.number)
        self.specs = dict(map(tuple, self.connection.execute(query)))
        used = {group.clock for head in self.heads for group in _groups(head.counts) or ()} - {None}
        if self.run.state not in _GONE and (lost := used - set(self.specs)):
            yield self._found("clock", f"{len(lost):,} of its clocks are missing")
        run_clocks.of_run(self.connection, self.run)

    def _chunk(self, head: _Head) -> Iterator[Finding]:
        from a2pcli.ledger.chunks import SCHEMA, is_sound, pack

        data = plan_store.data_of(self.connection, self.run, head.number)
        if not is_sound(data, head.digest):
            yield self._found("plan-damaged", f"the bytes of {head.place} do not match their digest")
        groups = _groups(head.counts)
        if groups is None:
            yield self._found("plan-damaged", f"the counts of {head.place} cannot be read")
        chunk = self._opened(head, data)
        if chunk is None:
            yield self._found("plan-damaged", f"{head.place} of its plan cannot be read")
            return
        strange = [one.name for one in chunk.table.schema if SCHEMA.get(one.name) != one.type]
        if strange:
            yield self._found("plan-damaged", f"{head.place} has unexpected columns: {', '.join(strange)}")
            return
        counted = pack(chunk.table, head.first_row) if chunk.table.num_columns else None
        if counted is not None and groups is not None and not _same(groups, counted.groups):
            yield self._found("plan-changed", f"the counts of {head.place} do not match its rows")
        if counted is not None and counted.accepted != head.accepted:
            text = f"{head.place} should have {head.accepted:,} recipients, and has {counted.accepted:,}"
            yield self._found("plan-changed", text)
        yield from self._attempts(head, chunk)

    def _opened(self, head: _Head, data: bytes) -> Chunk | None:
        """Return the chunk; None if it cannot be read, or has another number of rows."""
        import pyarrow as pa

        from a2pcli.ledger.chunks import Chunk

        try:
            chunk = Chunk.read(head.number, head.first_row, head.rows, data)
            chunk.table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError, KeyError):
            return None
        return chunk if len(chunk.table) == head.rows else None

    def _attempts(self, head: _Head, chunk: Chunk) -> Iterator[Finding]:
        """Check that attempts of this chunk belong to recipients and match the plan."""
        import pyarrow as pa

        begin = first_id(self.run) + head.first_row
        columns = (_a.id, _a.state, _a.reason, *map(as_planned, _PLANNED))
        query = select(*columns).where(_a.id >= begin, _a.id < begin + head.rows).order_by(_a.id)
        rows = self.connection.execute(query).all()
        if not rows:
            return
        ids, states, reasons, *found = zip(*rows, strict=True)
        places = pa.array([id - begin for id in ids], pa.int64())
        left_out = [
            id for id, why in zip(ids, chunk.values("reason", places), strict=True) if why is not None
        ]
        if left_out:
            text = (
                f"{_many(len(left_out))} of {head.place} of rows that the plan excludes{first(left_out[0])}"
            )
            yield self._found("attempt-unknown", text)
        nameless = [
            state == State.SKIPPED and reason == Reason.ERASED
            for state, reason in zip(states, reasons, strict=True)
        ]
        wrong: dict[int, list[str]] = {}
        for name, column in zip(_PLANNED, found, strict=True):
            planned = chunk.values(name, places)
            if planned == list(column):
                continue
            for at, (mine, theirs) in enumerate(zip(column, planned, strict=True)):
                if mine != theirs and not (mine is None and name in _PERSONAL and nameless[at]):
                    wrong.setdefault(ids[at], []).append(name)
        if wrong:
            names = ", ".join(sorted({name for some in wrong.values() for name in some}))
            text = f"{_many(len(wrong))} of {head.place} differ from the plan ({names}){first(min(wrong))}"
            yield self._found("attempt-changed", text)

    def _strangers(self) -> Iterator[Finding]:
        """Report attempts of rows that are in no plan."""
        row = _a.id.bitwise_and(MOST_ROWS)
        if self.heads:
            least, last = self.heads[0].first_row, self.heads[-1].first_row + self.heads[-1].rows - 1
        elif self.run.state in _GONE:
            least, last = 1, MOST_ROWS if self.run.state == RunState.PLANNING else 0
        else:
            least, last = 1, self.run.rows_read or MOST_ROWS
        query = select(func.count(), func.min(_a.id)).where(of_run(self.run), or_(row < least, row > last))
        many, least_id = self.connection.execute(query).one()
        if many:
            yield self._found(
                "attempt-unknown", f"{_many(many)} of rows that are not in its plan{first(least_id)}"
            )

    def _record(self) -> Iterator[Finding]:
        """Check that the plan matches the record made with it."""
        run, kept = self.run, self.run.summary.get(approved.DIGESTS)
        if run.state in _GONE:
            return
        entry = self.known.known.get(run.id)
        recorded = plan_store.agrees(self.connection, run, kept) if entry is None else None
        if recorded is False or (entry is not None and entry[1] != plan_store.fingerprint(kept)):
            yield self._found("plan-record", "the digests of its plan do not match the audit trail")
            return
        if not isinstance(kept, dict) or "people" in self.pruned:
            return
        is_settled = run.state not in SENDABLE and self.known.took_out > (entry[0] if entry else 0)
        if is_settled:  # removals from ended runs are recorded with the person, not with the run
            return
        wrong = approved.run_differs(self.connection, run, kept)
        if approved.CHUNKS in kept and self.heads and self._chain() != kept[approved.CHUNKS]:
            wrong.append(approved.CHUNKS)
        if not self.heads and run.state in SENDABLE:
            wrong += self._rows_differ(kept)
        if wrong:
            what = " and the ".join(approved.WORDS.get(one, one) for one in wrong)
            yield self._found("plan-changed", f"it is not what was planned: the {what} were changed")

    def _rows_differ(self, kept: Mapping[str, str]) -> list[str]:
        """Return which digests over the rows of a run without chunks differ."""
        found, wiped = approved.digests_of(self.connection, self.run)
        names = [approved.PEOPLE, approved.TEXTS, approved.SENDERS, approved.DETAILS]
        if wiped and keeps_no_texts(self.run):
            names.remove(approved.TEXTS)
        return [name for name in names if name in kept and found.get(name) != kept[name]]

    def _chain(self) -> str:
        heads = [
            plan_store.ChunkHead(one.number, one.first_row, one.rows, one.accepted, one.digest, (), 0)
            for one in self.heads
        ]
        return plan_store.chain(heads)

    def _ends(self) -> Iterator[Finding]:
        """Check the ends of all remaining messages: consecutive, in a plan with chunks, with existing clocks."""
        query = select(_e.number, _e.clock).where(_e.run == self.run.number).order_by(_e.number)
        rows = self.connection.execute(query).all()
        if not rows:
            return
        if not self.heads:
            yield self._found("plan-end", "messages without a plan ended at once")
        if [number for number, _ in rows] != list(range(1, len(rows) + 1)):
            yield self._found("plan-end", "an end of many messages at once is missing, or twice there")
        if any(clock is not None and clock not in self.specs for _, clock in rows):
            yield self._found("plan-end", "messages ended by a clock that is not there")

    def _totals(self, text: str | None) -> Iterator[Finding]:
        """Report stored totals that differ from counted ones."""
        if text is None or "totals" in self.pruned or self.run.state in _GONE:
            return
        kept = json.loads(text)
        if kept.get("shape") not in counting.READABLE:
            return
        fresh = json.loads(counting.written(counting.count(self.connection, self.run)))
        names = ("states", "reasons", "codes", "countries", "variants", "senders", "untouched", "deliveries")
        wrong = [name for name in names if name in kept and not _agrees(kept[name], fresh[name])]
        if wrong:
            yield self._found("totals", f"its stored totals do not match its rows ({', '.join(wrong)})")


def _readable(text: Any) -> str | None:
    """Return a JSON document if it is one, else None; invalid JSON is reported with the table."""
    try:
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, TypeError):
        return None


def _agrees(kept: Any, fresh: Any) -> bool:
    """Whether sums are equal; older ledgers stored only the number of messages for some."""
    if isinstance(kept, dict) and isinstance(fresh, dict):
        return set(kept) == set(fresh) and all(_agrees(kept[name], fresh[name]) for name in kept)
    if isinstance(kept, int) and isinstance(fresh, list):
        return bool(fresh) and kept == fresh[0]
    if (
        isinstance(kept, list)
        and isinstance(fresh, list)
        and all(isinstance(one, list) for one in [*kept, *fresh])
    ):
        return sorted(kept, key=repr) == sorted(fresh, key=repr)
    return bool(kept == fresh)


def _groups(counts: str) -> tuple[Group, ...] | None:
    """Return the groups of a chunk's counts; None if they cannot be read."""
    try:
        return plan_store.groups_from(counts)
    except (ValueError, TypeError, KeyError):
        return None


def _same(one: Sequence[Group], other: Sequence[Group]) -> bool:
    return sorted(map(repr, one)) == sorted(map(repr, other))


def _many(count: int) -> str:
    return f"{count:,} attempt{'' if count == 1 else 's'}"
