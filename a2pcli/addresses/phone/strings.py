"""The few things done to whole columns of digits, on Arrow strings and their bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def whole_strings(cells: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    """A column as one array of strings, null as ""."""
    array = cells
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.string())
    if array.type != pa.string():
        array = array.cast(pa.string())
    return array.fill_null("") if array.null_count else array


def matches(strings: pa.StringArray, pattern: str) -> Flags:
    """Which strings match an RE2 pattern whole."""
    found = pc.match_substring_regex(strings, f"^(?:{pattern})$")
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def starts(strings: pa.StringArray, text: str) -> Flags:
    """Boolean array: which strings start with the prefix."""
    return np.asarray(pc.starts_with(strings, text).to_numpy(zero_copy_only=False), dtype=bool)


def lengths(strings: pa.StringArray) -> Numbers:
    """Length of each string in bytes, as an integer array."""
    return np.asarray(pc.binary_length(strings).to_numpy(zero_copy_only=False), dtype=np.int64)


def pick(strings: pa.StringArray, chosen: Flags | Numbers) -> pa.StringArray:
    """Those strings that a mask or positions choose (the same array where that is all of them, in order)."""
    if chosen.dtype == bool:
        if chosen.all():
            return strings
        chosen = np.flatnonzero(chosen)
    return strings.take(pa.array(chosen))


def tail(strings: pa.StringArray, start: int) -> pa.StringArray:
    """Each string without its first bytes. Ten times as fast on bytes as on code units."""
    return pc.binary_slice(strings.cast(pa.binary()), start, 1 << 20).cast(pa.string())


def replaced(strings: pa.StringArray, places: Numbers, others: pa.StringArray) -> pa.StringArray:
    """The strings with others at some places."""
    if len(places) == len(strings):
        strings = others
        if (np.diff(places) == 1).all():
            return others
    source = np.arange(len(strings))
    source[places] = np.arange(len(others)) + (0 if strings is others else len(strings))
    both = others if strings is others else pa.concat_arrays([strings, others])
    return both.take(pa.array(source))


def buffers(strings: pa.StringArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Offsets (one more than strings) and bytes of a column without nulls."""
    _, offsets, data = strings.buffers()
    if not len(strings):
        return np.zeros(1, np.int32), np.zeros(0, np.uint8)
    window = np.frombuffer(offsets, np.int32)[strings.offset : strings.offset + len(strings) + 1]
    return window, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def without(strings: pa.StringArray, unwanted: bytes) -> pa.StringArray:
    """The strings without some ASCII characters.

    ``bytes.translate`` over the whole column: 60 ms a million cells, where an RE2 replacement takes 340.
    """
    offsets, data = buffers(strings)
    first, last = int(offsets[0]), int(offsets[-1])
    raw = data[first:last].tobytes()
    kept = raw.translate(None, unwanted)
    if len(kept) == len(raw):
        return strings
    marks = raw.translate(bytes(byte in unwanted for byte in range(256)))
    gone = np.zeros(len(raw) + 1, dtype=np.int32)
    np.cumsum(np.frombuffer(marks, np.uint8), dtype=np.int32, out=gone[1:])
    moved = offsets - first
    moved = (moved - gone[moved]).astype(np.int32)
    return pa.StringArray.from_buffers(len(strings), pa.py_buffer(moved), pa.py_buffer(kept))


def contains(strings: pa.StringArray, text: bytes) -> bool:
    """Whether the text stands anywhere in the column (a quick look over all bytes at once)."""
    offsets, data = buffers(strings)
    return text in data[int(offsets[0]) : int(offsets[-1])].tobytes()


def first_digits(strings: pa.StringArray, count: int) -> npt.NDArray[np.int16]:
    """The first bytes of each string as digits; ``+`` is -5. Every string must be at least that long."""
    offsets, data = buffers(strings)
    head: npt.NDArray[np.int16] = data[offsets[:-1, None] + np.arange(count)].astype(np.int16)
    return head - ord("0")
