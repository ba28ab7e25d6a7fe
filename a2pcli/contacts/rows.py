"""Rows as every reader hands them on, before they become frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.errors import Problem
from a2pcli.reasons import Reason

_SURROGATE = re.compile("[\ud800-\udfff]")
Lines = npt.NDArray[np.int64]


@dataclass(slots=True)
class Rows:
    """Some consecutive rows: the line of each, its wanted cells column by column (no nulls), and the bad ones.

    `bad` is row to (reason, detail); the cells of a bad row are empty. Blank rows are left out, and counted.
    """

    lines: Lines
    cells: list[pa.StringArray]
    bad: dict[int, tuple[Reason, str]] = field(default_factory=dict)
    blank: int = 0

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
    """One kind of file. `header_line` is the line the header stands on; `notes` are warnings."""

    format: str
    header: tuple[str, ...]
    header_line: int
    encoding: str | None
    encoding_guessed: bool
    delimiter: str | None
    notes: list[Problem]

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Piece]]:
        """All of the file in pieces, and what makes rows of them, with the cells of the columns at some places of
        the header, in that order."""
        ...


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
