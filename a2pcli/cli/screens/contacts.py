"""A judged contacts file: the summary and the rows that need a look, or one JSON document."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Any

from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from a2pcli.actions.contacts import REPAIRS, CheckedContacts, CheckedRow, Table
from a2pcli.cli.documents import VERSION
from a2pcli.cli.screens.listing import Listing
from a2pcli.cli.terminal.output import note_printed, printable, show
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.values import delimiter_name, reading_line
from a2pcli.visible import json_text

SHOWN_ROWS = 50
_LONGEST_CELL = 40
_IN_MEMORY = 8 << 20


def _about(found: CheckedContacts) -> dict[str, Any]:
    """Everything but the rows, for ``--json``. Complete once the rows have been read."""
    table, counts = found.table, found.counts
    return {
        "file": table.path,
        "format": table.format,
        "encoding": table.encoding,
        "encoding_guessed": table.encoding_guessed,
        "delimiter": table.delimiter,
        "column": found.column,
        "read_as": found.read_as,
        "region": found.policy.region,
        "summary": {
            "rows": counts.rows,
            "ok": counts.ok,
            "refused": counts.rows - counts.ok,
            "blank_rows": table.blank_rows,
            "duplicates": counts.duplicates,
            "reasons": _ranked(counts.reasons),
            "countries": _ranked(counts.countries),
            "types": _ranked(counts.types),
            "repairs": _ranked(counts.repairs),
        },
        "further": {
            name: {
                "rows": one.rows,
                "ok": one.ok,
                "refused": one.rows - one.ok,
                "duplicates": one.duplicates,
                "reasons": _ranked(one.reasons),
            }
            for name, one in found.further().items()
        },
        "warnings": [str(note) for note in found.notes],
    }


def _ranked(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def print_document(found: CheckedContacts) -> None:
    """One document, written row by row; kept aside until the last row, so that a failure leaves no half of one."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", errors="surrogatepass") as kept:
        separator = f'{{\n  "schema": {VERSION},\n  "rows": [\n'
        for chunk in found.chunks():
            kept.write(json_text(separator + ",\n".join(map(_row_text, chunk.rows()))))
            separator = ",\n"
        about = json.dumps(_about(found), ensure_ascii=False, indent=2)
        kept.write(json_text("\n  ],\n" + about.removeprefix("{\n") + "\n"))
        kept.seek(0)
        note_printed()
        shutil.copyfileobj(kept, sys.stdout, 1 << 20)


def _row_text(row: CheckedRow) -> str:
    """A row as a JSON object. By hand, since ``json.dumps`` on a million rows takes six times as long."""
    repairs = ", ".join(map(_quoted, row.repairs))
    earlier = f', "duplicate_of": {row.duplicate_of}' if row.duplicate_of is not None else ""
    return (
        f'{{"line": {row.line}, "cell": {_quoted(row.cell)}, "number": {_quoted(row.address)}, '
        f'"reason": {_quoted(row.reason)}, "type": {_quoted(row.type)}, "country": {_quoted(row.country)}, '
        f'"repairs": [{repairs}], "detail": {_quoted(row.detail)}{earlier}}}'
    )


def _quoted(text: str | None) -> str:
    return "null" if text is None else encode_basestring(text)


def show_contacts(checked: CheckedContacts, most: int | None) -> None:
    """The same for people: a summary, then the rows that need a look."""
    shown: list[CheckedRow] = []
    found = 0
    for chunk in checked.chunks():
        room = most is None or len(shown) < most
        for row in chunk.rows(only_problems=True) if room else ():
            if most is None or len(shown) < most:
                shown.append(row)
        found += chunk.problems
    show_problems(checked.notes)
    parts: list[Any] = [_summary(checked)]
    if shown:
        parts += [Text(), _listing(shown)]
    if found > len(shown):
        parts.append(
            Text(f"… and {found - len(shown):,} more; --all shows every one, --json shows everything")
        )
    show(Group(*parts))


def _region(region: str | None, countries: tuple[str, ...]) -> str:
    if countries:
        return f"numbers without + are read as those of the row's country{f', else of {region}' if region else ''}"
    return f"numbers without + are read as {region}" if region else "no region set: numbers need a +"


def _summary(found: CheckedContacts) -> Grid:
    table, policy, counts = found.table, found.policy, found.counts
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(justify="right")
    grid.add_column()
    region = _region(policy.region, found.facts.columns("country"))
    grid.add_row("rows", f"{counts.rows:,}", f"{_file_facts(table)}, column '{found.column}'; {region}")
    countries = ", ".join(f"{name} {times:,}" for name, times in list(_ranked(counts.countries).items())[:12])
    more = len(counts.countries) - 12
    grid.add_row("good", f"{counts.ok:,}", countries + (f", {more} other countries" if more > 0 else ""))
    for reason, times in _ranked(counts.reasons).items():
        grid.add_row(reason, f"{times:,}", SENTENCES[Reason(reason)])
    for name, times in _ranked(counts.repairs).items():
        grid.add_row(name, f"{times:,}", f"repaired: {REPAIRS[name]}")
    reading = reading_line(found.read_as)
    grid.add_row("columns", "", Text(printable(reading)))
    if counts.duplicates:
        grid.add_row("duplicates", f"{counts.duplicates:,}", "same number or address as an earlier row")
    for name, one in found.further().items():
        reasons = ", ".join(f"{times:,} {reason}" for reason, times in _ranked(one.reasons).items())
        also = f"good in the column '{printable(name)}'" + (f"; {reasons}" if reasons else "")
        grid.add_row("also", f"{one.ok:,}", Text(f"{also} (--column shows its rows)"))
    if table.blank_rows:
        grid.add_row("blank rows", f"{table.blank_rows:,}", "skipped")
    return grid


def _file_facts(table: Table) -> str:
    if table.format != "csv":
        return table.format
    delimiter = delimiter_name(table.delimiter or "")
    guessed = " (guessed)" if table.encoding_guessed else ""
    return f"csv, {table.encoding}{guessed}, {delimiter}"


def _listing(rows: list[CheckedRow]) -> Listing:
    cells = [(str(row.line), _cell(row.cell), row.address or "", "; ".join(_why(row))) for row in rows]
    return Listing(
        ("line", "cell", "number", "why"),
        cells,
        lead=3,
        whole=frozenset({"number"}),
        right=frozenset({"line"}),
    )


def _why(row: CheckedRow) -> Iterator[str]:
    if row.reason is not None:
        yield f"{row.reason}: {row.detail or SENTENCES[row.reason]}"
    if row.repairs:
        yield "repaired: " + ", ".join(row.repairs)
    if row.duplicate_of is not None:
        yield f"same {'number' if str(row.address).startswith('+') else 'address'} as line {row.duplicate_of}"


def _cell(cell: str) -> str:
    text = printable(cell.replace("\n", "⏎").replace("\t", "⇥"))
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
