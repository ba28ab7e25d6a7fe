"""Capitals and small letters as a language writes them: Turkish İ and ı, Dutch IJ, Greek without accents, and so on.

What differs from the rules for all languages, which Python has, is from the Unicode Character Database
(SpecialCasing.txt) and from CLDR's transforms (``el-Upper``, ``nl-Title``, ``lt-Lower``, ``lt-Upper``, ``hy-Upper``).
A German ß stays ß in small letters and becomes SS in capitals, which is right, and plain GSM-7 (ẞ is not).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from a2pcli.dataclass import dataclass

TURKIC = ("tr", "az", "crh", "tt", "ba")
"""Languages whose i keeps its dot as a capital."""
_GREEK_VOWELS = "αεηιουω"
_TONOS = "\u0301\u0300\u0342\u0313\u0314\u0345"
"""Marks that Greek capitals go without: accents, breathings, the iota below."""
_DIALYTIKA = "\u0308"
_DOT = "\u0307"
_ABOVE = "\u0300\u0301\u0303"
"""Accents before which Lithuanian keeps the dot of a small i or j."""


@dataclass(frozen=True, slots=True)
class Cases:
    """The letters of one language, by its two- or three-letter code; every text is in normal form C."""

    language: str

    def upper(self, text: str) -> str:
        """Capitals.

        >>> cases("tr_TR").upper("ışıl istanbul"), cases("el").upper("Μάιος"), cases("de").upper("Straße")
        ('IŞIL İSTANBUL', 'ΜΑΪΟΣ', 'STRASSE')
        """
        if self.language in TURKIC:
            text = text.replace("i", "İ")
        elif self.language == "el":
            text = _greek_capitals(text)
        elif self.language == "lt":
            text = re.sub(f"([ijIJ\u012e\u012f]){_DOT}", r"\1", unicodedata.normalize("NFD", text))
        elif self.language == "hy":
            text = text.replace("և", "եվ")
        return unicodedata.normalize("NFC", text.upper())

    def lower(self, text: str) -> str:
        """Small letters; a sigma at a word's end is ς.

        >>> cases("tr").lower("IŞIL İBRAHİM"), cases("en").lower("ISIL"), cases("el").lower("ΟΔΟΣ")
        ('ışıl ibrahim', 'isil', 'οδος')
        """
        if self.language in TURKIC:
            text = unicodedata.normalize("NFC", text).replace("İ", "i").replace("I", "ı")
        elif self.language == "lt":
            text = re.sub(f"([IJ\u012e])(?=[{_ABOVE}])", rf"\1{_DOT}", _lithuanian(text))
        else:
            text = text.replace("İ", "i")  # elsewhere its dot would stay behind as a mark of its own
        return unicodedata.normalize("NFC", text.lower())

    def capital(self, text: str) -> str:
        """The first letter a capital, the others as they are.

        >>> cases("nl").capital("ijsland"), cases("tr").capital("izmir"), cases("el").capital("άννα")
        ('IJsland', 'İzmir', 'Άννα')
        """
        if self.language == "nl" and text[:2].casefold() == "ij":
            return "IJ" + text[2:]
        first, rest = text[:1], text[1:]
        if self.language in TURKIC and first == "i":
            return "İ" + rest
        if self.language == "hy" and first == "և":
            return "Եվ" + rest
        return first.title() + rest

    def is_capitals(self, word: str) -> bool:
        """Whether a word is written in capitals: a ß among them is one of those that had no capital."""
        return word.replace("ß", "").isupper()


def _lithuanian(text: str) -> str:
    """Taken apart where an accent stands over I or J, whole elsewhere."""
    return "".join(
        unicodedata.normalize("NFD", char) if unicodedata.normalize("NFD", char)[0] in "IJ\u012e" else char
        for char in unicodedata.normalize("NFC", text)
    )


def _greek_capitals(text: str) -> str:
    """Without accents, but for the word "or", which keeps its own."""
    pieces = re.split(r"(?<!\w)[ήΉ](?!\w)", unicodedata.normalize("NFC", text))
    return "Ή".join(map(_without_accents, pieces))


def _without_accents(text: str) -> str:
    """Greek without accents; the ι or υ that an accent kept apart from the vowel before gets its two dots."""
    kept: list[str] = []
    apart = False
    for char in text:
        apart_now = unicodedata.normalize("NFD", char)
        base, marks = apart_now[0], apart_now[1:]
        if base.casefold() not in _GREEK_VOWELS:
            kept.append(char)
            apart = False
            continue
        accented = any(mark in _TONOS for mark in marks)
        left = [mark for mark in marks if mark not in _TONOS]
        if "\u0345" in marks:
            left.append("ι")
        if apart and not marks and base.casefold() in "ιυ":
            left = [_DIALYTIKA]
        kept.append(base + "".join(left))
        apart = accented and _DIALYTIKA not in marks and base.casefold() in "αεου"
    return "".join(kept)


@cache
def cases(locale: str) -> Cases:
    """The letters of a locale's language (``tr_TR``, ``nl``)."""
    return Cases(re.split("[_-]", locale, maxsplit=1)[0].lower())
