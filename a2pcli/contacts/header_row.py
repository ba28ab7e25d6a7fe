"""Which row holds the columns' names: people put a title, a date and blank rows above it.

A row is the header where one of its cells names a column of addresses, and the rows below have addresses in that
place. Where no row is, the first one that is not blank is taken, and what follows says what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from a2pcli.contacts.columns import (
    canonical,
    looks_like_address,
    other_address_columns,
    pick_address,
    read_header,
)
from a2pcli.contacts.fact_names import ADDRESSES
from a2pcli.contacts.rows import MOST_COLUMNS
from a2pcli.contacts.source import Source
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem, Severity
from a2pcli.folding import name_key

LOOKED_AT = 60
"""Rows among which the header is looked for, with those that confirm it."""
_DEEPEST = 30
_CONFIRMING = 20
_NUMBER = re.compile(
    r"[\s'\"=]*(?:tel:|whatsapp:)?[+(\d][\d\s().\-/+\u00a0\u2010-\u2015]{5,}\d", re.IGNORECASE
)
_DIGITS = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """``cells`` from the first that is filled (column ``first``, from 0) to the last. ``found``: it is not simply the
    first row; ``sure``: the rows below confirm it, or the campaign says so."""

    line: int
    first: int
    cells: tuple[str, ...]
    found: bool
    sure: bool


def header_found(path: str, line: int) -> Problem:
    """The warning where rows above the header were passed over."""
    return Problem(
        f"the header was found in row {line}; the rows above it are ignored", path=path, line=line,
        hint=f"`contacts: {{header: {line}}}` in the campaign confirms it",
        severity=Severity.WARNING, code="header-row",
    )  # fmt: skip


def find_header(
    rows: Sequence[tuple[int, Mapping[int, str]]],
    wanted: int | None,
    mapping: Mapping[str, str],
    source: Source,
) -> HeaderRow:
    """The header among the first rows that are not blank (line, and column to text).

    Raises InvalidInput where the row that the campaign names is not among them.
    """
    if wanted is not None:
        if not rows or rows[0][0] != wanted:
            raise source.problem(
                f"row {wanted} is blank and has no column names", line=wanted,
                hint="contacts.header is the row number of the column names", code="no-header",
            )  # fmt: skip
        return _header(rows[0], found=False, sure=True)
    place = header_place([cells for _, cells in rows], mapping)
    return _header(rows[place or 0], found=bool(place), sure=place is not None)


def header_place(
    rows: Sequence[Mapping[int, str]], mapping: Mapping[str, str], most: int = _DEEPEST
) -> int | None:
    """Which of the rows is confirmed as the header, among the first ``most``; None where none is."""
    for place, cells in enumerate(rows[: min(most, _DEEPEST)]):
        columns = sorted(cells)
        if any(map(is_data, cells.values())):
            continue
        header = [cells[column] for column in columns]
        below = rows[place + 1 : place + 1 + _CONFIRMING]
        for address in address_places(header, mapping):
            filled = [row[columns[address]] for row in below if row.get(columns[address], "").strip()]
            numbers = sum(map(is_data, filled))
            if (filled and numbers * 2 >= len(filled)) or (not below and len(header) > 1):
                return place
    return None


def looks_like_number(cell: str) -> bool:
    """Whether a cell may be a phone number."""
    return bool(_NUMBER.fullmatch(cell.strip()[:40])) and len(_DIGITS.findall(cell)) >= 7


def is_data(cell: str) -> bool:
    """Whether a cell may be an address, and so stands below a header."""
    return looks_like_number(cell) or ("@" in cell and looks_like_address(cell))


def address_places(header: Sequence[str], mapping: Mapping[str, str]) -> list[int]:
    """Places in a header of the columns that hold addresses: phone numbers, the chosen column first, then others."""
    if len(header) > MOST_COLUMNS:
        return []
    # A spreadsheet whose rows were formatted whole has thousands of columns without a name.
    named = [place for place, name in enumerate(header) if name.strip()]
    names = [header[place] for place in named]
    found = (place for fact in ADDRESSES for place in _places_of(fact, names, mapping))
    return [named[place] for place in dict.fromkeys(found)]


def _places_of(fact: str, header: Sequence[str], mapping: Mapping[str, str]) -> list[int]:
    mapped = next((written for target, written in mapping.items() if canonical(target) == fact), None)
    told = [place for place, name in enumerate(header) if mapped and name_key(name) == name_key(mapped)]
    try:
        columns, _ = read_header(header, {}, "", 1)
    except InvalidInput:
        return told
    try:
        chosen = pick_address(columns, fact, "", 1)
    except InvalidInput as error:
        twice = [problem for problem in error.problems if problem.code == "duplicate-address-column"]
        duplicates = [place for places in columns.duplicates.values() for place in places]
        return told or (duplicates if twice else [])
    others = set(other_address_columns(columns, chosen, fact))
    first = columns.names.index(chosen)
    more = [place for place, name in enumerate(header) if name.strip() in others and place != first]
    return [*told, *(place for place in [first, *more] if place not in told)]


def _header(row: tuple[int, Mapping[int, str]], *, found: bool, sure: bool) -> HeaderRow:
    line, cells = row
    first, last = min(cells), max(cells)
    return HeaderRow(
        line, first, tuple(cells.get(column, "") for column in range(first, last + 1)), found, sure
    )
