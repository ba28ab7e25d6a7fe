"""Numbers as people type them into tables, and numbers and money as people of a locale write them.

A number that could be read in two ways is refused, never guessed: ``1.234`` is a thousand times ``1,234`` or
the same, depending on who wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
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


_SYMBOLS = {
    "£": ("GBP",),
    "€": ("EUR",),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "CLP", "COP", "ARS", "JMD", "TTD", "BBD"),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₺": ("TRY",),
    "₦": ("NGN",),
}
_SAMPLES = [
    Decimal(sample)
    for sample in [
        "0",
        "1",
        "9.87",
        "12.3",
        "999.99",
        "1000",
        "1234.5",
        "12345",
        "123456.78",
        "9876543210.123",
        "0.05",
        "1234567.8901234567",
    ]
]
_MOST_DECIMALS = 10
_CODE = re.compile(r"([A-Za-z]{3})\s*(?=[\d+-])")
_CODE_BEHIND = re.compile(r"(?<=\d)\s*([A-Za-z]{3})$")

Write = Callable[[Decimal], str]


@lru_cache(maxsize=256)
def is_currency(code: Any) -> bool:
    """Whether this is an ISO 4217 code."""
    from babel.numbers import is_currency as known

    return isinstance(code, str) and code.isupper() and bool(known(code))


def currency_hint(code: Any) -> str | None:
    """A hint that suggests the intended currency code."""
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
    """An amount with its currency, as people of the locale write it. Half a penny is rounded up.

    A cell that names another currency (``$5`` for GBP) is refused.
    """
    if isinstance(value, str) and not value.isdecimal():
        value = _without_currency(value, currency)
    write = _writer(currency, locale, _precision(currency) if decimals is None else decimals)
    return write(number_of(value, locale))


def number(value: Any, locale: str, decimals: int | None = None) -> str:
    """A number with the locale's separators, to so many decimals where that is said."""
    amount = number_of(value, locale)
    if decimals is None:
        exponent = amount.normalize().as_tuple().exponent
        decimals = min(max(-int(exponent), 0), _MOST_DECIMALS)
    return _writer(None, locale, decimals)(amount)


@lru_cache(maxsize=256)
def _precision(currency: Any) -> int:
    from babel.numbers import get_currency_precision

    if not is_currency(currency):
        raise Unsuitable(f"{shown(str(currency))} is not a currency ({currency_hint(currency)})")
    return int(get_currency_precision(currency))


def _without_currency(text: str, currency: str) -> str:
    typed = text.strip()
    for symbol, codes in _SYMBOLS.items():
        if symbol in typed:
            if currency not in codes:
                raise Unsuitable(f"the cell says {symbol}, the template {currency}")
            return typed.replace(symbol, "", 1)
    code = _CODE.match(typed) or _CODE_BEHIND.search(typed)
    if code:
        if code[1].upper() != currency:
            raise Unsuitable(f"the cell says {code[1]}, the template {currency}")
        return typed[: code.start()] + typed[code.end() :]
    return typed


@lru_cache(maxsize=256)
def _writer(currency: str | None, locale: str, decimals: Any) -> Write:
    """What writes amounts of a currency, or plain numbers."""
    if not isinstance(decimals, int) or not 0 <= decimals <= _MOST_DECIMALS:
        raise Unsuitable(f"decimals are a whole number from 0 to {_MOST_DECIMALS}")
    if currency is not None:
        _precision(currency)
    unit = Decimal(1).scaleb(-decimals)
    by_babel = _babel_writer(currency, locale, decimals)

    def slowly(amount: Decimal) -> str:
        return by_babel(amount.quantize(unit, ROUND_HALF_UP))

    return _fast_writer(slowly, decimals, unit) or lru_cache(maxsize=4096)(slowly)


def _babel_writer(currency: str | None, locale: str, decimals: int) -> Write:
    from babel.numbers import format_currency, format_decimal

    chosen = babel_locale(locale)
    fraction = "." * bool(decimals) + "0" * decimals
    if currency is None:
        pattern = f"#,##0{fraction}"
        return lambda amount: no_odd_spaces(format_decimal(amount, pattern, locale=chosen))
    standard = str(chosen.currency_formats["standard"].pattern)
    pattern = re.sub(r"0(?:\.0+)?(?![#0])", f"0{fraction}", standard)
    return lambda amount: no_odd_spaces(
        format_currency(amount, currency, pattern, locale=chosen, currency_digits=False)
    )


def _fast_writer(slowly: Write, decimals: int, unit: Decimal) -> Write | None:
    """The same in 1 µs, where the locale groups by three and writes Latin digits; None where it does not."""
    shape = re.fullmatch(
        r"(\D*)1(\D*)234(\D*)567(?:(\D+)\d+)?(\D*)", slowly(Decimal("1234567.1234123412")), re.ASCII
    )
    if shape is None or shape[2] != shape[3] or bool(shape[4]) != bool(decimals):
        return None
    before, group, mark, behind = shape[1], shape[2], shape[4] or "", shape[5]

    def fast(amount: Decimal) -> str:
        digits = f"{amount.quantize(unit, ROUND_HALF_UP):,f}"
        if amount < 0:
            return slowly(amount)
        whole, _, fraction = digits.partition(".")
        return f"{before}{whole.replace(',', group)}{mark}{fraction}{behind}"

    return fast if all(fast(sample) == slowly(sample) for sample in _SAMPLES) else None
