"""How a column of digits can be read: calling code, national number, type and country of each.

The same steps as ``judge._read`` and, inside it, ``phonenumbers.parse``, for all numbers of a calling code at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.automaton import NotDigits
from a2pcli.addresses.phone.judge import region_metadata, writes_zero
from a2pcli.addresses.phone.plans import TYPES, PlanAnswers, code_plan
from a2pcli.addresses.phone.strings import (
    Flags,
    Numbers,
    first_digits,
    lengths,
    matches,
    pick,
    replaced,
    starts,
    tail,
)
from a2pcli.addresses.phone.types import ACCEPTED_TYPES, REPAIRS
from a2pcli.dataclass import dataclass

BITS = {name: 1 << place for place, name in enumerate(REPAIRS)}
"""Repairs as bits, so that a column of them is a column of integers."""
LEAST = 5
"""Characters a number must have to be read as part of a column; shorter ones go to the judge."""
_MOST = 15
"""Digits of an international number, calling code included (E.164)."""

LOCATED, UNKNOWN_CODE, NO_REGION = 0, 1, 2
"""Whether a calling code was found, and why not."""

_CODES = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
_CODE_OF = np.zeros(1000, dtype=np.int16)
"""Calling code by the first three digits; 0 where there is none. Calling codes are prefix-free."""
for _code in _CODES:
    _first = _code * 10 ** (3 - len(str(_code)))
    _CODE_OF[_first : _first + 10 ** (3 - len(str(_code)))] = _code

_FIELDS = ("code", "kind", "country", "repairs", "hint", "lost", "fictional", "unsure")


@dataclass(slots=True)
class Readings:
    """One reading for each number (``judge.Reading`` as arrays of one length).

    ``kind`` and ``country`` are numbers in ``TYPES`` and ``REGIONS``, 0 where the number is not valid. ``hint`` is the
    country it would be valid in with a + in front. ``fictional``: 1 for a number reserved for fiction, 2 for a mobile
    that stands in no plan besides. ``unsure``: only the judge can tell."""

    code: npt.NDArray[np.int16]
    kind: npt.NDArray[np.int8]
    country: npt.NDArray[np.int16]
    repairs: npt.NDArray[np.int32]
    hint: npt.NDArray[np.int16]
    lost: npt.NDArray[np.int8]
    fictional: npt.NDArray[np.int8]
    unsure: Flags
    national: pa.StringArray

    @classmethod
    def unknown(cls, count: int) -> Readings:
        """Empty readings, to be filled in."""
        return cls(
            code=np.zeros(count, np.int16),
            kind=np.zeros(count, np.int8),
            country=np.zeros(count, np.int16),
            repairs=np.zeros(count, np.int32),
            hint=np.zeros(count, np.int16),
            lost=np.zeros(count, np.int8),
            fictional=np.zeros(count, np.int8),
            unsure=np.zeros(count, bool),
            national=pa.repeat(pa.scalar("", pa.string()), count),
        )

    def pick(self, places: Numbers) -> Readings:
        """The readings at the given positions, as a new ``Readings``."""
        values = {name: getattr(self, name)[places] for name in _FIELDS}
        return Readings(**values, national=pick(self.national, places))

    def put(self, places: Numbers, other: Readings) -> None:
        """Copy another's readings at the given positions."""
        if len(places) == len(self.code):
            for name in (*_FIELDS, "national"):
                setattr(self, name, getattr(other, name))
            return
        for name in _FIELDS:
            getattr(self, name)[places] = getattr(other, name)
        self.national = replaced(self.national, places, other.national)


def _some(strings: pa.StringArray, places: Numbers) -> pa.StringArray:
    return strings if len(places) == len(strings) else pick(strings, places)


def read(compact: pa.StringArray, region: str | None) -> Readings:
    """Readings of numbers that are ``+`` and digits, 5 to 18 characters each.

    All unsure where a plan is written in more than the automaton reads (no plan is, so far).
    """
    try:
        return _read(compact, region)
    except NotDigits:
        readings = Readings.unknown(len(compact))
        readings.unsure[:] = True
        return readings


def _read(compact: pa.StringArray, region: str | None) -> Readings:
    readings = Readings.unknown(len(compact))
    if not len(compact):
        return readings
    head = first_digits(compact, 2)
    plus, zeros = head[:, 0] < 0, (head[:, 0] == 0) & (head[:, 1] == 0)
    readings.unsure = plus & (head[:, 1] == 0)
    places = np.flatnonzero(plus & ~readings.unsure)
    if len(places):
        readings.put(places, _international(tail(_some(compact, places), 1)))
    places = np.flatnonzero(zeros)
    if len(places):
        readings.put(places, _international_prefix(_some(compact, places), region))
    places = np.flatnonzero(~plus & ~zeros)
    if len(places):
        readings.put(places, _national(_some(compact, places), region))
    return readings


def _international_prefix(digits: pa.StringArray, region: str | None) -> Readings:
    """``00…``: a + whatever the region; else what the region's own prefixes make of it (0011 in Australia)."""
    readings = _international(tail(digits, 2))
    readings.repairs |= BITS["international-prefix"]
    places = np.flatnonzero((readings.kind == 0) & ~readings.unsure)
    if region is not None and len(places):
        own = _national(pick(digits, places), region)
        better = np.flatnonzero((own.kind > 0) | own.unsure)
        if len(better):
            readings.put(places[better], own.pick(better))
    return readings


def _international(digits: pa.StringArray) -> Readings:
    """Readings of digits that start with a calling code."""
    length = lengths(digits)
    fits = (length >= LEAST) & (length <= _MOST)
    if not fits.all():
        readings = Readings.unknown(len(digits))
        readings.unsure = ~fits
        places = np.flatnonzero(fits)
        if len(places):
            readings.put(places, _international(pick(digits, places)))
        return readings
    codes = _CODE_OF[first_digits(digits, 3) @ np.array([100, 10, 1], dtype=np.int16)]
    # By calling code, then length: the plans read numbers of one length as a matrix. 16 bits make it a radix sort.
    order = np.argsort((codes * 16 + length).astype(np.int16), kind="stable")
    codes = codes[order]
    borders = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    grouped = pick(digits, order)
    readings = Readings.unknown(len(digits))
    nationals: list[pa.StringArray] = []
    for start, end in zip(borders, [*borders[1:], len(order)], strict=True):
        code, places = int(codes[start]), order[start:end]
        national = grouped.slice(start, end - start)
        if code:
            plan = code_plan(code)
            national, asked, turned = plan.strip(tail(national, len(str(code))), plan.regions[0])
            _note(readings, places, code, national, asked, turned)
        else:
            readings.lost[places] = UNKNOWN_CODE
        nationals.append(national)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    readings.national = pick(pa.concat_arrays(nationals), back)
    return readings


def _note(
    readings: Readings,
    places: Numbers,
    code: int,
    national: pa.StringArray,
    asked: PlanAnswers,
    turned: Flags,
) -> None:
    """Note what the national numbers of one calling code are, all but the numbers themselves."""
    readings.code[places], readings.kind[places], readings.country[places] = code, asked.kind, asked.country
    readings.fictional[places] = asked.fictional
    wrong = asked.kind == 0
    if code == 54 and turned.any():
        readings.repairs[places[turned & ~wrong]] |= BITS["argentina-15"]
    if code == 52:
        readings.unsure[places] |= wrong & matches(national, r"(?:0?1|04[45])\d*")
    if code == 55:
        readings.unsure[places] |= wrong & matches(national, r"\d\d[6-9]\d{7}")


def _national(digits: pa.StringArray, region: str | None) -> Readings:
    """Readings of digits without + or 00: with the region's own prefixes, or national numbers."""
    readings = Readings.unknown(len(digits))
    if region is None:
        readings.lost[:] = NO_REGION
        _hint(readings, digits)
        return readings
    code = int(phonenumbers.country_code_for_region(region))
    dialled = _dialled(readings, digits, region)
    own_code = _own_code(readings, digits, ~dialled, region, code)
    places = np.flatnonzero(~dialled & ~own_code)
    if len(places):
        national, asked, turned = code_plan(code).strip(_some(digits, places), region)
        part = Readings.unknown(len(places))
        part.national = national
        _note(part, np.arange(len(places)), code, national, asked, turned)
        readings.put(places, part)
    bare = ~dialled & ~own_code & ~starts(digits, "0")
    _missing_zero(readings, digits, bare, region, code)
    _hint(readings, digits)
    return readings


def _dialled(readings: Readings, digits: pa.StringArray, region: str) -> Flags:
    """Read those that begin with what the region dials before a country code (011 in America)."""
    prefix = region_metadata(region).international_prefix
    if prefix == "00":  # `read` has taken those out already
        return np.zeros(len(digits), dtype=bool)
    dialled = matches(digits, f"(?:{prefix})\\d*")
    places = np.flatnonzero(dialled)
    if len(places):
        rest = pc.replace_substring_regex(pick(digits, places), f"^(?:{prefix})", "", max_replacements=1)
        really = ~starts(rest, "0")
        dialled[places[~really]] = False
        if really.any():
            part = _international(pick(rest, really))
            part.repairs |= np.where(part.kind > 0, BITS["international-prefix"], 0).astype(np.int32)
            readings.put(places[really], part)
    return dialled


def _own_code(readings: Readings, digits: pa.StringArray, asked: Flags, region: str, code: int) -> Flags:
    """Read those that begin with the region's own calling code (``_maybe_extract_country_code``)."""
    own = asked & starts(digits, str(code))
    places = np.flatnonzero(own)
    if not len(places):
        return own
    plan = code_plan(code)
    some = pick(digits, places)
    rest, answer, turned = plan.strip(tail(some, len(str(code))), region, any_length=True)
    longest = region_metadata(region).general_desc.possible_length[-1]
    meant = (~plan.ask(some, region).general & answer.general) | (lengths(some) > longest)
    own[places[~meant]] = False
    places = places[meant]
    if len(places):
        national, again, turned_again = plan.strip(pick(rest, meant), plan.regions[0])
        part = Readings.unknown(len(places))
        part.national = national
        _note(part, np.arange(len(places)), code, national, again, turned[meant] | turned_again)
        if plan.plans[0].national_prefix != str(code):
            part.repairs |= np.where(part.kind > 0, BITS["plus-restored"], 0).astype(np.int32)
        readings.put(places, part)
    return own


def _missing_zero(readings: Readings, digits: pa.StringArray, bare: Flags, region: str, code: int) -> None:
    """Name the lost zero; where a lost + makes a mobile of a landline with a lost zero, take that reading."""
    zeros = np.array([bool(kind) and writes_zero(region, kind) for kind in TYPES])
    bare = bare & zeros[readings.kind]
    if not bare.any():
        return
    readings.repairs[bare] |= BITS["zero-restored"]
    accepted = np.array([kind in ACCEPTED_TYPES for kind in TYPES])
    rivals = np.flatnonzero(bare & ~accepted[readings.kind])
    rivals = rivals[starts(pick(digits, rivals), str(code))]
    if not len(rivals):
        return
    plus = _international(pick(digits, rivals))
    readings.unsure[rivals] |= plus.unsure
    better = np.flatnonzero(accepted[plus.kind])
    places = rivals[better]
    readings.national = replaced(readings.national, places, pick(plus.national, better))
    for name in ("kind", "country", "fictional"):
        getattr(readings, name)[places] = getattr(plus, name)[better]
    readings.repairs[places] = plus.repairs[better] | BITS["plus-restored"]


def _hint(readings: Readings, digits: pa.StringArray) -> None:
    """For numbers that are not valid: the country they would be valid in with a + in front."""
    places = np.flatnonzero((readings.kind == 0) & ~readings.unsure)
    if len(places):
        plus = _international(_some(digits, places))
        readings.unsure[places] |= plus.unsure
        elsewhere = (plus.kind > 0) & (plus.code != readings.code[places])
        readings.hint[places] = np.where(elsewhere, plus.country, 0)
