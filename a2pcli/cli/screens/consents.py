"""Consents as documents, tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.actions.consents import PENDING, ConsentFacts, ConsentOf, RecordedConsents
from a2pcli.cli.screens.listing import Listing
from a2pcli.cli.terminal.output import printable
from a2pcli.reporting.values import day, iso, local

if TYPE_CHECKING:
    from a2pcli.actions.consent_rows import ConsentImportCounts
    from a2pcli.actions.consents import ConsentRecord
    from a2pcli.actions.tables import Table


def recorded_document(done: RecordedConsents) -> dict[str, Any]:
    """JSON document of the consents that were recorded."""
    return {
        "recorded": [number for number, is_new in done.added.items() if is_new],
        "already": [number for number, is_new in done.added.items() if not is_new],
        "expires": {number: iso(end) for number, end in done.ends.items()},
        "refused": [problem.message for problem in done.problems],
    }


def recorded_sentence(number: str, facts: ConsentFacts, end: int | None, now: int) -> str:
    """A sentence that says what a new record allows, and until when."""
    if facts.double_opt_in == PENDING:
        return f"{number}: recorded as pending; it allows nothing until recorded as confirmed"
    if end is not None and end <= now:
        return f"{number}: recorded, but this consent ended on {day(end)}"
    what = f"the programme {facts.programme}" if facts.programme else "all programmes"
    return f"{number} consented to {what}" + (f" until {day(end)}" if end else "")


def consent_document(found: ConsentOf, programme: str) -> dict[str, Any]:
    """JSON document of what is recorded about an address."""
    return {
        "number": found.number,
        "programme": programme or None,
        "channel": found.channel,
        "allowed": found.allowing is not None,
        "allowing": None if found.allowing is None else _document(found.allowing, found.now),
        "records": [_document(one, found.now) for one in found.records],
    }


def consent_sentence(found: ConsentOf, programme: str) -> str:
    """Whether the number may be messaged by consent."""
    channel = found.channel
    what = f"{channel} (programme {programme})" if programme else channel
    one = found.allowing
    if one is None:
        return f"{found.number}: no consent in force for {what}"
    end = f", until {day(one.expires_at)}" if one.expires_at else ""
    return printable(f"{found.number} consented to {what} on {day(one.given_at)} by {one.source}{end}")


def records_table(found: ConsentOf) -> Listing:
    """Table of consent records, newest first."""
    columns = ("given", "state", "for", "basis", "source", "wording", "until", "recorded")
    rows = [tuple(map(printable, _cells(one, found.now))) for one in reversed(found.records)]
    return Listing(columns, rows, lead=2, whole=frozenset({"given", "state"}))


def _cells(one: ConsentRecord, now: int) -> Iterator[str]:
    yield day(one.given_at)
    yield one.state(now)
    yield " ".join(part for part in (one.programme, one.channel) if part) or "everything"
    yield one.basis + (f", double opt-in {one.double_opt_in}" if one.double_opt_in else "")
    yield one.source
    yield one.wording or ""
    yield day(one.expires_at) if one.expires_at else ""
    yield local(one.recorded_at) + (f", revoked {local(one.revoked_at)}" if one.revoked_at else "")


def _document(one: ConsentRecord, now: int) -> dict[str, Any]:
    return {
        "number": one.address,
        "state": one.state(now),
        "programme": one.programme or None,
        "channel": one.channel or None,
        "basis": one.basis,
        "double_opt_in": one.double_opt_in,
        "given_at": iso(one.given_at),
        "confirmed_at": iso(one.confirmed_at),
        "expires_at": iso(one.expires_at),
        "source": one.source,
        "wording": one.wording,
        "recorded_at": iso(one.recorded_at),
        "revoked_at": iso(one.revoked_at),
        "revoked_by": one.revoked_by,
    }


def counts_table(counts: Sequence[tuple[str, str, str, str, int]]) -> Listing:
    """Table of the number of records of each kind."""
    cells = [
        (printable(programme) or "every", channel or "every", basis, state, f"{count:,}")
        for programme, channel, basis, state, count in counts
    ]
    return Listing(("programme", "channel", "basis", "state", "records"), cells, lead=0, whole=frozenset())


def import_document(table: Table, account: ConsentImportCounts) -> dict[str, Any]:
    """JSON document of the result of a consent import."""
    return {
        "file": table.path,
        "rows": account.rows,
        "recorded": account.recorded,
        "already": account.already,
        "said_no": account.said_no,
        "withdrawn": account.withdrawn,
        "unconfirmed": account.unconfirmed,
        "empty": account.empty,
        "refused": account.refused.total(),
        "reasons": dict(account.refused.most_common()),
        "refused_rows": [{"line": line, "why": why} for line, why in account.shown],
        "also": {
            name: {
                "recorded": one.recorded,
                "already": one.already,
                "withdrawn": one.withdrawn,
                "refused": one.refused.total(),
            }
            for name, one in account.also.items()
        },
    }


def import_sentence(account: ConsentImportCounts) -> str:
    """One sentence that counts every row of a consent import."""
    parts = [f"{account.recorded:,} recorded", f"{account.already:,} already known"]
    if account.said_no:
        known = account.said_no - account.withdrawn
        parts.append(
            f"{account.said_no:,} withdrew consent" + (f" ({known:,} already known)" if known else "")
        )
    if account.unconfirmed:
        parts.append(f"{account.unconfirmed:,} not confirmed, not recorded")
    if account.empty:
        parts.append(f"{account.empty:,} without a number")
    if account.refused:
        parts.append(f"{account.refused.total():,} rejected")
    also = "".join(f"; by the column {name}: {_further(one)}" for name, one in account.also.items())
    return f"{account.rows:,} row{'' if account.rows == 1 else 's'}: {', '.join(parts)}{also}"


def _further(account: ConsentImportCounts) -> str:
    parts = [f"{account.recorded:,} more recorded"]
    if account.withdrawn:
        parts.append(f"{account.withdrawn:,} withdrew consent")
    if account.refused:
        parts.append(f"{account.refused.total():,} rejected")
    return ", ".join(parts)
