"""Answers of ``a2pcli ledger query``: as a table, CSV, JSON lines or one document."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from a2pcli.cli.screens.listing import Listing
from a2pcli.cli.terminal.output import print_json, print_json_list, printable, say, show, stdout_rows
from a2pcli.visible import json_text, without_controls

if TYPE_CHECKING:
    from a2pcli.actions.ledgers import Answer

SHOWN = 1_000
"""Rows of a table on the screen; the other forms have all."""

_FORMULA = re.compile(r"^[=+\-@\t\r\n＝＋－＠]")
"""What makes a spreadsheet run a cell; see ``reporting.table_file``."""


def show_views(*, as_json: bool) -> None:
    """Print the views and their columns, as text or JSON."""
    from a2pcli.actions.ledgers import documented_views

    views = documented_views()
    if as_json:
        documents = [
            {
                "name": one.name,
                "says": one.says,
                "columns": {column.name: column.says for column in one.columns},
            }
            for one in views
        ]
        print_json({"views": documents})
        return
    for view in views:
        print(f"{view.name}: {view.says}")
        wide = max(len(column.name) for column in view.columns)
        for column in view.columns:
            print(f"  {column.name:<{wide}}  {column.says}")
        print()


def show_table(answer: Answer) -> None:
    """Print a table of the first ``SHOWN`` rows."""
    rows: list[tuple[str, ...]] = []
    more = False
    for batch in answer.batches:
        room = SHOWN - len(rows)
        rows += [tuple(printable(_cell(value)) for value in row) for row in batch[:room]]
        if len(batch) > room:
            more = True
            break
    numbers = _numeric(answer.columns, rows)
    if rows:
        columns = tuple(printable(name) for name in answer.columns)
        show(Listing(columns, rows, lead=1, right=frozenset(numbers)))
    if more:
        say(f"only the first {SHOWN:,} rows are shown; --csv and --jsonl print all")
    elif not rows:
        say("no rows")


def _numeric(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> set[str]:
    """Columns that hold nothing but whole or decimal numbers."""
    found = set()
    for place, name in enumerate(columns):
        cells = [row[place] for row in rows if row[place]]
        if cells and all(re.fullmatch(r"-?\d+(\.\d+)?", cell) for cell in cells):
            found.add(printable(name))
    return found


def print_csv(answer: Answer) -> None:
    """Print CSV on stdout; cells that a spreadsheet would run as formulas are escaped."""
    with stdout_rows() as stream:
        writer = csv.writer(stream)
        writer.writerow([_csv_cell(name) for name in answer.columns])
        for batch in answer.batches:
            writer.writerows([_csv_cell(value) for value in row] for row in batch)


def _csv_cell(value: Any) -> Any:
    if value is None or isinstance(value, (int, float)):
        return value
    text = without_controls(_cell(value))
    return f"'{text}" if _FORMULA.match(text) else text


def print_lines(answer: Answer) -> None:
    """JSON lines on stdout, an object a row. Of columns with the same name the last one stays."""
    with stdout_rows() as stream:
        for batch in answer.batches:
            for row in batch:
                document = dict(zip(answer.columns, map(_plain, row), strict=True))
                stream.write(json_text(json.dumps(document, ensure_ascii=False)) + "\n")


def print_document(answer: Answer) -> None:
    """Print one JSON document with the columns and rows."""
    print_json_list({"columns": list(answer.columns)}, "rows", _rows(answer))


def _rows(answer: Answer) -> Iterator[list[Any]]:
    for batch in answer.batches:
        for row in batch:
            yield [_plain(value) for value in row]


def _plain(value: Any) -> Any:
    """The value as a type that JSON can represent."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else _cell(value)


def _cell(value: Any) -> str:
    """A value as text: bytes in hex, moments of PostgreSQL in ISO 8601, its documents as JSON."""
    if value is None:
        return ""
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
