"""The special characters of a column of texts: those that decide how it travels as SMS, and are few as a rule.

Most characters of most messages are the ASCII that is one septet each. What else there is, is read off the UTF-8 bytes
of the whole column at once; a message without any needs no closer look.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from a2pcli.content.parts import BASIC
from a2pcli.dataclass import dataclass
from a2pcli.frame import Texts, text_bytes

_PLAIN = frozenset(character for character in BASIC if character.isascii())
_CONTROLS = np.array([byte for byte in range(0x20) if chr(byte) not in _PLAIN], np.uint8)
_MARKS = bytes(byte for byte in range(0x20, 0x80) if chr(byte) not in _PLAIN)


@dataclass(frozen=True, slots=True)
class SpecialCharacters:
    """Each special character of a column, in order: the row it stands in, and its code point."""

    rows: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]

    @classmethod
    def of(cls, texts: Texts) -> SpecialCharacters:
        """Those of an array of type string; null has none."""
        offsets, data = text_bytes(texts.fill_null("") if texts.null_count else texts)
        octets = data[offsets[0] : offsets[-1]]
        at = _special_places(octets)
        codes = _codes_at(octets, at)
        rows = np.searchsorted(offsets, at + offsets[0], side="right") - 1
        return cls(rows, codes)

    def rows_with(self, which: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.bool_]:
        """Of ``count`` rows, those with a character that ``which`` is true of, by code point (0x10000: all above)."""
        found = np.zeros(count, dtype=np.bool_)
        found[self.rows[which[np.minimum(self.codes, 0x10000)]]] = True
        return found


def table_of(characters: object) -> npt.NDArray[np.bool_]:
    """Which code points some characters of the basic plane are, as ``rows_with`` takes it."""
    table = np.zeros(0x10001, dtype=np.bool_)
    table[[ord(character) for character in characters]] = True  # type: ignore[attr-defined]
    return table


def _special_places(octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Where a special character begins."""
    raw = octets.tobytes()
    found = [] if raw.isascii() else [np.flatnonzero(octets >= 0xC2)]
    if len(octets) and octets.min() < 0x20:
        low = np.flatnonzero(octets < 0x20)
        found.append(low[np.isin(octets[low], _CONTROLS)])
    found += [np.flatnonzero(octets == mark) for mark in _MARKS if mark in raw]
    found = [places for places in found if len(places)]
    if not found:
        return np.zeros(0, dtype=np.int64)
    return found[0] if len(found) == 1 else np.sort(np.concatenate(found))


def _codes_at(octets: npt.NDArray[np.uint8], at: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """The code points whose UTF-8 begins at these places."""
    codes = octets[at].astype(np.int32)
    size = 1 + (codes >= 0xC2).astype(np.int8) + (codes >= 0xE0) + (codes >= 0xF0)
    for length, mask in ((2, 0x1F), (3, 0x0F), (4, 0x07)):
        here = np.flatnonzero(size == length)
        if len(here):
            code = codes[here] & mask
            for ahead in range(1, length):
                code = code << 6 | octets[at[here] + ahead] & 0x3F
            codes[here] = code
    return codes
