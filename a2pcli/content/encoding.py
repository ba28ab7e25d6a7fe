"""How a text travels as SMS: its encoding, its units, its parts (3GPP TS 23.038 and TS 23.040).

A text whose characters are all in the GSM 7-bit alphabet is counted in septets, any other in UTF-16 code
units. An escape pair (ESC and a character of the extension table) and a surrogate pair never straddle two
parts, so the number of parts is not a division: a part may have to leave its last unit empty.

A part may end inside an emoji sequence or between a letter and its combining mark: networks split so, and the
phone joins the parts before it shows them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.content.arrow import Texts, as_numpy, compute, one_piece
from a2pcli.content.gsm import (
    BASIC,
    EXTENSION,
    GSM,
    GSM_ALONE,
    GSM_JOINED,
    UCS2_ALONE,
    UCS2_JOINED,
    character_name,
    regex_class,
)

GSM_7 = "GSM-7"
UCS_2 = "UCS-2"

_NOT_BASIC = f"[^{regex_class(BASIC)}]"
_NOT_GSM = f"[^{regex_class(GSM)}]"
_SURROGATE = re.compile("[\ud800-\udfff]")
_EXTENSION = re.compile(f"[{re.escape(''.join(sorted(EXTENSION)))}]")

_DOUBLES = np.zeros((2, 256), dtype=np.bool_)
_DOUBLES[0, [character.encode()[0] for character in EXTENSION]] = True
_DOUBLES[1, 0xF0:] = True
"""First UTF-8 bytes of characters of two units. In a GSM-7 text (row 0) only the euro sign begins with its
byte; in a UCS-2 text (row 1) the four-byte characters are those with surrogates."""
_MAY_DOUBLE: Any = _DOUBLES.any(axis=0)
_IS_LEAD: Any = np.arange(256) & 0xC0 != 0x80

_SLICE = 65_536
"""Rows looked at together: what they need beside the texts stays in the processor's cache."""


class InvalidText(ValueError):
    """A text that cannot be sent: empty, or with half a surrogate pair in it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """``encoding`` is ``GSM-7`` or ``UCS-2``; ``units`` are septets or UTF-16 code units, over all parts."""

    encoding: str
    units: int
    parts: int


@dataclass(frozen=True, slots=True)
class ForcingCharacter:
    """A character that is not in the GSM 7-bit alphabet. ``position`` counts characters from 1."""

    position: int
    character: str
    name: str


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """``measure`` of every row: forced to UCS-2, units, parts. A row that is empty or null is invalid, with
    zeros elsewhere (an Arrow string cannot hold half a surrogate pair)."""

    ucs2: npt.NDArray[np.bool_]
    units: npt.NDArray[np.int32]
    parts: npt.NDArray[np.int16]
    invalid: npt.NDArray[np.bool_]


def prepare(text: str) -> str:
    """The text as it ought to be counted and sent: composed characters (NFC), and LF for CRLF and CR.

    ``e`` and U+0301 would force UCS-2, the ``é`` they compose to does not; a CR costs a septet and shows
    as nothing.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_gsm(text: str) -> bool:
    """Whether every character is in the GSM 7-bit alphabet."""
    return GSM.issuperset(text)


def capacity(encoding: str, parts: int, reference_bits: int = 8) -> int:
    """The units that each part of a message of so many parts holds."""
    if reference_bits not in GSM_JOINED:
        raise ValueError(f"a concatenation reference has 8 or 16 bits, not {reference_bits}")
    if encoding == GSM_7:
        return GSM_ALONE if parts <= 1 else GSM_JOINED[reference_bits]
    return UCS2_ALONE if parts <= 1 else UCS2_JOINED[reference_bits]


def measure(text: str, reference_bits: int = 8) -> Measure:
    """Encoding, units and parts of a text, taken as it is.

    Raises:
        InvalidText: it is empty or holds half a surrogate pair.
    """
    check_text(text)
    if is_gsm(text):
        doubles = len(_EXTENSION.findall(text))
        encoding = GSM_7
    else:
        doubles = len(text.encode("utf-16-le")) // 2 - len(text)
        encoding = UCS_2
    units = len(text) + doubles
    if units <= capacity(encoding, 1, reference_bits):
        return Measure(encoding, units, 1)
    each = capacity(encoding, 2, reference_bits)
    if not doubles:
        return Measure(encoding, units, -(-units // each))
    return Measure(encoding, units, len(_cuts(text, encoding, each)))


def split(text: str, reference_bits: int = 8) -> list[str]:
    """The text of each part, as networks split it: each filled before the next begins. Joined, they are the text.

    Raises:
        InvalidText: it is empty or holds half a surrogate pair.
    """
    measured = measure(text, reference_bits)
    if measured.parts == 1:
        return [text]
    starts = _cuts(text, measured.encoding, capacity(measured.encoding, 2, reference_bits))
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def check_text(text: str) -> None:
    """Raise ``InvalidText`` where the text cannot be encoded at all."""
    if not text:
        raise InvalidText("the text is empty")
    lone = None if text.isascii() else _SURROGATE.search(text)
    if lone:
        raise InvalidText(f"half a surrogate pair (U+{ord(lone[0]):04X}) at position {lone.start() + 1}")


def forcing_characters(text: str) -> list[ForcingCharacter]:
    """Every character, in order, that keeps the text from being GSM-7; none for a GSM-7 text."""
    return [
        ForcingCharacter(position, character, character_name(character))
        for position, character in enumerate(text, start=1)
        if character not in GSM
    ]


def _cuts(text: str, encoding: str, each: int) -> list[int]:
    """Where each part begins when no pair may be split. Filling greedily is minimal: the order is given."""
    starts = [0]
    left = each
    for index, character in enumerate(text):
        width = 2 if (character in EXTENSION if encoding == GSM_7 else character > "\uffff") else 1
        if width > left:
            starts.append(index)
            left = each
        left -= width
    return starts


def measure_column(texts: Texts, reference_bits: int = 8) -> EncodedColumn:
    """``measure`` for a column of strings.

    One pass of a regular expression settles the rows that are all basic GSM-7, nearly all of them as a rule;
    only the others are looked at again.
    """
    texts = one_piece(texts)
    if len(texts) <= _SLICE:
        return _measure_slice(texts, reference_bits)
    slices = [
        _measure_slice(texts.slice(row, _SLICE), reference_bits) for row in range(0, len(texts), _SLICE)
    ]
    return EncodedColumn(
        np.concatenate([part.ucs2 for part in slices]),
        np.concatenate([part.units for part in slices]),
        np.concatenate([part.parts for part in slices]),
        np.concatenate([part.invalid for part in slices]),
    )


def _measure_slice(texts: Any, reference_bits: int) -> EncodedColumn:
    texts = compute.fill_null(texts, "")
    units = as_numpy(compute.utf8_length(texts)).astype(np.int32)
    invalid = units == 0
    ucs2 = np.zeros(len(texts), dtype=np.bool_)
    special = np.flatnonzero(as_numpy(compute.match_substring_regex(texts, _NOT_BASIC)))
    if len(special):
        rows = texts.take(pa.array(special, pa.int64()))
        ucs2[special] = as_numpy(compute.match_substring_regex(rows, _NOT_GSM))

    alone = np.where(ucs2, UCS2_ALONE, GSM_ALONE)
    each = np.where(ucs2, capacity(UCS_2, 2, reference_bits), capacity(GSM_7, 2, reference_bits))
    pairs = None
    if len(special):
        pairs = _Pairs.of(rows, ucs2[special])
        units[special] += pairs.count
    parts = np.where(units <= alone, 1, -(-units // each)).astype(np.int16)
    if pairs is not None:
        exact = (parts[special] > 1) & (pairs.count > 0)
        parts[special[exact]] = pairs.parts(exact, units[special], each[special])
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
    if compute.all(compute.string_is_ascii(texts)).as_py():
        return texts
    return compute.utf8_normalize(texts, "NFC")
