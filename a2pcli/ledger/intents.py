"""Rows that wait for another try, as a claim asks for them, and the writing of intents.

What was chosen becomes ``submitting``, but for people whom another row has taken.

The index ``attempts_once`` is what decides. A message that nothing happened to yet gets a row, or none where the index
says no. A row that waited is changed: SQLite leaves it as it is where the index says no; PostgreSQL ends the whole
transaction, which is then made again in halves, until such a row is alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, case, func, literal_column, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from a2pcli.ledger import alternatives, attempt_counts, refusals
from a2pcli.ledger.leases import IS_MINE
from a2pcli.ledger.outcomes import IS_PLANNED, IS_SUBMITTING
from a2pcli.ledger.statements import ROWS, PreparedQuery, PreparedStatement, in_groups, on_sqlite
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.ledger.plan_cursor import Fresh
    from a2pcli.ledger.records import Run

_c = attempts.c

CANDIDATE = select(
    _c.id,
    _c.address,
    _c.body,
    _c.country,
    _c.parts,
    _c.tries,
    _c.cost,
    _c.currency,
    _c.clock,
    _c.sender,
    _c.channel,
    _c.gateway,
    refusals.why_not,
).with_for_update(skip_locked=True, of=attempts)

ID, ADDRESS, BODY, CLOCK, SENDER, CHANNEL, GATEWAY, WHY_NOT = 0, 1, 2, 8, 9, 10, 11, -1
"""Positions in a row of ``CANDIDATE``; access by name costs 5x as much."""

# Ordered by due time only: in an old run all rows are due, and PostgreSQL would sort them for each claim. Both
# databases return rows with equal due times in the order in which they were stored.
WAITED = (
    CANDIDATE.where(_c.run == bindparam("run"), _c.due_at <= bindparam("now"), IS_PLANNED)
    .order_by(_c.due_at)
    .limit(bindparam("want"))
)
# The same rows in the same order, but only the columns that clocks need.
WAITED_CLOCKS = (
    select(_c.id, _c.clock)
    .where(_c.run == bindparam("run"), _c.due_at <= bindparam("now"), IS_PLANNED)
    .order_by(_c.due_at)
    .limit(bindparam("want"))
)
# Of some of the run's channels.
_OF_CHANNELS = func.coalesce(_c.channel, bindparam("own_channel")).in_(bindparam("channels", expanding=True))
_WAITED = {
    (clocks, mine, some): reduce(lambda query, one: query.where(one), conditions, query)
    for clocks, query in ((False, WAITED), (True, WAITED_CLOCKS))
    # "Mine" are the chunks that one of several senders has.
    for mine, some, conditions in (
        *((False, False, ()), (True, False, (IS_MINE,))),
        *((False, True, (_OF_CHANNELS,)), (True, True, (IS_MINE, _OF_CHANNELS))),
    )
}


_PREPARED = {mine: PreparedQuery(_WAITED[False, mine, False]) for mine in (False, True)}


def waited(*, only_clocks: bool, mine: bool, some_channels: bool) -> Select[Any] | PreparedQuery:
    """The query of rows that waited: all of them, or only of the sender's chunks, or of some channels."""
    usual = not (only_clocks or some_channels)
    return _PREPARED[mine] if usual else _WAITED[only_clocks, mine, some_channels]


THESE = CANDIDATE.where(_c.id.in_(bindparam("ids", expanding=True)), IS_PLANNED).order_by(_c.id)
NEXT_DUE = select(func.min(_c.due_at)).where(_c.run == bindparam("run"), _c.due_at.is_not(None))
NEXT_DUE_OF_CHANNELS = NEXT_DUE.where(_OF_CHANNELS)


_intent = (
    update(attempts)
    .values(
        state=literal_column(f"'{State.SUBMITTING}'"),
        # Capped at the column's maximum, which a message refused for weeks may reach.
        tries=case((_c.tries < literal_column("32767"), _c.tries + literal_column("1")), else_=_c.tries),
        claimed_at=bindparam("b_now"),
        due_at=literal_column("NULL"),
        settled_at=literal_column("NULL"),
        # A claimed row is no longer held.
        reason=literal_column("NULL"),
        rule=literal_column("NULL"),
    )
    # SQLite skips a row whose person is taken; PostgreSQL has no equivalent (see mark_postgres).
    .prefix_with("OR IGNORE", dialect="sqlite")
)
_intent_of_one = PreparedStatement(_intent.where(_c.id == bindparam("b_id"), IS_PLANNED), "b_now", "b_id")


def mark_sqlite(connection: Connection, rows: Sequence[Any], now: int) -> Sequence[Any]:
    """Mark waiting rows as submitting; return the rows for which that succeeded."""
    if _intent_of_one.run(connection, [(now, row[ID]) for row in rows]) == len(rows):
        return rows
    # Another row of this batch took the person of some rows, so attempts_once refused them.
    ids = [row[ID] for row in rows]
    query = select(_c.id).where(_c.id.between(min(ids), max(ids)), IS_SUBMITTING)
    taken = set(connection.execute(query).scalars())
    return [row for row in rows if row[ID] in taken]


def mark_postgres(connection: Connection, rows: Sequence[Any], now: int, *, halving: bool) -> Sequence[Any]:
    """Mark waiting rows as submitting. If a person was taken meanwhile, halve the batch down to that row, or raise
    ``IntegrityError`` without ``halving``."""
    intents = [(now, row[ID]) for row in rows]
    if not halving:  # savepoints cost two round trips to the server and are almost never needed
        _intent_of_one.run(connection, intents)
        return rows
    try:
        with connection.begin_nested():
            _intent_of_one.run(connection, intents)
        return rows
    except IntegrityError:
        if len(rows) == 1:
            return []
    middle = len(rows) // 2
    first = mark_postgres(connection, rows[:middle], now, halving=True)
    return [*first, *mark_postgres(connection, rows[middle:], now, halving=True)]


_skip = PreparedStatement(
    update(attempts)
    .where(_c.id == bindparam("b_id"), IS_PLANNED)
    .values(
        state=literal_column(f"'{State.SKIPPED}'"),
        reason=bindparam("b_reason"),
        detail=bindparam("b_detail"),
        due_at=literal_column("NULL"),
        settled_at=bindparam("b_now"),
        rule=bindparam("b_rule"),
    ),
    *("b_reason", "b_rule", "b_detail", "b_now", "b_id"),
)


def skip_waiting(
    connection: Connection, rows: Iterable[tuple[int, str, str | None, str | None]], now: int
) -> None:
    """Leave out rows that waited: id, reason, detail, rule."""
    _skip.run(connection, [(reason, rule, detail, now, id) for id, reason, detail, rule in rows])


_TYPES = {
    "id": "bigint", "person": "bigint", "parts": "smallint", "cost": "bigint", "clock": "integer",
    "consent_until": "bigint", "tries": "smallint", "claimed_at": "bigint", "settled_at": "bigint",
}  # fmt: skip
"""PostgreSQL types of the columns that are not texts."""

_PLANNED = (
    "id", "address", "country", "parts", "cost", "currency", "clock", "sender", "person", "variant", "consent_until",
)  # fmt: skip
_OF_INTENT = (*_PLANNED, "state", "tries", "claimed_at")
_OF_SKIPPED = (*_PLANNED, "state", "reason", "detail", "rule", "settled_at")


def claim_fresh(connection: Connection, run: Run, rows: Sequence[Fresh], now: int) -> Sequence[Fresh]:
    """Insert attempts in state submitting for messages without one; return the messages for which that succeeded.

    It fails for a person who is taken, and for a message that another sender claimed first.
    """
    values = [(*_planned(row), str(State.SUBMITTING), 1, now) for row in rows]
    taken = _insert(connection, run, *_with_channels(run, rows, _OF_INTENT, values))
    return rows if taken is None else [row for row in rows if row.id in taken]


def skip_fresh(
    connection: Connection,
    run: Run,
    rows: Sequence[tuple[Fresh, str, str | None, str | None]],
    now: int,
    *,
    nameless: bool = False,
) -> frozenset[int]:
    """Insert attempts in state skipped for messages without one, each with reason, detail and rule; return the ids
    for which that succeeded. ``nameless`` omits address and person."""
    values = [
        (*_planned(row, nameless=nameless), str(State.SKIPPED), reason, detail, rule, now)
        for row, reason, detail, rule in rows
    ]
    taken = _insert(connection, run, *_with_channels(run, [row for row, *_ in rows], _OF_SKIPPED, values))
    return frozenset(row.id for row, *_ in rows) if taken is None else taken


def _with_channels(
    run: Run, rows: Sequence[Fresh], names: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
    """Add each row's channel and gateway in a run of several channels; null for the run's own."""
    if not alternatives.channels_of(run):
        return names, values
    ways = (
        (row.channel, None if row.channel is None else alternatives.gateway_of(run, row.channel))
        for row in rows
    )
    return (*names, "channel", "gateway"), [(*one, *way) for one, way in zip(values, ways, strict=True)]


def _planned(row: Fresh, *, nameless: bool = False) -> tuple[Any, ...]:
    """Return the values of ``_PLANNED`` by position: access by name costs 3x as much."""
    values = (row[0], row[1], row[3], row[4], *row[6:13])
    if nameless:
        return tuple(
            None if name in ("address", "person") else value
            for name, value in zip(_PLANNED, values, strict=True)
        )
    return values


def _insert(
    connection: Connection, run: Run, names: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> frozenset[int] | None:
    """Insert rows of the run, except those a unique index refuses, and count them. Return the inserted ids, None for
    all."""
    if not values:
        return frozenset()
    taken = _put_in(connection, run, names, values)
    attempt_counts.add(connection, run.number, [row[0] for row in values] if taken is None else taken)
    return taken


def _put_in(
    connection: Connection, run: Run, names: Sequence[str], values: Sequence[tuple[Any, ...]]
) -> frozenset[int] | None:
    columns = ", ".join(("run", "occasion", *names))
    shared = f"{int(run.number)}, {int(run.occasion)}"
    if connection.dialect.name == "sqlite":
        return _insert_sqlite(connection, f"INSERT INTO attempts ({columns})", shared, values)
    arrays = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in names)
    sql = (
        f"INSERT INTO attempts ({columns}) SELECT {shared}, v.* FROM unnest({arrays}) AS v"
        " ON CONFLICT DO NOTHING RETURNING id"
    )
    rows = connection.exec_driver_sql(sql, tuple(map(list, zip(*values, strict=True)))).scalars().all()
    return None if len(rows) == len(values) else frozenset(rows)


def _insert_sqlite(
    connection: Connection, head: str, shared: str, values: Sequence[tuple[Any, ...]]
) -> frozenset[int] | None:
    """Insert all rows at once; if some were refused, roll back and insert them one by one to find out which."""
    # Without "WHERE true", SQLite would read ON as a join condition.
    many = f"{head} SELECT {shared}, v.* FROM (VALUES {ROWS}) AS v WHERE true ON CONFLICT DO NOTHING"
    one = f"{head} VALUES ({shared}, {', '.join('?' * len(values[0]))}) ON CONFLICT DO NOTHING"
    on_sqlite(connection, "SAVEPOINT a2p_claim")
    done = in_groups(connection, many, one, values)
    taken = None
    if done < len(values):
        connection.exec_driver_sql("ROLLBACK TO a2p_claim")
        taken = frozenset(some[0] for some in values if connection.exec_driver_sql(one, some).rowcount == 1)
    on_sqlite(connection, "RELEASE a2p_claim")
    return taken
