"""What the ledger's tables are collected in; tables of receipts, replies, answers, senders, counts; and indexes over
some of the rows on SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, and_
from sqlalchemy.sql.expression import ColumnElement

metadata = MetaData()

_PARTIAL: list[tuple[Index, ColumnElement[bool]]] = []


def partial_index(name: str, *columns: Any, where: ColumnElement[bool], unique: bool = False) -> None:
    """Add an index over some of the rows. The condition is given to SQLite only, because naming PostgreSQL imports
    its drivers, which slows every small command; see ``for_server``."""
    _PARTIAL.append((Index(name, *columns, unique=unique, sqlite_where=where), where))


def for_server() -> None:
    """Give PostgreSQL the conditions of partial indexes, before its tables are created or compared."""
    while _PARTIAL:
        index, where = _PARTIAL.pop()
        index.dialect_options["postgresql"]["where"] = where


# What gateways reported about accepted messages: each receipt once, as received. Only the matched attempt is added
# later. Contains no address and no text. The combined result is in ``attempts.delivery``.
receipts = Table(
    "receipts",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # A hash of the content, which identifies duplicates.
    Column("event", Text, nullable=False),
    # The gateway's name in the settings; "" if unknown.
    Column("gateway", Text, nullable=False, server_default=""),
    Column("gateway_id", Text),
    Column("reference", Text),
    # The provider's status, and its meaning (see ``delivery``); null if unknown.
    Column("status", Text, nullable=False),
    Column("delivery", Text),
    Column("code", Text),
    Column("at", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    # Null until the message is known: a receipt may arrive before the gateway's answer. Null for ever if it is one
    # outside of runs: ``answer`` is set then.
    Column("attempt", BigInteger),
    # The file it came in.
    Column("source", Text, nullable=False),
    # What the provider bills, in 1e-9 units of the currency; null if the receipt does not say.
    Column("price", BigInteger),
    Column("currency", Text),
    # The message outside of runs, by its number in ``answers``.
    Column("answer", BigInteger),
)
Index("receipts_event", receipts.c.event, unique=True)
partial_index("receipts_attempt", receipts.c.attempt, where=receipts.c.attempt.is_not(None))
partial_index("receipts_answer", receipts.c.answer, where=receipts.c.answer.is_not(None))
unmatched = and_(receipts.c.attempt.is_(None), receipts.c.answer.is_(None))
partial_index("receipts_unmatched", receipts.c.gateway_id, where=unmatched)


# Replies: each once, never changed. Deleted with the person, and by retention.
replies = Table(
    "replies",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # A hash of the content, which identifies duplicates.
    Column("event", Text, nullable=False),
    # The gateway's name in the settings; "" if unknown.
    Column("gateway", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False),
    # Our sender that it was written to, if known.
    Column("recipient", Text),
    # Stored only if the settings say so (``replies: {texts: keep}``).
    Column("body", Text),
    # Its meaning: see ``rules.keywords.Meaning``.
    Column("kind", Text, nullable=False),
    # When it was written, if known.
    Column("at", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    # The newest message to the person before it, if there is one.
    Column("attempt", BigInteger),
    # The file it came in, or who typed it.
    Column("source", Text, nullable=False),
)
Index("replies_event", replies.c.event, unique=True)
Index("replies_address", replies.c.address)


# What people wrote that a person has to read: one open row for each of them, gateway and sender; see ``conversations``.
conversations = Table(
    "conversations",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # "c" and seven characters, by which users name it.
    Column("code", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    # Our sender that was written to; "" if unknown.
    Column("sender", Text, nullable=False, server_default=""),
    Column("programme", Text),
    # open or closed.
    Column("state", Text, nullable=False),
    # Why a person has to read it: the newest reason.
    Column("why", Text, nullable=False),
    # The agents who got it, and the one who deals with it.
    Column("agents", Text),
    Column("assignee", Text),
    Column("opened_at", BigInteger, nullable=False),
    # The newest reply; the newest answer of an agent.
    Column("heard_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("closed_at", BigInteger),
)
Index("conversations_code", conversations.c.code, unique=True)
Index("conversations_address", conversations.c.address)
partial_index(
    "conversations_open",
    conversations.c.address,
    conversations.c.gateway,
    conversations.c.sender,
    where=conversations.c.state == "open",
    unique=True,
)


# People who were asked the questions of a survey: one open row for each of them, gateway and sender; see ``surveys``.
# Who got a campaign's first question and has not answered has no row yet.
survey_sessions = Table(
    "survey_sessions",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("survey", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("sender", Text, nullable=False, server_default=""),
    Column("programme", Text),
    # The run whose message was the first question; null for one that was asked by itself.
    Column("run", Integer),
    # open, finished, stopped, unclear, replaced or late.
    Column("state", Text, nullable=False),
    # The newest question, and until when its answer is in time.
    Column("question", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),
    # 1 once the person was asked again, because their answer to this question was none.
    Column("retried", Integer, nullable=False, server_default="0"),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
Index("survey_sessions_address", survey_sessions.c.address)
Index("survey_sessions_survey", survey_sessions.c.survey)
partial_index(
    "survey_sessions_open",
    survey_sessions.c.address,
    survey_sessions.c.gateway,
    survey_sessions.c.sender,
    where=survey_sessions.c.state == "open",
    unique=True,
)

# What people answered: once to each question.
survey_answers = Table(
    "survey_answers",
    metadata,
    Column("session", BigInteger, primary_key=True, autoincrement=False),
    Column("question", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("kind", Text, nullable=False),
    # The option, the number or the text.
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    # 1 if it came after its time.
    Column("late", Integer, nullable=False, server_default="0"),
)
Index("survey_answers_address", survey_answers.c.address)


# Whom a channel can reach according to the provider; see ``reachability``.
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


# One-time passwords: an HMAC of each, never the code; see ``codes``. Deleted with the person, and by retention.
codes = Table(
    "codes",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # What the caller knows it by.
    Column("id", Text, nullable=False),
    # What it is for: "login", "number", ...; codes for different uses do not meet.
    Column("use", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("country", Text),
    # The number without its last 4, 5, 6 and 7 digits.
    Column("range4", Text),
    Column("range5", Text),
    Column("range6", Text),
    Column("range7", Text),
    # Null once the code is settled.
    Column("digest", Text),
    # Wrong entries, those of the codes before it in a row included.
    Column("failed", Integer, nullable=False),
    # Which code in a row it is, from 1.
    Column("sent", Integer, nullable=False),
    # open, verified, replaced (by a newer one), void (too many wrong entries) or unsent (it certainly did not leave).
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
)
Index("codes_id", codes.c.id, unique=True)
Index("codes_address", codes.c.address, codes.c.created_at)
for _name in ("country", "range4", "range5", "range6", "range7"):
    Index(f"codes_{_name}", codes.c[_name], codes.c.created_at)


# Codes that were verified, by range of numbers or country and by hour; and when the last alarm of the range was told.
code_ranges = Table(
    "code_ranges",
    metadata,
    Column("range", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("verified", Integer, nullable=False),
    Column("alarmed_at", BigInteger),
)


# Addresses whose owners entered a code sent to them.
verified = Table(
    "verified",
    metadata,
    Column("address", Text, primary_key=True),
    Column("verified_at", BigInteger, nullable=False),
    # What the code was for.
    Column("source", Text, nullable=False),
)


# Up to where the lists that providers keep of receipts and replies were read; see ``pulls``. ``mark`` is the provider's
# own position, if its list has one.
pulls = Table(
    "pulls",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("list", Text, primary_key=True),
    Column("until_at", BigInteger, nullable=False),
    Column("mark", Text),
)


# Who sends or settles a run; see ``holds``. The primary key allows one exclusive holder (part 0). Several senders of
# one run have a part each, from 1; they exclude an exclusive holder.
senders = Table(
    "senders",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False, server_default="0"),
    Column("token", BigInteger, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("host", Text, nullable=False),
    # Distinguishes the process from a later one with the same number; empty if the system does not provide it.
    Column("process", Text, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# The chunks leased by each of several senders of a run; see ``leases``. The primary key allows one sender per chunk.
# ``token`` is the sender's in ``senders``; ids are those of the chunk's first attempts.
leases = Table(
    "leases",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("chunk", Integer, primary_key=True, autoincrement=False),
    Column("first_id", BigInteger, nullable=False),
    Column("end_id", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
)

# Usage of quotas; see ``quotas``. ``sender`` is the token of the process that claimed and has not settled it, 0 for
# settled use; ``slot`` is the time slot (UTC milliseconds).
quota_usage = Table(
    "quota_usage",
    metadata,
    Column("key", Text, primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

# Cost of a run's messages that were or may be submitted, in 1e-9 currency units; see ``spending``. Only for runs with
# a budget.
spending = Table(
    "spending",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("currency", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

# Attempts to be followed by the message's next channel at a time, unless delivered by then; see ``falling``. Rows are
# deleted once decided.
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
    # The provider was told not to deliver after this; null if it was not.
    Column("expires_at", BigInteger),
    Index("falling_run", "run", "at"),
)

# When the next message may be sent by a shared pace, in UTC microseconds; see ``paces``.
paces = Table(
    "paces",
    metadata,
    Column("key", Text, primary_key=True),
    Column("next_at", BigInteger, nullable=False),
)

# Number of attempts ever made of each piece of a run's plan: see ``attempt_counts``.
attempt_counts = Table(
    "attempt_counts",
    metadata,
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("piece", Integer, primary_key=True, autoincrement=False),
    Column("made", Integer, nullable=False),
)

# Facts about the ledger itself, such as the version of a2pcli that wrote its schema.
about = Table(
    "about",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
