"""What every kind of workbook gives: its sheets, and the rows of one of them, as a person sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from typing import NamedTuple, Protocol

from a2pcli.contacts.cell_text import number_text
from a2pcli.contacts.number_formats import BUILT_IN, NumberFormat
from a2pcli.contacts.rows import LONGEST_CELL
from a2pcli.contacts.source import Source
from a2pcli.dataclass import dataclass

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384


class Sheet(NamedTuple):
    """A sheet in the order of the workbook. ``key`` is how its book finds it."""

    name: str
    visible: bool
    key: str


class SheetRow(NamedTuple):
    """A row that holds something. ``number`` is the one that the spreadsheet shows; ``cells``: column (from 0) to
    text."""

    number: int
    hidden: bool
    cells: dict[int, str]


@dataclass(slots=True)
class Seen:
    """What was met while rows were read, for the notes. Columns count from 0.

    ``unknown``: (column, format) whose looks cannot be known; ``dates``: columns whose days come out as ISO, with the
    format; ``formulas``: cells whose formula has no result; ``hidden_columns``: those that the sheet does not show.
    """

    unknown: dict[int, str] = field(default_factory=dict)
    dates: dict[int, str] = field(default_factory=dict)
    formulas: int = 0
    hidden_rows: int = 0
    hidden_columns: set[int] = field(default_factory=set)
    conditional: bool = False
    """Whether the sheet has formats that depend on values, and show numbers in another way."""

    def hide_columns(self, first: int, last: int) -> None:
        """Columns ``first`` to ``last``, from 0, are hidden."""
        self.hidden_columns.update(range(max(first, 0), min(last + 1, LAST_COLUMN)))


class Book(Protocol):
    """An opened workbook. ``addresses``: columns of phone numbers (from 0), whose digits stay as they are."""

    format: str
    addresses: frozenset[int]

    def sheets(self) -> list[Sheet]:
        """The sheets that contain cells, in the order of the workbook."""
        ...

    def rows(self, sheet: Sheet, seen: Seen) -> Iterator[SheetRow]:
        """The rows of a sheet that are not blank, in order. May be called again."""
        ...


class Formats:
    """The number formats of a workbook, by the number that a cell gives."""

    def __init__(self, locale: str, *, epoch_1904: bool = False) -> None:
        self._locale, self._epoch_1904 = locale, epoch_1904
        self._codes: dict[int, str] = dict(BUILT_IN)
        self._made: dict[str, NumberFormat] = {}
        self._styles: list[NumberFormat] = []

    def define(self, number: int, code: str) -> None:
        """The code of a format that the workbook names itself."""
        self._codes[number] = code

    def add_style(self, number: int) -> None:
        """The next cell style has this format."""
        code = self._codes.get(number)
        self._styles.append(self.of_code(code if code is not None else f"[built-in {number}]"))

    def of_code(self, code: str) -> NumberFormat:
        """The number format with this code, parsed once."""
        made = self._made.get(code)
        if made is None:
            made = self._made[code] = NumberFormat(code, self._locale, epoch_1904=self._epoch_1904)
        return made

    def special(self) -> dict[int, NumberFormat]:
        """The styles that do not show numbers as they are, by their number."""
        return {
            number: made
            for number, made in enumerate(self._styles)
            if not made.plain or made.show_text("x") != "x"
        }


_DIGITS = re.compile(r"-?[1-9]\d{0,14}|0")
_NOT_DIGITS = re.compile(r"[ ()+.\-/]")


def plain_number(text: str) -> str:
    """A number as XML has it, as text; "" for what is none."""
    if _DIGITS.fullmatch(text):
        return text
    try:
        return number_text(float(text))
    except (ValueError, OverflowError):
        return ""


def shown_number(value: float, made: NumberFormat, column: int, seen: Seen, addresses: frozenset[int]) -> str:
    """A number as its format shows it. In a column of phone numbers nothing is taken from their digits."""
    if made.unknown is not None:
        seen.unknown.setdefault(column, made.code)
    if column in addresses:
        digits, text = number_text(value), made.show(value)
        return text if _NOT_DIGITS.sub("", text).lstrip("0") == digits else digits
    if made.misread:
        seen.dates.setdefault(column, made.code)
    return made.show(value)


def too_long(source: Source, row: int, column: int) -> Exception:
    """The error for a cell that is longer than any cell of a spreadsheet. ``column`` counts from 0."""
    return source.problem(
        f"the cell {column_letters(column)}{row} is longer than {LONGEST_CELL // 1024} KB", line=row,
        hint="too long for a message: shorten it, or delete the column", code="cell-too-long",
    )  # fmt: skip


def column_letters(column: int) -> str:
    """0 is ``A``."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def whole_number(text: str | None) -> int:
    """An attribute that counts; 0 for what is no number."""
    return int(text) if text and text.strip().isdecimal() and len(text) < 10 else 0
