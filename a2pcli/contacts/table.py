"""Open a table of contacts, whatever it is stored as, and read it in chunks of text.

Everything is a string as it was typed (``NA``, ``null``, ``007``, ``1e5``) until a template asks otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.contacts.cell_text import composed_column, trimmed_column
from a2pcli.contacts.columns import other_address_columns, pick_address, read_header
from a2pcli.contacts.rows import (
    LONGEST_CELL,
    MOST_COLUMNS,
    Parsing,
    Piece,
    Reader,
    ReadOptions,
    Rows,
    long_cell,
)
from a2pcli.contacts.source import TEXT_KINDS, Source, no_rows
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.frame import Frame

__all__ = ["Framed", "Framing", "ReadOptions", "Table", "address_column", "open_table"]


@dataclass(frozen=True, slots=True)
class Framed:
    """What was made of a piece of a table: frames, the blank rows that were left out, the short ones filled up."""

    frames: list[Frame]
    blank: int
    filled: int = 0


@dataclass(frozen=True, slots=True)
class Framing:
    """Makes frames, of at most ``rows`` rows, of pieces of a table, in this process or in another."""

    parse: Parsing
    names: tuple[str, ...]
    rows: int
    path: str = ""
    trim: bool = False

    def __call__(self, piece: Piece) -> Framed:
        """The frames of one piece. Raises InvalidInput."""
        part = self.parse(piece)
        self._refuse_long_cells(part)
        cells = [composed_column(column) for column in part.cells]
        if self.trim:
            cells = [trimmed_column(column) for column in cells]
        count = len(part)
        pieces = -(-count // self.rows)
        bounds = [count * number // pieces for number in range(pieces + 1)] if pieces else [0]
        frames = [_frame(part, cells, self.names, start, end) for start, end in pairwise(bounds)]
        return Framed(frames, part.blank, part.filled)

    def _refuse_long_cells(self, rows: Rows) -> None:
        """Raises InvalidInput for a cell that no table of contacts has."""
        for name, cells in zip(self.names, rows.cells, strict=True):
            length = pc.binary_length(cells)
            longest = pc.max(length).as_py() or 0
            if longest > LONGEST_CELL:
                row = pc.index(length, longest).as_py()
                raise long_cell(self.path, int(rows.lines[row]), name, longest)


class Table:
    """An opened table: its columns are known, its rows not yet read.

    ``notes`` are warnings (a guessed encoding, another delimiter than comma, ...); reading may add some.
    ``blank_rows`` is known once the chunks have been read.
    """

    def __init__(self, source: Source, reader: Reader, options: ReadOptions) -> None:
        self.path = source.name
        self.format = reader.format
        self.encoding = reader.encoding
        self.encoding_guessed = reader.encoding_guessed
        self.delimiter = reader.delimiter
        self.header_line = reader.header_line
        self.blank_rows = self.filled_rows = self._rows_read = 0
        self._source, self._reader, self._empty = source, reader, options.empty
        self._trim = options.trim
        if len(reader.header) > MOST_COLUMNS:
            raise source.problem(
                f"the header has {len(reader.header):,} columns; at most {MOST_COLUMNS:,} are read",
                line=reader.header_line, code="too-large",
            )  # fmt: skip
        self.described, warnings = read_header(
            reader.header, options.columns, source.name, reader.header_line
        )
        self._warnings = warnings

    @property
    def notes(self) -> list[Problem]:
        """Warnings about the file so far."""
        return [*self._reader.notes, *self._warnings, *self._filled_note()]

    def _filled_note(self) -> list[Problem]:
        if not self.filled_rows:
            return []
        rows = f"{self.filled_rows:,} row{'s were' if self.filled_rows > 1 else ' was'}"
        message = f"{rows} shorter than the header; the last columns are missing and taken as empty"
        return [Problem(message, path=self.path, severity=Severity.WARNING, code="short-rows")]

    @property
    def questions(self) -> list[Problem]:
        """What the file leaves open and a campaign has to say, as errors: hidden rows, an encoding in doubt."""
        return list(self._reader.questions)

    @property
    def header(self) -> tuple[str, ...]:
        """The column names as written in the file."""
        return self.described.header

    @property
    def columns(self) -> tuple[str, ...]:
        """Canonical names, aligned with ``header``: unique, lower case, letters, digits and ``_``."""
        return self.described.names

    def column(self, name: str) -> str | None:
        """The canonical column that a name means, whatever its case, spaces, ``_`` and ``-``."""
        return self.described.find(name)

    def chunks(self, columns: Collection[str] | None = None, rows: int = 50_000) -> Iterator[Frame]:
        """The rows in order, as frames of at most ``rows``: ``@line``, ``@reason``, ``@detail``, then the wanted
        columns.

        ``columns`` are canonical names (default: all); they come in the file's order. A bad row (ragged, bytes that
        are no text) has its reason and empty cells. Blank rows are skipped and counted. May be called again.
        Raises InvalidInput: an unknown column, a quotation mark never closed, a file that changed meanwhile, ...
        """
        framing, pieces = self.read(columns, rows)
        for piece in pieces:
            framed = framing(piece)
            self.count(framed)
            yield from framed.frames
        self.finish()

    def read(self, columns: Collection[str] | None, rows: int) -> tuple[Framing, Iterator[Piece]]:
        """What ``chunks`` does, in two halves: pieces of the file, and what makes frames of them, which may happen in
        another process. Whoever does it `count`s what comes out, and `finish`es."""
        wanted = self._wanted(columns)
        parsing, pieces = self._reader.read([self.columns.index(name) for name in wanted])
        self._source.check_unchanged()
        self.blank_rows = self.filled_rows = self._rows_read = 0
        return Framing(parsing, tuple(wanted), rows, self.path, self._trim), pieces

    def count(self, framed: Framed) -> None:
        """Add the counts of a piece to the totals."""
        self.blank_rows += framed.blank
        self.filled_rows += framed.filled
        self._rows_read += sum(len(frame) for frame in framed.frames)

    def finish(self) -> None:
        """The last piece is read. Raises InvalidInput for a file that changed meanwhile, or has no row."""
        self._source.check_unchanged()
        if not self._rows_read and not self._empty:
            raise no_rows(self._source, self.header_line)

    def _wanted(self, columns: Collection[str] | None) -> list[str]:
        if columns is None:
            return list(self.columns)
        unknown = [name for name in columns if name not in self.columns]
        if unknown:
            raise InvalidInput(
                *(
                    Problem(
                        f"no column '{name}'", path=self.path, line=self.header_line,
                        hint=self.described.suggestion(name), code="unknown-column",
                    )
                    for name in unknown
                )
            )  # fmt: skip
        return [name for name in self.columns if name in columns]

    def note_other_addresses(self, chosen: str, fact: str = "phone") -> None:
        """Warn of other columns that could hold the addresses."""
        others = other_address_columns(self.described, chosen, fact)
        if others and not any(note.code == "several-address-columns" for note in self._warnings):
            listed = " and ".join(f"'{name}'" for name in others)
            written = self.header[self.columns.index(chosen)].strip()
            what = "numbers" if fact == "phone" else "addresses"
            self._warnings.append(
                Problem(
                    f"{what} are read from '{written}'; {listed} may contain {what} too",
                    path=self.path, line=self.header_line, severity=Severity.WARNING, code="several-address-columns",
                )
            )  # fmt: skip

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the file's bytes, so that a change between plan and send is noticed."""
        return self._source.fingerprint()


def open_table(file: str, *, base: Path | None = None, options: ReadOptions | None = None) -> Table:
    """Open a contacts file; ``-`` is stdin, read once into a temporary file.

    ``base`` is the folder relative paths start from. Raises InvalidInput with every problem of the file's beginning.
    """
    options = options or ReadOptions()
    source = Source(file, base, unpack=options.is_row is not None)
    reader: Reader
    if source.kind == "parquet":
        from a2pcli.contacts.parquet_table import ParquetReader

        reader = ParquetReader(source, options)
    elif source.kind == "workbook":
        from a2pcli.contacts.workbook import WorkbookReader

        reader = WorkbookReader(source, options)
    elif source.kind == "jsonl":
        if options.is_row is not None:
            from a2pcli.contacts.json_document import JsonReader

            reader = JsonReader(source, options)
        else:
            from a2pcli.contacts.json_lines import JsonLinesReader

            reader = JsonLinesReader(source, options)
    else:
        from a2pcli.contacts.csv_table import CsvReader

        reader = CsvReader(source, options)
    if options.sheet is not None and source.kind in (*TEXT_KINDS, "parquet"):
        raise source.problem("only workbooks have sheets", hint="remove `sheet`", code="no-sheet")
    return Table(source, reader, options)


def address_column(table: Table, wanted: str | Sequence[str] = "phone") -> str:
    """The canonical name of the column that holds the address: ``wanted`` is ``phone``, ``email`` or a chat network
    (``channels.Channel.column``), or several of them, the first of which the file has.

    The column of that very name if there is one (a mapping makes it), else a known synonym (mobile, msisdn, ...).
    Raises InvalidInput where there is none, or where two columns have that name.
    """
    try:
        name = pick_address(table.described, wanted, table.path, table.header_line)
    except InvalidInput as error:
        found = [_with_header_hint(problem) for problem in error.problems]
        raise InvalidInput(*found, *(note for note in table.notes if note.code == "several-sheets")) from None
    table.note_other_addresses(name, wanted if isinstance(wanted, str) else "phone")
    return name


def _with_header_hint(problem: Problem) -> Problem:
    """Where no column is known the names may stand further down, and were not seen to."""
    if problem.code != "no-address-column":
        return problem
    return replace(
        problem, hint=f"{problem.hint}; if the column names are further down: `contacts: {{header: 3}}`"
    )


def _frame(
    rows: Rows, columns: Sequence[pa.StringArray], names: Sequence[str], start: int, end: int
) -> Frame:
    """A slice of the rows as a ``Frame``."""
    count = end - start
    bad = [row for row in sorted(rows.bad) if start <= row < end]
    data = {"@line": pa.array(rows.lines[start:end])}
    for name, part in (("@reason", 0), ("@detail", 1)):
        values = np.full(count, None, dtype=object)
        for row in bad:
            values[row - start] = str(rows.bad[row][part])
        data[name] = pa.array(values, pa.string()) if bad else pa.nulls(count, pa.string())
    for name, cells in zip(names, columns, strict=True):
        data[name] = cells.slice(start, count)
    return Frame(data)
