"""The newest moment that the ledger knows of: a machine whose clock is behind it lives in the past.

Asked before anything is planned or sent: for such a machine yesterday has come again, with everybody of yesterday's
daily campaign, and messages that were due are not due any more.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, cast, select, text, update
from sqlalchemy.engine import Connection

from a2pcli.ledger.tables import about, audit, events

TOLERANCE = 120_000
"""Milliseconds by which clocks may differ: a time server's correction, or two machines with one ledger."""

_MARK = "newest-moment"


def newest(connection: Connection) -> int | None:
    """UTC milliseconds of the newest entry; None where there is none."""
    mark = connection.execute(select(about.c.value).where(about.c.name == _MARK)).scalar()
    found = [None if mark is None else int(mark)]
    # The last that was written, not the latest: what a clock that was ahead wrote is put right by what follows.
    for table in (events, audit):
        found.append(connection.execute(select(table.c.at).order_by(table.c.number.desc()).limit(1)).scalar())
    return max((at for at in found if at is not None), default=None)


def note(connection: Connection, now: int) -> None:
    """Record that sending was in progress at this moment."""
    later = cast(about.c.value, BigInteger) < now
    if not connection.execute(
        update(about).where(about.c.name == _MARK, later).values(value=str(now))
    ).rowcount:
        insert = text("INSERT INTO about (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING")
        connection.execute(insert, {"name": _MARK, "value": str(now)})


def set_right(connection: Connection, now: int) -> None:
    """A person says that this is the time, and that later entries are of a clock that was wrong."""
    connection.execute(update(about).where(about.c.name == _MARK).values(value=str(now)))
