"""Writes rows to a CSV, JSON lines or Parquet file as they arrive.

The rows come as Arrow tables of one schema. In Parquet they keep their types; elsewhere money is plain decimal
text and a moment is ISO 8601 in UTC.
"""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TextIO, TypeAlias

import pyarrow as pa
import pyarrow.compute

from a2pcli.errors import A2PError, Problem, UsageError, not_written
from a2pcli.ledger.records import money_text
from a2pcli.visible import json_text, without_controls

pc: Any = pyarrow.compute
Cells: TypeAlias = Any
"""An Arrow array. Untyped on purpose, as ``pc``: the stubs know fewer functions and types than the library."""

MONEY = pa.decimal128(19, 9)
"""Money in a table: every amount of 1e-9 currency units that fits the ledger's integer, exact."""

MOMENT = pa.timestamp("ms", tz="UTC")

_UNIT = pa.scalar(Decimal("0.000000001"), pa.decimal128(10, 9))

FORMULA_START = r"^[=+\-@\t\r\n＝＋－＠]"
"""What makes a spreadsheet run a cell (OWASP, CSV injection), the full-width forms of the signs among them."""


CONTROL_IN_CELL = "[\\x{00}-\\x{08}\\x{0b}\\x{0c}\\x{0e}-\\x{1f}\\x{7f}-\\x{9f}\\x{2028}\\x{2029}]"


def harmless(cells: Cells) -> Cells:
    """Cells that a spreadsheet will not run: before a formula sign stands an apostrophe."""
    runs = pc.match_substring_regex(cells, FORMULA_START)
    if not pc.any(runs).as_py():
        return cells
    return pc.if_else(runs, pc.binary_join_element_wise("'", cells, ""), cells)


def without_control(cells: Cells) -> Cells:
    """Cells without what a terminal or a reader of lines acts on: CSV has no escapes, so signs stand for it."""
    acting = pc.match_substring_regex(cells, CONTROL_IN_CELL)
    if not pc.any(acting).as_py():
        return cells
    texts = cells.to_pylist()
    return pa.array([None if text is None else without_controls(text) for text in texts], cells.type)


def money_column(nano: Cells) -> Cells:
    """Integers of 1e-9 currency units as exact decimals."""
    return pc.cast(pc.multiply(pc.cast(nano, pa.decimal128(19, 0)), _UNIT), MONEY)


def _text(column: Cells) -> Cells:
    """The column as text, as written to CSV files."""
    if pa.types.is_decimal(column.type):
        # Few prices are different ones; each is written once.
        prices = column.dictionary_encode()
        texts = [None if price is None else money_text(price) for price in prices.dictionary.to_pylist()]
        return pa.array(texts, pa.string()).take(prices.indices)
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
    return column


def _whole(rows: pa.Table) -> list[Cells]:
    """The table's columns, each as one array."""
    return [pa.concat_arrays(column.chunks or [pa.array([], column.type)]) for column in rows.columns]


def private(
    path: Path, *, binary: bool = False, encoding: str | None = None, newline: str | None = None
) -> Any:
    """A new file, or an old one emptied, that its owner alone can read: people's numbers go in."""

    def mine(name: str, flags: int) -> int:
        descriptor = os.open(name, flags, 0o600)
        if os.name == "posix" and stat.S_ISREG(os.fstat(descriptor).st_mode):
            with suppress(PermissionError):  # somebody else's file, which we may write to
                os.fchmod(descriptor, 0o600)
        return descriptor

    return open(path, "wb" if binary else "w", encoding=encoding, newline=newline, opener=mine)


class _Writer(Protocol):
    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None: ...


class TableFile:
    """A file that takes rows. Complete, or not there at all: until the end it has another name."""

    def __init__(
        self, path: Path, schema: pa.Schema, *, option: str = "--out", form: str | None = None
    ) -> None:
        """``form`` is csv, jsonl or parquet; None asks the extension. ``option`` is named in problems."""
        writers: dict[str, type[Any]] = {
            ".csv": _CsvFile,
            ".jsonl": _JsonLines,
            ".ndjson": _JsonLines,
            ".parquet": _Parquet,
        }
        writer = writers.get(f".{form}" if form else path.suffix.lower())
        if writer is None:
            raise UsageError(
                Problem(f"{option} {path}: unknown extension", hint="use .csv, .jsonl or .parquet")
            )
        self._path = path
        self._schema = schema
        try:
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            # A pipe or a device takes the rows as they come; it has no other name.
            direct = path.exists() and not path.is_file()
            self._target = path if direct else path.with_name(path.name + ".part")
            self._writer: _Writer = writer(self._target, schema)
        except OSError as error:
            raise self._cannot_write(error) from error

    def add(self, rows: pa.Table) -> None:
        """Append rows."""
        try:
            self._writer.write(rows.cast(self._schema))
        except OSError as error:
            raise self._cannot_write(error) from error

    def __enter__(self) -> TableFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        finished = False
        try:
            self._writer.close()
            if kind is None and self._target != self._path:
                self._target.replace(self._path)
            finished = kind is None
        except OSError as failure:
            if kind is None:
                raise self._cannot_write(failure) from failure
        finally:
            if not finished and self._target != self._path:
                self._target.unlink(missing_ok=True)

    def _cannot_write(self, error: OSError) -> A2PError:
        return not_written(error, str(self._path))


class CsvRows:
    """Rows as CSV on an open text stream (``newline=""``)."""

    def __init__(self, stream: TextIO, schema: pa.Schema) -> None:
        self._csv = csv.writer(stream)
        self._csv.writerow(schema.names)

    def write(self, rows: pa.Table) -> None:
        """Append rows; no cell of them is a formula."""
        columns = []
        for column in _whole(rows):
            cells = _text(column)
            columns.append(
                (harmless(without_control(cells)) if pa.types.is_string(cells.type) else cells).to_pylist()
            )
        self._csv.writerows(zip(*columns, strict=True))


def json_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON has them: money as decimal text, moments in ISO 8601."""
    shown = pa.table(dict(zip(rows.column_names, map(_text, _whole(rows)), strict=True)))
    found: list[dict[str, Any]] = shown.to_pylist()
    return found


def write_rows(
    stream: TextIO, tables: Iterable[pa.Table], schema: pa.Schema, *, as_lines: bool = False
) -> int:
    """Tables on an open text stream (``newline=""``), as CSV or JSON lines; gives the rows."""
    csv_rows = None if as_lines else CsvRows(stream, schema)
    count = 0
    for table in tables:
        count += table.num_rows
        if csv_rows is not None:
            csv_rows.write(table)
            continue
        for row in table.to_pylist():
            line = json.dumps(row, ensure_ascii=False, default=_to_the_millisecond)
            stream.write(json_text(line) + "\n")
    return count


def _to_the_millisecond(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _CsvFile:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # The byte order mark tells a spreadsheet that this is UTF-8.
        self._file = private(path, encoding="utf-8-sig", newline="")
        self._rows = CsvRows(self._file, schema)

    def write(self, rows: pa.Table) -> None:
        self._rows.write(rows)

    def close(self) -> None:
        self._file.close()


class _JsonLines:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = private(path, encoding="utf-8", newline="\n")

    def write(self, rows: pa.Table) -> None:
        self._file.writelines(
            json_text(json.dumps(row, ensure_ascii=False)) + "\n" for row in json_rows(rows)
        )

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = private(path, binary=True)
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(self._file, schema)

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        try:
            self._writer.close()
        finally:
            self._file.close()
