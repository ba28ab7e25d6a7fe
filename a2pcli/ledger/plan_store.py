"""The chunks of a run in the database: what became of all that was left of one, what is left of it now, and the hash
of their digests that the audit trail keeps.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import delete, func, insert, literal_column, select, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import audit
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import MOST_ROWS, ROWS_PER_RUN, attempts, plan_chunks, plan_ends
from a2pcli.ledger.tables import audit as entries
from a2pcli.messages import State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.ledger.chunks import Chunk, Packed

_ENDING = 0x61327005

_p, _e, _a = plan_chunks.c, plan_ends.c, attempts.c

Place: TypeAlias = tuple[str | None, int | None, str | None]
"""Country and clock of rows, which decide whether an end applies to them, and their channel if it is not the run's."""


class Group(NamedTuple):
    """Rows of a chunk with these values in common. ``reason`` is None if they are to be sent.

    ``cost`` is in 1e-9 currency units, of the ``priced`` ones of the ``messages``.
    """

    reason: str | None
    country: str | None
    currency: str | None
    variant: str | None
    sender: str | None
    clock: int | None
    messages: int
    parts: int
    cost: int
    priced: int
    channel: str | None = None
    """The channel if it is not the run's. Groups in runs of one channel, and of earlier versions, have none."""


def groups_from(counts: str) -> tuple[Group, ...]:
    """Parse the groups of ``Packed.counts``."""
    return tuple(Group(*one) for one in json.loads(counts)["groups"])


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """What is known of a chunk without reading it. ``first_id`` and ``end_id`` bound the ids of its messages."""

    number: int
    first_row: int
    rows: int
    accepted: int
    digest: str
    groups: tuple[Group, ...]
    first_id: int

    @property
    def end_id(self) -> int:
        """One more than the id of its last message."""
        return self.first_id + self.rows


@dataclass(frozen=True, slots=True)
class End:
    """The common end of all messages without attempts at the time ``at`` (UTC milliseconds).

    Limited to one ``country`` or ``clock`` if they are not None.
    """

    at: int
    state: State
    reason: Reason
    detail: str | None = None
    rule: str | None = None
    country: str | None = None
    clock: int | None = None

    def fits(self, country: str | None, clock: int | None) -> bool:
        """Return whether it applies to rows of this country and clock."""
        return self.country in (None, country) and self.clock in (None, clock)


def end_of(ends: Sequence[End], country: str | None, clock: int | None) -> End | None:
    """Return the first end that applies to rows of this country and clock; None while they wait."""
    return next((one for one in ends if one.fits(country, clock)), None)


def first_id(run: Run) -> int:
    """Return the id that row 0 of the run would have."""
    return run.number * ROWS_PER_RUN


def add(connection: Connection, run: Run, packed: Packed) -> None:
    """Store the next chunk of a plan. Raises ``LedgerError`` if the run has more rows than ids."""
    if packed.first_row + packed.rows - 1 > MOST_ROWS:
        problem = Problem(
            f"a plan can have {MOST_ROWS:,} rows at most",
            hint="split the contacts file into several campaigns",
            code="too-many-rows",
        )
        raise LedgerError(problem)
    last = select(func.coalesce(func.max(_p.number), 0)).where(_p.run == run.number)
    number = int(connection.execute(last).scalar_one()) + 1
    values = {"run": run.number, "number": number, "first_row": packed.first_row, "rows": packed.rows}
    connection.execute(insert(plan_chunks).values(**values, **_content(packed)))


def _content(packed: Packed) -> dict[str, object]:
    return {
        "accepted": packed.accepted,
        "counts": packed.counts,
        "digest": packed.digest,
        "data": packed.data,
    }


def replace(connection: Connection, run: Run, number: int, packed: Packed) -> None:
    """Replace the content of a chunk."""
    mine = (_p.run == run.number) & (_p.number == number)
    connection.execute(update(plan_chunks).where(mine).values(_content(packed)))


def remove(connection: Connection, run: Run) -> None:
    """Delete the run's plan and its ends."""
    connection.execute(delete(plan_chunks).where(_p.run == run.number))
    connection.execute(delete(plan_ends).where(_e.run == run.number))


def heads(connection: Connection, run: Run, numbers: Sequence[int] | None = None) -> list[ChunkHead]:
    """Return the run's chunks in order, or those with these numbers; empty for a run whose rows are all in
    ``attempts``, or deleted."""
    query = (
        select(_p.number, _p.first_row, _p.rows, _p.accepted, _p.digest, _p.counts)
        .where(_p.run == run.number)
        .order_by(_p.number)
    )
    if numbers is not None:
        query = query.where(_p.number.in_(numbers))
    base = first_id(run)
    return [
        ChunkHead(number, first, rows, accepted, digest, groups_from(counts), base + first)
        for number, first, rows, accepted, digest, counts in connection.execute(query)
    ]


def exist(connection: Connection, run: Run) -> bool:
    """Whether the run's plan is stored as chunks."""
    return connection.execute(select(_p.number).where(_p.run == run.number).limit(1)).first() is not None


def data_of(connection: Connection, run: Run, number: int) -> bytes:
    """Return the stored bytes of a chunk; empty if it is missing."""
    query = select(_p.data).where(_p.run == run.number, _p.number == number)
    return bytes(connection.execute(query).scalar() or b"")


def prefixes(connection: Connection, run: Run, size: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield number, first id, end id and first ``size`` bytes of each of the run's chunks in order; avoids reading
    the rest if the database can."""
    base, place = first_id(run), (_p.number, _p.first_row, _p.rows)
    mine = _p.run == run.number
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite" or not hasattr(driver, "blobopen"):
        query = select(*place, func.substr(_p.data, 1, size)).where(mine).order_by(_p.number)
        for number, first, rows, data in connection.execute(query).all():
            yield number, base + first, base + first + rows, bytes(data or b"")
        return
    query = select(*place, literal_column("rowid")).where(mine).order_by(_p.number)
    for number, first, rows, row in connection.execute(query).all():
        with driver.blobopen(plan_chunks.name, _p.data.name, row, readonly=True) as blob:
            yield number, base + first, base + first + rows, bytes(blob.read(size))


def load(connection: Connection, run: Run, head: ChunkHead, names: Sequence[str] | None = None) -> Chunk:
    """Read a chunk, or some of its columns. Raises ``LedgerError`` if it cannot be read."""
    return opened(connection, run, head, data_of(connection, run, head.number), names)


def opened(
    connection: Connection, run: Run, head: ChunkHead, data: bytes, names: Sequence[str] | None = None
) -> Chunk:
    """Return the chunk stored in these bytes. Raises ``LedgerError`` if they are invalid, or have another number of
    rows."""
    import pyarrow as pa

    from a2pcli.ledger.chunks import Chunk

    try:
        chunk = Chunk.read(head.number, head.first_row, head.rows, data, names)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _unreadable(connection, run, head) from error
    if chunk.table.num_columns and len(chunk.table) != head.rows:
        raise _unreadable(connection, run, head)
    return chunk


def _unreadable(connection: Connection, run: Run, head: ChunkHead) -> LedgerError:
    from a2pcli.ledger.faults import shown

    rows = f"rows {head.first_row:,} to {head.first_row + head.rows - 1:,}"
    problem = Problem(
        f"part of the plan of run {run.id} ({rows}) cannot be read: it is damaged or was changed outside of a2pcli",
        path=shown(connection.engine.url),
        hint="restore the ledger from a backup, or plan again",
        code="plan-damaged",
    )
    return LedgerError(problem)


def chain(known: Iterable[ChunkHead]) -> str:
    """Return one digest over those of all chunks, in order, and the rows each contains."""
    lines = (f"{head.number} {head.first_row} {head.rows} {head.digest}\n" for head in known)
    return sha256("".join(lines).encode()).hexdigest()


def ends_of(connection: Connection, run: Run) -> list[End]:
    """Return the ends of messages without attempts, earliest first."""
    c = _e
    query = select(c.at, c.state, c.reason, c.detail, c.rule, c.country, c.clock)
    rows = connection.execute(query.where(c.run == run.number).order_by(c.number))
    return [End(at, State(state), Reason(reason), *more) for at, state, reason, *more in rows]


def ends_one_by_one(connection: Connection, run: Run) -> None:
    """Let no other sender of the run add an end until the commit. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ENDING, run.number)))


def add_end(connection: Connection, run: Run, end: End) -> None:
    """Add an end for the messages without attempts that it applies to."""
    last = select(func.coalesce(func.max(_e.number), 0)).where(_e.run == run.number)
    number = int(connection.execute(last).scalar_one()) + 1
    values = {
        "at": end.at,
        "state": str(end.state),
        "reason": str(end.reason),
        "detail": end.detail,
        "rule": end.rule,
        "country": end.country,
        "clock": end.clock,
    }
    connection.execute(insert(plan_ends).values(run=run.number, number=number, **values))


def untouched(
    connection: Connection, run: Run, known: Sequence[ChunkHead]
) -> Iterator[tuple[ChunkHead, Counter[Place]]]:
    """Yield each chunk with the number of its recipients without attempts, by country, clock and channel, including
    ended ones."""
    for head in known:
        left: Counter[Place] = Counter()
        for group in head.groups:
            if group.reason is None:
                left[group.country, group.clock, group.channel] += group.messages
        query = (
            select(_a.country, _a.clock, _a.channel, func.count())
            .where(_a.id >= head.first_id, _a.id < head.end_id)
            .group_by(_a.country, _a.clock, _a.channel)
        )
        for country, clock, channel, many in connection.execute(query):
            left[country, clock, channel] -= many
        yield head, left


def count_waiting(connection: Connection, run: Run) -> Counter[tuple[str | None, int | None]]:
    """Return how many messages without attempts wait, by country and clock."""
    ends = ends_of(connection, run)
    found: Counter[tuple[str | None, int | None]] = Counter()
    for _, left in untouched(connection, run, heads(connection, run)):
        for (country, clock, _), many in left.items():
            if many > 0 and end_of(ends, country, clock) is None:
                found[country, clock] += many
    return found


MADE, CHANGED = "plan.make", "plan.change"
"""A plan was made; or a2pcli itself removed rows or texts from it (erasure, retention), or set a time zone."""

UPGRADED = "ledger.upgrade"
"""The ledger was migrated to have this record. Written by the migration, with the number of the last run then."""

_c = entries.c


def fingerprint(digests: Any) -> str | None:
    """Return SHA-256 over a plan's digests; None if it has none."""
    if not isinstance(digests, dict):
        return None
    return sha256(json.dumps(digests, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def note(connection: Connection, run: Run, digests: Any, now: int, *, changed: bool = False) -> None:
    """Add the audit entry of a plan, in the caller's transaction."""
    detail = {"digest": run.digest, "digests": fingerprint(digests)}
    audit.append(connection, CHANGED if changed else MADE, run.id, detail, now)


def agrees(connection: Connection, run: Run, digests: Any) -> bool:
    """Whether these digests (None for none) match the audit trail's record of the plan."""
    mine = (_c.subject == run.id) & _c.action.in_([MADE, CHANGED])
    entry = _entry(connection, select(entries).where(mine).order_by(_c.number.desc()))
    if entry is None:
        return _is_older(connection, run)
    return entry.facts.get("digests") == fingerprint(digests) and audit.is_sound_from(
        connection, entry.number
    )


def _is_older(connection: Connection, run: Run) -> bool:
    """Whether the plan is older than the recording of plans: the first entry of either kind shows it."""
    first = select(entries).where(_c.action.in_([UPGRADED, MADE])).order_by(_c.number)
    entry = _entry(connection, first)
    if entry is None or entry.action != UPGRADED:
        return False
    last = entry.facts.get("last_run")
    return isinstance(last, int) and run.number <= last and audit.is_sound_from(connection, entry.number)


def _entry(connection: Connection, query: Any) -> audit.AuditEntry | None:
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else audit.AuditEntry(**row)
