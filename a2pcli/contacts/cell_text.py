"""The text a person sees in a typed cell of a workbook or a Parquet file."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from a2pcli.frame import text_bytes

pc: Any = pyarrow.compute
_COMPOSING = 0xCC
"""The first byte, in UTF-8, of the first character that composes with the one before it."""
_SPACE = 0x20
_SPACES_BEGIN = 0xC2
"""The first byte, in UTF-8, of the first space beyond ASCII."""
_CONTINUES = 0x80
"""The least byte by which a character beyond ASCII ends."""


def composed_column(cells: pa.StringArray) -> pa.StringArray:
    """Cells in Unicode normal form C, so that ``é`` is equal to ``é`` however it was typed. The same array where it is
    composed already, which most columns show in their bytes."""
    data = cells.buffers()[2]
    offsets = np.frombuffer(cells.buffers()[1] or b"", np.int32)[cells.offset : cells.offset + len(cells) + 1]
    if data is None or not len(offsets) or offsets[-1] == offsets[0]:
        return cells
    raw = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    if raw.max() < _COMPOSING or unicodedata.is_normalized("NFC", raw.tobytes().decode("utf-8", "replace")):
        return cells
    return pc.utf8_normalize(cells, form="NFC")


def trimmed_column(cells: pa.StringArray) -> pa.StringArray:
    """Cells without white space around them, which would show in messages (``Hi  Anna ,``). The same array where there
    is none, which most columns show in their first and last bytes."""
    offsets, data = text_bytes(cells)
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    if not len(filled):
        return cells
    first, last = data[offsets[:-1][filled]], data[offsets[1:][filled] - 1]
    is_plain = (
        min(first.min(), last.min()) > _SPACE and first.max() < _SPACES_BEGIN and last.max() < _CONTINUES
    )
    return cells if is_plain else pc.utf8_trim_whitespace(cells)


def cell_text(value: Any) -> str:
    """``447911123456.0`` as the digits, a date as ISO text, an empty cell as "".

    >>> cell_text(447911123456.0), cell_text(0.1 + 0.2), cell_text(dt.datetime(2026, 3, 1))
    ('447911123456', '0.3', '2026-03-01')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, int):
        return str(value)
    return _other_text(value)


def number_text(value: float) -> str:
    """A number as spreadsheets show it: 15 significant digits, no exponent where digits do."""
    if value.is_integer() and abs(value) < 1e21:
        return str(int(float(f"{value:.15g}")))
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    text = f"{value:.15g}"
    if "e" in text and abs(value) < 1:
        text = f"{Decimal(text):f}"
    return text


def _other_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(" ", _precision(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.isoformat(_precision(value))
    if isinstance(value, dt.timedelta):
        hours, rest = divmod(round(value.total_seconds()), 3600)
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=cell_text)
    return str(value)


def _precision(value: dt.datetime | dt.time) -> str:
    return "microseconds" if value.microsecond else "seconds"
