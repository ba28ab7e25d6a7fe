"""The table of events that other systems report."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, and_

from a2pcli.ledger.schema import metadata, partial_index

# Events that other systems report, each of which may cause a message; see ``triggers``. Deleted with the person, and by
# retention.
triggers = Table(
    "triggers",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # "e" and twelve characters, by which the sender of the event can name it.
    Column("code", Text, nullable=False),
    # Its name in events.yaml.
    Column("name", Text, nullable=False),
    # SHA-256 of the name and the idempotency key: there is never a second one with the same.
    Column("key", Text, nullable=False),
    # The person; null if the address cannot be read.
    Column("address", Text),
    # What the message is made of, as JSON; null once it is settled.
    Column("data", Text),
    # SHA-256 of name, person and key of a digest: waiting events with the same become one message.
    Column("digest", Text),
    # SHA-256 of name and what a cap counts by, such as a device.
    Column("cap", Text),
    # Who reported it: a token, a provider, a user, a topic.
    Column("source", Text, nullable=False),
    # waiting, sent (a message was made of it), excluded or expired.
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    # The reference of its message in ``answers``.
    Column("answer", Text),
    # When it happened and when it came.
    Column("occurred_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # When its message may be made; set exactly while it waits.
    Column("due_at", BigInteger),
    # After this no message is sent about it.
    Column("until_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    # SHA-256 of what its message is made of: an event with the same key and another content is told as such.
    Column("content", Text),
    # The planned price of its message (1e-9 units), of a digest in its last event.
    Column("cost", BigInteger),
    Column("currency", Text),
    # What its message was made of and what may follow it, as JSON, in the last event of a digest; null once it is over.
    Column("message", Text),
)
Index("triggers_code", triggers.c.code, unique=True)
Index("triggers_key", triggers.c.key, unique=True)
Index("triggers_address", triggers.c.address)
partial_index("triggers_due", triggers.c.due_at, where=triggers.c.due_at.is_not(None))
partial_index("triggers_answer", triggers.c.answer, where=triggers.c.message.is_not(None))
_GATHERS = and_(triggers.c.due_at.is_not(None), triggers.c.digest.is_not(None))
_COUNTS = and_(triggers.c.cap.is_not(None), triggers.c.answer.is_not(None))
partial_index("triggers_until", triggers.c.until_at, where=triggers.c.due_at.is_not(None))
partial_index("triggers_cost", triggers.c.name, triggers.c.settled_at, where=triggers.c.cost.is_not(None))
partial_index("triggers_open_digest", triggers.c.digest, where=_GATHERS)
partial_index("triggers_cap", triggers.c.cap, triggers.c.settled_at, where=_COUNTS)
