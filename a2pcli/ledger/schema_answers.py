"""The table of messages outside of campaign runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from a2pcli.ledger.schema import metadata, partial_index

# Single messages outside of campaign runs: confirmations, answers, what agents write; see ``answers``. Deleted with the
# person, and by retention.
answers = Table(
    "answers",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # Passed to the gateway, like the reference of a message.
    Column("reference", Text, nullable=False),
    # What it is for: no second answer with the same key is ever made.
    Column("key", Text, nullable=False),
    # What it is: "stop", "help", "keyword", "agent", "desk", ...
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    # The address to send to, if it differs.
    Column("spelling", Text),
    Column("channel", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("sender", Text),
    # Null if it must not be stored, or is not kept after sending.
    Column("body", Text),
    # What the channel sends beside the text, as JSON.
    Column("content", Text),
    Column("purpose", Text, nullable=False),
    Column("programme", Text),
    # 1 if it is sent although the person is on the suppression list: a confirmation of a STOP, HELP.
    Column("anyway", Integer, nullable=False),
    # planned, submitting, accepted, rejected, unknown, expired or skipped: see ``messages.State``.
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    # When it may be sent, and until when; set exactly while it is planned.
    Column("due_at", BigInteger),
    Column("until_at", BigInteger, nullable=False),
    Column("claimed_at", BigInteger),
    Column("settled_at", BigInteger),
    Column("code", Text),
    Column("detail", Text),
    Column("gateway_id", Text),
    # Who or what made it: the gateway whose reply it answers, or a user.
    Column("source", Text, nullable=False),
    # SMS parts, once it was submitted.
    Column("parts", Integer),
    # What became of it, according to its receipts, as in ``attempts``.
    Column("delivery", Text),
    Column("delivered_at", BigInteger),
    Column("delivery_code", Text),
    # What the provider bills, in 1e-9 units of the currency; null if no receipt says.
    Column("billed_cost", BigInteger),
    Column("billed_currency", Text),
)
Index("answers_reference", answers.c.reference, unique=True)
Index("answers_key", answers.c.key, unique=True)
Index("answers_address", answers.c.address, answers.c.created_at)
partial_index("answers_due", answers.c.due_at, where=answers.c.due_at.is_not(None))
partial_index("answers_open", answers.c.claimed_at, where=answers.c.settled_at.is_(None))
partial_index("answers_gateway_id", answers.c.gateway_id, where=answers.c.gateway_id.is_not(None))
