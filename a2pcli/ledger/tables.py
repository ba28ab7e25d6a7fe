"""The ledger's tables, in SQLAlchemy Core, for SQLite and PostgreSQL alike.

A plan is stored as it was computed, chunk by chunk (``plan_chunks``), and never changes. What happened to a message
is a row of ``attempts``; a message without one is as its plan says, or as ``plan_ends`` says of many at once.

A message's id is ``run * 2**32 + row``, and so is the id of its first attempt; later attempts set the bits of
``ATTEMPT_BIT`` and above. The attempts of a run lie together in the file (measured: a composite key costs 1.4x, an
index on the address 1.9x). Moments are UTC milliseconds since 1970. Money is an integer of 1e-9 currency units: exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    and_,
    event,
)
from sqlalchemy.schema import DDL
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger.attempt_ids import MOST_ROWS as MOST_ROWS
from a2pcli.ledger.attempt_ids import ROWS_PER_RUN as ROWS_PER_RUN
from a2pcli.ledger.schema import about as about
from a2pcli.ledger.schema import attempt_counts as attempt_counts
from a2pcli.ledger.schema import for_server as for_server
from a2pcli.ledger.schema import leases as leases
from a2pcli.ledger.schema import metadata as metadata
from a2pcli.ledger.schema import paces as paces
from a2pcli.ledger.schema import partial_index
from a2pcli.ledger.schema import pulls as pulls
from a2pcli.ledger.schema import quota_usage as quota_usage
from a2pcli.ledger.schema import receipts as receipts
from a2pcli.ledger.schema import replies as replies
from a2pcli.ledger.schema import senders as senders
from a2pcli.ledger.schema import spending as spending
from a2pcli.ledger.schema_answers import answers as answers
from a2pcli.ledger.schema_bots import bot_usage as bot_usage
from a2pcli.ledger.schema_triggers import triggers as triggers
from a2pcli.messages import CLAIMED_STATES, State

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("campaign", Text, nullable=False),
    # The campaign's occurrence ("spring-sale/once"), within which nobody is messaged twice.
    Column("occasion", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("campaign_file", Text),
    Column("contacts_file", Text),
    Column("contacts_fingerprint", Text),
    Column("gateway", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("sender", Text),
    Column("purpose", Text),
    Column("digest", Text),
    Column("rows_read", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("planned_at", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("not_before", BigInteger),
    Column("expires_at", BigInteger),
    # JSON: results of planning (counts, cost, samples), and how to send it (pace, media, limits).
    Column("summary", Text),
    Column("sending", Text),
    # JSON: the run's counts, valid until the run changes; see ``counting``.
    Column("totals", Text),
    Column("changes", Integer, nullable=False, server_default="0"),
    # What people consent to and opt out of: see ``suppressions`` and ``consents``.
    Column("programme", Text),
    # What the campaign is about, for caps that count messages by subject.
    Column("subject", Text),
    # The survey whose first question its messages ask.
    Column("survey", Text),
)

occasions = Table(
    "occasions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("campaign", Text, nullable=False),
    Column("occurrence", Text, nullable=False),
    Index("occasions_name", "campaign", "occurrence", unique=True),
)

_UNCLAIMED = tuple(state for state in State if state not in CLAIMED_STATES)


def _one_of(states: Sequence[State]) -> str:
    return " OR ".join(f"state = '{state}'" for state in states)


# A plan as computed, some thousand rows each: see ``chunks``. Changed only by erasure and retention.
plan_chunks = Table(
    "plan_chunks",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first_row", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    # Number of rows that are recipients.
    Column("accepted", Integer, nullable=False),
    # JSON: the rows counted by group, so that totals need not read them.
    Column("counts", Text, nullable=False),
    # SHA-256 of ``data``, in hex.
    Column("digest", Text, nullable=False),
    # An Arrow IPC stream of one record batch, compressed with zstd.
    Column("data", LargeBinary, nullable=False),
)

# The common end of all messages of a run without attempts until then: one row for any number of them. The first that
# applies to a message counts; null applies to every country, or every clock.
plan_ends = Table(
    "plan_ends",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    Column("rule", Text),
    Column("country", Text),
    Column("clock", Integer),
)

# What happened to messages. A run without chunks (planned by an old version, or of one-time codes) has all its rows
# here, including excluded and waiting ones.
attempts = Table(
    "attempts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("run", Integer, nullable=False),
    Column("occasion", Integer, nullable=False),
    # The person within the occurrence: the number's digits, or a hash of it with once_per.
    Column("person", BigInteger),
    # Set only if they differ from the run's.
    Column("channel", Text),
    Column("gateway", Text),
    Column("sender", Text),
    Column("address", Text),
    Column("country", Text),
    Column("variant", Text),
    Column("parts", SmallInteger),
    Column("cost", BigInteger),
    Column("currency", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    # The rule that excluded or holds the row.
    Column("rule", Text),
    Column("detail", Text),
    Column("code", Text),
    Column("gateway_id", Text),
    # How often it was submitted to the gateway.
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    # Set exactly in CLAIMED_STATES.
    Column("claimed_at", BigInteger),
    Column("settled_at", BigInteger),
    # Set exactly in planned rows.
    Column("due_at", BigInteger),
    # Number of the run's clock for this person; null for none.
    Column("clock", Integer),
    # When the consent that allows the message ends; null if it has no end, or none was required.
    Column("consent_until", BigInteger),
    # Delivery according to its receipts: see ``delivery``. Null without receipts.
    Column("delivery", Text),
    Column("delivered_at", BigInteger),
    Column("delivery_code", Text),
    # Only in runs without chunks, and in later attempts; other first attempts have these values in their chunk.
    Column("line", BigInteger),
    # The cell as read, stored only if there is no address to show instead.
    Column("cell", Text),
    Column("body", Text),
    Column("encoding", Text),
    Column("units", Integer),
    # The contacts file's evidence of consent: when, how, which wording. Null if a record of the ledger allows it.
    Column("consent", Text),
    # Only in runs without chunks: content besides the text, as JSON. Deleted with the text.
    Column("content", Text),
    # What the plan says, where the gateway that it was handed to makes it something else; see ``planned_costs``.
    Column("planned_parts", SmallInteger),
    Column("planned_cost", BigInteger),
    Column("planned_currency", Text),
    # When the message's next attempt was planned, because this one had ended undelivered. See ``fallbacks``.
    Column(
        "followed_at",
        BigInteger,
        CheckConstraint(
            "followed_at IS NULL OR state = 'accepted' OR state = 'rejected' OR state = 'skipped'",
            name="attempts_followed_ended",
        ),
    ),
    # What the provider bills according to receipts; see ``billed``. Null if none says.
    Column("billed_cost", BigInteger),
    Column("billed_currency", Text),
    CheckConstraint(
        f"CASE WHEN claimed_at IS NULL THEN {_one_of(_UNCLAIMED)} ELSE {_one_of(CLAIMED_STATES)} END",
        name="attempts_claimed",
    ),
)


def is_claimed(of: Any) -> ColumnElement[bool]:
    """Return the condition that a row is in one of ``CLAIMED_STATES`` and was not followed by another attempt, in the
    exact form of the index ``attempts_once``. ``of`` are the columns of ``attempts``, or of an alias.

    It uses ``claimed_at``, which is set in exactly those states (checked by the table), for speed: SQLite rewrites a
    partial index whenever a column of its condition changes, and the state changes once more when a message is settled
    (measured: sending 1.5x slower, planning 2x slower, with a condition on the state).
    """
    return and_(of.claimed_at.is_not(None), of.followed_at.is_(None))


def is_followed(of: Any) -> ColumnElement[bool]:
    """Return the condition that another attempt followed this one, in the form of the index ``attempts_followed``."""
    return and_(of.followed_at.is_not(None))


# The last guard against messaging anybody twice: one claimed, unfollowed row per person and occurrence.
partial_index(
    "attempts_once",
    attempts.c.occasion,
    attempts.c.person,
    unique=True,
    where=is_claimed(attempts.c),
)
# Keeps their people from being planned again while the next attempt waits.
partial_index(
    "attempts_followed",
    attempts.c.occasion,
    attempts.c.person,
    where=is_followed(attempts.c),
)

# Rows that wait for permitted hours, or for another try.
partial_index(
    "attempts_waiting",
    attempts.c.run,
    attempts.c.due_at,
    where=attempts.c.due_at.is_not(None),
)

events = Table(
    "events",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("message", BigInteger),
    Column("run", Integer),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("gateway_id", Text),
)
Index("events_message", events.c.message)

suppressions = Table(
    "suppressions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False),
    # "everything"; or "programme", "sender", "channel" with its name in scope_value.
    Column("scope", Text, nullable=False),
    Column("scope_value", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("reason", Text),
    Column("added_at", BigInteger, nullable=False),
    # Lifted suppressions keep their rows as history.
    Column("lifted_at", BigInteger),
    Column("lifted_by", Text),
    # It applies until then; null for ever.
    Column("until_at", BigInteger),
    # For an imported list: its name, and the time up to which it is complete.
    Column("list_name", Text),
    Column("as_of", BigInteger),
)
_active = suppressions.c.lifted_at.is_(None)
partial_index(
    "suppressions_active",
    suppressions.c.address,
    suppressions.c.scope,
    suppressions.c.scope_value,
    unique=True,
    where=_active,
)
# The few with an end date.
partial_index(
    "suppressions_ending",
    suppressions.c.until_at,
    where=suppressions.c.until_at.is_not(None),
)

# Consents: one row each, changed only to end it. A withdrawal ends earlier rows.
consents = Table(
    "consents",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False),
    # "" for every programme, and for every channel.
    Column("programme", Text, nullable=False, server_default=""),
    Column("channel", Text, nullable=False, server_default=""),
    # express, soft-opt-in, implied-purchase, implied-enquiry; or withdrawn, at revoked_at.
    Column("basis", Text, nullable=False),
    # Double opt-in: null if not required, else "pending" or "confirmed".
    Column("double_opt_in", Text),
    Column("given_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("source", Text, nullable=False),
    # The text the person agreed to, or the name of its version.
    Column("wording", Text),
    Column("recorded_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("revoked_by", Text),
)
Index("consents_address", consents.c.address)

# When a run's people may be messaged: few clocks, each for many people, referenced by ``attempts.clock``.
clocks = Table(
    "clocks",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # JSON: time zones, windows, and their rules; see ``rules.clock``.
    Column("spec", Text, nullable=False),
)

# Who was messaged when, for caps, and to tell what a reply is to: a row from the claim on, deleted if the message was
# not accepted.
contacted = Table(
    "contacted",
    metadata,
    Column(
        "message",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("address", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("programme", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    # Whether it counts for caps: 1 or 0.
    Column("counts", Integer, nullable=False, server_default="1"),
)
Index("contacted_address", contacted.c.address, contacted.c.at)

# What was done with the ledger, by whom. Each entry has the hash of the previous one: see ``audit``.
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("action", Text, nullable=False),
    # What it was done to: a run's id, a list's name, never a phone number.
    Column("subject", Text),
    Column("detail", Text),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# The database itself refuses to change or delete entries. Its owner can remove these triggers; then the hash chain
# reveals changes.
APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
    ),
}
for _dialect, _statements in APPEND_ONLY.items():
    for _statement in _statements:
        _made: Any = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(audit, "after_create", _made.execute_if(dialect=_dialect))
