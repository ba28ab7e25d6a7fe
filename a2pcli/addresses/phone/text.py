"""From a cell as people fill it in to the digits of one number, or the reason why there is not exactly one.

This half knows nothing of numbering plans: it undoes what spreadsheets and address books do to text, refuses
what is not one number, and hands on ``+`` and digits. ``phonenumbers`` guesses where this refuses: it reads
``07911123456; 07911123457`` as one number with an extension and ``O7911…`` as keys of an old telephone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from a2pcli.addresses.totals import TOTAL, is_total
from a2pcli.dataclass import dataclass
from a2pcli.reasons import Reason


@dataclass(frozen=True, slots=True)
class Digits:
    """``compact`` is an optional + and ASCII digits, at most 17; None where ``reason`` says why not."""

    compact: str | None
    repairs: tuple[str, ...] = ()
    reason: Reason | None = None
    detail: str | None = None
    trunk_zero: bool = False
    """The cell had ``(0)`` after an international prefix."""


MAX_DIGITS = 17
"""E.164 has 15; two more for an international prefix 00."""
LONGEST_CELL = 250
"""Characters; also what ``phonenumbers`` reads at most. It keeps every pattern below fast on any cell."""
_WHOLE = 7
"""This many digits can be a number of their own."""

SIMPLE = re.compile(r" *\+?[ (]*[0-9][0-9 ()-]*\Z|[0-9]{1,4}(?:\.[0-9]{2,5}){2,}\Z")
"""Cells whose digits are the number, whatever stands between them. The fast path uses it too (as RE2)."""
_PUNCTUATION = dict.fromkeys(map(ord, " ().-+,;|/\\\t\r\n"))
_USUAL = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ") | dict.fromkeys(
    map(
        ord,
        "\ufeff\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069",
    )
)
"""The characters beyond ASCII that numbers come with most: spaces that do not break, marks of direction."""
_DAMAGED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d+\Z")
_CELL_ERROR = re.compile(r"#+\Z|#(?:N/A|REF!|VALUE!|NUM!|NAME\?|DIV/0!|NULL!)\Z", re.IGNORECASE)
_DECIMALS = re.compile(r"(\+?\d{7,})[.,]0{1,6}\Z")
_THOUSANDS = re.compile(r"\+?\d{1,3}(?:,\d{3}){2,}(?:\.0+)?\Z")
_FORMULA = re.compile(r"=\s*(?:\"([^\"]*)\"|'([^']*)'|(\+?[\d\s()-]+))\Z")
_SCHEME = re.compile(r"(?:tel|sms|smsto|mms|callto|whatsapp|rcs)\s*:\s*(?://)?", re.IGNORECASE)
_EXTENSION = re.compile(
    r"[\s,;(]*(?:;ext=|ext(?:ension|n)?|x|anexo|poste|durchwahl|доб(?:авочный)?|#|~)[\s.:=#]*\d{1,8}\s*[)#]?\Z",
    re.IGNORECASE,
)
_PIECES = re.compile(r"[^\d ().+-]+|(?<=[\d)]) *(?=\+)")
_LIST_SEPARATOR = re.compile(r"[,;|\n\r\t]")
_QUOTES = "'\"`´‘’‚‛“”„«»"


def read_digits(cell: str) -> Digits:
    """The digits of the one number in a cell.

    >>> read_digits('="07911 123456"')
    Digits(compact='07911123456', repairs=('formula-unwrapped',), reason=None, detail=None, trunk_zero=False)
    """
    if len(cell) > LONGEST_CELL:
        cell = cell.strip()
        if len(cell) > LONGEST_CELL:
            return _far_too_long(cell)
    if SIMPLE.match(cell):
        return _compact(cell, ())
    text = _plain(cell)
    if not text:
        return Digits(None, reason=Reason.MISSING_NUMBER)
    if SIMPLE.match(text):
        return _compact(text, ())
    text, repairs = _unwrap(text)
    if not text:
        return Digits(None, repairs, Reason.MISSING_NUMBER)
    if SIMPLE.match(text):
        return _compact(text, repairs)
    refused = _damage(text)
    if refused:
        return replace(refused, repairs=repairs)
    plain, undone = _undo_number_format(text, repairs)
    return _compact(plain, undone) if undone != repairs else _one_number(text, repairs)


def without_extension(cell: str) -> str:
    """The cell without the extension behind its number, where one is marked as such (``ext. 5``, ``x5``, ``#5``)."""
    return _EXTENSION.sub("", cell.strip())


def _far_too_long(cell: str) -> Digits:
    """No number is this long; only a list of numbers is worth telling apart."""
    if len(_whole(cell[:LONGEST_CELL])) > 1:
        return Digits(None, reason=Reason.AMBIGUOUS_NUMBER)
    return Digits(None, reason=Reason.INVALID_NUMBER, detail="the cell is too long for a phone number")


def _plain(cell: str) -> str:
    """ASCII digits and punctuation for those of other scripts; no invisible marks; trimmed."""
    if not cell.isascii():
        cell = cell.translate(_USUAL)
    if not cell.isascii() or not cell.isprintable():
        cell = "".join(map(_plain_character, cell))
    return cell.strip(" \t\r\n.,;:/|")


def _plain_character(character: str) -> str:
    if " " <= character <= "~" or character in "\t\r\n":
        return character
    if character in "\u2028\u2029\x85\x0b\x0c":
        return "\n"
    decimal = unicodedata.decimal(character, None)
    if decimal is not None:
        return str(decimal)
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\u2212":
        return "-"
    if category in ("Cf", "Cc", "So", "Mn", "Co"):
        return ""
    return character


def _unwrap(text: str) -> tuple[str, tuple[str, ...]]:
    """Without the formula, quotation marks and URI scheme around the number."""
    repairs: list[str] = []
    formula = _FORMULA.match(text)
    if formula:
        text = next(group for group in formula.groups() if group is not None).strip()
        repairs.append("formula-unwrapped")
    bare = text.strip(_QUOTES + " ")
    if len(bare) < len(text.strip()):
        text = bare
        repairs.append("quotes-dropped")
    scheme = _SCHEME.match(text)
    if scheme:
        text = text[scheme.end() :].strip()
        repairs.append("scheme-dropped")
    return text, tuple(repairs)


def _damage(text: str) -> Digits | None:
    if _DAMAGED.match(text):
        return Digits(
            None,
            reason=Reason.DAMAGED_NUMBER,
            detail="a spreadsheet changed it to exponent form; digits are lost",
        )
    if _CELL_ERROR.match(text):
        return Digits(
            None,
            reason=Reason.DAMAGED_NUMBER,
            detail="a spreadsheet error (or a column that was too narrow), not a number",
        )
    return None


def _undo_number_format(text: str, repairs: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    if _THOUSANDS.match(text):
        return text.partition(".")[0].replace(",", ""), (*repairs, "thousands-dropped")
    decimals = _DECIMALS.match(text)
    if decimals:
        return decimals[1], (*repairs, "decimals-dropped")
    return text, repairs


def _one_number(text: str, repairs: tuple[str, ...]) -> Digits:
    """Refuse extensions, several numbers, letters and strange characters; else the digits."""
    head = _EXTENSION.sub("", text)
    if head != text and not any(map(str.isalpha, head)) and _count(head) >= _WHOLE and len(_whole(head)) < 2:
        return Digits(None, repairs, Reason.HAS_EXTENSION)
    if len(_whole(text)) > 1 and not _one_by_slash(text):
        return Digits(None, repairs, Reason.AMBIGUOUS_NUMBER)
    letters = [character for character in text if character.isalpha()]
    if letters:
        is_sum = _count(text) < _WHOLE and is_total("".join(letters))
        detail = TOTAL if is_sum else _letters_detail(letters)
        return Digits(None, repairs, Reason.INVALID_NUMBER, detail)
    parts = [part for part in _LIST_SEPARATOR.split(text) if _count(part)]
    if len(parts) > 1 and _count(parts[0]) < _WHOLE and not re.search("[,;|]", text):
        text = re.sub(r"\s", " ", text)  # one number, wrapped in its cell
        parts = [text]
    if len(parts) > 1:
        if len(parts) == 2 and _count(parts[0]) >= _WHOLE > _count(parts[1]):
            return Digits(None, repairs, Reason.HAS_EXTENSION, "digits after a comma or semicolon")
        return Digits(
            None, repairs, Reason.INVALID_NUMBER, "a comma, semicolon or line break inside the number"
        )
    if "/" in text or "\\" in text:
        if not _one_by_slash(text):
            return Digits(None, repairs, Reason.AMBIGUOUS_NUMBER, "what follows the slash is a second number")
        text = re.sub(r"[/\\]", " ", text)
    strange = re.search(r"[^\d\s()+.,;|-]|(?<=\d)[\s().-]*\+", text)
    if strange:
        return Digits(None, repairs, Reason.INVALID_NUMBER, f"the character '{strange[0][-1]}' in the number")
    return _compact(text, repairs)


def _compact(text: str, repairs: tuple[str, ...]) -> Digits:
    digits = text.translate(_PUNCTUATION)
    if not digits:
        return Digits(None, repairs, Reason.INVALID_NUMBER, "no digits")
    if len(digits) > MAX_DIGITS:
        pieces = [piece for piece in re.split(r"[\s-]+", text) if piece]
        two = any(
            _count("".join(pieces[:cut])) >= _WHOLE and _count("".join(pieces[cut:])) >= _WHOLE
            for cut in range(1, len(pieces))
        )
        if two:
            return Digits(None, repairs, Reason.AMBIGUOUS_NUMBER)
        return Digits(None, repairs, Reason.INVALID_NUMBER, "too many digits for a phone number")
    international = "+" in text
    trunk_zero = (international or digits.startswith("00")) and "(0)" in text
    return Digits(("+" if international else "") + digits, repairs, trunk_zero=trunk_zero)


def _count(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _whole(text: str) -> list[str]:
    """The pieces of a text that have as many digits as a number of their own."""
    return [piece for piece in _PIECES.split(text) if _count(piece) >= _WHOLE]


def _one_by_slash(text: str) -> bool:
    """``0171/1234567`` and ``+43 664/1234567`` are one number; ``020 7946 0018/9`` and two whole numbers are not."""
    pieces = [piece.strip() for piece in re.split(r"[/\\]", text) if _count(piece)]
    if len(pieces) < 2 or not re.fullmatch(r"[\d ()+./\\-]+", text):
        return False
    first = pieces[0]
    international = first.startswith(("+", "00", "(+", "(00"))
    if any(piece.startswith("+") for piece in pieces[1:]) or _count(text) > MAX_DIGITS:
        return False
    if any(_count(piece) >= _WHOLE and piece.startswith("0") for piece in pieces[1:]):
        return False
    return _count(first) < (_WHOLE + 3 if international else _WHOLE)


def _letters_detail(letters: list[str]) -> str:
    if len(letters) > 1:
        return "letters in the number"
    guess = {"O": " (is it a zero?)", "I": " (is it a one?)", "l": " (is it a one?)"}
    look = guess.get(letters[0], guess.get(letters[0].upper(), "") if letters[0] == "o" else "")
    return f"a letter '{letters[0]}' in the number{look}"
