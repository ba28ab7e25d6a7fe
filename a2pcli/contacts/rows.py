"""Rows as every reader hands them on, before they become frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.reasons import Reason

LONGEST_CELL = 262_144
"""Bytes of text in one cell; spreadsheets take 32,767 characters, and a message has at most 40,000."""
MOST_COLUMNS = 16_384
"""Columns of a table; no spreadsheet has more."""
_SURROGATE = re.compile("[\ud800-\udfff]")
Lines = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a table, where what is detected would be wrong.

    ``columns`` maps the name a column shall have to its header as in the file: ``{"phone": "Mobile No."}``. ``header``
    is the line of the header. ``hidden_rows`` (``include`` or ``exclude``) says what becomes of rows that a workbook
    hides. ``trim`` leaves out white space around cells. ``empty``: a file with a header alone is no error. ``locale``
    stands in for that of the computer where a workbook was made. ``is_row`` is given for files that a program exports:
    they may be gzip, and JSON may be one document, an array or an object around a list; it tells of an object in it
    whether it is a row."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    header: int | None = None
    hidden_rows: str | None = None
    trim: bool = False
    empty: bool = False
    locale: str = "en"
    is_row: Callable[[Mapping[str, Any]], bool] | None = None


@dataclass(slots=True)
class Rows:
    """Some consecutive rows: the line of each, its wanted cells column by column (no nulls), and the bad ones.

    ``bad`` is row to (reason, detail); the cells of a bad row are empty. Blank rows are left out, and counted.
    ``filled``: short rows that were filled up with empty cells.
    """

    lines: Lines
    cells: list[pa.StringArray]
    bad: dict[int, tuple[Reason, str]] = field(default_factory=dict)
    blank: int = 0
    filled: int = 0

    def __len__(self) -> int:
        return len(self.lines)


Piece: TypeAlias = Any
"""A part of a file, cut where rows end: rows already, or text still to be parsed. It can be sent to a process."""


class Parsing(Protocol):
    """Makes rows of pieces; can be sent to a process too."""

    def __call__(self, piece: Piece) -> Rows:
        """The rows of one piece. Raises InvalidInput."""
        ...


class Reader(Protocol):
    """One kind of file. ``header_line`` is the line the header stands on; ``notes`` are warnings; ``questions`` are
    what the file leaves open and a person has to decide, before anything is sent."""

    format: str
    header: tuple[str, ...]
    header_line: int
    encoding: str | None
    encoding_guessed: bool
    delimiter: str | None
    notes: list[Problem]
    questions: list[Problem]

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Piece]]:
        """All of the file in pieces, and what makes rows of them, with the cells of the columns at some places of
        the header, in that order."""
        ...


def long_cell(path: str, line: int, column: str, size: int) -> InvalidInput:
    """The error for a cell that no table of contacts has."""
    message = (
        f"the cell in column '{column}' has {size:,} bytes; more than {LONGEST_CELL // 1024} KB are not read"
    )
    hint = "shorten it, or remove the column from the message"
    return InvalidInput(Problem(message, path=path, line=line, hint=hint, code="cell-too-long"))


def as_they_are(piece: Rows) -> Rows:
    """The parsing of readers whose pieces are rows."""
    return piece


def rows_of(
    lines: Sequence[int],
    rows: Sequence[Sequence[str]],
    width: int,
    bad: dict[int, tuple[Reason, str]],
    blank: int,
) -> Rows:
    """Rows from Python strings, row by row. Characters that cannot be encoded become U+FFFD, the row bad."""
    columns: list[pa.StringArray] = []
    for place in range(width):
        cells = [row[place] for row in rows]
        try:
            columns.append(pa.array(cells, pa.string()))
        except UnicodeEncodeError:
            for number, cell in enumerate(cells):
                clean = _SURROGATE.sub("\ufffd", cell)
                if clean != cell:
                    cells[number] = clean
                    bad.setdefault(number, (Reason.INVALID_TEXT, "a cell holds half a character"))
            columns.append(pa.array(cells, pa.string()))
    return Rows(np.array(lines, dtype=np.int64), columns, bad, blank)
