"""One person's data given out: what ``people export`` finds in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, select
from sqlalchemy.engine import Connection

from a2pcli.ledger import erased, receipts
from a2pcli.ledger.attempt_ids import all_attempts, attempt_number
from a2pcli.ledger.history import of_person
from a2pcli.ledger.schema import (
    codes,
    conversations,
    reachability,
    survey_answers,
    survey_sessions,
    verified,
)
from a2pcli.ledger.schema_answers import answers
from a2pcli.ledger.schema_triggers import triggers
from a2pcli.ledger.tables import (
    attempts,
    consents,
    contacted,
    events,
    occasions,
    runs,
    suppressions,
)
from a2pcli.ledger.tables import receipts as inbox
from a2pcli.ledger.tables import replies as told

if TYPE_CHECKING:
    from a2pcli.ledger.erasure import Person


def export(connection: Connection, person: Person, now: int) -> dict[str, Any]:
    """Return every row about the person, by table, as stored; times are UTC milliseconds."""
    found = sorted(of_person(connection, person.searched(), None, now), key=lambda row: int(row["id"]))
    about_runs = _runs_by_number(connection, {row["run"] for row in found})
    for row in found:
        ids = all_attempts([row["id"]], attempt_number(row["id"]))
        row |= {"events": _rows(connection, events, events.c.message.in_(ids)), **about_runs[row["run"]]}
        row["receipts"] = _rows(connection, inbox, receipts.of_attempts(connection, ids))
        row["earlier_attempts"] = _rows(connection, attempts, attempts.c.id.in_(ids[:-1]))
    names = erased.also_hashed(connection, person.address)
    listed = _rows(connection, suppressions, suppressions.c.address.in_(names))
    return {
        "number": person.address,
        "erased": any(erased.is_hash(row["address"]) for row in listed),
        "messages": found,
        "suppressions": listed,
        "consents": _rows(connection, consents, consents.c.address.in_(person.forms)),
        "contacted": _rows(connection, contacted, contacted.c.address.in_(person.forms)),
        "replies": _rows(connection, told, told.c.address.in_(person.forms)),
        "answers": _answers(connection, person),
        "conversations": _rows(connection, conversations, conversations.c.address.in_(person.forms)),
        "codes": _without_digest(_rows(connection, codes, codes.c.address.in_(person.forms))),
        "verified": _rows(connection, verified, verified.c.address.in_(person.forms)),
        "survey_sessions": _rows(connection, survey_sessions, survey_sessions.c.address.in_(person.forms)),
        "survey_answers": _rows(connection, survey_answers, survey_answers.c.address.in_(person.forms)),
        "triggers": _rows(connection, triggers, triggers.c.address.in_(person.forms)),
        "reachability": _rows(connection, reachability, reachability.c.address.in_(person.forms)),
    }


def _answers(connection: Connection, person: Person) -> list[dict[str, Any]]:
    """Return the messages outside of runs, each with its receipts."""
    found = _rows(connection, answers, answers.c.address.in_(person.forms))
    for row in found:
        row["receipts"] = _rows(connection, inbox, inbox.c.answer == row["number"])
    return found


def _without_digest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what a code is compared with."""
    return [{name: value for name, value in row.items() if name != "digest"} for row in rows]


def _rows(connection: Connection, table: Table, chosen: Any) -> list[dict[str, Any]]:
    query = select(table).where(chosen).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _runs_by_number(connection: Connection, numbers: set[int]) -> dict[int, dict[str, Any]]:
    c = runs.c
    query = (
        select(
            c.number, c.id, c.campaign, c.purpose, c.channel, c.gateway, c.sender, c.contacts_file,
            occasions.c.occurrence,
        )
        .join(occasions, occasions.c.number == c.occasion)
        .where(c.number.in_(numbers))
    )  # fmt: skip
    names = ("campaign", "occurrence", "purpose", "channel", "gateway", "contacts_file")
    return {
        row["number"]: {"run_id": row["id"], **{name: row[name] for name in names}}
        for row in connection.execute(query).mappings()
    }
