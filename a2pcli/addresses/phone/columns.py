"""Judge a column of phone numbers at once: what ``numbers.normalise`` says of each cell, a hundred times as fast.

Cells whose digits are plainly one number are cleaned by Arrow; the others go through ``read_digits`` one by one.
All then meet the numbering plans as columns. Whatever is not certain here goes to the judge, cell by cell.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.answers import Column
from a2pcli.addresses.phone.judge import judge
from a2pcli.addresses.phone.readings import BITS, LEAST, read
from a2pcli.addresses.phone.strings import (
    Flags,
    Numbers,
    contains,
    lengths,
    matches,
    pick,
    whole_strings,
    without,
)
from a2pcli.addresses.phone.text import LONGEST_CELL, MAX_DIGITS, SIMPLE, Digits, read_digits
from a2pcli.addresses.phone.types import PhonePolicy, PhoneResult, with_repairs
from a2pcli.frame import Frame

FEW = 64
"""Cells that are sooner read one by one: to make a country's plan ready for columns takes as long as 100 numbers."""


def normalise_column(cells: pa.Array | pa.ChunkedArray, policy: PhonePolicy) -> Frame:
    """``normalise`` over a column: ``@number @type @country @repairs @reason @detail``, all Arrow strings.

    In the order of ``cells``; a null cell counts as empty. ``@repairs`` is comma-separated, null where there
    are none. Costs about half a second for a million numbers.
    """
    text = whole_strings(cells)
    column = Column(len(text))
    if len(text) <= FEW:
        for place, cell in enumerate(text.to_pylist()):
            column.put(place, _normalise(cell, policy))
        return column.frame()
    plain, compact, trunk_zero = _simple(text)
    column.settle(plain, read(compact, policy.region), trunk_zero, policy)
    if len(plain) < len(text):
        others = np.delete(np.arange(len(text)), plain)
        _settle_others(column, others, pick(text, others).to_pylist(), policy)
    unsure = np.flatnonzero(column.unsure)
    for place, cell in zip(unsure.tolist(), pick(text, unsure).to_pylist(), strict=True):
        column.put(place, _normalise(cell, policy))
    return column.frame()


def _simple(text: pa.StringArray) -> tuple[Numbers, pa.StringArray, Flags]:
    """The cells that are plainly one number: their places, their digits (and +), which of them have a ``(0)``."""
    plain = matches(text, SIMPLE.pattern.replace(r"\Z", "$")) & (lengths(text) <= LONGEST_CELL)
    compact = without(text, b" ().-")
    length = lengths(compact)
    plain &= (length >= LEAST) & (length <= MAX_DIGITS)
    places = np.flatnonzero(plain)
    if len(places) < len(text):
        text, compact = pick(text, places), pick(compact, places)
    trunk_zero = np.zeros(len(text), dtype=bool)
    if contains(text, b"(0)"):
        trunk_zero = np.asarray(pc.match_substring(text, "(0)").to_numpy(zero_copy_only=False), dtype=bool)
    return places, compact, trunk_zero


def _normalise(cell: str, policy: PhonePolicy) -> PhoneResult:
    digits = read_digits(cell)
    if digits.compact is None:
        return PhoneResult(None, None, None, digits.reason, digits.detail, digits.repairs)
    return with_repairs(judge(digits.compact, digits.trunk_zero, policy), digits.repairs)


# What stands in for a number is the same again and again in a file: n/a, -, unknown.
_known = lru_cache(maxsize=4096)(read_digits)


def _settle_others(column: Column, places: Numbers, cells: list[str], policy: PhonePolicy) -> None:
    """Cells that are not plainly one number: the text one by one, what then is left of it as a column."""
    rows: list[int] = []
    left: list[Digits] = []
    for place, cell in zip(places.tolist(), cells, strict=True):
        digits = _known(cell) if len(cell) <= LONGEST_CELL else read_digits(cell)
        if digits.compact is None:
            column.refuse(place, digits)
        elif len(digits.compact) < LEAST:
            column.unsure[place] = True
        else:
            rows.append(place)
            left.append(digits)
    if rows:
        readings = read(pa.array([digits.compact for digits in left], pa.string()), policy.region)
        readings.repairs |= np.array(
            [sum(map(BITS.__getitem__, digits.repairs)) for digits in left], np.int32
        )
        trunk_zero = np.array([digits.trunk_zero for digits in left])
        column.settle(np.array(rows), readings, trunk_zero, policy)
