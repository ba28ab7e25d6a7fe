"""``plan --out FILE``: every row of the plan, as CSV, JSON lines or Parquet, written while it streams by."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from a2pcli.content.prices import to_decimal
from a2pcli.errors import InvalidInput, Problem, UsageError
from a2pcli.planning.frames import arrow

COLUMNS = (
    "line", "cell", "number", "country", "type", "status", "reason", "detail", "body", "encoding", "units",
    "parts", "cost", "currency", "variant", "repairs",
)  # fmt: skip

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """A cell that a spreadsheet will not run: a leading formula sign gets an apostrophe (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


class _Writer(Protocol):
    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None: ...


class RowsFile:
    """Writes planned chunks to a file; the extension chooses the format. Complete, or not there at all."""

    def __init__(self, path: Path) -> None:
        writers: dict[str, type[Any]] = {
            ".csv": _Csv,
            ".jsonl": _JsonLines,
            ".ndjson": _JsonLines,
            ".parquet": _Parquet,
        }
        if path.suffix.lower() not in writers:
            raise UsageError(Problem(f"--out {path}: unknown extension", hint="use .csv, .jsonl or .parquet"))
        self._path = path
        self._unfinished = path.with_name(path.name + ".part")
        try:
            self._writer: _Writer = writers[path.suffix.lower()](self._unfinished)
        except OSError as error:
            raise InvalidInput(Problem(f"cannot write: {error.strerror}", path=str(path))) from error

    def add(self, frame: pd.DataFrame) -> None:
        """Append one planned chunk."""
        try:
            self._writer.write(_table(frame))
        except OSError as error:
            raise InvalidInput(Problem(f"cannot write: {error.strerror}", path=str(self._path))) from error

    def __enter__(self) -> RowsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        if kind is None:
            self._unfinished.replace(self._path)
        else:
            self._unfinished.unlink(missing_ok=True)


def _table(frame: pd.DataFrame) -> pa.Table:
    reasons = arrow(frame, "@reason")
    sent = pc.is_null(reasons)
    ucs2 = arrow(frame, "@ucs2")
    columns = {
        "status": pc.if_else(sent, "planned", "excluded"),
        "encoding": pc.if_else(ucs2, "UCS-2", "GSM-7"),
    }
    taken = [columns[name] if name in columns else arrow(frame, f"@{name}") for name in COLUMNS]
    return pa.table(dict(zip(COLUMNS, taken, strict=True)))


def _money(value: int | None) -> str | None:
    return None if value is None else format(to_decimal(value), "f")


class _Csv:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._csv = csv.writer(self._file)
        self._csv.writerow(COLUMNS)

    def write(self, rows: pa.Table) -> None:
        columns = []
        for name in COLUMNS:
            values = rows[name].to_pylist()
            if name == "cost":
                values = [_money(value) for value in values]
            elif name == "number":
                values = ["" if value is None else f"'{value}" for value in values]
            else:
                values = [harmless(value) if isinstance(value, str) else value for value in values]
            columns.append(values)
        self._csv.writerows(zip(*columns, strict=True))

    def close(self) -> None:
        self._file.close()


class _JsonLines:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            row["cost"] = _money(row["cost"])
            self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: pa.Table) -> None:
        cost = pa.array([_money(value) for value in rows["cost"].to_pylist()], pa.string())
        rows = rows.set_column(rows.schema.get_field_index("cost"), "cost", cost)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, rows.schema)
        self._writer.write_table(rows)

    def close(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, pa.schema([(name, pa.string()) for name in COLUMNS]))
        self._writer.close()
