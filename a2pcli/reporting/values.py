"""Formats money and moments for reports, and tells whether a run was a rehearsal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, overload

from a2pcli.ledger.records import MONEY_UNITS, Run, money_text
from a2pcli.ledger.run_commands import campaign_argument as campaign_argument
from a2pcli.ledger.run_commands import send_command as send_command
from a2pcli.moments import moment_text


def money(nano: int) -> str:
    """1e-9 currency units as plain decimal text, at least two places: ``2.50``, ``0.0075``."""
    return money_text(Decimal(nano) / MONEY_UNITS)


def money_document(cost: Mapping[str, int]) -> dict[str, str]:
    """Cost by currency as decimal text, for JSON."""
    return {currency: money(nano) for currency, nano in sorted(cost.items())}


def money_of(costs: Mapping[str, int]) -> str:
    """Costs in 1e-9 units as text: ``1.20 GBP + 3 EUR``; empty for none."""
    return " + ".join(f"{money(nano)} {currency}" for currency, nano in sorted(costs.items()))


def money_with_unpriced(costs: Mapping[str, int], unpriced: int, *, nothing: str = "0") -> str:
    """``1.20 GBP + 3 unpriced``; ``nothing`` where nothing has a cost."""
    pieces = [piece for piece in (money_of(costs), f"{unpriced:,} unpriced" if unpriced else "") if piece]
    return " + ".join(pieces) or nothing


@overload
def iso(moment: int) -> str: ...


@overload
def iso(moment: int | None) -> str | None: ...


def iso(moment: int | None) -> str | None:
    """UTC milliseconds as ISO 8601: ``2026-11-22T10:03:00.125Z``."""
    if moment is None:
        return None
    at = datetime.fromtimestamp(moment / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(moment: int, zone: str | None = None) -> str:
    """UTC milliseconds to the minute, with the zone's name: a run's in its own zone (``moments.zone_of``), others in
    this machine's."""
    return moment_text(moment, zone)


def day(moment: int) -> str:
    """The day of a moment, in UTC: ``2026-03-01``."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes >= 48 * 60:
        hours = round(minutes / 60)
        return f"{hours // 24} d {hours % 24} h"
    return f"{minutes // 60} h {minutes % 60} min"


def reading_line(read: Mapping[str, list[str]]) -> str:
    """What columns were read as: ``phone 'Mobile' · state 'Region' · opted_out 'Do Not SMS'``."""
    return " · ".join(f"{fact} " + " + ".join(f"'{name}'" for name in names) for fact, names in read.items())


def delimiter_name(delimiter: str) -> str:
    """``comma``, ``tab``; what has no name as itself, in quotes."""
    from a2pcli.contacts.csv_dialect import DELIMITER_NAMES

    return DELIMITER_NAMES.get(delimiter, repr(delimiter))


def instead_by_channel(run: Run) -> dict[str, str]:
    """What becomes of messages by the channels whose gateways deliver nothing, where others deliver."""
    found: dict[str, str] = run.sending.get("instead_by_channel") or {}
    return found


def instead_of_sending(run: Run) -> str | None:
    """What becomes of the run's messages where its gateway delivers nothing, like ``written to a file``; else None.

    The plan keeps it. Plans of earlier versions did not, nor where the gateway's settings could not be read; then
    nothing is said.
    """
    if run.sending.get("delivers") is not False:
        return None
    return str(run.sending.get("instead") or "kept on this machine")


def rehearsal_document(run: Run) -> dict[str, Any]:
    """The same as JSON: ``delivers`` is null where it is not known."""
    return {"delivers": run.sending.get("delivers"), "instead": instead_of_sending(run)}
