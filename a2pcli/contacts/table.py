"""Open a table of contacts, whatever it is stored as, and read it in chunks of text."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from a2pcli.contacts.columns import Columns, pick_address, read_header
from a2pcli.errors import InvalidInput, Problem

TEXT = pd.ArrowDtype(pa.string())


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a table, where what is detected would be wrong. `columns`: name to header as in the file."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


class Table:
    """FIRST VERSION (CSV only): an opened contacts file."""

    def __init__(self, path: str, file: Path, options: ReadOptions) -> None:
        self.path, self.file, self.format = path, file, "csv"
        self.encoding: str | None = options.encoding or "utf-8"
        self.encoding_guessed = False
        self.delimiter: str | None = options.delimiter or ","
        self.notes: list[Problem] = []
        self.blank_rows = 0
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), None)
        if header is None:
            raise InvalidInput(Problem("the file is empty", path=path, code="empty-file"))
        self._columns, notes = read_header(header, options.columns, path, 1)
        self.notes.extend(notes)

    @property
    def header(self) -> tuple[str, ...]:
        """The header as written."""
        return self._columns.header

    @property
    def columns(self) -> tuple[str, ...]:
        """Canonical names, aligned with `header`."""
        return self._columns.names

    @property
    def described(self) -> Columns:
        """The header understood."""
        return self._columns

    def column(self, name: str) -> str | None:
        """The canonical column that a name means, whatever its case, spaces, `_` and `-`."""
        return self._columns.find(name)

    def chunks(self, columns: Collection[str] | None = None, rows: int = 50_000) -> Iterator[pd.DataFrame]:
        """The rows, as frames of `@line`, `@reason`, `@detail` and the wanted columns as Arrow strings."""
        wanted = [name for name in self.columns if columns is None or name in columns]
        places = [self.columns.index(name) for name in wanted]
        batch: list[tuple[int, str | None, str | None, list[str]]] = []
        with self.file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            next(reader)
            before = reader.line_num
            for row in reader:
                line, before = before + 1, reader.line_num
                if not any(cell.strip() for cell in row):
                    self.blank_rows += 1
                    continue
                if len(row) != len(self.columns):
                    detail = f"{len(row)} cells, the header has {len(self.columns)}"
                    batch.append((line, "ragged-row", detail, [""] * len(wanted)))
                else:
                    batch.append((line, None, None, [row[place] for place in places]))
                if len(batch) == rows:
                    yield self._frame(batch, wanted)
                    batch = []
        if batch:
            yield self._frame(batch, wanted)

    def _frame(
        self, batch: list[tuple[int, str | None, str | None, list[str]]], wanted: list[str]
    ) -> pd.DataFrame:
        data = {
            "@line": pd.Series([row[0] for row in batch], dtype="int64"),
            "@reason": pd.Series([row[1] for row in batch], dtype=TEXT),
            "@detail": pd.Series([row[2] for row in batch], dtype=TEXT),
        }
        for place, name in enumerate(wanted):
            data[name] = pd.Series([row[3][place] for row in batch], dtype=TEXT)
        return pd.DataFrame(data)

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the file's bytes."""
        with self.file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def open_table(file: str, *, base: Path | None = None, options: ReadOptions | None = None) -> Table:
    """Open a contacts file (`-` is stdin). Raises InvalidInput with every problem."""
    path = Path(file) if base is None else base / file
    if not path.is_file():
        raise InvalidInput(Problem("no such file", path=file, code="no-such-file"))
    return Table(file, path, options or ReadOptions())


def address_column(table: Table, channel: str = "sms") -> str:
    """The canonical name of the column that holds the address: `phone` if there is one, else a known synonym."""
    return pick_address(table.described, channel, table.path, 1)
