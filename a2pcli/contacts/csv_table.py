"""CSV files as people have them, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from a2pcli.contacts.csv_blocks import Block, blocks
from a2pcli.contacts.csv_dialect import DELIMITER_NAMES, Dialect, detect_dialect, is_blank
from a2pcli.contacts.csv_records import OpenQuote, Record, RecordReader, refuse_swallowed_rows
from a2pcli.contacts.encoding import DAMAGED, TextEncoding, detect, utf8_blocks
from a2pcli.contacts.rows import Rows
from a2pcli.contacts.source import Source
from a2pcli.errors import Problem, Severity
from a2pcli.reasons import Reason

_FIRST_BLOCK = 256 << 10
_LARGEST_SAMPLE = 64 << 20
_SPACES = b" \t\r\n"


class CsvReader:
    """A CSV file: its encoding, delimiter and header, and its rows."""

    format = "csv"

    def __init__(self, source: Source, encoding: str | None, delimiter: str | None) -> None:
        """Raises InvalidInput where there is no table in the file."""
        self._source = source
        self._encoding = detect(source, encoding)
        dialect, rows_seen = self._dialect(delimiter)
        self.encoding: str | None = self._encoding.name
        self.encoding_guessed = self._encoding.guessed
        self.delimiter: str | None = dialect.delimiter
        self.header = tuple(_text(cell) for cell in dialect.header.cells)
        self.header_line = dialect.header.line
        self._header_end = dialect.header.end
        self._next_line = dialect.header.line + dialect.header.lines
        self._named = max((place + 1 for place, name in enumerate(self.header) if name.strip()), default=0)
        self._width = max(dialect.width, 1) if dialect.width >= self._named else len(self.header)
        self.notes = self._first_notes(dialect)
        if not rows_seen:
            raise source.problem(
                "there is a header, but no row below it", line=self.header_line, code="no-rows"
            )

    def _dialect(self, delimiter: str | None) -> tuple[Dialect, bool]:
        """The dialect by a sample, larger ones if the header is huge; and whether there can be rows."""
        stream = utf8_blocks(self._source, self._encoding, _FIRST_BLOCK)
        sample = b""
        while True:
            piece = next(stream, None)
            whole = piece is None
            sample += (piece or b"").replace(b"\0", b"")
            dialect = detect_dialect(self._source, sample, whole, delimiter)
            if dialect is not None and (dialect.rows or whole):
                return dialect, dialect.rows
            if dialect is not None and len(sample) > _LARGEST_SAMPLE:
                return dialect, True
            if whole or len(sample) > _LARGEST_SAMPLE:
                raise self._source.problem("the file is empty: it has no header", code="empty-file")

    def _first_notes(self, dialect: Dialect) -> list[Problem]:
        notes: list[Problem] = []
        encoding = self._encoding
        example = f": line {encoding.example[1]} has '{encoding.example[0]}'" if encoding.example else ""
        if encoding.guessed:
            notes.append(
                self._note(f"not UTF-8; read as Windows-1252, which is a guess{example}", "guessed-encoding")
            )
        elif encoding.damaged and encoding.example:
            notes.append(self._note(f"UTF-8 with some bytes that are not{example}", "damaged-encoding"))
        if dialect.detected and dialect.delimiter != ",":
            name = DELIMITER_NAMES.get(dialect.delimiter, f"'{dialect.delimiter}'")
            notes.append(self._note(f"the cells are separated by {name}", "delimiter"))
        return notes

    def _note(self, message: str, code: str, line: int | None = None) -> Problem:
        return Problem(message, path=self._source.name, line=line, severity=Severity.WARNING, code=code)

    def rows(self, places: Sequence[int]) -> Iterator[Rows]:
        """All rows, block by block, with the cells of the columns at some places of the header."""
        assert self.delimiter is not None
        reader = RecordReader(self.delimiter.encode(), len(self.header))
        parser = _BlockParser(
            self.delimiter, self._named, len(self.header), self._width, list(places), reader
        )
        try:
            for block in blocks(self._body(), self._next_line, self.delimiter.encode(), reader):
                rows = parser.parse(block)
                if self._encoding.damaged:
                    _mark_damaged(rows)
                yield rows
        except OpenQuote as error:
            raise self._source.problem(
                error.message,
                line=error.line,
                hint="close it, or double it if it is part of the text",
                code="open-quote",
            ) from error

    def _body(self) -> Iterator[bytes]:
        """The text after the header, without NUL characters."""
        skip = self._header_end
        line = 1
        noted = False
        for piece in utf8_blocks(self._source, self._encoding, _FIRST_BLOCK):
            if b"\0" in piece:
                if not noted:
                    noted = True
                    at = line + piece[: piece.index(b"\0")].count(b"\n")
                    self._note_once(
                        self._note("NUL characters were dropped from here on", "nul-characters", at)
                    )
                clean = piece.replace(b"\0", b"")
            else:
                clean = piece
            if not noted:
                line += piece.count(b"\n")
            if skip >= len(clean):
                skip -= len(clean)
                continue
            yield clean[skip:] if skip else clean
            skip = 0

    def _note_once(self, note: Problem) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _text(cell: bytes) -> str:
    return cell.decode("utf-8", "replace").replace(DAMAGED, "\ufffd")


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


@dataclass(slots=True)
class _Odd:
    """A record that Arrow handed back because of its number of cells. `number`: which of the block, from 0."""

    number: int
    text: str


class _BlockParser:
    """Makes rows of blocks. `named`: cells up to the last column with a name; `width`: cells most rows have."""

    def __init__(
        self, delimiter: str, named: int, header: int, width: int, places: list[int], reader: RecordReader
    ) -> None:
        self._delimiter = delimiter
        self._named, self._header, self._width, self._places = named, header, width, places
        self._reader = reader
        self._odd: list[_Odd] = []
        names = [str(place) for place in range(width)]
        # At least one column must be read to count the rows; those past the header only to see that they are empty.
        extra = list(range(header, width))
        self._read = sorted({place for place in places if place < width} | {0, *extra})
        self._extra = extra
        self._names = names
        included = [str(place) for place in self._read]
        self._parse_options = pa_csv.ParseOptions(
            delimiter=delimiter if len(delimiter.encode()) == 1 else ",",
            newlines_in_values=True,
            invalid_row_handler=self._keep_odd,
        )
        self._convert_options = pa_csv.ConvertOptions(
            include_columns=included,
            column_types={name: pa.string() for name in included},
            strings_can_be_null=False,
            null_values=[],
            check_utf8=False,
        )

    def parse(self, block: Block) -> Rows:
        """The rows of a block. Raises OpenQuote for a record that holds others."""
        if block.records is not None or len(self._delimiter.encode()) != 1:
            return self._from_records(
                block.records or list(self._reader.records(block.data, block.line, True))
            )
        rows = self._from_arrow(block)
        return rows or self._from_records(list(self._reader.records(block.data, block.line, True)))

    def _keep_odd(self, row: pa_csv.InvalidRow) -> str:
        self._odd.append(_Odd(row.number - 1, row.text))
        return "skip"

    def _from_arrow(self, block: Block) -> Rows | None:
        """The rows by Arrow's parser; None where its count of records is not ours."""
        assert block.ends is not None
        assert block.ordinals is not None
        starts = np.concatenate([[0], block.ends[:-1]])
        lines = block.line + np.concatenate([[0], block.ordinals[:-1]])
        filled = _not_empty(block.data, starts, block.ends)
        if not filled.all():
            starts, ends, lines = starts[filled], block.ends[filled], lines[filled]
            ordinals = block.ordinals[filled]
        else:
            ends, ordinals = block.ends, block.ordinals
        blank = len(filled) - len(starts)
        self._check_long(block, starts, ends, lines, ordinals)
        self._odd.clear()
        if not len(starts):
            return Rows(lines.astype(np.int64), [pa.array([], pa.string()) for _ in self._places], {}, blank)
        table = pa_csv.read_csv(
            pa.py_buffer(block.data),
            read_options=pa_csv.ReadOptions(
                use_threads=False, column_names=self._names, block_size=len(block.data) + 1
            ),
            parse_options=self._parse_options,
            convert_options=self._convert_options,
        )
        if table.num_rows + len(self._odd) != len(starts):
            return None
        return self._assemble(block.data, table, starts, ends, lines, blank)

    def _check_long(
        self, block: Block, starts: np.ndarray, ends: np.ndarray, lines: np.ndarray, ordinals: np.ndarray
    ) -> None:
        """Look at records of three lines and more: they may hold others."""
        covered = block.line + ordinals - lines
        for row in np.flatnonzero(covered > 2).tolist():
            record = block.data[int(starts[row]) : int(ends[row])]
            refuse_swallowed_rows(record, self._delimiter.encode(), self._header, int(lines[row]))

    def _assemble(
        self,
        data: bytes,
        table: pa.Table,
        starts: np.ndarray,
        ends: np.ndarray,
        lines: np.ndarray,
        blank: int,
    ) -> Rows:
        columns = {place: _one(table.column(str(place))) for place in self._read}
        regular = np.ones(len(starts), dtype=bool)
        regular[[odd.number for odd in self._odd]] = False
        numbers = np.flatnonzero(regular)
        drop = [
            row
            for row in self._maybe_blank(columns).tolist()
            if self._is_blank(data[int(starts[numbers[row]]) : int(ends[numbers[row]])])
        ]
        bad = self._surplus(columns, drop)
        cells = [
            columns[place] if place < self._width else pa.repeat("", len(numbers)) for place in self._places
        ]
        if not self._odd and not drop and not bad:
            return Rows(lines.astype(np.int64), cells, {}, blank)
        return self._merge(cells, numbers, lines, drop, bad, blank)

    def _maybe_blank(self, columns: dict[int, pa.StringArray]) -> np.ndarray:
        """Rows in which every cell that was read is empty or begins with a space."""
        rows: np.ndarray | None = None
        for cells in columns.values():
            some = cells if rows is None else cells.take(pa.array(rows))
            length = pc.binary_length(some).to_numpy(zero_copy_only=False)
            here = length == 0
            if not here.all():
                spaced = pc.match_substring_regex(some.filter(pa.array(~here)), r"^\s")
                here[~here] = spaced.to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(here) if rows is None else rows[here]
            if not len(rows):
                break
        return rows if rows is not None else np.zeros(0, dtype=np.int64)

    def _is_blank(self, record: bytes) -> bool:
        bare = record.strip(_SPACES + self._delimiter.encode())
        return not bare or (b'"' in record and is_blank(self._reader.cells(record)))

    def _surplus(self, columns: dict[int, pa.StringArray], drop: list[int]) -> dict[int, tuple[Reason, str]]:
        """Rows with something in a cell past the header."""
        bad: dict[int, tuple[Reason, str]] = {}
        for place in self._extra:
            for row in np.flatnonzero(
                pc.binary_length(columns[place]).to_numpy(zero_copy_only=False)
            ).tolist():
                if row not in drop and columns[place][row].as_py().strip():
                    bad[row] = self._ragged(place + 1)
        return bad

    def _ragged(self, cells: int) -> tuple[Reason, str]:
        plural = "" if cells == 1 else "s"
        return Reason.RAGGED_ROW, f"{cells} cell{plural}, the header has {self._header}"

    def _merge(
        self, cells: list[pa.StringArray], numbers: np.ndarray, lines: np.ndarray, drop: list[int],
        bad: dict[int, tuple[Reason, str]], blank: int,
    ) -> Rows:  # fmt: skip
        """Put the odd records back into their places, and take the blank ones out."""
        odd_numbers: list[int] = []
        odd_rows: list[tuple[list[str], tuple[Reason, str] | None]] = []
        for odd in self._odd:
            row = self._row(self._reader.cells(odd.text.encode()))
            if row is None:
                blank += 1
            else:
                odd_numbers.append(odd.number)
                odd_rows.append(row)
        kept = np.delete(np.arange(len(numbers)), drop)
        both = np.concatenate([numbers[kept], np.array(odd_numbers, dtype=np.int64)])
        order = np.argsort(both, kind="stable")
        merged: list[pa.StringArray] = []
        for column, strings in enumerate(cells):
            regular = (_blanked(strings, bad) if bad else strings).take(pa.array(kept))
            odd_cells = pa.array([row[0][column] for row in odd_rows], pa.string())
            merged.append(pa.concat_arrays([regular, odd_cells]).take(pa.array(order)))
        verdicts = {int(numbers[row]): verdict for row, verdict in bad.items()}
        verdicts |= {number: row[1] for number, row in zip(odd_numbers, odd_rows, strict=True) if row[1]}
        final = both[order]
        places = {int(number): place for place, number in enumerate(final.tolist())} if verdicts else {}
        return Rows(
            lines[final].astype(np.int64),
            merged,
            {places[number]: verdict for number, verdict in sorted(verdicts.items())},
            blank + len(drop),
        )

    def _row(self, cells: list[bytes]) -> tuple[list[str], tuple[Reason, str] | None] | None:
        """The wanted cells of one record, and what is wrong with it; None if it is blank."""
        if is_blank(cells):
            return None
        filled = max((place + 1 for place, cell in enumerate(cells) if cell.decode().strip()), default=0)
        if len(cells) < self._named or filled > self._header:
            return [""] * len(self._places), self._ragged(min(len(cells), max(filled, self._header)))
        return [cells[place].decode() if place < len(cells) else "" for place in self._places], None

    def _from_records(self, records: list[Record]) -> Rows:
        lines: list[int] = []
        rows: list[list[str]] = []
        bad: dict[int, tuple[Reason, str]] = {}
        blank = 0
        for record in records:
            row = self._row(record.cells)
            if row is None:
                blank += 1
                continue
            if row[1]:
                bad[len(rows)] = row[1]
            lines.append(record.line)
            rows.append(row[0])
        columns = [
            pa.array([row[column] for row in rows], pa.string()) for column in range(len(self._places))
        ]
        return Rows(np.array(lines, dtype=np.int64), columns, bad, blank)


def _blanked(strings: pa.StringArray, rows: dict[int, tuple[Reason, str]]) -> pa.StringArray:
    mask = np.zeros(len(strings), dtype=bool)
    mask[list(rows)] = True
    return pc.if_else(pa.array(mask), "", strings)


def _one(column: pa.ChunkedArray) -> pa.StringArray:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _not_empty(data: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which records hold more than their line break."""
    size = ends - starts
    filled = size > 2
    for row in np.flatnonzero(~filled).tolist():
        filled[row] = bool(data[int(starts[row]) : int(ends[row])].strip(b"\r\n"))
    return filled
