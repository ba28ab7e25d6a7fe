"""Smart encoding: typographic characters replaced where that turns a UCS-2 text into GSM-7.

All or nothing: unless the whole text is GSM-7 afterwards, and needs no more parts, it stays as it was. What
stands in a URL is never touched. Invisible characters are dropped first. The choice of characters is
what Twilio, Sinch and Webex replace, as far as a reader sees no difference of meaning.
"""

from __future__ import annotations

import re

from a2pcli.content.parts import GSM, UCS2_ALONE, is_gsm, measure
from a2pcli.dataclass import dataclass

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


def _table() -> dict[str, str]:
    groups = {
        "'": "‘’‚‛′‵ʹʻʼʽ‹›´`\uff40",
        '"': "“”„‟″‶ʺ«»〝〞",
        "'''": "‴",
        "-": "‐‑‒–—―−⁃•‣◦∙",
        "...": "…",
        "..": "‥",
        "/": "⁄∕",
        " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
        "\u2028\u2029\u202f\u205f\u3000",
        # Zero-width space, word joiner, byte order mark, soft hyphen: never seen.
        "": "\u200b\u2060\ufeff\u00ad",
        "£": "\uffe1",
        "¥": "\uffe5",
    }
    table = {before: after for after, befores in groups.items() for before in befores}
    for code in range(0xFF01, 0xFF5F):  # full-width ASCII
        table.setdefault(chr(code), chr(code - 0xFEE0))
    fractions = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅛": "1/8", "⅜": "3/8"}
    return table | fractions | {"⅝": "5/8", "⅞": "7/8", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5"}


TABLE = _table()
"""Each character that is replaced, and by what. Everything on the right is basic GSM-7."""

POSSIBLE = GSM | TABLE.keys()
FRACTIONS = "".join(before for before, after in TABLE.items() if len(after) == 3 and after[1] == "/")
_HIT = re.compile(f"[{re.escape(''.join(TABLE))}]")
INVISIBLE = "\u200b\u2060\ufeff"
_URL_START = r"(?:https?://|www\.|(?<![a-z0-9.-])(?:[a-z0-9-]+\.)+[a-z]{2,24}/)"
# An invisible character that alone parts a word from a URL belongs to the URL: without it the two would fuse.
_URL = re.compile(rf"(?:(?<=\w)[{INVISIBLE}]+)?{_URL_START}", re.IGNORECASE)
_WORD = re.compile(r"\S+")
AFTER_URL = ".,;:!?\"')]}>…’”»›–—" + INVISIBLE


@dataclass(frozen=True, slots=True)
class Replacement:
    """One character replaced. ``position`` counts characters of the text as it was, from 1."""

    position: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class SmartText:
    """The text to send, and every replacement made to get it; none where it was left alone."""

    text: str
    replacements: tuple[Replacement, ...]


def plain(text: str, *, use_smart: bool) -> SmartText:
    """The text as a campaign sends it: without invisible characters, and with plain typography if that is wished."""
    return smart(text) if use_smart else _visible(text, without_invisible(text))


def smart(text: str) -> SmartText:
    """Drop invisible and replace typographic characters if, and only if, that makes the whole text GSM-7."""
    if is_gsm(text):
        return SmartText(text, ())
    bare = stripped(text)
    if bare == text:
        return _typographic(text)
    if bare.strip() and is_gsm(bare):
        return _visible(text, bare)
    better = _typographic(bare)
    if not better.replacements:
        return SmartText(text, ())
    at = [place for place, _ in enumerate(text) if not invisible_in(text[place])]
    moved = [Replacement(at[made.position - 1] + 1, made.before, made.after) for made in better.replacements]
    dropped = _visible(text, bare).replacements
    return SmartText(better.text, tuple(sorted([*moved, *dropped], key=lambda made: made.position)))


def _visible(text: str, bare: str) -> SmartText:
    """The text without its invisible characters, each of which is told; or unchanged."""
    if bare == text:
        return SmartText(text, ())
    return SmartText(bare, tuple(Replacement(place + 1, char, "") for place, char in invisible_in(text)))


def _typographic(text: str) -> SmartText:
    unchanged = SmartText(text, ())
    if not POSSIBLE.issuperset(text):
        return unchanged
    new, hits = replaced(text)
    if not hits or not _is_worth_it(text, new):
        return unchanged
    made = tuple(Replacement(hit.start() + 1, hit[0], _after(hit)) for hit in hits)
    return SmartText(new, made)


def replaced(text: str) -> tuple[str, list[re.Match[str]]]:
    """The text with everything replaced, and the hits; none where a URL keeps the whole text in UCS-2."""
    hits = list(_HIT.finditer(text))
    urls = _urls(text)
    if urls and any(start <= hit.start() < end for hit in hits for start, end in urls):
        return text, []
    return _HIT.sub(_after, text), hits


def _after(hit: re.Match[str]) -> str:
    after = TABLE[hit[0]]
    position = hit.start()
    # After a digit a fraction needs a space: 1½ is not 11/2.
    if hit[0] in FRACTIONS and position and hit.string[position - 1].isnumeric():
        return f" {after}"
    return after


def _urls(text: str) -> list[tuple[int, int]]:
    """Where URLs begin and end. Punctuation behind one is not part of it."""
    if "/" not in text and "www." not in text.lower():
        return []
    urls = []
    for word in _WORD.finditer(text):
        if "/" not in word[0] and "www." not in word[0].lower():
            continue
        url = _URL.search(word[0])
        if url:
            urls.append((word.start() + url.start(), word.start() + len(word[0].rstrip(AFTER_URL))))
    return urls


def _is_worth_it(text: str, new: str) -> bool:
    """Not when nothing is left, nor when longer replacements (``…``) cost a part more than UCS-2 does."""
    if not new.strip():
        return False
    return len(new) <= UCS2_ALONE or measure(new).parts <= measure(text).parts
