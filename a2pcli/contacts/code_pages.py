"""Whether text in a guessed code page reads like words: ``Jos‚`` does not, and was ``José`` on another machine.

A file that is not UTF-8 is read as Windows-1252, which nearly every one is. What older programs and other countries
write comes out as letters and signs in places where no language has them. Those places are looked for here.
"""

from __future__ import annotations

import encodings.cp1252
import re
import unicodedata
from itertools import pairwise

WINDOWS_1252 = "".join(
    chr(byte) if character == "\ufffe" else character
    for byte, character in enumerate(encodings.cp1252.decoding_table)
)
"""Windows-1252 as browsers read it: the five bytes it leaves free are control characters, not errors."""
_OTHERS = (
    "cp850", "mac_roman", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp1255", "cp1256", "cp437",
    "iso8859-2", "koi8-r", "cp932", "gb18030", "big5", "euc-kr",
)  # fmt: skip
"""What it may have been instead, the likeliest first."""
_TURKISH = frozenset("þðýÞÐÝ")
"""Turkish ş, ğ, ı in Windows-1254; Icelandic has them too, and says so with ``encoding: cp1252``."""
_ODD = frozenset("Ÿƒ‡†ˆ‰˜¬¦¯¶×÷±¸¤")
_MONEY = frozenset("€£¥¢")
_JAPANESE = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"})
"""Scripts that one Japanese word mixes, as Unicode names their letters."""
_OPENING, _CLOSING = frozenset("¡¿«‹“‘„‚"), frozenset("»›”’“‘…™®©")
_SMALL = re.compile(r"(?:[kcdmKCDM]?[mM]|\d+)[²³]?")
_CONTEXT = re.compile(rb"[^\s,;\t|]*[\x80-\xff][^\s,;\t|]*")


def tokens(line: bytes) -> list[bytes]:
    """The words of a line that hold bytes beyond ASCII."""
    return [word.strip(b'"()') for word in _CONTEXT.findall(line)]


def is_doubtful(token: bytes, line: bytes) -> bool:
    """Whether a word, read as Windows-1252, is none that people write. ``line`` is where it stands."""
    text = "".join(WINDOWS_1252[byte] for byte in token)
    if re.search(r"[^\W\d_a-zA-Z]{3}", text):
        return True  # three letters beyond ASCII in a row are of another alphabet
    return any(_is_odd(text, place, line) for place, character in enumerate(text) if character >= "\x80")


def _is_odd(text: str, place: int, line: bytes) -> bool:
    character = text[place]
    before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
    if character < "\xa0" or character in _TURKISH:
        return True
    if character in "ªº":
        return not before or (before.isalpha() and after.isalpha() and before.islower())
    if character in _ODD:
        return any(beside.isalpha() or beside >= "\x80" for beside in (before, after))
    if character.isalpha() and character != "µ":
        return character.isupper() and before.isalpha() and (before.islower() or after.islower())
    return _is_odd_sign(character, before, after, text[:place], line)


def _is_odd_sign(character: str, before: str, after: str, start: str, line: bytes) -> bool:
    """Signs have their places: quotation marks around words, currencies beside figures."""
    inside = before.isalpha() and after.isalpha()
    if character in _MONEY:
        return before.isalpha() or after.isalpha()
    if character in "¹²³":
        return before.isalpha() and not _SMALL.fullmatch(start)
    if character in "¼½¾":
        return before.isalpha() or after.isalpha()
    if character in "‚„":
        return before.isalpha() or (after.isalpha() and not re.search(rb"[\x91-\x94]", line))
    if character in "”":
        return inside or (before.isalpha() and not re.search(rb"[\x84\x93\xab]", line))
    if character in "’‘´·-\xad":
        return False
    if character in "–—\xa0":
        return inside and before.islower() and after.islower()
    if character in "¡¿":
        return before.isalpha()
    if character in _CLOSING or character in _OPENING or character in "§°•¨":
        return inside or (character not in _CLOSING and character in "•¨" and before.isalpha())
    return inside


def readings(token: bytes) -> list[tuple[str, str]]:
    """What a word is in other code pages, where that reads like a word: (text, code page), the likeliest first."""
    found: list[tuple[str, str]] = []
    for name in _OTHERS:
        try:
            text = token.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        if _is_word(text) and text not in [seen for seen, _ in found]:
            found.append((text, name))
    return found[:3]


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def _is_word(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    if any(character >= "\x80" and not character.isalpha() and character not in "’‘" for character in text):
        return False
    if any(one.islower() and other.isupper() for one, other in pairwise(text)):
        return False
    if len(letters) > 3 and not any(character < "\x80" for character in letters) and _is_latin(letters[0]):
        return False  # Latin words are not made of accented letters alone
    scripts = {unicodedata.name(character, "?").split()[0] for character in letters}
    return len(letters) > 1 and (len(scripts) == 1 or scripts <= _JAPANESE)
