"""How many attempts were ever made of a run's messages, counted beside them in the transaction that makes them.

A message without a row in ``attempts`` is one to which nothing has happened: were its row lost (deleted by hand, or
not recovered from a damaged file), it would be sent again. So a run with missing rows is not sent, and its occurrence
is not planned again. The counts are of pieces of ``PIECE`` rows, so that several senders of a run seldom wait for one
another. Runs without chunks need none: the digests of their plan are over all of their rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import and_, delete, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger.attempt_ids import ATTEMPT_BIT
from a2pcli.ledger.faults import shown
from a2pcli.ledger.records import Run
from a2pcli.ledger.statements import in_groups, is_on, later
from a2pcli.ledger.tables import ROWS_PER_RUN, attempt_counts, attempts, runs

PIECE_BIT = 15
PIECE = 2**PIECE_BIT
"""Number of plan rows that share a count."""

_a, _n = attempts.c, attempt_counts.c

_ADD = (
    "INSERT INTO attempt_counts (run, piece, made) VALUES ({0}, {0}, {0})"
    " ON CONFLICT (run, piece) DO UPDATE SET made = attempt_counts.made + excluded.made"
)
_ADD_SQLITE, _ADD_POSTGRES = _ADD.format("?"), _ADD.format("%s")


def add(connection: Connection, run: int, ids: Iterable[int], made: int = 1) -> None:
    """Count attempts ``made`` in this transaction, by their ids; -1 for attempts that a2pcli takes back."""
    found = Counter((id & (2**ATTEMPT_BIT - 1)) >> PIECE_BIT for id in ids)
    # Sorted, so that two senders counting in the same pieces cannot deadlock.
    rows = [(run, piece, made * count) for piece, count in sorted(found.items())]
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        in_groups(connection, None, _ADD_SQLITE, rows)
    else:
        for row in rows:
            if is_on(connection):
                later(connection, _ADD_POSTGRES, row)
            else:
                connection.exec_driver_sql(_ADD_POSTGRES, row)


def forget(connection: Connection, run: Run) -> None:
    """Delete the counts of a run whose attempts a2pcli removes itself."""
    connection.execute(delete(attempt_counts).where(_n.run == run.number))


class Difference(NamedTuple):
    """A piece of a plan with another number of attempts than were made: its first and last row, and both numbers."""

    first: int
    last: int
    made: int
    there: int


def differences(connection: Connection, run: Run) -> list[Difference]:
    """Return the differing pieces of a run with chunks; one pass over its attempts."""
    counted = select(_n.piece, _n.made).where(_n.run == run.number)
    made = {int(piece): int(count) for piece, count in connection.execute(counted)}
    piece = (_a.id % 2**ATTEMPT_BIT).op("/")(PIECE).label("piece")
    found = select(piece, func.count()).where(_of(run.number)).group_by(piece)
    there = {int(piece): int(count) for piece, count in connection.execute(found)}
    return [
        Difference(max(1, piece * PIECE), piece * PIECE + PIECE - 1, made.get(piece, 0), there.get(piece, 0))
        for piece in sorted(made.keys() | there.keys())
        if made.get(piece, 0) != there.get(piece, 0)
    ]


def _of(run: int) -> ColumnElement[bool]:
    return and_(_a.id >= run * ROWS_PER_RUN, _a.id < (run + 1) * ROWS_PER_RUN)


def refuse_lost(connection: Connection, run: Run) -> None:
    """Raise ``LedgerError`` if the ledger has lost attempts of the run."""
    lost = missing(connection, run.number)
    if lost:
        raise _lost(connection, run.id, lost, f"then `a2pcli cancel {run.id}`")


def refuse_lost_of(connection: Connection, occasion: int) -> None:
    """Raise ``LedgerError`` if a run of the occurrence has lost attempts, before it is planned again: the people
    concerned would get the message again."""
    query = select(runs.c.number, runs.c.id).where(runs.c.occasion == occasion)
    for number, id in connection.execute(query).all():
        lost = missing(connection, number)
        if lost:
            raise _lost(connection, id, lost, "plan it under another name (--occurrence NAME)")


def missing(connection: Connection, run: int) -> int:
    """Return how many attempts of the run were made but no longer exist."""
    made = connection.execute(select(func.sum(_n.made)).where(_n.run == run)).scalar()
    if made is None:
        return 0
    there = connection.execute(select(func.count()).select_from(attempts).where(_of(run))).scalar_one()
    return max(0, int(made) - int(there))


def _lost(connection: Connection, run: str, lost: int, instead: str) -> LedgerError:
    many = "1 message that was" if lost == 1 else f"{lost:,} messages that were"
    problem = Problem(
        f"run {run} has lost the record of {many} sent, tried or skipped: rows were deleted from the ledger outside of"
        " a2pcli, and these people would get the message again. Nothing was sent",
        path=shown(connection.engine.url),
        hint=f"restore the ledger from a backup; without one, find out from the provider's log who has the message,"
        f" {instead} and exclude them from a new plan (exclude.file)",
        code="attempts-lost",
    )
    return LedgerError(problem)
