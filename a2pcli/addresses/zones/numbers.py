"""What a number alone says of where it is: its zones and states. One number, or a column of them.

North America by area code (mobiles have one too, and an area code keeps all its zones: an exchange is no place for a
mobile). Elsewhere a mobile may be anywhere in its country; in Mexico and Brazil its area code is said. Toll-free,
premium, internet, satellite and other numbers at no place say nothing.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa

from a2pcli.addresses.phone.fiction import is_unplanned_mobile
from a2pcli.addresses.phone.judge import TYPE_NAMES
from a2pcli.addresses.phone.plans import TYPES, code_plan
from a2pcli.addresses.phone.strings import Flags, Numbers, buffers, lengths, matches, pick, starts, tail
from a2pcli.addresses.zones.data import NOTHING, Found, areas, countries, prefixes

Ids = npt.NDArray[np.int32]

AREA_MOBILES = frozenset({"BR", "MX"})
"""Countries of several zones whose mobiles have area codes."""
PLACED = frozenset({"mobile", "fixed-line", "fixed-line-or-mobile"})
_E164 = r"\+[1-9][0-9]{6,14}"
_IS_E164 = re.compile(_E164)
_WIDTH = 8
"""Digits looked at for a prefix; the longest prefix in the table has seven."""


def of_number(number: str, country: str) -> Found:
    """What one E.164 number says. Equal to ``of_numbers``, found number by number through the library."""
    if not _IS_E164.fullmatch(number):
        return NOTHING
    if number.startswith("+1"):
        return areas().get(int(number[2:5]), NOTHING) if len(number) == 12 else NOTHING
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return NOTHING
    national = phonenumbers.national_significant_number(parsed)
    if number != f"+{parsed.country_code}{national}":  # a trunk prefix was within: +7 8 471 … is not E.164
        return NOTHING
    kind = TYPE_NAMES.get(phonenumbers.number_type(parsed), "")
    if is_unplanned_mobile(parsed.country_code or 0, national):
        kind = "mobile"
    if kind not in PLACED or phonenumbers.country_code_for_region(country) != parsed.country_code:
        return NOTHING
    whole = countries().get(country, NOTHING)
    if len(whole.zones) < 2 or not (kind == "fixed-line" or country in AREA_MOBILES):
        return whole
    for length in range(_WIDTH - 1, 0, -1):
        if number[1 : 1 + length] in prefixes():
            return prefixes()[number[1 : 1 + length]]
    return whole


class Answers:
    """Results that are stored once and referred to by a number; 0 means none."""

    def __init__(self) -> None:
        self.all: list[Found] = [NOTHING]
        self._numbers = {NOTHING: 0}

    def id(self, found: Found) -> int:
        """The number of a result; it is added if it is new."""
        if found not in self._numbers:
            self._numbers[found] = len(self.all)
            self.all.append(found)
        return self._numbers[found]


def of_numbers(
    numbers: pa.StringArray, country_ids: Ids, country_names: list[str]
) -> tuple[Ids, list[Found]]:
    """What each number of a column says: positions in a list of findings, 0 for nothing.

    ``numbers`` without nulls, E.164 or empty; ``country_ids`` are positions in ``country_names``. 0.1 µs a number.
    """
    answers = Answers()
    ids: Ids = np.zeros(len(numbers), np.int32)
    sound = _sound(numbers)
    american = starts(numbers, "+1") & sound
    _america(numbers, american & (lengths(numbers) == 12), ids, answers)
    others = sound & ~american
    for place in np.flatnonzero(np.bincount(country_ids[others], minlength=len(country_names))).tolist():
        country = country_names[place]
        code = phonenumbers.country_code_for_region(country) if country else 0
        if code in (0, 1):
            continue
        rows = np.flatnonzero(others & (country_ids == place))
        here = pick(numbers, rows)
        right = starts(here, f"+{code}")
        if not right.all():
            rows, here = rows[right], pick(here, right)
        if len(rows):
            ids[rows] = _country(here, country, code, answers)
    return ids, answers.all


def _sound(numbers: pa.StringArray) -> Flags:
    """Which are E.164: a look over the bytes, and a pattern only where something else stands in them."""
    offsets, data = buffers(numbers)
    size = np.diff(offsets)
    sound: Flags = (size > 7) & (size < 17)
    inside = data[int(offsets[0]) : int(offsets[-1])]
    plus = inside == ord("+")
    digits = (inside >= ord("0")) & (inside <= ord("9"))
    if (
        (plus | digits).all()
        and int(plus.sum()) == int((size > 0).sum())
        and starts(numbers, "+")[size > 0].all()
    ):
        return sound
    return sound & matches(numbers, _E164)


def _leading(numbers: pa.StringArray, start: int, count: int) -> Numbers:
    """Digits of each number as an integer."""
    offsets, data = buffers(numbers)
    value = np.zeros(len(numbers), np.int64)
    first = offsets[:-1].astype(np.int64) + start
    for place in range(count):
        value = value * 10 + (data[first + place] - ord("0"))
    return value


def _america(numbers: pa.StringArray, here: Flags, ids: Ids, answers: Answers) -> None:
    rows = np.flatnonzero(here)
    if not len(rows):
        return
    table = np.zeros(1000, np.int32)
    for area, found in areas().items():
        table[area] = answers.id(found)
    ids[rows] = table[_leading(pick(numbers, rows), 2, 3)]


def _country(numbers: pa.StringArray, country: str, code: int, answers: Answers) -> Ids:
    """Numbers of one country outside North America."""
    asked = code_plan(code).ask(tail(numbers, 1 + len(str(code))), country)
    kind = np.where(asked.fictional == 2, TYPES.index("mobile"), asked.kind)
    whole = countries().get(country, NOTHING)
    by_kind = np.array([answers.id(whole) if name in PLACED else 0 for name in TYPES], np.int32)
    ids: Ids = by_kind[kind]
    if len(whole.zones) < 2:
        return ids
    placed = ids > 0 if country in AREA_MOBILES else kind == TYPES.index("fixed-line")
    rows = np.flatnonzero(placed)
    if len(rows):
        first, found = _ladder(str(code))
        steps = np.searchsorted(first, _leading(pick(numbers, rows), 1, _WIDTH - 1), side="right") - 1
        by_step = np.array([answers.id(whole if step is None else step) for step in found], np.int32)
        ids[rows] = by_step[steps]
    return ids


@cache
def _ladder(code: str) -> tuple[Numbers, list[Found | None]]:
    """The prefixes of a calling code as steps over all numbers: where each begins, what holds from there on."""
    width = _WIDTH - 1
    borders = {0}
    for prefix in prefixes():
        if prefix.startswith(code):
            step = 10 ** (width - len(prefix))
            borders |= {int(prefix) * step, (int(prefix) + 1) * step}
    ordered = sorted(borders)
    found = []
    for border in ordered:
        text = f"{border:0{width}d}"
        known = (prefixes().get(text[:length]) for length in range(width, 0, -1))
        found.append(next((each for each in known if each is not None), None))
    return np.array(ordered, np.int64), found
