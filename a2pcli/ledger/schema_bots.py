"""The table of what bots used."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from a2pcli.ledger.schema import metadata

# What was asked of bots, and what that cost, by day (UTC, days since 1970); see ``bot_usage``. Nothing about people.
bot_usage = Table(
    "bot_usage",
    metadata,
    # Its name in the settings, and the day.
    Column("bot", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    # Of its prices then; "" without.
    Column("currency", Text, primary_key=True),
    # Requests, answers that were taken, conversations given to a person.
    Column("asked", BigInteger, nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("handed_over", BigInteger, nullable=False),
    # Tokens read and made; the most that it can have been where the endpoint did not tell.
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    # In 1e-9 currency units.
    Column("cost", BigInteger, nullable=False),
)
