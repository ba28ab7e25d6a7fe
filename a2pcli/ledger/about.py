"""What a ledger says about itself, in the table ``about``: its id, and the newest moment that it knows of.

By the id it is known from every other ledger, whatever its file is called; on SQLite the file's header holds a number
made of it as well (``user_version``), which can be read without opening the database: see ``watch``.

A machine whose clock is behind the newest moment lives in the past. Asked before anything is planned or sent: for such
a machine yesterday has come again, with everybody of yesterday's daily campaign, and messages that were due are not
due any more.
"""

from __future__ import annotations

import secrets
import time

from sqlalchemy import BigInteger, cast, insert, select, text, update
from sqlalchemy.engine import Connection

from a2pcli.ledger.tables import about, audit, events

TOLERANCE = 120_000
"""Milliseconds by which clocks may differ: a time server's correction, or two machines with one ledger."""

_MARK = "newest-moment"


def newest(connection: Connection) -> int | None:
    """Return UTC milliseconds of the newest entry; None for an empty ledger."""
    mark = connection.execute(select(about.c.value).where(about.c.name == _MARK)).scalar()
    found = [None if mark is None else int(mark)]
    # The last entry written, not the latest time: entries from a clock that was ahead are superseded by later ones.
    for table in (events, audit):
        found.append(connection.execute(select(table.c.at).order_by(table.c.number.desc()).limit(1)).scalar())
    return max((at for at in found if at is not None), default=None)


def note_moment(connection: Connection, now: int) -> None:
    """Record that sending was in progress at this moment (UTC ms)."""
    later = cast(about.c.value, BigInteger) < now
    if not connection.execute(
        update(about).where(about.c.name == _MARK, later).values(value=str(now))
    ).rowcount:
        noted = text("INSERT INTO about (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING")
        connection.execute(noted, {"name": _MARK, "value": str(now)})


def set_right(connection: Connection, now: int) -> None:
    """Set the newest moment to ``now`` (UTC ms) because a user confirmed that later entries came from a wrong clock."""
    connection.execute(update(about).where(about.c.name == _MARK).values(value=str(now)))


_PROBE = "probed-at"


def note_probe(connection: Connection, now: int | None = None) -> None:
    """Change something, to learn whether the ledger can be written. The caller commits."""
    moment = str(time.time_ns() // 1_000_000 if now is None else now)
    if not connection.execute(update(about).where(about.c.name == _PROBE).values(value=moment)).rowcount:
        noted = text("INSERT INTO about (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING")
        connection.execute(noted, {"name": _PROBE, "value": moment})


_NAME = "id"


def id_of(connection: Connection) -> str | None:
    """Return the ledger's id; None if an older version of a2pcli created it without one."""
    return connection.execute(select(about.c.value).where(about.c.name == _NAME)).scalar()


def give_id(connection: Connection) -> str:
    """Return the ledger's id, creating it if there is none. The caller commits."""
    found = id_of(connection)
    if found is not None:
        return found
    id = secrets.token_hex(8)
    connection.execute(insert(about).values(name=_NAME, value=id))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={number_of(id)}")
    return id


def number_of(id: str) -> int:
    """Return the number that represents the id in a SQLite file's header: 31 bits, never 0, the default of other
    files."""
    return int(id[:8], 16) % (2**31 - 1) + 1
