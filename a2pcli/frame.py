"""Rows on their way through the stations: named Arrow columns of one length (docs/architecture.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.lazy import LazyModule


class Frame:
    """A table to which stages add columns, and whose columns they replace.

    A column is one ``pa.Array``. Arrays never change, so frames may share them: to select columns, to cut off the
    first rows and to make a record batch copies nothing. Pickled, a frame is an Arrow IPC stream of its own rows,
    also where its columns are slices of longer ones.
    """

    __slots__ = ("_columns", "_length")

    def __init__(self, columns: Mapping[str, pa.Array], length: int | None = None) -> None:
        """``length`` is needed only where there is no column to tell it."""
        self._columns: dict[str, pa.Array] = {}
        self._length = len(next(iter(columns.values()), ())) if length is None else length
        for name, values in columns.items():
            self[name] = values

    @classmethod
    def of(cls, rows: pa.RecordBatch) -> Frame:
        """A frame of the rows of an Arrow record batch, without copying."""
        return cls(dict(zip(rows.schema.names, rows.columns, strict=True)), rows.num_rows)

    def batch(self, names: Iterable[str] | None = None) -> pa.RecordBatch:
        """The rows as a record batch: all columns, or these."""
        wanted = self.names if names is None else list(names)
        return pa.RecordBatch.from_arrays([self[name] for name in wanted], wanted)

    @property
    def names(self) -> list[str]:
        """The columns' names, in the order in which they came."""
        return list(self._columns)

    def __len__(self) -> int:
        return self._length

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __getitem__(self, name: str) -> pa.Array:
        return self._columns[name]

    def __setitem__(self, name: str, values: pa.Array) -> None:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if len(values) != self._length:
            raise ValueError(f"column {name!r} has {len(values)} rows, the frame {self._length}")
        self._columns[name] = values

    def select(self, names: Iterable[str]) -> Frame:
        """A frame of these columns, in this order."""
        return Frame({name: self[name] for name in names}, self._length)

    def filter(self, rows: npt.NDArray[np.bool_]) -> Frame:
        """A frame of the rows for which the mask is true."""
        if rows.all():
            return self.select(self)
        kept = pa.array(rows)
        return Frame(
            {name: values.filter(kept) for name, values in self._columns.items()}, int(np.count_nonzero(rows))
        )

    def head(self, count: int) -> Frame:
        """A frame of the first ``count`` rows."""
        return Frame(
            {name: values.slice(0, count) for name, values in self._columns.items()},
            min(count, self._length),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # A column without any value needs no bytes; of a dozen stages most have nothing to say of most chunks.
        empty = {
            name: values.type for name, values in self._columns.items() if values.null_count == self._length
        }
        sink = pa.BufferOutputStream()
        rows = self.batch(name for name in self if name not in empty)
        with pa.ipc.new_stream(sink, rows.schema) as stream:
            stream.write_batch(rows)
        return _unpickled, (sink.getvalue(), self.names, empty, self._length)


def _unpickled(stream: pa.Buffer, names: list[str], empty: Mapping[str, pa.DataType], length: int) -> Frame:
    rows = Frame.of(pa.ipc.open_stream(stream).read_next_batch())
    return Frame(
        {name: pa.nulls(length, empty[name]) if name in empty else rows[name] for name in names}, length
    )


class _NoPandas:
    """A finder of modules to which pandas is not installed."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("PyArrow does without", name=name)


def _let_arrow_do_without_pandas() -> None:
    """Make PyArrow's first array, at which it imports pandas, where that is installed, to recognise what is pandas'.
    Nothing here is, and the import is a fifth of a small plan: it does not find pandas that once. Whoever imports
    pandas before or afterwards has it."""
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_NoPandas)


_let_arrow_do_without_pandas()


compute: Any = LazyModule("pyarrow.compute")
"""Loaded where it is used: it takes a third of the time that PyArrow takes, and finding a few rows needs none of it.
Untyped on purpose: the stubs know fewer functions and fewer array types than the library."""

Texts: TypeAlias = Any
"""A column of strings: ``pa.StringArray``, or a ``pa.ChunkedArray`` of them. Functions return it in one piece."""


def one_piece(texts: Texts) -> Texts:
    """The column as one array of type string, nulls kept."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    return texts if texts.type == pa.string() else texts.cast(pa.string())


def as_numpy(array: Any) -> npt.NDArray[Any]:
    """An Arrow array as numpy's; strings become objects."""
    return np.asarray(array.to_numpy(zero_copy_only=False))


def column_of(frame: Frame, name: str) -> Texts:
    """A frame's column as one Arrow array of strings."""
    return one_piece(frame[name])


def is_blank(texts: Texts) -> npt.NDArray[np.bool_]:
    """Rows that are null, empty, or nothing but white space: missing values."""
    filled = compute.fill_null(texts, "")
    empty = as_numpy(compute.binary_length(filled)) == 0
    spaces = as_numpy(compute.utf8_is_space(filled))
    return np.asarray(empty | spaces, dtype=np.bool_)


def text_bytes(texts: Texts) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Of an array of type string: where each text begins (and, one more, where the last ends), and the bytes of all."""
    _, offsets, data = texts.buffers()
    if not len(texts):
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    window = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return window, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
