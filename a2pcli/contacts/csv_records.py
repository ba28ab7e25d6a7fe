"""Read CSV records with care, one by one: every quote is accounted for, and every record knows its line.

The rules are those of RFC 4180 and of spreadsheets: a cell that starts with a quotation mark ends at the next single
one and may hold line breaks; in other cells quotation marks are ordinary characters. What a careless reader makes of
a missing quotation mark, one huge cell with many people in it, is an error here, at the line where it opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from a2pcli.dataclass import dataclass

LONGEST_RECORD = 16 << 20
"""Bytes. A quoted cell longer than this was never closed."""
_BREAK = re.compile(rb"\r\n|\r|\n")
_QUOTED = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")')
_SEVEN_DIGITS = re.compile(rb"\d(?:[ ().-]{0,2}\d){6}")


class OpenQuote(Exception):
    """A quoted cell that is not closed, or holds what look like further rows. ``line``: where it opened. ``too_long``:
    a row without an end, with or without a quotation mark."""

    def __init__(self, line: int, message: str, *, too_long: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.too_long = too_long


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the line it starts on, its cells, how many lines it covers, and where it ends in the data."""

    line: int
    cells: list[bytes]
    lines: int
    end: int


class RecordReader:
    """Reads records from bytes. Incomplete ones at the end of the data are left alone until the file ends."""

    def __init__(self, delimiter: bytes, width: int = 0) -> None:
        """``width``: the cells of the header, once it is known."""
        self._delimiter = delimiter
        self.width = width
        self._bare = re.compile(rb"(?:(?!" + re.escape(delimiter) + rb")[^\r\n])*")
        if len(delimiter) == 1:
            self._bare = re.compile(rb"[^\r\n" + re.escape(delimiter) + rb"]*")

    def records(self, data: bytes, line: int, at_end: bool, start: int = 0) -> Iterator[Record]:
        """The complete records in ``data``, which starts on ``line``; with ``at_end`` the last one too.

        Raises OpenQuote.
        """
        while start < len(data):
            record = self._record(data, start, line, at_end)
            if record is None:
                return
            yield record
            line += record.lines
            start = record.end

    def cells(self, record: bytes) -> list[bytes]:
        """The cells of one record's text."""
        found = self._record(record, 0, 1, True)
        return found.cells if found else []

    def _record(self, data: bytes, at: int, line: int, at_end: bool) -> Record | None:
        first, cells, breaks = at, [], 0
        while True:
            cell, at, inside = self._cell(data, at, line + breaks, at_end)
            if at < 0:
                return None
            cells.append(cell)
            breaks += inside
            if data.startswith(self._delimiter, at):
                at += len(self._delimiter)
                continue
            if at == len(data):
                return Record(line, cells, breaks + 1, at) if at_end else None
            if data[at : at + 1] == b"\r" and at + 1 == len(data) and not at_end:
                return None
            at += 2 if data.startswith(b"\r\n", at) else 1
            if breaks > 1:
                refuse_swallowed_rows(data[first:at], self._delimiter, self.width or len(cells), line)
            return Record(line, cells, breaks + 1, at)

    def _cell(self, data: bytes, at: int, line: int, at_end: bool) -> tuple[bytes, int, int]:
        """A cell's bytes, where it ends (-1: incomplete), and the line breaks in it."""
        if data[at : at + 1] != b'"':
            found = self._bare.match(data, at)
            assert found
            return found[0], found.end(), 0
        closed = _QUOTED.match(data, at + 1)
        if closed is None or (closed.end() == len(data) and not at_end):
            if at_end:
                raise OpenQuote(line, "a quotation mark opens here and is never closed")
            if len(data) - at > LONGEST_RECORD:
                size = LONGEST_RECORD >> 20
                raise OpenQuote(line, f"a quotation mark opens here and is not closed within {size} MB")
            return b"", -1, 0
        cell = data[at + 1 : closed.end() - 1].replace(b'""', b'"')
        rest = self._bare.match(data, closed.end())
        assert rest
        breaks = cell.count(b"\n") + cell.count(b"\r") - cell.count(b"\r\n")
        if rest[0] and breaks:
            raise OpenQuote(line, "a quotation mark opens here and is not closed before the next one")
        return cell + rest[0], rest.end(), breaks


def refuse_swallowed_rows(record: bytes, delimiter: bytes, width: int, line: int) -> None:
    """Raise OpenQuote where a quoted cell of a record holds lines that are rows of their own.

    By the look of them: all the whole lines between its first and its last have as many cells as the header, and
    a number. (Before its first quoted line break a record has none, so that is the line where the quote opened.)
    """
    if width < 2 or record.count(delimiter) < 2 * (width - 1):
        return
    inner = _BREAK.split(record.rstrip(b"\r\n"))[1:-1]
    if inner and all(text.count(delimiter) == width - 1 and _SEVEN_DIGITS.search(text) for text in inner):
        lines = "a line that looks" if len(inner) == 1 else f"{len(inner)} lines that look"
        raise OpenQuote(line, f"a quotation mark opens here, and its cell holds {lines} like rows")
