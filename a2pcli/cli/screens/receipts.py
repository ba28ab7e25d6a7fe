"""Imports of delivery receipts as documents and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from a2pcli.errors import Problem

if TYPE_CHECKING:
    from a2pcli.actions.receipts import ReceiptImport, UnreadRow
    from a2pcli.actions.tables import Table

SHOWN_WORDS = 10
"""So many unknown statuses are named."""


def import_document(table: Table, done: ReceiptImport) -> dict[str, Any]:
    """JSON document of a receipts import."""
    return {
        "file": table.path,
        "dry_run": done.dry_run,
        "receipts": done.receipts,
        "new": done.new,
        "duplicates": done.duplicates,
        "matched": done.matched,
        "unmatched": done.unmatched,
        "matched_later": done.matched_later,
        "forgotten": done.forgotten,
        "accepted": done.accepted,
        "opted_out": done.opted_out,
        "invalid": done.invalid,
        "statuses": dict(done.statuses.most_common()),
        "unknown_statuses": dict(done.unknown.most_common()),
        "without_time": done.without_moment,
        "refused": done.unread,
        "refused_rows": [{"line": row.line, "why": row.why} for row in done.refused],
        "notes": [note.message for note in table.notes],
    }


def unread_problem(table: Table, row: UnreadRow) -> Problem:
    """The ``Problem`` of a row that is not a receipt."""
    return Problem(f"not a receipt: {row.why}", path=table.path, line=row.line, code="no-receipt")


def import_lines(done: ReceiptImport) -> Iterator[str]:
    """Lines that say what the import did."""
    verb = "would be saved" if done.dry_run else "saved"
    again = f", {done.duplicates:,} already in the ledger" if done.duplicates else ""
    yield f"{_receipts(done.receipts)}: {done.new:,} {verb}{again}"
    said = ", ".join(f"{many:,} {status}" for status, many in done.statuses.most_common())
    if said:
        yield f"status: {said}"
    yield f"matched to a message: {done.matched:,} of {done.receipts:,}"
    if done.unmatched:
        kept = "would be kept" if done.dry_run else "kept"
        yield f"no known message: {done.unmatched:,} ({kept}; each import tries again to match them)"
    if done.matched_later:
        yield f"matched now from earlier imports: {_receipts(done.matched_later)}"
    if done.accepted:
        yield f"outcome now known, accepted by the gateway: {done.accepted:,} message{_s(done.accepted)}"
    if done.opted_out:
        people = "1 person" if done.opted_out == 1 else f"{done.opted_out:,} people"
        yield f"opted out, by what the receipts say: {people} (now suppressed for that sender)"
    if done.invalid:
        yield f"address does not exist: {done.invalid:,} (now suppressed for the channel)"
    if done.forgotten:
        yield f"not saved, the person's data was deleted: {_receipts(done.forgotten)}"
    if done.unknown:
        words = ", ".join(f"{many:,} × {word}" for word, many in done.unknown.most_common(SHOWN_WORDS))
        yield f"unknown status, kept but not counted: {words}"
    if done.without_moment:
        yield f"time could not be read: {_receipts(done.without_moment)} (use ISO 8601, like 2026-03-01T10:00:00Z)"
    if done.unread:
        yield f"rejected: {done.unread:,} row{_s(done.unread)} without a message id or a status"


def _receipts(many: int) -> str:
    return f"{many:,} receipt{_s(many)}"


def _s(many: int) -> str:
    return "" if many == 1 else "s"
