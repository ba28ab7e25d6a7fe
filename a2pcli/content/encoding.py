"""How a column of texts travels as SMS: ``parts.measure`` for a million rows in a third of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.content.parts import (
    EXTENSION,
    GSM,
    GSM_7,
    GSM_ALONE,
    UCS2_ALONE,
    UCS_2,
    ForcingCharacter,
    InvalidText,
    Measure,
    capacity,
    forcing_characters,
    is_gsm,
    measure,
    prepare,
    split,
)
from a2pcli.content.special import SpecialCharacters, table_of
from a2pcli.dataclass import dataclass
from a2pcli.frame import Texts, as_numpy, compute, one_piece

__all__ = [
    "GSM_7",
    "UCS_2",
    "EncodedColumn",
    "ForcingCharacter",
    "InvalidText",
    "Measure",
    "capacity",
    "forcing_characters",
    "is_gsm",
    "measure",
    "measure_column",
    "prepare",
    "prepare_column",
    "split",
]

_IN_GSM = table_of(GSM)
_TWO_SEPTETS = table_of(EXTENSION)
_DOUBLES = np.zeros((2, 256), dtype=np.bool_)
_DOUBLES[0, [character.encode()[0] for character in EXTENSION]] = True
_DOUBLES[1, 0xF0:] = True
"""First UTF-8 bytes of characters of two units. In a GSM-7 text (row 0) only the euro sign begins with its
byte; in a UCS-2 text (row 1) the four-byte characters are those with surrogates."""
_MAY_DOUBLE: Any = _DOUBLES.any(axis=0)
_IS_LEAD: Any = np.arange(256) & 0xC0 != 0x80


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """``measure`` of every row: forced to UCS-2, units, parts. A row that is empty or null is invalid, with
    zeros elsewhere (an Arrow string cannot hold half a surrogate pair)."""

    ucs2: npt.NDArray[np.bool_]
    units: npt.NDArray[np.int32]
    parts: npt.NDArray[np.int16]
    invalid: npt.NDArray[np.bool_]


def measure_column(
    texts: Texts, reference_bits: int = 8, special: SpecialCharacters | None = None
) -> EncodedColumn:
    """``measure`` for a column of strings. ``special`` are its special characters, where they are known already."""
    texts = one_piece(texts)
    texts = texts.fill_null("") if texts.null_count else texts
    special = special or SpecialCharacters.of(texts)
    units = as_numpy(compute.utf8_length(texts)).astype(np.int32)
    invalid = units == 0
    codes = np.minimum(special.codes, 0x10000)
    ucs2 = special.rows_with(~_IN_GSM, len(texts))
    double = np.where(ucs2[special.rows], codes == 0x10000, _TWO_SEPTETS[codes])
    paired = special.rows[double]
    units += np.bincount(paired, minlength=len(texts)).astype(np.int32)

    alone = np.where(ucs2, UCS2_ALONE, GSM_ALONE)
    each = np.where(ucs2, capacity(UCS_2, 2, reference_bits), capacity(GSM_7, 2, reference_bits))
    parts = np.where(units <= alone, 1, -(-units // each)).astype(np.int16)
    exact = np.unique(paired[parts[paired] > 1])
    if len(exact):  # a pair never straddles two parts
        pairs = _Pairs.of(texts.take(pa.array(exact)), ucs2[exact])
        parts[exact] = pairs.parts(np.ones(len(exact), dtype=np.bool_), units[exact], each[exact])
    parts[invalid] = 0
    return EncodedColumn(ucs2, units, parts, invalid)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Where the units of a column's texts, laid end to end, are the first half of a pair.

    ``begins_pair`` is by unit, ``start`` the first unit of each row, ``count`` the pairs in it.
    """

    begins_pair: npt.NDArray[np.bool_]
    start: npt.NDArray[np.int64]
    count: npt.NDArray[np.int32]

    @classmethod
    def of(cls, rows: Texts, ucs2: npt.NDArray[np.bool_]) -> _Pairs:
        """Read off the UTF-8 bytes: one look at the first byte of each character."""
        rows = compute.cast(rows, pa.large_string())
        offsets = np.frombuffer(rows.buffers()[1], np.int64)[rows.offset : rows.offset + len(rows) + 1]
        octets = np.frombuffer(rows.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        leads = octets[_IS_LEAD[octets]]
        ends = np.cumsum(as_numpy(compute.utf8_length(rows)), dtype=np.int64)
        at = np.flatnonzero(_MAY_DOUBLE[leads])
        row_of = np.searchsorted(ends, at, side="right")
        doubles = _DOUBLES[ucs2[row_of].astype(np.intp), leads[at]]
        at, row_of = at[doubles], row_of[doubles]
        count = np.bincount(row_of, minlength=len(rows))
        start = np.concatenate(([0], ends + np.cumsum(count)))[:-1]
        begins_pair = np.zeros(len(leads) + len(at), dtype=np.bool_)
        begins_pair[at + np.arange(len(at))] = True
        return cls(begins_pair, start, count.astype(np.int32))

    def parts(
        self, rows: npt.NDArray[np.bool_], units: npt.NDArray[np.int32], each: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int16]:
        """The parts of the rows chosen: fill one part of every row at a time."""
        start, left, each = self.start[rows], units[rows].astype(np.int64), each[rows]
        parts = np.zeros(len(start), dtype=np.int16)
        going = np.arange(len(start))
        while len(going):
            parts[going] += 1
            going = going[left[going] > each[going]]
            last = start[going] + each[going] - 1
            taken = each[going] - self.begins_pair[last]
            start[going] += taken
            left[going] -= taken
        return parts


def prepare_column(texts: Texts) -> Texts:
    """``prepare`` for a column of strings."""
    texts = one_piece(texts)
    if compute.any(compute.match_substring(texts, "\r")).as_py():
        texts = compute.replace_substring_regex(texts, r"\r\n?", "\n")
    # Below U+0300 nothing composes: most texts with accents need no second look.
    ascii_only = as_numpy(compute.fill_null(compute.string_is_ascii(texts), True))
    rows = np.flatnonzero(~ascii_only)
    if len(rows):
        some = texts.take(pa.array(rows, pa.int64()))
        rows = rows[as_numpy(compute.match_substring_regex(some, r"[^\x00-\x{2ff}]"))]
    if not len(rows):
        return texts
    mask = np.zeros(len(texts), dtype=np.bool_)
    mask[rows] = True
    composed = compute.utf8_normalize(texts.filter(pa.array(mask)), "NFC")
    return compute.replace_with_mask(texts, pa.array(mask), composed)
