"""The first look at a ledger: the file or server itself, the schema, the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CheckConstraint, func, inspect, select, text

from a2pcli.ledger import audit, identity
from a2pcli.ledger.database import APPLICATION_ID
from a2pcli.ledger.integrity import Finding, Look
from a2pcli.ledger.tables import APPEND_ONLY, for_server, metadata, runs

_MOST = 5
"""So many faults of the file are named; the others are counted."""


def look_at(look: Look) -> None:
    """Check the database itself: pages, schema, triggers and audit trail; yields a ``Finding`` for each problem."""
    if look.connection.dialect.name == "sqlite":
        look.take("the file", lambda: _file(look))
        look.take("the file's header", lambda: _header(look))
    else:
        look.take("the server's checksums", lambda: _server(look))
    look.take("the schema", lambda: _schema(look))
    look.take("the audit trail", lambda: _trail(look))


def _pragma(look: Look, words: str) -> list[Any]:
    return list(look.connection.exec_driver_sql(f"PRAGMA {words}").all())


def _file(look: Look) -> Iterator[Finding]:
    """SQLite's own check of pages and indexes; of an encrypted file also the signature of every page."""
    faults = [str(row[0]) for row in _pragma(look, "integrity_check(1000)")]
    faults = [one for fault in faults if fault != "ok" for one in fault.split("\n") if one.strip()]
    cipher = look.connection.connection.driver_connection
    if type(cipher).__module__.startswith("sqlcipher3"):
        faults += [str(row[0]) for row in _pragma(look, "cipher_integrity_check")]
    if faults:
        named = "; ".join(faults[:_MOST])
        more = f"; and {len(faults) - _MOST:,} more" if len(faults) > _MOST else ""
        yield Finding("file-damaged", f"the database file is damaged: {named}{more}")


def _header(look: Look) -> Iterator[Finding]:
    """What marks the file as a ledger, and as this one."""
    ((mark,),), ((number,),) = _pragma(look, "application_id"), _pragma(look, "user_version")
    if mark != APPLICATION_ID:
        yield Finding("file-damaged", "the file's header no longer identifies the file as a ledger of a2pcli")
    id = identity.id_of(look.connection)
    if id is not None and number != identity.number_of(id):
        yield Finding("file-damaged", "the number in the file's header is not the ledger's id")


def _server(look: Look) -> Iterator[Finding]:
    """What a server tells of its own files. Their bytes are out of reach from here."""
    has_checksums = look.connection.exec_driver_sql("SHOW data_checksums").scalar() == "on"
    query = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
    failures = look.connection.exec_driver_sql(query).scalar() if has_checksums else 0
    if failures:
        yield Finding("file-damaged", f"the server counted {failures:,} damaged pages of this database")
    checksums = "" if has_checksums else ", and the server keeps no checksums"
    look.checked.notes.append(
        f"the server's own files and indexes were not checked{checksums}: run pg_amcheck there"
    )


def _schema(look: Look) -> Iterator[Finding]:
    """Tables, columns, indexes, checks and triggers are those of this version."""
    if look.connection.dialect.name == "postgresql":
        for_server()
    there = inspect(look.connection)
    names = set(there.get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in names:
            yield Finding("schema", f"the table {table.name} is missing")
            continue
        columns = {column["name"] for column in there.get_columns(table.name)}
        gone = [column.name for column in table.columns if column.name not in columns]
        if gone:
            yield Finding("schema", f"the table {table.name} has no column {', '.join(gone)}")
        indexes = {index["name"]: bool(index["unique"]) for index in there.get_indexes(table.name)}
        for wanted in sorted(table.indexes, key=lambda one: str(one.name)):
            if indexes.get(str(wanted.name)) is not bool(wanted.unique):
                yield Finding(
                    "schema", f"the index {wanted.name} on {table.name} is missing{_guards(wanted)}"
                )
        checks = {one["name"] for one in there.get_check_constraints(table.name)}
        for rule in table.constraints:
            if isinstance(rule, CheckConstraint) and rule.name not in checks:
                yield Finding("schema", f"the check {rule.name} on {table.name} is missing")
    yield from _triggers(look)


def _guards(index: Any) -> str:
    return ": the database no longer prevents a second message" if index.name == "attempts_once" else ""


def _triggers(look: Look) -> Iterator[Finding]:
    """The triggers that refuse to change or remove an audit entry."""
    wanted = {
        words[2]
        for statement in APPEND_ONLY[look.connection.dialect.name]
        if (words := statement.split())[1] == "TRIGGER"
    }
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgenabled <> 'D'",
    }
    there = set(look.connection.execute(text(query[look.connection.dialect.name])).scalars())
    for name in sorted(wanted - there):
        yield Finding("schema", f"the trigger {name} is missing: audit entries can be changed")


def _trail(look: Look) -> Iterator[Finding]:
    found = audit.verify(look.connection)
    look.checked.audit_entries = found.entries
    for one in found.broken:
        yield Finding("audit-broken", f"audit trail, entry {one.number}: {one.what}")
    planned = select(func.count()).select_from(runs).where(runs.c.planned_at.is_not(None))
    if not found.entries and look.connection.execute(planned).scalar_one():
        yield Finding("audit-broken", "the audit trail is empty, although there are runs")
