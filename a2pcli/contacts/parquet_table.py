"""Parquet files, read by row groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from a2pcli.contacts.cell_text import cell_text
from a2pcli.contacts.rows import Parsing, ReadOptions, Rows, as_they_are
from a2pcli.contacts.source import Source, no_rows
from a2pcli.errors import Problem

_BATCH = 50_000


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
            if not self.header:
                raise source.problem("the file has no columns", code="empty-file")
            if not file.metadata.num_rows and not options.empty:
                raise no_rows(source, self.header_line)

    def _opened(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._source.path)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from error

    def _broken(self, error: BaseException) -> Exception:
        return self._source.problem(
            f"the Parquet file is broken: {_first_line(error)}", code="broken-parquet"
        )

    def read(self, places: Sequence[int]) -> tuple[Parsing, Iterator[Rows]]:
        """All rows, with the cells of the columns at some places of the header."""
        return as_they_are, self._batches(places)

    def _batches(self, places: Sequence[int]) -> Iterator[Rows]:
        line = 2
        columns = sorted(set(places))
        with self._opened() as file:
            try:
                # Column numbers of the schema are those of its leaves; names may come twice. So: all where nested.
                names = [self.header[place] for place in columns]
                unique = all(self.header.count(name) == 1 for name in names)
                for batch in file.iter_batches(_BATCH, columns=names if unique else None, use_threads=False):
                    found = {place: batch.column(batch.schema.names.index(name) if unique else place)
                             for place, name in zip(columns, names, strict=True)}  # fmt: skip
                    lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
                    line += batch.num_rows
                    yield Rows(lines, [as_text(found[place]) for place in places])
            except (pa.ArrowException, OSError) as error:
                raise self._broken(error) from error


def as_text(column: pa.Array) -> pa.StringArray:
    """A column of any type as the text a person sees; nulls are empty."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    strings = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if any(is_string(kind) for is_string in strings) or pa.types.is_integer(kind):
        text = column.cast(pa.string())
    elif pa.types.is_null(kind):
        return pa.repeat("", len(column))
    else:
        text = pa.array([cell_text(value) for value in column.to_pylist()], pa.string())
    return pc.fill_null(text, "")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
