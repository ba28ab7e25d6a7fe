"""How one text travels as SMS: its encoding, its units, its parts (3GPP TS 23.038 and TS 23.040).

A text whose characters are all in the GSM 7-bit alphabet is counted in septets, any other in UTF-16 code
units. An escape pair (ESC and a character of the extension table) and a surrogate pair never straddle two
parts, so the number of parts is not a division: a part may have to leave its last unit empty.

A part may end inside an emoji sequence or between a letter and its combining mark: networks split so, and the
phone joins the parts before it shows them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from a2pcli.dataclass import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The 127 characters of one septet each (TS 23.038, 6.2.1). The 128th code, ESC, is no text of its own."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""The characters of two septets: ESC and a code of the extension table (TS 23.038, 6.2.1.1)."""

GSM = BASIC | EXTENSION

GSM_ALONE = 160
UCS2_ALONE = 70
"""What one message without a user data header holds: 140 octets as septets, or as UTF-16 code units."""

GSM_JOINED = {8: 153, 16: 152}
UCS2_JOINED = {8: 67, 16: 66}
"""What each of several parts holds, by the bits of the concatenation reference in its user data header
(TS 23.040, 9.2.3.24.1 and 9.2.3.24.8: 6 and 7 octets of the 140)."""

_CONTROL_NAMES = {
    "\t": "TAB",
    "\v": "VERTICAL TAB",
    "\x00": "NULL",
    "\x07": "BELL",
    "\x08": "BACKSPACE",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}


def regex_class(characters: Collection[str]) -> str:
    """The inside of an RE2 character class that matches just these characters."""
    return "".join(f"\\x{{{ord(character):x}}}" for character in sorted(characters))


def character_name(character: str) -> str:
    """The Unicode name of a character, for people: ``RIGHT SINGLE QUOTATION MARK``, ``TAB``, ``U+0085``."""
    known = _CONTROL_NAMES.get(character)
    if known:
        return known
    fallback = f"U+{ord(character):04X}"
    if 0xD800 <= ord(character) <= 0xDFFF:
        return f"LONE SURROGATE {fallback}"
    return unicodedata.name(character, fallback)


GSM_7 = "GSM-7"
UCS_2 = "UCS-2"

_SURROGATE = re.compile("[\ud800-\udfff]")
_EXTENSION = re.compile(f"[{re.escape(''.join(sorted(EXTENSION)))}]")


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
    encoding = GSM_7 if is_gsm(text) else UCS_2
    units = units_in(text, encoding)
    if units <= capacity(encoding, 1, reference_bits):
        return Measure(encoding, units, 1)
    each = capacity(encoding, 2, reference_bits)
    if units == len(text):
        return Measure(encoding, units, -(-units // each))
    return Measure(encoding, units, len(cuts(text, encoding, each)))


def split(text: str, reference_bits: int = 8) -> list[str]:
    """The text of each part, as networks split it: each filled before the next begins. Joined, they are the text.

    Raises:
        InvalidText: it is empty or holds half a surrogate pair.
    """
    measured = measure(text, reference_bits)
    if measured.parts == 1:
        return [text]
    starts = cuts(text, measured.encoding, capacity(measured.encoding, 2, reference_bits))
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def check_text(text: str) -> None:
    """Raise ``InvalidText`` where the text cannot be encoded at all."""
    if not text:
        raise InvalidText("the text is empty")
    lone = None if text.isascii() else _SURROGATE.search(text)
    if lone:
        raise InvalidText(f"half a surrogate pair (U+{ord(lone[0]):04X}) at position {lone.start() + 1}")


def units_in(text: str, encoding: str) -> int:
    """The septets or UTF-16 code units of a text in this encoding."""
    if encoding == GSM_7:
        return len(text) + len(_EXTENSION.findall(text))
    return len(text) + sum(character > "\uffff" for character in text)


def forcing_characters(text: str) -> list[ForcingCharacter]:
    """Every character, in order, that keeps the text from being GSM-7; none for a GSM-7 text."""
    return [
        ForcingCharacter(position, character, character_name(character))
        for position, character in enumerate(text, start=1)
        if character not in GSM
    ]


def cuts(text: str, encoding: str, each: int) -> list[int]:
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
