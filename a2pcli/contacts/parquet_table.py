"""Parquet files, read by row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from a2pcli.contacts.cell_text import cell_text
from a2pcli.contacts.rows import LONGEST_CELL, Parsing, ReadOptions, Rows, as_they_are, long_cell
from a2pcli.contacts.source import Source, no_rows
from a2pcli.errors import Problem

_BATCH = 50_000
_MOST_TEXT = 64 << 20
"""Bytes of text that are made of a part of a batch."""
_FREE, _RATIO = 64 << 20, 150
"""What the columns of a row group may unpack to, by the file's own word: Arrow has no other."""


class ParquetReader:
    """A Parquet file. Rows are numbered as if the header were line 1."""

    format = "parquet"
    encoding: str | None = None
    encoding_guessed = False
    delimiter: str | None = None
    header_line = 1

    def __init__(self, source: Source, options: ReadOptions) -> None:
        """Raises InvalidInput for a broken, encrypted or empty file."""
        self._source = source
        self.notes: list[Problem] = []
        self.questions: list[Problem] = []
        with self._opened() as file:
            self.header = tuple(file.schema_arrow.names)
            self._texts = {field.name for field in file.schema_arrow if _is_text(field.type)}
            if not self.header:
                raise source.problem("the file has no columns", code="empty-file")
            if not file.metadata.num_rows and not options.empty:
                raise no_rows(source, self.header_line)

    def _opened(self, names: list[str] | None = None) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._source.path, read_dictionary=names)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from error

    def _broken(self, error: BaseException) -> Exception:
        return self._source.problem(
            f"the Parquet file is damaged: {_first_line(error)}", code="broken-parquet"
        )

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Rows]]:
        """All rows, with the cells of the columns at some places of the header."""
        return as_they_are, self._batches(places)

    def _batches(self, places: Sequence[int]) -> Iterator[Rows]:
        line = 2
        columns = sorted(set(places))
        # Column numbers of the schema are those of its leaves; names may come twice. So: all where nested.
        names = [self.header[place] for place in columns]
        unique = all(self.header.count(name) == 1 for name in names)
        with self._opened([name for name in names if unique and name in self._texts]) as file:
            try:
                self._refuse_bombs(file.metadata, set(names))
                for batch in file.iter_batches(_BATCH, columns=names if unique else None, use_threads=False):
                    found = {place: batch.column(batch.schema.names.index(name) if unique else place)
                             for place, name in zip(columns, names, strict=True)}  # fmt: skip
                    for first, size in self._slices(found, names, line):
                        lines = np.arange(line, line + size, dtype=np.int64)
                        line += size
                        yield Rows(lines, [as_text(found[place].slice(first, size)) for place in places])
            except (pa.ArrowException, OSError) as error:
                raise self._broken(error) from error

    def _refuse_bombs(self, metadata: pq.FileMetaData, names: set[str]) -> None:
        """Raises InvalidInput for columns that unpack to far more than any table of people does."""
        for group in range(metadata.num_row_groups):
            for leaf in range(metadata.num_columns):
                column = metadata.row_group(group).column(leaf)
                unpacked, packed = column.total_uncompressed_size, column.total_compressed_size
                if column.path_in_schema.split(".")[0] in names and unpacked > max(_FREE, packed * _RATIO):
                    raise self._source.problem(
                        f"the column '{column.path_in_schema[:60]}' has {packed:,} bytes and unpacks to"
                        f" {unpacked >> 20:,} MB", hint="if the file is genuine, save it as CSV", code="too-large",
                    )  # fmt: skip

    def _slices(self, found: dict[int, pa.Array], names: list[str], line: int) -> Iterator[tuple[int, int]]:
        """Parts of a batch, (first row, rows), whose text fits into memory: one long word in a dictionary may be the
        value of every row. Raises InvalidInput for a word longer than a cell may be."""
        rows = len(next(iter(found.values()))) if found else 0
        widths = np.zeros(rows, dtype=np.int64)
        for name, column in zip(names, found.values(), strict=True):
            if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
                continue
            lengths = pc.fill_null(pc.binary_length(column.dictionary).take(column.indices), 0)
            lengths = lengths.to_numpy(zero_copy_only=False)
            if len(lengths) and lengths.max() > LONGEST_CELL:
                row = int(lengths.argmax())
                raise long_cell(self._source.name, line + row, name, int(lengths[row]))
            widths += lengths
        first = 0
        while first < rows:
            size = int(np.searchsorted(np.cumsum(widths[first:]), _MOST_TEXT, side="right"))
            size = min(max(size, 1), rows - first)
            yield first, size
            first += size


def as_text(column: pa.Array) -> pa.StringArray:
    """A column of any type as the text a person sees; nulls are empty."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if _is_text(kind) or pa.types.is_integer(kind):
        text = column.cast(pa.string())
    elif pa.types.is_null(kind):
        return pa.repeat("", len(column))
    else:
        text = pa.array([cell_text(value) for value in column.to_pylist()], pa.string())
    return pc.fill_null(text, "")


def _is_text(kind: pa.DataType) -> bool:
    strings = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_string(kind) for is_string in strings)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
