"""Rows of an export that add up the others, such as ``Total,5``: they are not people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

TOTAL = "a total, not a contact"
"""The detail of an excluded row that is a total."""

MAYBE_TOTAL = "may be a total, not a contact"
"""The detail of a row that gets a message, and may be a total."""

_TOTALS = frozenset({
    "total", "totals", "grandtotal", "subtotal", "sum", "count", "summe", "gesamt", "gesamtsumme", "zwischensumme",
    "anzahl", "somme", "totale", "suma", "soma", "totaal", "summa", "yhteensä", "toplam", "razem", "celkem", "spolu",
    "összesen", "ukupno", "skupaj", "итого", "всего", "усього", "общо", "σύνολο", "المجموع", "סהכ", "合计", "合計",
    "总计", "總計", "합계", "총계",
})  # fmt: skip
"""Words for a total, without spaces and signs."""

_NAMES = frozenset({"sum", "count", "suma", "soma", "summa", "somme"})
"""Words for a total that are also names of people."""

_SHORT = 5
"""A number of up to so many digits beside a word for a total is a count of rows: ids of people are longer."""


class Verdict(IntEnum):
    """Whether a row is a total."""

    NO = 0
    MAYBE = 1
    YES = 2


def is_total(words: str) -> bool:
    """Whether the letters of a cell, without spaces and signs, are a word for a total."""
    return words.casefold() in _TOTALS


def judge_row(number: str, cells: Sequence[str | None]) -> Verdict:
    """Whether a row is a total. ``number`` is its address, all digits, and ``cells`` are the row's other cells.

    >>> judge_row("5", ["Total", ""]).name, judge_row("123456789", ["Suma", ""]).name
    ('YES', 'MAYBE')
    """
    worded = [cell for cell in cells if cell and any(map(str.isalpha, cell))]
    if not worded:
        return Verdict.NO
    whole = "".join(filter(str.isalpha, worded[0])).casefold()
    first = next(iter(re.findall(r"[^\W\d_]+", worded[0]))).casefold()
    if whole not in _TOTALS and first not in _TOTALS:
        return Verdict.NO
    if len(worded) > 1:  # a person's row has more words: a surname, a city
        return Verdict.MAYBE
    is_certain = whole in _TOTALS and whole not in _NAMES
    return Verdict.YES if is_certain or len(number) <= _SHORT else Verdict.MAYBE


def judge_rows(addresses: pa.StringArray, columns: Sequence[pa.StringArray]) -> npt.NDArray[np.int8]:
    """``judge_row`` for each row with a chat id that is a number; ``Verdict.NO`` for all others.

    No other kind of address needs it: the total of a column is no email address, and hardly ever a phone number.
    """
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(len(addresses), dtype=np.int8)
    worded = np.zeros(len(addresses), dtype=np.bool_)
    for column in columns:
        worded |= pc.fill_null(pc.match_substring_regex(column, _BEGINS), False).to_numpy(
            zero_copy_only=False
        )
    if worded.any():
        numbers = pc.fill_null(pc.match_substring_regex(addresses, r"^[a-z]+:\d+$"), False)
        for row in np.flatnonzero(worded & numbers.to_numpy(zero_copy_only=False)).tolist():
            number = addresses[row].as_py().partition(":")[2]
            found[row] = judge_row(number, [column[row].as_py() for column in columns])
    return found


_BEGINS = r"(?i)^[^\pL]*(?:grand\s|sub-|sub\s|סה|" + "|".join(sorted(_TOTALS)) + ")"
"""Matches cells that begin with a word for a total, and some others."""
