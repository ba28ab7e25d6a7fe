"""What each column of the ledger may hold of a person. Erasure, export and retention go by it; a test fails for a
column of texts or bytes that is not declared here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from sqlalchemy import Column, LargeBinary, Text
from sqlalchemy.sql.schema import Table

from a2pcli.ledger.tables import metadata


class Holds(Enum):
    """The kind of personal data a column contains."""

    ADDRESS = "the person's number, or what reveals it"
    OWN = "what is about the person of the row: the text, the gateway's id, a consent"
    SENTENCE = "a sentence that may name anybody"
    DOCUMENT = "JSON that may name anybody: samples, what gateways said"
    PLAN = "rows of many people, packed"
    NOBODY = "nothing of a person"


_H = Holds

COLUMNS: Mapping[str, Mapping[str, Holds]] = {
    "runs": {
        **dict.fromkeys(("summary", "sending", "totals"), _H.DOCUMENT),
        "state_reason": _H.SENTENCE,
        **dict.fromkeys(
            ("id", "campaign", "state", "campaign_file", "contacts_file", "contacts_fingerprint", "gateway", "channel",
             "sender", "purpose", "digest", "programme", "subject",
             "survey"),
            _H.NOBODY,
        ),
    },
    "occasions": dict.fromkeys(("campaign", "occurrence"), _H.NOBODY),
    "plan_chunks": {"data": _H.PLAN, "counts": _H.NOBODY, "digest": _H.NOBODY},
    "plan_ends": dict.fromkeys(("state", "reason", "detail", "rule", "country"), _H.NOBODY),
    "attempts": {
        **dict.fromkeys(("address", "cell"), _H.ADDRESS),
        **dict.fromkeys(("body", "content", "consent", "gateway_id"), _H.OWN),
        "detail": _H.SENTENCE,
        **dict.fromkeys(
            ("channel", "gateway", "sender", "country", "variant", "currency", "state", "reason", "rule", "code",
             "planned_currency", "billed_currency", "delivery", "delivery_code", "encoding"),
            _H.NOBODY,
        ),
    },
    "receipts": {
        **dict.fromkeys(("event", "gateway_id", "reference"), _H.OWN),
        "source": _H.SENTENCE,
        **dict.fromkeys(("gateway", "status", "delivery", "code", "currency"), _H.NOBODY),
    },
    "replies": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("event", "body"), _H.OWN),
        "source": _H.SENTENCE,
        **dict.fromkeys(("gateway", "recipient", "kind"), _H.NOBODY),
    },
    "answers": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("reference", "key", "spelling", "body", "content", "gateway_id"), _H.OWN),
        **dict.fromkeys(("detail", "source"), _H.SENTENCE),
        **dict.fromkeys(
            ("kind", "channel", "gateway", "sender", "purpose", "programme", "state", "reason", "code",
             "delivery", "delivery_code", "billed_currency"),
            _H.NOBODY,
        ),
    },
    "codes": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("id", "digest"), _H.OWN),
        **dict.fromkeys(("range4", "range5", "range6", "range7", "country", "use", "state"), _H.NOBODY),
    },
    "code_ranges": {"range": _H.NOBODY},
    "verified": {"address": _H.ADDRESS, "source": _H.NOBODY},
    "pulls": dict.fromkeys(("gateway", "list", "mark"), _H.NOBODY),
    "conversations": {
        "address": _H.ADDRESS,
        "code": _H.OWN,
        **dict.fromkeys(("channel", "gateway", "sender", "programme", "state", "why", "agents", "assignee"), _H.NOBODY),
    },
    "survey_sessions": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("survey", "channel", "gateway", "sender", "programme", "state", "question"), _H.NOBODY),
    },
    "survey_answers": {
        "address": _H.ADDRESS,
        "value": _H.OWN,
        **dict.fromkeys(("question", "kind"), _H.NOBODY),
    },
    "triggers": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("code", "key", "data", "digest", "cap", "content", "message", "answer"), _H.OWN),
        **dict.fromkeys(("detail", "source"), _H.SENTENCE),
        **dict.fromkeys(("name", "state", "reason", "currency"), _H.NOBODY),
    },
    "bot_usage": dict.fromkeys(("bot", "currency"), _H.NOBODY),
    "reachability": {"address": _H.ADDRESS, "gateway": _H.NOBODY},
    "events": {"detail": _H.SENTENCE, "gateway_id": _H.OWN, "kind": _H.NOBODY, "code": _H.NOBODY},
    "suppressions": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("source", "reason"), _H.SENTENCE),
        **dict.fromkeys(("scope", "scope_value", "lifted_by", "list_name"), _H.NOBODY),
    },
    "consents": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("source", "wording", "revoked_by"), _H.OWN),
        **dict.fromkeys(("programme", "channel", "basis", "double_opt_in"), _H.NOBODY),
    },
    "contacted": {
        "address": _H.ADDRESS,
        **dict.fromkeys(("campaign", "programme", "subject"), _H.NOBODY),
    },
    "clocks": {"spec": _H.NOBODY},
    "senders": dict.fromkeys(("host", "process"), _H.NOBODY),
    "leases": {},
    "falling": {},
    "spending": {"currency": _H.NOBODY},
    "audit": dict.fromkeys(
        ("who", "host", "action", "subject", "detail", "previous", "hash"), _H.NOBODY
    ),
    "attempt_counts": {},
    "paces": {"key": _H.NOBODY},
    "quota_usage": {"key": _H.NOBODY},
    "about": dict.fromkeys(("name", "value"), _H.NOBODY),
}  # fmt: skip


def columns(*kinds: Holds) -> Iterator[Column[str]]:
    """Yield the columns of all tables that contain these kinds of data."""
    for table in metadata.sorted_tables:
        yield from (column for column in table.columns if COLUMNS[table.name].get(column.name) in kinds)


def tables(*kinds: Holds) -> list[Table]:
    """Return the tables that have such columns."""
    return list(dict.fromkeys(column.table for column in columns(*kinds)))


def undeclared() -> list[str]:
    """Return text or byte columns that are not declared, and declared ones that do not exist."""
    there = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, (Text, LargeBinary))
    }
    declared = {f"{table}.{name}" for table, names in COLUMNS.items() for name in names}
    return sorted(there ^ declared)
