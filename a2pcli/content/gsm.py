"""The GSM 7-bit default alphabet and what it leaves room for: data of 3GPP TS 23.038 and TS 23.040."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

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
