"""The first look at a ledger: the file or server itself, the schema, the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CheckConstraint, func, inspect, select, text

from a2pcli.ledger import about, audit
from a2pcli.ledger.database import APPLICATION_ID
from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.tables import APPEND_ONLY, for_server, metadata, runs

_MOST = 5
"""Number of file errors that are listed; further ones are counted."""


def look_at(context: CheckContext) -> None:
    """Check the database itself: pages, schema, triggers and audit trail; adds a ``Finding`` for each problem."""
    if context.connection.dialect.name == "sqlite":
        context.take("the file", lambda: _file(context))
        context.take("the file's header", lambda: _header(context))
    else:
        context.take("the server's checksums", lambda: _server(context))
    context.take("the schema", lambda: _schema(context))
    context.take("the audit trail", lambda: _trail(context))


def _pragma(context: CheckContext, words: str) -> list[Any]:
    return list(context.connection.exec_driver_sql(f"PRAGMA {words}").all())


def _file(context: CheckContext) -> Iterator[Finding]:
    """Run SQLite's own check of pages and indexes; for an encrypted file also check every page's signature."""
    faults = [str(row[0]) for row in _pragma(context, "integrity_check(1000)")]
    faults = [one for fault in faults if fault != "ok" for one in fault.split("\n") if one.strip()]
    cipher = context.connection.connection.driver_connection
    if type(cipher).__module__.startswith("sqlcipher3"):
        faults += [str(row[0]) for row in _pragma(context, "cipher_integrity_check")]
    if faults:
        named = "; ".join(faults[:_MOST])
        more = f"; and {len(faults) - _MOST:,} more" if len(faults) > _MOST else ""
        yield Finding("file-damaged", f"the database file is damaged: {named}{more}")


def _header(context: CheckContext) -> Iterator[Finding]:
    """Check that the header identifies the file as a ledger, and as this one."""
    ((mark,),), ((number,),) = _pragma(context, "application_id"), _pragma(context, "user_version")
    if mark != APPLICATION_ID:
        yield Finding("file-damaged", "the file's header no longer identifies the file as a ledger of a2pcli")
    id = about.id_of(context.connection)
    if id is not None and number != about.number_of(id):
        yield Finding("file-damaged", "the number in the file's header is not the ledger's id")


def _server(context: CheckContext) -> Iterator[Finding]:
    """Report what a server knows about its own files, which cannot be read from here."""
    has_checksums = context.connection.exec_driver_sql("SHOW data_checksums").scalar() == "on"
    query = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
    failures = context.connection.exec_driver_sql(query).scalar() if has_checksums else 0
    if failures:
        yield Finding("file-damaged", f"the server counted {failures:,} damaged pages of this database")
    checksums = "" if has_checksums else ", and the server keeps no checksums"
    context.checked.notes.append(
        f"the server's own files and indexes were not checked{checksums}: run pg_amcheck there"
    )


def _schema(context: CheckContext) -> Iterator[Finding]:
    """Check that tables, columns, indexes, constraints and triggers are those of this version."""
    if context.connection.dialect.name == "postgresql":
        for_server()
    there = inspect(context.connection)
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
    yield from _triggers(context)


def _guards(index: Any) -> str:
    return ": the database no longer prevents a second message" if index.name == "attempts_once" else ""


def _triggers(context: CheckContext) -> Iterator[Finding]:
    """Check the triggers that prevent changes to audit entries."""
    wanted = {
        words[2]
        for statement in APPEND_ONLY[context.connection.dialect.name]
        if (words := statement.split())[1] == "TRIGGER"
    }
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgenabled <> 'D'",
    }
    there = set(context.connection.execute(text(query[context.connection.dialect.name])).scalars())
    for name in sorted(wanted - there):
        yield Finding("schema", f"the trigger {name} is missing: audit entries can be changed")


def _trail(context: CheckContext) -> Iterator[Finding]:
    found = audit.verify(context.connection)
    context.checked.audit_entries = found.entries
    for one in found.broken:
        yield Finding("audit-broken", f"audit trail, entry {one.number}: {one.what}")
    planned = select(func.count()).select_from(runs).where(runs.c.planned_at.is_not(None))
    if not found.entries and context.connection.execute(planned).scalar_one():
        yield Finding("audit-broken", "the audit trail is empty, although there are runs")
