"""By which of its attempts a message stands: the one that no other followed. Asked of runs in which messages have
several; of the others, each of these costs one look at the primary key."""

from __future__ import annotations

from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger.attempt_ids import ATTEMPT_BIT, ROWS_PER_RUN, attempt_number, nth_attempt
from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts

_a = attempts.c

IS_LATER = _a.id % ROWS_PER_RUN >= 1 << ATTEMPT_BIT
"""The attempt is a message's second, or a later one."""


def most_attempts(connection: Connection, run: Run) -> int:
    """The largest number of attempts that a message of the run has; 1 where none has several."""
    last = connection.execute(select(func.max(_a.id)).where(of_run(run))).scalar()
    return 1 if last is None else attempt_number(int(last))


def standing(first_id: int, end_id: int, most: int) -> ColumnElement[bool]:
    """The condition for the attempts by which messages with these ids stand; ``most`` is of ``most_attempts``."""
    within = [
        and_(_a.id >= nth_attempt(first_id, number), _a.id <= nth_attempt(end_id - 1, number))
        for number in range(1, most + 1)
    ]
    return within[0] if most == 1 else and_(or_(*within), _a.followed_at.is_(None))
