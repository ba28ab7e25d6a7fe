"""The few things every column function of this folder needs of Arrow."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from a2pcli.frame import Frame

compute: Any = pyarrow.compute
"""Untyped on purpose: the stubs know fewer functions and fewer array types than the library."""

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
