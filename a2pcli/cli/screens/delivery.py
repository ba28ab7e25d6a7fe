"""What receipts say of a run, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from a2pcli.delivery import NEGATIVE
from a2pcli.ledger.records import Billed, Totals, Unheard
from a2pcli.reporting.deliveries import NO_CODE, NONE_UNHEARD, UNKNOWN_CAUSE, CauseOf, Deliveries, deliveries
from a2pcli.reporting.values import money

MOST_CODES = 5
"""Codes of one status before the others are summed up."""


def delivery_tables(
    totals: Totals, grid: Table, cause_of: CauseOf, *, simulated: bool, unheard: Unheard = NONE_UNHEARD
) -> Iterator[RenderableType]:
    """What was delivered, filled into ``grid``, and by variant; nothing where there is no receipt yet.

    ``simulated``: nothing was sent, and the receipts are of a rehearsal.
    """
    found = deliveries(totals, cause_of=cause_of, unheard=unheard)
    if not found.statuses and not found.unknown:
        return
    label = "simulated delivery" if simulated else "delivery"
    for line in delivery_lines(found):
        grid.add_row(label, Text(line))
        label = ""
    yield grid
    if totals.variants:
        yield _by_variant({name: deliveries(totals, name, unheard=unheard) for name in totals.variants})


def delivery_lines(found: Deliveries) -> Iterator[str]:
    """A sentence for each: delivered, undelivered by status and code and by cause, on the way, no receipt yet."""
    yield f"{found.delivered:,} of {found.accepted:,} accepted messages delivered ({_share(found)})"
    if found.read:
        yield f"{found.read:,} of {found.delivered:,} delivered messages read"
    for status in NEGATIVE:
        if many := found.statuses.get(status, 0):
            codes = found.codes.get(status, {})
            yield f"{many:,} {status}" + (f": {_codes(codes)}" if set(codes) - {NO_CODE} else "")
    if set(found.causes) - {UNKNOWN_CAUSE}:
        causes = ", ".join(f"{many:,} {cause}" for cause, many in found.causes.items())
        yield f"{found.undelivered:,} not delivered, by cause: {causes}"
    if found.sent:
        yield f"{found.sent:,} sent, no final receipt yet"
    if found.no_receipt:
        yield f"{found.no_receipt:,} no receipt yet"
    if found.unknown:
        yield f"{found.unknown:,} of these: delivery unknown, no final receipt came in the time that one is waited for"


def add_bills(grid: Table, bills: Sequence[Billed]) -> None:
    """Add what providers billed, beside the estimate for the same messages."""
    label = "billed"
    for one in bills:
        estimated = f", estimated {money(one.estimated)}" if one.estimated else ""
        grid.add_row(
            label,
            f"{money(one.billed)} {one.currency} for {one.messages:,} messages, as receipts say{estimated}",
        )
        label = ""


def _codes(codes: Mapping[str, int]) -> str:
    ordered = list(codes.items())
    shown = [f"{many:,} × {code}" for code, many in ordered[:MOST_CODES]]
    if rest := sum(many for _, many in ordered[MOST_CODES:]):
        shown.append(f"{rest:,} × other codes")
    return ", ".join(shown)


def _share(found: Deliveries) -> str:
    """One decimal, and 100 % or 0 % only where it is all or nothing."""
    share = found.share or 0.0
    shown = round(share * 100, 1)
    if shown in (0.0, 100.0) and share not in (0.0, 1.0):
        return "over 99.9%" if shown else "under 0.1%"
    return f"{shown:.1f}%"


def _by_variant(variants: Mapping[str, Deliveries]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("variant", no_wrap=True)
    for heading in ("accepted", "delivered", "", "undelivered", "no final receipt"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, one in sorted(variants.items()):
        waiting = one.no_receipt + one.sent
        figures = (one.accepted, one.delivered, _share(one), one.undelivered, waiting)
        table.add_row(name, *(figure if isinstance(figure, str) else f"{figure:,}" for figure in figures))
    return table
