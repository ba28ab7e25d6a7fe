"""CSV files as people have them, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow.compute as pc

from a2pcli.contacts.csv_blocks import Block, blocks
from a2pcli.contacts.csv_dialect import DELIMITER_NAMES, Dialect, detect_dialect, text
from a2pcli.contacts.csv_parse import BlockParser
from a2pcli.contacts.csv_records import OpenQuote, RecordReader
from a2pcli.contacts.encoding import DAMAGED, detect, encoding_notes, encoding_questions, utf8_blocks
from a2pcli.contacts.header_row import address_places, header_found
from a2pcli.contacts.row_shapes import RowShapes, shapes_of
from a2pcli.contacts.rows import Parsing, ReadOptions, Rows
from a2pcli.contacts.source import Source, no_rows
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.reasons import Reason

_FIRST_BLOCK = 256 << 10
_LARGEST_SAMPLE = 4 << 20


class CsvReader:
    """A CSV file: its encoding, delimiter and header, and its rows."""

    format = "csv"

    def __init__(self, source: Source, options: ReadOptions) -> None:
        """Raises InvalidInput where there is no table in the file."""
        self._source = source
        self._encoding = detect(source, options.encoding)
        dialect, rows_seen = self._dialect(options)
        self.encoding: str | None = self._encoding.name
        self.encoding_guessed = self._encoding.guessed
        self.delimiter: str | None = dialect.delimiter
        self.header = tuple(map(text, dialect.header.cells))
        self.header_line = dialect.header.line
        self._header_end = dialect.header.end
        self._next_line = dialect.header.line + dialect.header.lines
        self._named = max((place + 1 for place, name in enumerate(self.header) if name.strip()), default=0)
        self._width = max(dialect.width, 1) if dialect.width >= self._named else len(self.header)
        if options.header is not None and self.header_line != options.header:
            raise self._no_header_there(options.header)
        self._shapes = self._learn(dialect, options)
        self.notes = self._first_notes(dialect)
        self.questions = encoding_questions(source, self._encoding)
        if not rows_seen:
            self._refuse_without_rows(options.empty)

    def _dialect(self, options: ReadOptions) -> tuple[Dialect, bool]:
        """The dialect by a sample, larger ones if the header is huge; and whether there can be rows."""
        stream = utf8_blocks(self._source, self._encoding, _FIRST_BLOCK)
        sample = b""
        looked_at = 0
        while True:
            piece = next(stream, None)
            whole = piece is None
            sample += (piece or b"").replace(b"\0", b"")
            if not whole and len(sample) < 2 * looked_at:
                continue
            looked_at = len(sample)
            dialect = detect_dialect(self._source, sample, whole, options)
            if dialect is not None and (dialect.rows or whole):
                return dialect, dialect.rows
            if dialect is not None and len(sample) > _LARGEST_SAMPLE:
                return dialect, True
            if whole or len(sample) > _LARGEST_SAMPLE:
                raise self._no_header(options.header, whole)

    def _no_header(self, wanted: int | None, whole: bool) -> InvalidInput:
        if not whole:
            return self._source.problem(
                f"no header: no row ends within {_LARGEST_SAMPLE >> 20} MB", line=1, code="no-header"
            )
        if wanted is None:
            return self._source.problem("the file is empty: it has no header", code="empty-file")
        return self._source.problem(
            f"no text in line {wanted} or below", line=wanted,
            hint="contacts.header is the line number of the column names", code="no-header",
        )  # fmt: skip

    def _first_notes(self, dialect: Dialect) -> list[Problem]:
        notes = encoding_notes(self._source, self._encoding)
        if dialect.passed_over:
            notes.append(header_found(self._source.name, dialect.header.line))
        if dialect.detected and dialect.delimiter != ",":
            name = DELIMITER_NAMES.get(dialect.delimiter, f"'{dialect.delimiter}'")
            said = f"the cells are separated by {name}"
            notes.append(Problem(said, path=self._source.name, severity=Severity.NOTE, code="delimiter"))
        return notes

    def _refuse_without_rows(self, empty: bool) -> None:
        """A header alone may be a quiet day; one that no line break ends may be all that came of an export."""
        if not empty:
            raise no_rows(self._source, self.header_line)
        with self._source.open() as stream:
            stream.seek(max(0, self._source.size - 4))
            end = stream.read()
        if not any(end.rstrip(b"\0").endswith(mark) for mark in (b"\n", b"\r")):
            raise self._source.problem(
                "the file has a header but no rows, and its last line has no end: was the export cut off?",
                line=self.header_line, hint="end the header with a line break if the list really is empty",
                code="no-rows",
            )  # fmt: skip

    def _no_header_there(self, wanted: int) -> InvalidInput:
        return self._source.problem(
            f"no row starts in line {wanted}, or it is blank", line=wanted,
            hint="contacts.header is the line number of the column names", code="no-header",
        )  # fmt: skip

    def _learn(self, dialect: Dialect, options: ReadOptions) -> RowShapes | None:
        """What whole rows look like, to tell short ones from shifted ones."""
        if self._encoding.damaged and self._encoding.name == "utf-8":
            return None
        addresses = address_places(self.header, options.columns)
        rows = ([text(cell) for cell in record.cells] for record in dialect.sample)
        return shapes_of(rows, self._named, addresses[0] if addresses else None)

    def _note(self, message: str, code: str, line: int | None = None) -> Problem:
        return Problem(message, path=self._source.name, line=line, severity=Severity.WARNING, code=code)

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Block]]:
        """All of the file in blocks, and what makes rows of them."""
        assert self.delimiter is not None
        parsing = CsvParsing(
            self._source.name,
            self.delimiter,
            self._named,
            len(self.header),
            self._width,
            tuple(places),
            self._encoding.damaged,
            self._shapes,
        )
        return parsing, self._blocks(self.delimiter.encode())

    def _blocks(self, delimiter: bytes) -> Iterator[Block]:
        reader = RecordReader(delimiter, len(self.header))
        try:
            yield from blocks(self._body(), self._next_line, delimiter, reader)
        except OpenQuote as error:
            raise _never_closed(self._source.name, error) from error

    def _body(self) -> Iterator[bytes]:
        """The text after the header, without NUL characters."""
        skip = self._header_end
        line = 1
        noted = False
        for piece in utf8_blocks(self._source, self._encoding, _FIRST_BLOCK):
            if b"\0" in piece:
                if not noted:
                    noted = True
                    at = line + _breaks(piece[: piece.index(b"\0")])
                    self._note_once(
                        self._note("NUL characters were dropped from here on", "nul-characters", at)
                    )
                clean = piece.replace(b"\0", b"")
            else:
                clean = piece
            if not noted:
                line += _breaks(piece)
            if skip >= len(clean):
                skip -= len(clean)
                continue
            yield clean[skip:] if skip else clean
            skip = 0

    def _note_once(self, note: Problem) -> None:
        if note not in self.notes:
            self.notes.append(note)


@dataclass(frozen=True)
class CsvParsing:
    """Makes rows of blocks, in this process or in another."""

    path: str
    delimiter: str
    named: int
    header: int
    width: int
    places: tuple[int, ...]
    damaged: bool
    shapes: RowShapes | None = None

    @cached_property
    def _parser(self) -> BlockParser:
        reader = RecordReader(self.delimiter.encode(), self.header)
        return BlockParser(
            self.delimiter, self.named, self.header, self.width, list(self.places), reader, self.shapes
        )

    def __call__(self, piece: Block) -> Rows:
        """The rows of a block. Raises InvalidInput for a quotation mark that is never closed."""
        try:
            rows = self._parser.parse(piece)
        except OpenQuote as error:
            raise _never_closed(self.path, error) from error
        if self.damaged:
            _mark_damaged(rows)
        return rows


def _never_closed(path: str, error: OpenQuote) -> InvalidInput:
    hint = "close it, or double it if it is part of the text"
    if error.too_long:
        hint = "too long for one contact: check for a missing line break or an unclosed quotation mark"
    return InvalidInput(Problem(error.message, path=path, line=error.line, hint=hint, code="open-quote"))


def _breaks(text: bytes) -> int:
    """Line breaks; ``\\r\\n`` is one."""
    found = int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))
    return found if b"\r" not in text else found + text.count(b"\r") - text.count(b"\r\n")


def _mark_damaged(rows: Rows) -> None:
    """Report rows with bytes that are no text; the cells show U+FFFD there."""
    for number, cells in enumerate(rows.cells):
        found = pc.match_substring(cells, DAMAGED)
        if pc.any(found).as_py():
            rows.cells[number] = pc.replace_substring(cells, DAMAGED, "\ufffd")
            for row in np.flatnonzero(found.to_numpy(zero_copy_only=False)).tolist():
                rows.bad.setdefault(
                    row, (Reason.INVALID_TEXT, "bytes that are not text in the file's encoding")
                )
