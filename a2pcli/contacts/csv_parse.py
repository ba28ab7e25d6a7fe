"""Make rows of blocks of CSV: by Arrow's parser where it can, record by record where it must."""

from __future__ import annotations

import codecs

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from a2pcli.contacts.csv_blocks import Block, Positions
from a2pcli.contacts.csv_dialect import is_blank
from a2pcli.contacts.csv_records import Record, RecordReader, refuse_swallowed_rows
from a2pcli.contacts.row_shapes import RowShapes
from a2pcli.contacts.rows import Rows
from a2pcli.dataclass import dataclass
from a2pcli.reasons import Reason

_SPACES = b" \t\r\n"
Verdict = tuple[Reason, str]


@dataclass(slots=True)
class _Odd:
    """A record that Arrow handed back because of its number of cells. ``number``: which of the block, from 0."""

    number: int
    text: str


class BlockParser:
    """Makes rows of blocks. ``named``: cells up to the last column with a name; ``width``: cells most rows have."""

    def __init__(
        self, delimiter: str, named: int, header: int, width: int, places: list[int], reader: RecordReader,
        shapes: RowShapes | None = None,
    ) -> None:  # fmt: skip
        self._shapes, self._filled = shapes, 0
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
        self._filled = 0
        rows = self._parse(block)
        rows.filled = self._filled
        return rows

    def _parse(self, block: Block) -> Rows:
        if block.records is not None:
            return self._from_records(block.records)
        # Arrow takes a byte order mark off the start of anything; inside of a file it is part of a cell.
        if len(self._delimiter.encode()) == 1 and not block.data.startswith(codecs.BOM_UTF8):
            rows = self._from_arrow(block)
            if rows is not None:
                return rows
            self._filled = 0
        return self._from_records(list(self._reader.records(block.data, block.line, True)))

    def _keep_odd(self, row: pa_csv.InvalidRow) -> str:
        self._odd.append(_Odd(row.number - 1, row.text))
        return "skip"

    def _from_arrow(self, block: Block) -> Rows | None:
        """The rows by Arrow's parser; None where it fails, or its count of records is not ours."""
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
        try:
            table = pa_csv.read_csv(
                pa.py_buffer(block.data),
                read_options=pa_csv.ReadOptions(
                    use_threads=False, column_names=self._names, block_size=len(block.data) + 1
                ),
                parse_options=self._parse_options,
                convert_options=self._convert_options,
            )
        except pa.ArrowInvalid:
            return None
        if table.num_rows + len(self._odd) != len(starts):
            return None
        return self._assemble(block.data, table, starts, ends, lines, blank)

    def _check_long(
        self, block: Block, starts: Positions, ends: Positions, lines: Positions, ordinals: Positions
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
        starts: Positions,
        ends: Positions,
        lines: Positions,
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
        bad = self._surplus(columns, set(drop))
        cells = [
            columns[place] if place < self._width else pa.repeat("", len(numbers)) for place in self._places
        ]
        if not self._odd and not drop and not bad:
            return Rows(lines.astype(np.int64), cells, {}, blank)
        return self._merge(cells, numbers, lines, drop, bad, blank)

    def _maybe_blank(self, columns: dict[int, pa.StringArray]) -> Positions:
        """Rows in which every cell that was read is empty or begins with a space."""
        rows: Positions | None = None
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

    def _surplus(self, columns: dict[int, pa.StringArray], drop: set[int]) -> dict[int, Verdict]:
        """Rows with something in a cell past the header."""
        bad: dict[int, Verdict] = {}
        for place in self._extra:
            filled = pc.binary_length(columns[place]).to_numpy(zero_copy_only=False)
            for row in np.flatnonzero(filled).tolist():
                if row not in drop and columns[place][row].as_py().strip():
                    bad[row] = self._ragged(place + 1)
        return bad

    def _ragged(self, cells: int) -> Verdict:
        plural = "" if cells == 1 else "s"
        return Reason.RAGGED_ROW, f"{cells} cell{plural}, the header has {self._header}"

    def _merge(
        self, cells: list[pa.StringArray], numbers: Positions, lines: Positions, drop: list[int],
        bad: dict[int, Verdict], blank: int,
    ) -> Rows:  # fmt: skip
        """Put the odd records back into their places, and take the blank ones out."""
        odd_numbers: list[int] = []
        odd_rows: list[tuple[list[str], Verdict | None]] = []
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

    def _row(self, cells: list[bytes]) -> tuple[list[str], Verdict | None] | None:
        """The wanted cells of one record, and what is wrong with it; None if it is blank."""
        if is_blank(cells):
            return None
        filled = max((place + 1 for place, cell in enumerate(cells) if cell.decode().strip()), default=0)
        short = self._named - len(cells)
        if short > 0 and self._shapes and self._shapes.lacks_the_last([cell.decode() for cell in cells]):
            self._filled += 1
            cells = cells + [b""] * short
        if len(cells) < self._named or filled > self._header:
            return [""] * len(self._places), self._ragged(min(len(cells), max(filled, self._header)))
        return [cells[place].decode() if place < len(cells) else "" for place in self._places], None

    def _from_records(self, records: list[Record]) -> Rows:
        lines: list[int] = []
        rows: list[list[str]] = []
        bad: dict[int, Verdict] = {}
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


def _blanked(strings: pa.StringArray, rows: dict[int, Verdict]) -> pa.StringArray:
    mask = np.zeros(len(strings), dtype=bool)
    mask[list(rows)] = True
    return pc.if_else(pa.array(mask), "", strings)


def _one(column: pa.ChunkedArray) -> pa.StringArray:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _not_empty(data: bytes, starts: Positions, ends: Positions) -> npt.NDArray[np.bool_]:
    """Which records hold more than their line break."""
    size = ends - starts
    filled: npt.NDArray[np.bool_] = size > 2
    for row in np.flatnonzero(~filled).tolist():
        filled[row] = bool(data[int(starts[row]) : int(ends[row])].strip(b"\r\n"))
    return filled
