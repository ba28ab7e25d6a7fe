"""Smart encoding: typographic characters replaced where that turns a UCS-2 text into GSM-7.

All or nothing: unless the whole text is GSM-7 afterwards, and needs no more parts, it stays as it was. What
stands in a URL is never touched. Joiners (ZWJ, ZWNJ) carry meaning and stay. The choice of characters is what
Twilio, Sinch and Webex replace, as far as a reader sees no difference of meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.content.arrow import Texts, as_numpy, compute, is_blank, one_piece
from a2pcli.content.encoding import is_gsm, measure, measure_column
from a2pcli.content.gsm import GSM, UCS2_ALONE, regex_class


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

_POSSIBLE = GSM | TABLE.keys()
_FRACTIONS = "".join(before for before, after in TABLE.items() if len(after) == 3 and after[1] == "/")
_HIT = re.compile(f"[{re.escape(''.join(TABLE))}]")
_INVISIBLE = "\u200b\u2060\ufeff"
_URL_START = r"(?:https?://|www\.|(?<![a-z0-9.-])(?:[a-z0-9-]+\.)+[a-z]{2,24}/)"
# An invisible character that alone parts a word from a URL belongs to the URL: without it the two would fuse.
_URL = re.compile(rf"(?:(?<=\w)[{_INVISIBLE}]+)?{_URL_START}", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_AFTER_URL = ".,;:!?\"')]}>…’”»›–—" + _INVISIBLE

# What a whole column cannot do: rows that match go one by one. RE2's \S takes in more than Python's.
_RE2_TABLE = regex_class(set(TABLE))
_NEEDS_A_LOOK = (
    rf"(?i:https?://|www\.|\.[a-z]{{2,24}}/)\S*[{_RE2_TABLE}]"
    rf"|[{regex_class(set(_INVISIBLE))}](?i:https?://|www\.|[a-z0-9-]+\.)"
    rf"|\pN[{regex_class(set(_FRACTIONS))}]"
)
_SLICE = 65_536


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


def smart(text: str) -> SmartText:
    """Replace typographic characters if, and only if, that makes the whole text GSM-7."""
    unchanged = SmartText(text, ())
    if is_gsm(text) or not _POSSIBLE.issuperset(text):
        return unchanged
    new, hits = _replace(text)
    if not hits or not _is_worth_it(text, new):
        return unchanged
    made = tuple(Replacement(hit.start() + 1, hit[0], _after(hit)) for hit in hits)
    return SmartText(new, made)


def _replace(text: str) -> tuple[str, list[re.Match[str]]]:
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
    if hit[0] in _FRACTIONS and position and hit.string[position - 1].isnumeric():
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
            urls.append((word.start() + url.start(), word.start() + len(word[0].rstrip(_AFTER_URL))))
    return urls


def _is_worth_it(text: str, new: str) -> bool:
    """Not when nothing is left, nor when longer replacements (``…``) cost a part more than UCS-2 does."""
    if not new.strip():
        return False
    return len(new) <= UCS2_ALONE or measure(new).parts <= measure(text).parts


def smart_column(
    texts: Texts, ucs2: npt.NDArray[np.bool_] | None = None
) -> tuple[Texts, npt.NDArray[np.int32]]:
    """``smart`` for a column: the new texts, and the number of replacements in each row.

    ``ucs2`` says which rows are not GSM-7, where that is known already (``measure_column``).
    """
    texts = one_piece(texts)
    if ucs2 is None:
        ucs2 = as_numpy(compute.match_substring_regex(compute.fill_null(texts, ""), f"[^{regex_class(GSM)}]"))
    counts = np.zeros(len(texts), dtype=np.int32)
    rows = np.flatnonzero(ucs2)
    if not len(rows):
        return texts, counts
    changed = []
    for first in range(0, len(rows), _SLICE):
        some = rows[first : first + _SLICE]
        new, counts[some] = _smart_slice(texts.take(pa.array(some, pa.int64())))
        changed.append(new)
    return compute.replace_with_mask(texts, pa.array(ucs2), pa.concat_arrays(changed)), counts


def _smart_slice(texts: Texts) -> tuple[Any, npt.NDArray[np.int32]]:
    """Texts that are all UCS-2."""
    counts = np.zeros(len(texts), dtype=np.int32)
    hopeless = as_numpy(compute.match_substring_regex(texts, f"[^{regex_class(_POSSIBLE)}]"))
    look = ~hopeless & as_numpy(compute.match_substring_regex(texts, _NEEDS_A_LOOK))
    easy = ~hopeless & ~look

    old = texts.filter(pa.array(easy))
    new = old
    replaced = np.zeros(len(old), dtype=np.int32)
    for character in _present(old):
        shorter = compute.replace_substring(new, character, TABLE[character])
        replaced += _count(character, new, shorter)
        new = shorter
    worth = _are_worth_it(old, new)
    counts[easy] = np.where(worth, replaced, 0)
    texts = compute.replace_with_mask(
        texts, pa.array(easy), compute.if_else(pa.array(worth), new, old) if not worth.all() else new
    )
    if look.any():
        old = texts.filter(pa.array(look))
        results = [(text, len(hits)) for text, hits in map(_replace, old.to_pylist())]
        new = pa.array([text for text, _ in results], pa.string())
        worth = _are_worth_it(old, new)
        counts[look] = np.where(worth, [count for _, count in results], 0)
        new = compute.if_else(pa.array(worth), new, old)
        texts = compute.replace_with_mask(texts, pa.array(look), new)
    return texts, counts


def _count(character: str, old: Texts, new: Texts) -> npt.NDArray[np.int32]:
    """How often the character stood in each text; from the bytes saved where that tells (2.5x faster)."""
    saved = len(character.encode()) - len(TABLE[character].encode())
    if not saved:
        return as_numpy(compute.count_substring(old, character))
    return as_numpy(compute.subtract(compute.binary_length(old), compute.binary_length(new))) // saved


def _are_worth_it(old: Any, new: Any) -> npt.NDArray[np.bool_]:
    worth = ~is_blank(new)
    length = as_numpy(compute.utf8_length(new))
    longer = worth & (length > UCS2_ALONE) & (length > as_numpy(compute.utf8_length(old)))
    if longer.any():
        rows: Any = pa.array(longer)
        worth[longer] = measure_column(new.filter(rows)).parts <= measure_column(old.filter(rows)).parts
    return worth


def _present(texts: Texts) -> list[str]:
    """The replaceable characters that occur in a column, read off the UTF-8 bytes of its texts."""
    if not len(texts):
        return []
    data = b"".join((texts.buffers()[2] or b"", b"\0\0"))
    octets = np.frombuffer(data, np.uint8)
    lead = np.flatnonzero(octets >= 0xC2)
    first, second, third = (octets[lead + ahead].astype(np.int32) & 0x3F for ahead in range(3))
    seen = np.zeros(0x10000, dtype=np.bool_)
    two = octets[lead] < 0xE0
    seen[(first[two] & 0x1F) << 6 | second[two]] = True
    seen[(first[~two] & 0x0F) << 12 | second[~two] << 6 | third[~two]] = True
    return [c for c in TABLE if seen[ord(c)] or (c.isascii() and c.encode() in data)]
