"""Numbers and money as people of a locale write them.

Babel knows how, at 25 µs a number. Most locales only differ in what stands before, between and behind the
digits: that is read off Babel's own samples once, and checked against more of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from a2pcli.content.failures import Unsuitable
from a2pcli.content.numbers_text import babel_locale, no_odd_spaces, number_of, shown

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
