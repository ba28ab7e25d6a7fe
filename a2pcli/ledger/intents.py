"""Writing intents: the rows that were chosen become ``submitting``, but for people whom another row has taken.

The index ``messages_once`` is what decides. SQLite leaves a row as it is where it says no; PostgreSQL ends the whole
transaction, which is then made again in halves, until such a row is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, case, literal_column, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from a2pcli.ledger.candidates import ID
from a2pcli.ledger.hot import Hot
from a2pcli.ledger.outcomes import IS_PLANNED, IS_SUBMITTING
from a2pcli.ledger.tables import messages
from a2pcli.messages import State

_c = messages.c

_intent = (
    update(messages)
    .values(
        state=literal_column(f"'{State.SUBMITTING}'"),
        # At the column's end it stays: a message that no gateway takes for weeks may get there.
        attempts=case(
            (_c.attempts < literal_column("32767"), _c.attempts + literal_column("1")), else_=_c.attempts
        ),
        claimed_at=bindparam("b_now"),
        due_at=literal_column("NULL"),
        settled_at=literal_column("NULL"),
        # What held it holds it no more.
        reason=literal_column("NULL"),
        rule=literal_column("NULL"),
    )
    # On SQLite a row whose person is taken is left as it is; PostgreSQL has no such words (see mark_postgres).
    .prefix_with("OR IGNORE", dialect="sqlite")
)
_intent_of_one = Hot(_intent.where(_c.id == bindparam("b_id"), IS_PLANNED), "b_now", "b_id")
_intent_of_range = _intent.where(
    _c.id.between(bindparam("b_first"), bindparam("b_last")), IS_PLANNED, _c.due_at.is_(None)
)


def mark_sqlite(connection: Connection, rows: Sequence[Any], now: int, *, together: bool) -> Sequence[Any]:
    """Mark as submitting; gives the rows it worked for. ``together``: no planned row lies between them."""
    if together:
        parameters = {"b_first": rows[0][ID], "b_last": rows[-1][ID], "b_now": now}
        done = connection.execute(_intent_of_range, parameters).rowcount
    else:
        done = _intent_of_one.run(connection, [(now, row[ID]) for row in rows])
    if done == len(rows):
        return rows
    # The person of some rows is taken by another row of this very batch: messages_once left those alone.
    ids = [row[ID] for row in rows]
    query = select(_c.id).where(_c.id.between(min(ids), max(ids)), IS_SUBMITTING)
    taken = set(connection.execute(query).scalars())
    return [row for row in rows if row[ID] in taken]


def mark_postgres(connection: Connection, rows: Sequence[Any], now: int, *, halving: bool) -> Sequence[Any]:
    """Mark as submitting; where a person is taken meanwhile, halve until that row is alone, or raise."""
    intents = [(now, row[ID]) for row in rows]
    if (
        not halving
    ):  # savepoints cost two journeys to the server, and almost never is there somebody to halve for
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
