"""Whether a short row lacks its last cells, as many exporters write it, or one in the middle.

``+44…,gold,London`` under ``phone,first_name,plan,city`` has its phone number in the right place and would greet Gold.
So every cell is held against the whole rows at the start of the file: what it looks like, and whether it is at home
in the column it would come from if a cell before it were missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from a2pcli.contacts.header_row import is_data, looks_like_number
from a2pcli.dataclass import dataclass

_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d\d(?::\d\d)?")
_FIGURES = re.compile(r"[-+]?[\d.,'\s]*\d[\d.,'\s]*%?")
_WORTH_KEEPING = 500


@dataclass(frozen=True, slots=True)
class RowShapes:
    """What the whole rows of a file hold, column by column. ``address``: the column of addresses.

    ``looks``: the kinds of text in each column; ``values``: the texts themselves.
    """

    address: int
    looks: tuple[frozenset[str], ...]
    values: tuple[frozenset[str], ...]

    def lacks_the_last(self, cells: Sequence[str]) -> bool:
        """Whether a row with too few cells lacks those at the end, and nothing else."""
        missing = len(self.looks) - len(cells)
        if missing <= 0 or self.address >= len(cells) or not is_data(cells[self.address]):
            return False
        for place, cell in enumerate(cells):
            text = cell.strip()
            if not text:
                continue
            if self.looks[place] and _look(text) not in self.looks[place]:
                return False
            if text.casefold() not in self.values[place] and self._is_at_home(text, place, missing):
                return False
        return True

    def _is_at_home(self, text: str, place: int, missing: int) -> bool:
        """Whether the text is known from a column up to ``missing`` places further on."""
        known = text.casefold()
        return any(known in values for values in self.values[place + 1 : place + 1 + missing])


def shapes_of(rows: Iterable[Sequence[str]], width: int, address: int | None) -> RowShapes | None:
    """What the rows with at least ``width`` cells hold; None where there are none, or no column of addresses."""
    looks: list[set[str]] = [set() for _ in range(width)]
    values: list[set[str]] = [set() for _ in range(width)]
    whole = 0
    for cells in rows:
        if len(cells) < width:
            continue
        whole += 1
        for place in range(width):
            text = cells[place].strip()
            if text:
                looks[place].add(_look(text))
                if len(values[place]) < _WORTH_KEEPING:
                    values[place].add(text.casefold())
    if not whole or address is None or address >= width:
        return None
    return RowShapes(address, tuple(map(frozenset, looks)), tuple(map(frozenset, values)))


def _look(text: str) -> str:
    if "@" in text and "." in text and " " not in text:
        return "mail"
    if _DATE.fullmatch(text):
        return "date"
    if looks_like_number(text):
        return "number"
    if _FIGURES.fullmatch(text):
        return "figures"
    return "text"
