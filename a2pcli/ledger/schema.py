"""What the ledger's tables are collected in; the tables of receipts, replies and senders; and indexes over some of the
rows on SQLite and PostgreSQL alike.
"""

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


# What people wrote back: each reply once, and never changed. It goes with the person, and by retention.
replies = Table(
    "replies",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # A hash of what it says: the same reply twice is one.
    Column("event", Text, nullable=False),
    # The gateway in the settings that it came through; "" where nobody said it.
    Column("gateway", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False),
    # Our sender that it was written to, where that is known.
    Column("recipient", Text),
    # Kept only where the settings say so (``replies: {texts: keep}``).
    Column("body", Text),
    # How it was understood: see ``rules.keywords.Meaning``.
    Column("kind", Text, nullable=False),
    # When it was written, where that is known.
    Column("at", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    # The newest message to the person before it, where there is one.
    Column("attempt", BigInteger),
    # The file it came in, or by whom it was typed.
    Column("source", Text, nullable=False),
)
Index("replies_event", replies.c.event, unique=True)
Index("replies_address", replies.c.address)


# Whom a channel reaches, as the provider behind a gateway said when it was asked; see ``reachability``.
reachability = Table(
    "reachability",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    # 1 or 0.
    Column("reachable", Integer, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
)
Index("reachability_address", reachability.c.address)


# Who sends or settles a run just now; see ``holds``. The primary key is the guard: one holder of a run that has it
# alone (part 0). Several senders of one run have a part each, from 1 on; they exclude whoever wants it alone.
senders = Table(
    "senders",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False, server_default="0"),
    Column("token", BigInteger, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    # What tells the process from a later one with the same number; empty where the system does not say.
    Column("process", Text, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# Which chunks of a run's plan one of several senders has; see ``leases``. The primary key is the guard: a chunk is
# with one of them. ``token`` is the sender's, in ``senders``; the ids are those of the chunk's first attempts.
leases = Table(
    "leases",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("first_id", BigInteger, nullable=False),
    Column("end_id", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
)

# How much of a quota is used: see ``quotas``. ``sender`` is the token of the process that has claimed it and not
# settled it, 0 for what is settled; ``slot`` is the piece of time (UTC milliseconds) in which that was.
quota_usage = Table(
    "quota_usage",
    metadata,
    Column("key", Text, primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

# What the messages of a run cost that left or may leave, in 1e-9 currency units; see ``spending``. Only of runs whose
# several senders keep a budget together.
spending = Table(
    "spending",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("currency", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

# Attempts that are followed by the message's next channel at a moment, unless it has arrived by then: see ``falling``.
# A row goes as soon as that is decided.
falling = Table(
    "falling",
    metadata,
    Column(
        "attempt",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("run", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    # From then on the provider does not deliver it any more: it was told so. Null where it was not.
    Column("expires_at", BigInteger),
    Index("falling_run", "run", "at"),
)

# When the next message may leave by a pace that all processes share, in UTC microseconds; see ``paces``.
paces = Table(
    "paces",
    metadata,
    Column("key", Text, primary_key=True),
    Column("next_at", BigInteger, nullable=False),
)
