"""The tables of those who send: who holds a run, which chunks of its plan each of several senders has, and what of a
budget they have used together."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from a2pcli.ledger.schema import metadata

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

# What the messages of a run cost that left or may leave, in 1e-9 currency units; see ``spending``. Only of runs whose
# several senders keep a budget together.
spending = Table(
    "spending",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("currency", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
