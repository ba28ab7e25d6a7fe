"""What ``a2pcli contacts check`` does and shows."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from a2pcli.cli.documents import VERSION
from a2pcli.cli.screens.listing import Listing
from a2pcli.cli.terminal.output import note_printed, printable, show
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.config.load import load_settings
from a2pcli.contacts.checked import CheckedRow, CheckedRows
from a2pcli.contacts.csv_dialect import DELIMITER_NAMES
from a2pcli.contacts.facts import recognise
from a2pcli.contacts.phones import REPAIRS, PhonePolicy, region_code
from a2pcli.contacts.table import ReadOptions, Table, address_column, open_table
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, UsageError
from a2pcli.planning.reading import read_as, reading_line, reading_problems
from a2pcli.planning.refusals import Told, speaking, told_by_file
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.visible import json_text

_SHOWN_ROWS = 50
_LONGEST_CELL = 40
_IN_MEMORY = 8 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """The command's arguments."""

    file: str
    region: str | None = None
    column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    allow_fictional: bool = False
    allow_fixed_line: bool = False


def check_contacts(asked: Asked, *, as_json: bool, show_all: bool) -> None:
    """Read, judge and show a contacts file. Raises InvalidInput where it cannot be used."""
    policy = _policy(asked)
    mapping = {"phone": asked.column} if asked.column else {}
    options = ReadOptions(asked.encoding, asked.delimiter, asked.sheet, mapping)
    table = open_table(asked.file, options=options)
    address = address_column(table)
    claims = speaking(recognise(table.described, address), marketing=True, binds=True)
    told = told_by_file(table, address, claims, policy, "en", whole=False)
    rows = CheckedRows(table, address, policy)
    if as_json:
        _print_json(table, address, policy, rows, told)
    else:
        _show(table, address, policy, rows, told, None if show_all else _SHOWN_ROWS)


def _policy(asked: Asked) -> PhonePolicy:
    path = Path(asked.file)
    settings = load_settings(path if asked.file != "-" and path.exists() else Path.cwd()).settings
    try:
        region = region_code(asked.region) if asked.region else settings.region
    except InvalidInput as error:
        raise UsageError(
            *(replace(problem, message=f"--region: {problem.message}") for problem in error.problems)
        ) from None
    return PhonePolicy(
        region=region,
        allow_fictional=asked.allow_fictional or settings.numbers.allow_fictional,
        allow_fixed_line=asked.allow_fixed_line or settings.numbers.allow_fixed_line,
    )


def _about(table: Table, address: str, policy: PhonePolicy, rows: CheckedRows, told: Told) -> dict[str, Any]:
    """Everything but the rows, for ``--json``. Complete once the rows have been read."""
    counts = rows.counts
    return {
        "file": table.path,
        "format": table.format,
        "encoding": table.encoding,
        "encoding_guessed": table.encoding_guessed,
        "delimiter": table.delimiter,
        "column": table.header[table.columns.index(address)].strip(),
        "read_as": read_as(table, address, recognise(table.described, address)),
        "region": policy.region,
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
        "warnings": [str(note) for note in _notes(table, address, told)],
    }


def _notes(table: Table, address: str, told: Told) -> list[Problem]:
    """Warnings about the file and what its columns are read as."""
    return [*table.notes, *reading_problems(table, recognise(table.described, address), told)]


def _ranked(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _print_json(table: Table, address: str, policy: PhonePolicy, rows: CheckedRows, told: Told) -> None:
    """One document, written row by row; kept aside until the last row, so that a failure leaves no half of one."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", errors="surrogatepass") as kept:
        separator = f'{{\n  "schema": {VERSION},\n  "rows": [\n'
        for chunk in rows.chunks():
            kept.write(json_text(separator + ",\n".join(map(_row_text, chunk.rows()))))
            separator = ",\n"
        about = json.dumps(_about(table, address, policy, rows, told), ensure_ascii=False, indent=2)
        kept.write(json_text("\n  ],\n" + about.removeprefix("{\n") + "\n"))
        kept.seek(0)
        note_printed()
        shutil.copyfileobj(kept, sys.stdout, 1 << 20)


def _row_text(row: CheckedRow) -> str:
    """A row as a JSON object. By hand, since `json.dumps` on a million rows takes six times as long."""
    repairs = ", ".join(map(_quoted, row.repairs))
    earlier = f', "duplicate_of": {row.duplicate_of}' if row.duplicate_of is not None else ""
    return (
        f'{{"line": {row.line}, "cell": {_quoted(row.cell)}, "number": {_quoted(row.number)}, '
        f'"reason": {_quoted(row.reason)}, "type": {_quoted(row.type)}, "country": {_quoted(row.country)}, '
        f'"repairs": [{repairs}], "detail": {_quoted(row.detail)}{earlier}}}'
    )


def _quoted(text: str | None) -> str:
    return "null" if text is None else encode_basestring(text)


def _show(
    table: Table, address: str, policy: PhonePolicy, rows: CheckedRows, told: Told, most: int | None
) -> None:
    """The same for people: a summary, then the rows that need a look."""
    shown: list[CheckedRow] = []
    found = 0
    for chunk in rows.chunks():
        room = most is None or len(shown) < most
        for row in chunk.rows(only_problems=True) if room else ():
            if most is None or len(shown) < most:
                shown.append(row)
        found += chunk.problems
    show_problems(_notes(table, address, told))
    parts: list[Any] = [_summary(table, address, policy, rows)]
    if shown:
        parts += [Text(), _listing(shown)]
    if found > len(shown):
        parts.append(Text(f"… and {found - len(shown):,} more; --all shows every one, --json all there is"))
    show(Group(*parts))


def _summary(table: Table, address: str, policy: PhonePolicy, rows: CheckedRows) -> Grid:
    counts = rows.counts
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(justify="right")
    grid.add_column()
    column = table.header[table.columns.index(address)].strip()
    region = f"numbers without + are of {policy.region}" if policy.region else "no region: numbers need a +"
    grid.add_row("rows", f"{counts.rows:,}", f"{_read_as(table)}, column '{column}'; {region}")
    countries = ", ".join(f"{name} {times:,}" for name, times in list(_ranked(counts.countries).items())[:12])
    more = len(counts.countries) - 12
    grid.add_row("good", f"{counts.ok:,}", countries + (f", {more} other countries" if more > 0 else ""))
    for reason, times in _ranked(counts.reasons).items():
        grid.add_row(reason, f"{times:,}", SENTENCES[Reason(reason)])
    for name, times in _ranked(counts.repairs).items():
        grid.add_row(name, f"{times:,}", f"repaired: {REPAIRS[name]}")
    reading = reading_line(read_as(table, address, recognise(table.described, address)))
    grid.add_row("columns", "", Text(printable(reading)))
    if counts.duplicates:
        grid.add_row("duplicates", f"{counts.duplicates:,}", "the same number stands in an earlier row")
    if table.blank_rows:
        grid.add_row("blank rows", f"{table.blank_rows:,}", "skipped")
    return grid


def _read_as(table: Table) -> str:
    if table.format != "csv":
        return table.format
    delimiter = DELIMITER_NAMES.get(table.delimiter or "", f"'{table.delimiter}'")
    guessed = " (guessed)" if table.encoding_guessed else ""
    return f"csv, {table.encoding}{guessed}, {delimiter}"


def _listing(rows: list[CheckedRow]) -> Listing:
    cells = [(str(row.line), _cell(row.cell), row.number or "", "; ".join(_why(row))) for row in rows]
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
        yield f"same number as line {row.duplicate_of}"


def _cell(cell: str) -> str:
    text = printable(cell.replace("\n", "⏎").replace("\t", "⇥"))
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
