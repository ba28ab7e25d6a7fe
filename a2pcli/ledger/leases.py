"""Leases: which sender has which chunks of a plan, if several send one run.

Only the sender that leased a chunk claims its messages, including those that wait for another try. So the chunk shows
which sender made a claim. A lease lasts as long as its sender's hold on the run (``holds``): until the sender releases
the run, or is known to have ended and its hold is removed. In the second case the open claims in its chunks become
``unknown`` in the same transaction. A lease never expires by itself, and a sender that lost its hold cannot commit
claims.

On SQLite a run has one sender, and there are no leases.
"""

from __future__ import annotations

from sqlalchemy import and_, bindparam, delete, exists, func, insert, literal_column, not_, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger.attempt_ids import FIRST_ATTEMPT
from a2pcli.ledger.holds import Holder
from a2pcli.ledger.plan_store import ChunkHead
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import ROWS_PER_RUN, attempts, leases, plan_chunks, senders
from a2pcli.messages import State

_l, _a = leases.c, attempts.c


def _of_this_row(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a lease exists of the chunk that an attempt belongs to."""
    first = _a.id.op("&")(literal_column(str(FIRST_ATTEMPT)))
    return exists().where(_l.run == _a.run, _l.first_id <= first, first < _l.end_id, *more)


_mine = _l.token == bindparam("lease")
IS_MINE = _of_this_row(_mine)
"""Condition: the attempt is in a chunk of the sender whose token is the parameter ``lease``."""


def claimed_by(gone: Holder) -> ColumnElement[bool]:
    """Return the condition for attempts that an ended holder may have claimed."""
    return claimed_with(gone.token) if gone.part else not_(_of_this_row())


def claimed_with(token: int) -> ColumnElement[bool]:
    """Return the condition for attempts in chunks leased with this token."""
    return _of_this_row(_l.token == token)


def without_sender(connection: Connection, run: Run) -> list[int]:
    """Return the tokens of leases whose sender is not in the ledger."""
    known = exists().where(senders.c.run == _l.run, senders.c.token == _l.token)
    query = select(_l.token).distinct().where(_l.run == run.number, not_(known))
    return list(connection.execute(query).scalars())


def not_of_others(token: int) -> ColumnElement[bool]:
    """Return the condition for attempts in chunks that no other sender has leased."""
    return not_(_of_this_row(_l.token != token))


def taken(connection: Connection, run: Run) -> dict[int, int]:
    """Return the token of the sender of each leased chunk, by chunk number."""
    rows = connection.execute(select(_l.chunk, _l.token).where(_l.run == run.number))
    return {row.chunk: row.token for row in rows}


def of_sender(connection: Connection, run: Run, token: int) -> set[int]:
    """Return the numbers of a sender's chunks."""
    return {chunk for chunk, whose in taken(connection, run).items() if whose == token}


def take(connection: Connection, run: Run, head: ChunkHead, token: int) -> None:
    """Lease a free chunk to the sender. Call it under ``holds.one_by_one``."""
    values = {"chunk": head.number, "first_id": head.first_id, "end_id": head.end_id, "token": token}
    connection.execute(insert(leases).values(run=run.number, **values))


def give_up(connection: Connection, run: Run, token: int) -> None:
    """Release all of the sender's chunks of the run."""
    connection.execute(delete(leases).where(_l.run == run.number, _l.token == token))


_WAITS = and_(
    _a.run == bindparam("run"),
    _a.due_at <= bindparam("now"),
    _a.state == literal_column(f"'{State.PLANNED}'"),
)


def free_and_due(connection: Connection, run: Run, now: int) -> int | None:
    """Return the number of an unleased chunk with a due waiting message; None if there is none."""
    first = _a.id.op("&")(literal_column(str(FIRST_ATTEMPT)))
    due = select(first).where(_WAITS, not_(_of_this_row())).limit(literal_column("1"))
    id = connection.execute(due, {"run": run.number, "now": now}).scalar()
    if id is None:
        return None
    row = id - run.number * ROWS_PER_RUN
    at = and_(plan_chunks.c.run == run.number, plan_chunks.c.first_row <= row)
    return connection.execute(select(func.max(plan_chunks.c.number)).where(at)).scalar()


_busy = select(
    exists().where(
        _a.id >= bindparam("first"),
        _a.id < bindparam("end"),
        or_(
            _a.state == literal_column(f"'{State.SUBMITTING}'"),
            # without a reason, it waits for another try and not for permitted hours
            and_(
                _a.state == literal_column(f"'{State.PLANNED}'"), _a.due_at.is_not(None), _a.reason.is_(None)
            ),
        ),
        _of_this_row(_l.token != bindparam("lease")),
    )
)


def others_are_busy(connection: Connection, run: Run, token: int) -> bool:
    """Whether messages in other senders' chunks are with a gateway, or wait for another try."""
    values = {"first": run.number * ROWS_PER_RUN, "end": (run.number + 1) * ROWS_PER_RUN, "lease": token}
    return bool(connection.execute(_busy, values).scalar())
