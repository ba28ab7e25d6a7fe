"""The table of what people wrote back."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from a2pcli.ledger.schema import metadata

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
