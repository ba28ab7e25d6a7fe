"""Names and values compared as people mean them: without case, accents, separators and Unicode normal form.

``Téléphone``, ``TELEPHONE``, `telephone ` and the same letters decomposed are one name. What is shown, stored and sent
keeps its spelling; these are keys to compare by.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_LETTERS = str.maketrans(
    {
        "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ŧ": "t",
        "ŋ": "ng", "\u06cc": "\u064a", "\u0649": "\u064a", "\u06a9": "\u0643", "\u0640": "",
    }
)  # fmt: skip
"""Letters that Unicode does not take apart though people do, Persian forms of Arabic letters, and the tatweel."""
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\ufe00-\ufe0f\u20dd-\u20e4]"
)
"""Marks that are left out: Latin, Greek and Cyrillic accents, Hebrew and Arabic vowels. Not those of Indic scripts or
Japanese, without which a word is another one."""
_HUMP = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def composed(text: str) -> str:
    """The text in Unicode normal form C, in which ``é`` is one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _seen(text: str) -> str:
    """Without characters that nobody sees: joiners, byte order marks, directions."""
    if text.isascii():
        return text
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


@lru_cache(maxsize=16_384)
def fold(text: str) -> str:
    """The text without case, accents, compatibility forms and invisible characters.

    >>> fold("MÁLAGA") == fold("Ma\u0301laga") == "malaga"
    True
    """
    if text.isascii():
        return text.casefold()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", _seen(text)).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart).translate(_LETTERS))


@lru_cache(maxsize=16_384)
def value_key(text: str) -> str:
    """A value as it is compared: folded, and white space of any kind and length as one space.

    >>> value_key(" Opted\u00a0 Out ")
    'opted out'
    """
    return " ".join(fold(text).split())


@lru_cache(maxsize=16_384)
def name_key(name: str) -> str:
    """A name as it is compared: folded, letters and digits only.

    >>> name_key("Téléphone-Portable") == name_key("telephone_portable") == name_key("TelephonePortable")
    True
    """
    folded = "".join(fold(name).split())
    return folded if folded.isalnum() else "".join(char for char in folded if is_letter(char))


@lru_cache(maxsize=16_384)
def name_words(name: str) -> tuple[str, ...]:
    """The words of a name, folded: cut at separators, at capitals inside a word, and between letters and digits.

    >>> name_words("SMSOptOut"), name_words("Do-Not-SMS?")
    (('sms', 'opt', 'out'), ('do', 'not', 'sms'))
    """
    text = unicodedata.normalize("NFKC", _seen(name))
    cut: list[str] = []
    for place, char in enumerate(text):
        if not is_letter(char):
            cut.append(" ")
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        if char.isupper() and (before.islower() or (before.isupper() and after.islower())):
            cut.append(" ")
        cut.append(char)
    return tuple(fold(word) for word in _HUMP.sub(" ", "".join(cut)).split())


def is_letter(char: str) -> bool:
    """Whether a character is part of a word: a letter, a digit, or a mark on one."""
    return char.isalnum() or unicodedata.category(char) in ("Mn", "Mc")


def found_name(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that is meant: as it is written, else the only one that is equal as names are compared."""
    listed = list(names)
    if name in listed:
        return name
    wanted = name_key(name)
    same = [other for other in listed if name_key(other) == wanted] if wanted else []
    return same[0] if len(same) == 1 else None
