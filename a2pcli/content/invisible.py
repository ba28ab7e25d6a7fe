"""Characters that nobody sees, taken out where they alone keep a text out of GSM-7.

``Anna`` with a zero-width non-joiner behind it, pasted from a web page, makes a message UCS-2 and up to three times as
dear. Among letters of GSM-7 such characters say nothing: joiners join no letters there, and directions turn none. In
a text with emoji or Persian they have a meaning, and there they stay; so does everything in a URL.
"""

from __future__ import annotations

import re

from a2pcli.content.parts import is_gsm

RANGES = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Default_Ignorable_Code_Point (Unicode 16, DerivedCoreProperties.txt): soft hyphen, joiners, directions, variation
selectors, Hangul fillers, tags; and the marks of annotations, U+FFF9 to U+FFFB."""
CLASS = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in RANGES)
"""The inside of an RE2 character class that matches them."""
_INVISIBLE = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in RANGES) + "]")
LIKE_URL = r"(?i)://|www\.|\.[a-z]{2,24}/"


def invisible_in(text: str) -> list[tuple[int, str]]:
    """The invisible characters of a text, with their positions from 0."""
    return [(found.start(), found[0]) for found in _INVISIBLE.finditer(text)]


def stripped(text: str) -> str:
    """The text without invisible characters; as it is where one of them stands in or at a URL."""
    found = invisible_in(text)
    if not found:
        return text
    if re.search(LIKE_URL, text):
        words = [word for word in re.findall(r"\S+", text) if re.search(LIKE_URL, word)]
        if any(_INVISIBLE.search(word) for word in words):
            return text
    return _INVISIBLE.sub("", text)


def without_invisible(text: str) -> str:
    """The text as it is sent: without invisible characters if that makes it GSM-7."""
    if is_gsm(text):
        return text
    plain = stripped(text)
    return plain if plain.strip() and is_gsm(plain) else text
