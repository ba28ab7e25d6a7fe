"""Numbers as people type them into tables.

A number that could be read in two ways is refused, never guessed: ``1.234`` is a thousand times ``1,234`` or
the same, depending on who wrote it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from a2pcli.content.failures import Unsuitable

MOST_DIGITS = 30
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’]")
_DIGITS = re.compile(r"\d+")
_SURE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,2})?")
_GROUPED = {
    ",": re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}"),
    ".": re.compile(r"\d{1,3}(?:\.\d{3})+"),
}
_SIGNS = str.maketrans({"−": "-", "–": "-", "﹣": "-", "－": "-"})


def number_of(value: Any, locale: str) -> Decimal:
    """The number in a cell or of a calculation. Raises ``Unsuitable`` where there is none, or two."""
    if isinstance(value, bool) or value is None:
        raise Unsuitable("not a number")
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, float):
        number = Decimal(repr(value))
        if not number.is_finite():
            raise Unsuitable("not a number")
        return number
    if not isinstance(value, str):
        raise Unsuitable("not a number")
    # What most cells look like means the same everywhere.
    return Decimal(value) if _SURE.fullmatch(value) else parse_number(value, locale)


_AROUND = re.compile(
    r"^(?:[€$£¥₹₽₺₩₪%]|[A-Za-z]{3}(?=[\s\d]))\s*|\s*(?:[€$£¥₹₽₺₩₪%]|(?<=[\s\d])[A-Za-z]{3})$"
)
"""A sign of a currency or per cent, or the code of a currency, before or behind a number."""
_EXPONENT = re.compile(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,2}")
_NOTHING = frozenset({"n/a", "na", "null", "none", "nil", "nan", "-", "--", "–", "—", "#n/a", "?"})


def amount_of(text: str, locale: str) -> Decimal:
    """The number in a cell, with a currency or per cent sign around it or none. Raises ``Unsuitable``."""
    typed = text.strip()
    if _EXPONENT.fullmatch(typed):
        return Decimal(typed)
    bare = _AROUND.sub("", typed)
    return parse_number(bare if bare else typed, locale)


def is_nothing(text: str) -> bool:
    """Whether a cell says in words that it is empty."""
    return text.strip().casefold() in _NOTHING


@lru_cache(maxsize=4096)
def parse_number(text: str, locale: str) -> Decimal:
    """``1234.5``, ``1,234.50``, ``1 234,50``, ``-3``: whatever has only one meaning in this locale."""
    typed = text.strip().translate(_SIGNS)
    sign = "-" if typed.startswith("-") else ""
    digits = _SPACES.sub("", typed.lstrip("+-").strip()) if typed[:2] not in ("+-", "-+", "--") else ""
    plain = _plain(digits, locale)
    if plain is None or sum(map(len, _DIGITS.findall(plain))) > MOST_DIGITS:
        raise Unsuitable(f"{shown(text)} is not a number")
    return Decimal(sign + plain)


def _plain(digits: str, locale: str) -> str | None:
    """The digits with ``.`` before the decimals and nothing else; None where it is no number."""
    if re.fullmatch(r"[.,]\d+", digits):
        digits = f"0{digits}"
    if not re.fullmatch(r"\d[\d.,]*", digits):
        return None
    marks = re.sub(r"\d", "", digits)
    if not marks:
        return digits
    last = marks[-1]
    other = "," if last == "." else "."
    if other in marks:
        whole, _, decimals = digits.rpartition(last)
        grouped = last not in whole and _GROUPED[other].fullmatch(whole)
        return f"{whole.replace(other, '')}.{decimals or '0'}" if grouped else None
    if len(marks) > 1:
        return digits.replace(last, "") if _GROUPED[last].fullmatch(digits) else None
    whole, _, decimals = digits.partition(last)
    if len(decimals) != 3 or len(whole) > 3 or whole.startswith("0") or last == _decimal_mark(locale):
        return f"{whole}.{decimals or '0'}"
    if last == ",":
        return whole + decimals
    raise Unsuitable(f"{shown(digits)} may be a fraction or a thousand times as much: write it without '.'")


@lru_cache(maxsize=32)
def _decimal_mark(locale: str) -> str:
    from babel.numbers import get_decimal_symbol

    return str(get_decimal_symbol(babel_locale(locale)))


@lru_cache(maxsize=32)
def babel_locale(name: str) -> Any:
    """Babel's locale for a name such as ``en_GB`` or ``en-GB``. Raises ``Unsuitable``."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise Unsuitable(f"'{name}' is not a locale: write en_GB, de_DE, …") from None


def no_odd_spaces(text: str) -> str:
    """No-break spaces and the typographic minus would turn an SMS to UCS-2: the plain ones instead."""
    for odd, plain in (("\u00a0", " "), ("\u202f", " "), ("\u2009", " "), ("\u2212", "-")):
        text = text.replace(odd, plain)
    return text


def shown(text: str) -> str:
    """A cell for an error: quoted, cut short, and long numbers (dates aside) masked, as it may end in a log."""
    long = len(re.findall(r"\d", text)) > 8 and not re.match(r"\d{1,4}([-/.])\d\d?\1\d", text)
    masked = re.sub(r"\d(?=(?:[\s().-]*\d){4,})", "*", text) if long else text
    return repr(masked[:20] + ("…" if len(masked) > 20 else ""))
