"""A ledger's own id, by which it is known from every other ledger, whatever its file is called.

It stands in the table ``about``; on SQLite the file's header holds a number made of it as well (``user_version``),
which can be read without opening the database: see ``watch``.
"""

from __future__ import annotations

import secrets

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from a2pcli.ledger.tables import about

_NAME = "id"


def id_of(connection: Connection) -> str | None:
    """The ledger's id; None where an older version of a2pcli made it, and none was given yet."""
    return connection.execute(select(about.c.value).where(about.c.name == _NAME)).scalar()


def give_id(connection: Connection) -> str:
    """The ledger's id, made where it has none. To be committed by the caller."""
    found = id_of(connection)
    if found is not None:
        return found
    id = secrets.token_hex(8)
    connection.execute(insert(about).values(name=_NAME, value=id))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={number_of(id)}")
    return id


def number_of(id: str) -> int:
    """What stands for the id in a SQLite file's header: 31 bits, never 0, which every other file has."""
    return int(id[:8], 16) % (2**31 - 1) + 1
