"""Numbers as people type them into tables, and money as people read it.

A number that could be read in two ways is refused, never guessed: ``1.234`` is a thousand times ``1,234`` or
the same, depending on who wrote it.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from a2pcli.content.failures import Unsuitable

MOST_DIGITS = 30
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’]")
_DIGITS = re.compile(r"\d+")
_GROUPED = {
    ",": re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}"),
    ".": re.compile(r"\d{1,3}(?:\.\d{3})+"),
}
_SIGNS = str.maketrans({"−": "-", "–": "-", "﹣": "-", "－": "-"})
_SYMBOLS = {
    "£": ("GBP",),
    "€": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS", "JMD", "TTD", "BBD"),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₺": ("TRY",),
    "₦": ("NGN",),
}


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
    return parse_number(value, locale)


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
        raise Unsuitable(f"'{name}' is no locale: write en_GB, de_DE, …") from None


def is_currency(code: Any) -> bool:
    """Whether this is an ISO 4217 code."""
    from babel.numbers import is_currency as known

    return isinstance(code, str) and code.isupper() and bool(known(code))


def currency_hint(code: Any) -> str | None:
    """A hint at the code that was meant."""
    from babel.numbers import list_currencies

    typed = str(code).strip().upper()
    if is_currency(typed):
        return f"did you mean '{typed}'?"
    usual = ["GBP", "EUR", "USD", "CAD", "AUD", "CHF", "INR", "JPY"]
    near = (
        _SYMBOLS.get(typed)
        or [code for code in usual if sorted(code) == sorted(typed)]
        or get_close_matches(typed, usual, 1, 0.6)
        or get_close_matches(typed, sorted(list_currencies()), 1, 0.6)
    )
    return f"did you mean '{near[0]}'?" if near else "write a three-letter code, such as 'GBP'"


def money(value: Any, currency: str, locale: str, decimals: int | None = None) -> str:
    """An amount with its currency, as people of the locale write it.

    A cell that names another currency (``$5`` for GBP) is refused.
    """
    if not is_currency(currency):
        raise Unsuitable(f"{shown(str(currency))} is no currency ({currency_hint(currency)})")
    if isinstance(value, str):
        value = _without_currency(value, currency)
    return _format_money(number_of(value, locale), currency, locale, decimals)


def _without_currency(text: str, currency: str) -> str:
    typed = text.strip()
    for symbol, codes in _SYMBOLS.items():
        if symbol in typed:
            if currency not in codes:
                raise Unsuitable(f"the cell says {symbol}, the template {currency}")
            return typed.replace(symbol, "", 1)
    code = re.match(r"([A-Za-z]{3})\s*(?=[\d+-])", typed) or re.search(r"(?<=\d)\s*([A-Za-z]{3})$", typed)
    if code:
        if code[1].upper() != currency:
            raise Unsuitable(f"the cell says {code[1]}, the template {currency}")
        return typed[: code.start()] + typed[code.end() :]
    return typed


@lru_cache(maxsize=4096)
def _format_money(number: Decimal, currency: str, locale: str, decimals: int | None) -> str:
    from babel.numbers import format_currency, get_currency_precision

    pattern = None if decimals is None else _with_decimals(locale, decimals)
    number = _rounded(number, get_currency_precision(currency) if decimals is None else decimals)
    return no_odd_spaces(
        format_currency(
            number, currency, pattern, locale=babel_locale(locale), currency_digits=decimals is None
        )
    )


def _with_decimals(locale: str, decimals: int) -> str:
    standard = babel_locale(locale).currency_formats["standard"].pattern
    fraction = "." + "0" * _decimals(decimals) if decimals else ""
    return re.sub(r"0(?:\.0+)?(?![#0])", f"0{fraction}", str(standard))


def number(value: Any, locale: str, decimals: int | None = None) -> str:
    """A number with the locale's separators, to so many decimals where that is said."""
    from babel.numbers import format_decimal

    pattern = (
        "#,##0.##########" if decimals is None else "#,##0" + "." * bool(decimals) + "0" * _decimals(decimals)
    )
    amount = number_of(value, locale)
    if decimals is not None:
        amount = _rounded(amount, decimals)
    return no_odd_spaces(format_decimal(amount, pattern, locale=babel_locale(locale)))


def _rounded(number: Decimal, decimals: int) -> Decimal:
    """Half up, as people do it: Decimal's own half-even makes 0.125 to 0.12."""
    return number.quantize(Decimal(1).scaleb(-_decimals(decimals)), ROUND_HALF_UP)


def _decimals(decimals: Any) -> int:
    if not isinstance(decimals, int) or not 0 <= decimals <= 10:
        raise Unsuitable("decimals are a whole number from 0 to 10")
    return decimals


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
