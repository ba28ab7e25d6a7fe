"""What a message costs: a rate card, exact to 1e-9 of the currency.

The card is a CSV file with a row for each price:
``gateway,channel,country,prefix,category,unit,price,surcharge,currency,valid_from,valid_to``. Blank or ``*``
means any. The most specific row wins: the longest prefix, then the country, then ``*``; between rows that are
equal in that, one that names the gateway, then the channel, then the category. ``unit`` says what ``price``
and ``surcharge`` are for: each part, or the message. Both dates are included. A destination without a row has
no known price, which is not the price 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from a2pcli.config import values
from a2pcli.content.numbers_text import babel_locale, is_currency, no_odd_spaces
from a2pcli.content.rate_card import NANO, PriceEntry, read_rate_card
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.frame import Texts, as_numpy, compute, one_piece


@dataclass(frozen=True, slots=True)
class Price:
    """What one message costs, in 1e-9 of the currency, and the row of the card that says so."""

    cost: int
    currency: str
    rate: PriceEntry


@dataclass(frozen=True, slots=True)
class PricedColumn:
    """Costs in 1e-9 of the row's currency. Where no price is known the cost is 0 and the currency null."""

    cost: npt.NDArray[np.int64]
    currency: pa.StringArray
    known: npt.NDArray[np.bool_]


class RateCard:
    """A rate card in memory: finds the price of a message."""

    def __init__(self, rates: Iterable[PriceEntry]) -> None:
        self.rates = tuple(rates)

    @property
    def currency(self) -> str | None:
        """The currency of its first price; None for an empty card."""
        return self.rates[0].currency if self.rates else None

    @classmethod
    def load(cls, path: Path) -> RateCard:
        """Read a card. Raises ``InvalidInput`` with every problem, each with line and column."""
        return cls(read_rate_card(path))

    def price(
        self,
        *,
        gateway: str,
        channel: str,
        on: date,
        country: str | None,
        number: str,
        parts: int,
        category: str | None = None,
    ) -> Price | None:
        """What one message to an E.164 number costs; None where the card does not say."""
        digits = number.removeprefix("+")
        rates = self._applicable(gateway, channel, on, category)
        rate = _best(
            rate for rate in rates if digits.startswith(rate.prefix) and rate.country in (None, country)
        )
        if rate is None:
            return None
        each = rate.price + rate.surcharge
        return Price(each * parts if rate.per_part else each, rate.currency, rate)

    def currencies(self, gateway: str, channel: str, on: date) -> set[str]:
        """The currencies of a gateway's prices on a day, whatever their category; empty where it has none."""
        return {
            rate.currency
            for rate in self.rates
            if rate.gateway in (None, gateway)
            and rate.channel in (None, channel)
            and rate.valid_from <= on <= rate.valid_to
        }

    def price_column(
        self,
        *,
        gateway: str,
        channel: str,
        on: date,
        countries: Texts,
        numbers: Texts,
        parts: npt.NDArray[Any],
        category: str | None = None,
    ) -> PricedColumn:
        """``price`` for a column of messages: countries (null where unknown), E.164 numbers, parts of each."""
        rates = self._applicable(gateway, channel, on, category)
        chosen = _choose(rates, one_piece(countries), one_piece(numbers))
        known = chosen >= 0
        # One row more than there are rates: what stands for "unknown" when it is taken.
        each = np.array([rate.price + rate.surcharge for rate in rates] + [0], dtype=np.int64)
        per_part = np.array([rate.per_part for rate in rates] + [False])
        cost = each[chosen] * np.where(per_part[chosen], parts, 1).astype(np.int64)
        names = pa.array([rate.currency for rate in rates], pa.string())
        return PricedColumn(cost, names.take(pa.array(chosen, pa.int64(), mask=~known)), known)

    def _applicable(self, gateway: str, channel: str, on: date, category: str | None) -> list[PriceEntry]:
        wanted = None if category is None else category.lower()
        return [
            rate
            for rate in self.rates
            if rate.gateway in (None, gateway)
            and rate.channel in (None, channel)
            and rate.category in (None, wanted)
            and rate.valid_from <= on <= rate.valid_to
        ]


def _best(rates: Iterable[PriceEntry]) -> PriceEntry | None:
    return max(rates, key=lambda rate: rate.rank, default=None)


def _choose(rates: list[PriceEntry], countries: Any, numbers: Any) -> npt.NDArray[np.int64]:
    """The index of each row's rate, -1 for none: the longest prefixes first, each pair of prefix and country
    judged once."""
    chosen = np.full(len(numbers), -1, dtype=np.int64)
    place = {id(rate): index for index, rate in enumerate(rates)}
    encoded = countries.dictionary_encode()
    names = [*encoded.dictionary.to_pylist(), None]
    country = as_numpy(compute.fill_null(encoded.indices, len(names) - 1)).astype(np.int64)
    for length in sorted({len(rate.prefix) for rate in rates}, reverse=True):
        mine = [rate for rate in rates if len(rate.prefix) == length]
        prefixes = sorted({rate.prefix for rate in mine})
        found = _prefix_of(numbers, prefixes, length)
        rows = np.flatnonzero((found >= 0) & (chosen < 0))
        pairs = found[rows] * len(names) + country[rows]
        answers = np.full(len(prefixes) * len(names), -1, dtype=np.int64)
        for pair in np.flatnonzero(np.bincount(pairs, minlength=len(answers))).tolist():
            prefix, name = prefixes[pair // len(names)], names[pair % len(names)]
            best = _best(rate for rate in mine if rate.prefix == prefix and rate.country in (None, name))
            answers[pair] = -1 if best is None else place[id(best)]
        chosen[rows] = answers[pairs]
    return chosen


def _prefix_of(numbers: Any, prefixes: list[str], length: int) -> npt.NDArray[np.int64]:
    """For each number which of the prefixes, all of this length, it starts with; -1 for none."""
    if not length:
        return np.zeros(len(numbers), dtype=np.int64)
    start = compute.utf8_slice_codeunits(compute.utf8_ltrim(numbers, "+"), 0, length)
    return as_numpy(compute.fill_null(compute.index_in(start, pa.array(prefixes)), -1)).astype(np.int64)


def to_decimal(nano: int) -> Decimal:
    """An amount as Decimal, exact, without needless zeros: 7500000 is ``0.0075``."""
    amount = Decimal(nano) / NANO
    return amount.quantize(Decimal(1)) if amount == amount.to_integral() else amount.normalize()


def format_money(nano: int, currency: str, locale: str = "en") -> str:
    """An amount for people. From 1 on, rounded to the currency's decimals; below, every decimal there is."""
    from babel.numbers import format_currency, get_currency_precision

    amount = Decimal(nano) / NANO
    usual = get_currency_precision(currency)
    exact = -int(amount.normalize().as_tuple().exponent)
    digits = max(usual, exact) if abs(amount) < 1 else usual
    pattern = f"¤#,##0{'.' * bool(digits)}{'0' * digits}" if digits != usual else None
    if pattern is not None:
        standard = babel_locale(locale).currency_formats["standard"].pattern
        pattern = standard.replace("0.00", f"0.{'0' * digits}")
    return no_odd_spaces(
        format_currency(
            amount, currency, pattern, locale=babel_locale(locale), currency_digits=pattern is None
        )
    )


def parse_budget(text: str) -> tuple[Decimal, str]:
    """``50 GBP`` or ``GBP 50``. Raises ``InvalidInput``."""
    try:
        budget = values.parse_budget(text)
    except ValueError as error:
        message, *hint = error.args
        raise InvalidInput(Problem(str(message), hint=hint[0] if hint else None, code="budget")) from None
    if not is_currency(budget.currency):
        raise InvalidInput(Problem(f"unknown currency '{budget.currency}'", code="budget"))
    return budget.amount, budget.currency
