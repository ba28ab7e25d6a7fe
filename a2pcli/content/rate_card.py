"""Reads a rate card: the CSV with what each gateway charges. Every problem of the file at once."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from a2pcli.channels import DEFAULT, NAMES
from a2pcli.contacts.columns import canonical
from a2pcli.content.numbers_text import currency_hint, is_currency
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, in_file_order
from a2pcli.folding import found_name
from a2pcli.regular import read_regular

NANO = 10**9
"""Money is counted in units of 1e-9 of the currency."""

COLUMNS = (
    "gateway", "channel", "country", "prefix", "category", "unit", "price", "surcharge", "currency",
    "valid_from", "valid_to",
)  # fmt: skip
_REQUIRED = ("unit", "price", "currency")
_DELIMITERS = ",;\t|"
_MOST = 1_000_000
_LARGEST = 256_000_000
"""Bytes of a rate card."""
_OTHER_COUNTRIES = {"UK": "GB", "EN": "GB", "USA": "US", "GBR": "GB", "DEU": "DE", "EL": "GR"}
_AMOUNT = re.compile(r"\d{1,12}(?:\.\d+)?|\.\d+")


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A row of the card. None stands for any; amounts are in 1e-9 of the currency; both days are included."""

    line: int
    gateway: str | None
    channel: str | None
    country: str | None
    prefix: str
    category: str | None
    per_part: bool
    price: int
    surcharge: int
    currency: str
    valid_from: date
    valid_to: date

    @property
    def key(self) -> tuple[str | None, ...]:
        """The key that two rows must not share on the same day."""
        return self.gateway, self.channel, self.country, self.prefix, self.category

    @property
    def rank(self) -> tuple[int, bool, bool, bool, bool]:
        """How specific it is: of the rows that match, the greatest is the price."""
        return (
            len(self.prefix),
            self.country is not None,
            self.gateway is not None,
            self.channel is not None,
            self.category is not None,
        )


class _Wrong(Exception):
    """A cell that cannot be read: message and hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def read_rate_card(path: Path) -> tuple[PriceEntry, ...]:
    """The card's rows. Raises ``InvalidInput`` with every problem in it."""
    reader = _Reader(str(path), _text(path))
    rates = list(reader.rates())
    problems = reader.problems or list(_overlaps(str(path), rates))
    if not problems and not rates:
        problems = [Problem("the rate card has no prices", str(path), code="rate-card")]
    if problems:
        raise InvalidInput(*in_file_order(problems))
    return tuple(rates)


def _text(path: Path) -> str:
    try:
        content = read_regular(path, _LARGEST)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise InvalidInput(
            Problem(f"cannot read the rate card: {reason}", str(path), code="unreadable")
        ) from None
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidInput(
            Problem("not UTF-8", str(path), line, hint="save the file as UTF-8", code="rate-card")
        ) from None


def _column(cell: str) -> str:
    """A header cell as one of the columns, whatever its case and separators; else its canonical name."""
    return found_name(cell, COLUMNS) or canonical(cell)


class _Reader:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = re.split(r"\r\n|\r|\n", text)
        self.delimiter = self._delimiter()
        self.problems: list[Problem] = []

    def _delimiter(self) -> str:
        """The one that makes the most known names of the header."""
        first = next((line for line in self.lines if line.strip() and not line.startswith("#")), "")
        known = {mark: sum(_column(cell) in COLUMNS for cell in first.split(mark)) for mark in _DELIMITERS}
        return max(known, key=lambda mark: known[mark])

    def rates(self) -> Iterator[PriceEntry]:
        """The rows that can be read; the others become problems."""
        names: list[str] | None = None
        for line, cells in self._records():
            if names is None:
                names = self._header(line, cells)
                if self.problems:
                    return
            elif rate := self._rate(line, cells, names):
                yield rate

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader((line + "\n" for line in self.lines), delimiter=self.delimiter, strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                    yield line, [cell.strip() for cell in cells]
                line = reader.line_num + 1
        except csv.Error as error:
            message = "a quote is opened and never closed" if "end of data" in str(error) else str(error)
            self.problems.append(Problem(message, self.path, line, code="rate-card"))

    def _header(self, line: int, cells: list[str]) -> list[str]:
        names = [_column(cell) for cell in cells]
        for index, name in enumerate(names):
            if name and name not in COLUMNS:
                near = get_close_matches(name, COLUMNS, 1, 0.6)
                hint = f"did you mean '{near[0]}'?" if near else f"the columns are {', '.join(COLUMNS)}"
                self._add(line, index, f"unknown column '{cells[index]}'", hint)
            elif name and name in names[:index]:
                self._add(line, index, f"column '{name}' is given twice")
        for name in _REQUIRED:
            if name not in names:
                self._add(line, 0, f"no column '{name}'", f"the columns are {', '.join(COLUMNS)}")
        return names

    def _rate(self, line: int, cells: list[str], names: list[str]) -> PriceEntry | None:
        before = len(self.problems)
        if any(cells[len(names) :]) or len(cells) < len(names):
            self._add(line, 0, f"the row has {len(cells)} cells, the header {len(names)}")
            return None
        row = {name: cells[index] for index, name in enumerate(names) if name}
        values: dict[str, Any] = {}
        for name, parse in _PARSERS.items():
            try:
                values["per_part" if name == "unit" else name] = parse(row.get(name, ""))
            except _Wrong as wrong:
                index = names.index(name) if name in names else 0
                self._add(line, index, str(wrong), wrong.hint)
        if len(self.problems) > before:
            return None
        rate = PriceEntry(line=line, **values)
        if rate.valid_from > rate.valid_to:
            self._add(line, names.index("valid_to"), "valid_to is before valid_from")
            return None
        return rate

    def _add(self, line: int, index: int, message: str, hint: str | None = None) -> None:
        column = self._column(line, index)
        self.problems.append(Problem(message, self.path, line, column, hint, code="rate-card"))

    def _column(self, line: int, index: int) -> int:
        """Where a cell begins in its line, from 1."""
        text, quoted, at = self.lines[line - 1], False, 0
        for place, character in enumerate(text):
            if at == index:
                return place + 1
            quoted ^= character == '"'
            at += character == self.delimiter and not quoted
        return len(text) + 1 if at == index else 1


def _name(typed: str) -> str | None:
    return None if typed in ("", "*") else typed


def _channel(typed: str) -> str | None:
    name = _name(typed.lower())
    if name is not None and name not in NAMES:
        raise _Wrong(f"unknown channel '{typed}'", f"the channels are {', '.join(NAMES)}, or *")
    return name


def _category(typed: str) -> str | None:
    return _name(typed.lower())


def _country(typed: str) -> str | None:
    from phonenumbers import SUPPORTED_REGIONS

    name = _name(typed.upper())
    if name is not None and name not in SUPPORTED_REGIONS and name not in _regions():
        meant = _OTHER_COUNTRIES.get(name)
        raise _Wrong(
            f"unknown country '{typed}'",
            f"did you mean '{meant}'?" if meant else "two letters of ISO 3166, or *",
        )
    return name


@lru_cache(maxsize=1)
def _regions() -> frozenset[str]:
    from babel import Locale  # most cards name no other country, and need no names

    return frozenset(
        code for code in map(str, Locale("en").territories) if code.isalpha() and len(code) == 2
    ) - {
        "UN",
        "EU",
    }


def _prefix(typed: str) -> str:
    digits = re.sub(r"[\s().-]", "", typed).removeprefix("+")
    if digits in ("", "*"):
        return ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise _Wrong(
            f"'{typed}' is not the beginning of a number", "digits from the country code on, such as 4477"
        )
    if digits.startswith("0"):
        raise _Wrong(f"prefix '{typed}' begins with 0", "begin with the country code, such as 4477")
    return digits


def _is_per_part(typed: str) -> bool:
    unit = typed.lower()
    if unit in ("segment", "segments", "parts", DEFAULT):
        raise _Wrong(f"unknown unit '{typed}'", "did you mean 'part'?")
    if unit not in ("part", "message"):
        raise _Wrong(f"unknown unit '{typed}'" if typed else "no unit", "write part or message")
    return unit == "part"


def _price(typed: str) -> int:
    if not typed:
        raise _Wrong("no price", "write 0 if it is free; leave the row out if it is unknown")
    return _amount(typed)


def _surcharge(typed: str) -> int:
    return _amount(typed) if typed else 0


def _amount(typed: str) -> int:
    if typed.startswith("-"):
        raise _Wrong(f"'{typed}' is negative")
    if "," in typed:
        raise _Wrong(f"'{typed}' is not an amount", "write it with a point, such as 0.0075")
    if not _AMOUNT.fullmatch(typed):
        raise _Wrong(f"'{typed}' is not an amount", "digits and a point only, such as 0.0075")
    nano = Decimal(typed) * NANO
    if nano != int(nano):
        raise _Wrong(f"'{typed}' has more than 9 decimals")
    if nano > _MOST * NANO:
        raise _Wrong(f"'{typed}' is too large for a price")
    return int(nano)


def _currency(typed: str) -> str:
    if not is_currency(typed.upper()):
        raise _Wrong(f"unknown currency '{typed}'" if typed else "no currency", currency_hint(typed))
    return typed.upper()


def _day(typed: str, blank: date) -> date:
    if not typed:
        return blank
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
            raise ValueError
        return date.fromisoformat(typed)
    except ValueError:
        raise _Wrong(f"'{typed}' is not a date", "write it like 2026-03-31") from None


_PARSERS: dict[str, Callable[[str], Any]] = {
    "gateway": _name,
    "channel": _channel,
    "country": _country,
    "prefix": _prefix,
    "category": _category,
    "unit": _is_per_part,
    "price": _price,
    "surcharge": _surcharge,
    "currency": _currency,
    "valid_from": partial(_day, blank=date.min),
    "valid_to": partial(_day, blank=date.max),
}


def _overlaps(path: str, rates: list[PriceEntry]) -> Iterator[Problem]:
    """Rows that give two prices for the same thing on the same day."""
    ordered = sorted(rates, key=lambda rate: (str(rate.key), rate.valid_from, rate.line))
    widest: PriceEntry | None = None
    for rate in ordered:
        if widest is None or widest.key != rate.key:
            widest = rate
            continue
        if rate.valid_from <= widest.valid_to:
            first, second = sorted((widest.line, rate.line))
            message = f"a second price for the same messages as line {first}"
            hint = None
            if widest.valid_from == date.min and widest.valid_to == date.max:
                hint = "give one of them dates, or remove it"
            yield Problem(message, path, second, 1, hint, code="rate-card")
        if rate.valid_to > widest.valid_to:
            widest = rate
