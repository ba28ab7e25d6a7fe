"""What the ledger's tables are collected in, the table of receipts, and indexes over some of the rows on SQLite and
PostgreSQL alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text
from sqlalchemy.sql.expression import ColumnElement

metadata = MetaData()

_PARTIAL: list[tuple[Index, ColumnElement[bool]]] = []


def partial_index(name: str, *columns: Any, where: ColumnElement[bool], unique: bool = False) -> None:
    """An index over some of the rows. The condition is told to SQLite only: naming PostgreSQL imports its drivers,
    which costs every small command; see ``for_server``."""
    _PARTIAL.append((Index(name, *columns, unique=unique, sqlite_where=where), where))


def for_server() -> None:
    """Tell PostgreSQL the conditions of the indexes, before its tables are made or compared."""
    while _PARTIAL:
        index, where = _PARTIAL.pop()
        index.dialect_options["postgresql"]["where"] = where


# What gateways told of messages after they took them: each receipt once, as it came, and never changed but by the
# attempt it is found to be about. Neither a number nor a text. What they say together is in ``attempts.delivery``.
receipts = Table(
    "receipts",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # A hash of what it says: the same receipt twice is one.
    Column("event", Text, nullable=False),
    # The gateway in the settings that it came from; "" where nobody said it.
    Column("gateway", Text, nullable=False, server_default=""),
    Column("gateway_id", Text),
    Column("reference", Text),
    # The provider's word, and what it means (see ``delivery``); null where nobody knows.
    Column("status", Text, nullable=False),
    Column("delivery", Text),
    Column("code", Text),
    Column("at", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    # Null as long as the message is not known: a receipt may be here before the gateway's answer is.
    Column("attempt", BigInteger),
    # The file it came in.
    Column("source", Text, nullable=False),
)
Index("receipts_event", receipts.c.event, unique=True)
partial_index("receipts_attempt", receipts.c.attempt, where=receipts.c.attempt.is_not(None))
partial_index("receipts_unmatched", receipts.c.gateway_id, where=receipts.c.attempt.is_(None))
