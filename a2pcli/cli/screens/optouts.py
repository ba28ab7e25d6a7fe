"""Opt-outs and replies as documents, tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from a2pcli.actions.optouts import OptOutCheck, OptOutList, Scope
from a2pcli.cli.terminal.output import printable
from a2pcli.errors import Problem, Severity
from a2pcli.reasons import SENTENCES
from a2pcli.reporting.values import day, iso, local

if TYPE_CHECKING:
    from a2pcli.actions.optout_import import CheckedRow, ColumnCounts, OptOutImportCounts
    from a2pcli.actions.replies import HandledReplies, HandledReply
    from a2pcli.actions.tables import Table
    from a2pcli.cli.screens.listing import Listing
    from a2pcli.ledger.records import Suppression

SHOWN_TEXT = 120
"""Characters of a reply that are shown."""


def entry_document(entry: Suppression, now: int) -> dict[str, Any]:
    """An entry for JSON. ``sender`` is the scope's value where the scope is a sender."""
    return {
        "number": entry.address,
        "scope": entry.scope,
        "scope_value": entry.scope_value or None,
        "sender": entry.scope_value if entry.scope == "sender" else None,
        "holds": entry.holds(now),
        "source": entry.source,
        "reason": entry.reason,
        "added_at": iso(entry.added_at),
        "until": iso(entry.until_at),
        "list": entry.list_name,
        "as_of": iso(entry.as_of),
        "lifted_at": iso(entry.lifted_at),
        "lifted_by": entry.lifted_by,
    }


def list_document(found: OptOutList) -> dict[str, Any]:
    """The head of the list for JSON; its entries are written one by one, since there may be a million."""
    lists = [
        {"name": one.name, "as_of": iso(one.as_of), "imported_at": iso(one.imported_at)}
        for one in found.lists
    ]
    return {"count": found.count, "lists": lists}


def looked_document(found: OptOutCheck, asked: Iterable[Scope]) -> dict[str, Any]:
    """JSON document of what is recorded about an address."""
    narrower = {str(Scope.of(entry)) for entry in found.holding if entry.scope_value}
    return {
        "number": found.number,
        "suppressed": bool(found.found),
        "asked": [str(scope) for scope in asked],
        "scopes": sorted(narrower),
        "entries": [entry_document(entry, found.now) for entry in found.entries],
    }


def looked_sentence(found: OptOutCheck) -> str:
    """Whether the number is suppressed, since when and for what."""
    if found.found:
        one = found.found[0]
        end = f", until {local(one.until_at)}" if one.until_at else ""
        return f"{found.number} is suppressed for {Scope.of(one).words}, since {local(one.added_at)}{end}"
    if found.holding:
        words = ", ".join(Scope.of(entry).words for entry in found.holding)
        return f"{found.number} is suppressed for {words} only"
    return f"{found.number} is not on the list"


def entries_table(entries: Iterable[Suppression], now: int, *, ended: bool) -> Listing:
    """The entries in their order; with ``ended`` a column that says why one does not hold any more."""
    from a2pcli.cli.screens.listing import Listing

    shown = 7 if ended else 6
    rows = [tuple(map(printable, _cells(entry, now)))[:shown] for entry in entries]
    columns = ("number", "since", "for", "until", "source", "reason", "ended")[:shown]
    return Listing(columns, rows, lead=2, whole=frozenset({"number", "since"}))


def _cells(entry: Suppression, now: int) -> Iterator[str]:
    source = entry.source
    if entry.list_name:
        source += f", list {entry.list_name}" + (f" as of {day(entry.as_of)}" if entry.as_of else "")
    yield entry.address
    yield local(entry.added_at)
    yield Scope.of(entry).words
    yield local(entry.until_at) if entry.until_at else "no end date"
    yield source
    yield entry.reason or ""
    if entry.lifted_at is not None:
        yield f"removed {local(entry.lifted_at)} by {entry.lifted_by}"
    else:
        yield "" if entry.holds(now) else "end date passed"


def import_document(table: Table, account: OptOutImportCounts) -> dict[str, Any]:
    """JSON document of the result of an opt-out import."""
    return {
        "file": table.path,
        "rows": account.rows,
        "added": account.added,
        "already": account.already,
        "also": {name: one.added for name, one in account.also.items()},
        "empty": account.empty,
        "lifted": account.lifted,
        "missing": account.missing,
        "refused": account.unread,
        "also_refused": {name: one.unread for name, one in account.also.items()},
        "doubtful": [
            {"line": row.line, "column": name, "cell": row.cell}
            for name, one in account.columns
            for row in one.doubtful
        ],
        "reasons": dict(account.reasons.most_common()),
        "refused_rows": [
            {"line": row.line, "column": name, "cell": row.cell, "reason": row.reason}
            for name, one in account.columns
            for row in one.refused
        ],
    }


def import_sentence(account: OptOutImportCounts) -> str:
    """One sentence that counts every row of an opt-out import."""
    parts = [f"{account.added:,} added", f"{account.already:,} already on the list"]
    if account.empty:
        parts.append(f"{account.empty:,} without a number")
    if account.lifted:
        parts.append(f"{account.lifted:,} removed before")
    if account.doubtful:
        parts.append(f"{len(account.doubtful):,} of them not in any numbering plan")
    if account.unread:
        parts.append(f"{account.unread:,} rejected: these people are NOT suppressed")
    also = "".join(_further(name, one) for name, one in account.also.items())
    return f"{account.rows:,} row{'' if account.rows == 1 else 's'}: {', '.join(parts)}{also}"


def _further(name: str, one: ColumnCounts) -> str:
    parts = [f"{one.added:,} more added"] if one.added or one.unread else []
    if one.doubtful:
        parts.append(f"{len(one.doubtful):,} of them not in any numbering plan")
    if one.unread:
        parts.append(f"{one.unread:,} rejected: these addresses are NOT suppressed")
    return f"; by the column {name}: {', '.join(parts)}" if parts else ""


def doubtful_rows(table: Table, account: OptOutImportCounts) -> list[Problem]:
    """Warnings about rows with a number that is suppressed as written but in no numbering plan."""
    return [_doubtful_row(table, row, name) for name, one in account.columns for row in one.doubtful]


def refused_rows(table: Table, account: OptOutImportCounts) -> list[Problem]:
    """Rows with an address that cannot be read, in the order of the file."""
    found = [_refused_row(table, row, name) for name, one in account.columns for row in one.refused]
    return sorted(found, key=lambda problem: problem.line or 0)


def _doubtful_row(table: Table, row: CheckedRow, column: str | None) -> Problem:
    text = _in_column(column, f"suppressed as written, but {row.detail}")
    return Problem(text, path=table.path, line=row.line, severity=Severity.WARNING, code="doubtful-number")


def _refused_row(table: Table, row: CheckedRow, column: str | None) -> Problem:
    assert row.reason is not None
    text = _in_column(column, row.detail or SENTENCES[row.reason])
    return Problem(text, path=table.path, line=row.line, code=str(row.reason))


def _in_column(column: str | None, text: str) -> str:
    return text if column is None else f"column {column}: {text}"


def reply_document(done: HandledReply) -> dict[str, Any]:
    """JSON document of a reply and what was done about it."""
    return {
        "line": done.line,
        "number": done.number,
        "text": done.text,
        "meaning": str(done.reply.meaning),
        "flagged": done.reply.flagged,
        "why": done.reply.why or None,
        "done": done.done,
    }


def reply_line(done: HandledReply) -> str:
    """One line for a reply that is flagged for review."""
    text = printable(" ".join(done.text.split()))[:SHOWN_TEXT]
    return f"  line {done.line}  {done.number}  {done.reply.meaning}, {done.done}: {text}"


def replies_document(table: Table, done: HandledReplies) -> dict[str, Any]:
    """JSON document of the result of a file of replies."""
    return {
        "file": table.path,
        "rows": done.meanings.total() + len(done.refused) + done.sent,
        "outbound": done.sent,
        "meanings": dict(done.meanings.most_common()),
        "flagged": [reply_document(one) for one in done.flagged],
        "refused": [{"line": one.line, "reason": one.code} for one in done.refused],
    }


_WORDS = {"none": "other"}
"""What is shown for a meaning whose name says nothing to a reader: a reply without a keyword."""


def replies_sentence(done: HandledReplies) -> str:
    """Every reply of a file, counted by what it meant."""
    counts = [f"{count:,} {_WORDS.get(meaning, meaning)}" for meaning, count in done.meanings.most_common()]
    counts += [f"{len(done.refused):,} rejected: not processed"] if done.refused else []
    many = done.meanings.total() + len(done.refused)
    return f"{many:,} repl{'y' if many == 1 else 'ies'}: {', '.join(counts) or 'none'}"
