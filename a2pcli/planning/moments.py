"""Columns of dates as people type them, as moments. ISO dates are read as a column; others each spelling once."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.content.dates_text import parse
from a2pcli.content.failures import Unsuitable

_DAY_AND_TIME = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_PLAIN = _DAY_AND_TIME + "$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$"

FEW = 4
"""A column with fewer distinct values than one in this many rows is parsed once per distinct value."""


def moments(cells: pa.StringArray, locale: str) -> pa.Int64Array:
    """Return UTC milliseconds of each cell; null if empty or not a readable date.

    A day alone means its beginning; a time without an offset is in UTC.
    """
    encoded = cells.dictionary_encode()
    if len(encoded.dictionary) * FEW < len(cells):  # a column of days: each is read once
        return _read(encoded.dictionary, locale).take(encoded.indices)
    return _read(cells, locale)


def _read(cells: pa.StringArray, locale: str) -> pa.Int64Array:
    cells = pc.utf8_trim_whitespace(cells)
    plain = pc.match_substring_regex(cells, _PLAIN)
    found = _cast(cells, plain, pa.timestamp("us"))
    if found is None:
        return _one_by_one(cells, locale)
    if pc.all(pc.or_kleene(plain, pc.equal(cells, "")), min_count=0).as_py() is not False:
        return found
    zoned = pc.match_substring_regex(cells, _ZONED)
    with_offset = _cast(cells, zoned, pa.timestamp("us", "UTC"))
    if with_offset is None:
        return _one_by_one(cells, locale)
    rest = pc.if_else(pc.or_(plain, zoned), pa.scalar(None, pa.string()), cells)
    return pc.coalesce(found, with_offset, _one_by_one(rest, locale))


def _cast(cells: pa.StringArray, where: pa.BooleanArray, kind: pa.DataType) -> pa.Int64Array | None:
    """Return the cells in ``where`` as milliseconds; None if one of them is not in the calendar (2026-02-30)."""
    try:
        moment = pc.cast(pc.if_else(where, cells, pa.scalar(None, pa.string())), kind)
    except pa.ArrowInvalid:
        return None
    return pc.floor_temporal(moment, unit="millisecond").cast(pa.timestamp("ms", kind.tz)).cast(pa.int64())


def _one_by_one(cells: pa.StringArray, locale: str) -> pa.Int64Array:
    """Parse each distinct spelling once."""
    encoded = cells.dictionary_encode()
    meanings = pa.array([_moment(text, locale) for text in encoded.dictionary.to_pylist()], pa.int64())
    return meanings.take(encoded.indices)


def _moment(text: str, locale: str) -> int | None:
    if not text:
        return None
    try:
        day, clock = parse(text, locale)
    except Unsuitable:
        return None
    moment = datetime.combine(day, clock or time())
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
