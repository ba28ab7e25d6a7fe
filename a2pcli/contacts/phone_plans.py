"""The numbering plans of `phonenumbers`, run over a whole column instead of number by number.

The library keeps each plan as regular expressions: they run here as RE2 full matches over Arrow strings (50 to 80 ns
a number, where the library needs 100 µs). The order of questions is the library's: `_number_type_helper`,
`_region_code_for_number_from_list` and `_maybe_strip_national_prefix_carrier_code` of phonenumberutil. A test holds
the answers equal to the library's over generated numbers of every region.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import PhoneMetadata

from a2pcli.contacts.phone_judge import TYPE_NAMES, metadata_of

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

TYPES: tuple[str, ...] = ("", *TYPE_NAMES.values())
"""Names by type code; 0 is no valid number."""
REGIONS: tuple[str, ...] = ("", *sorted(phonenumbers.SUPPORTED_REGIONS), "001")
"""Region codes by number; 0 is none."""
REGION_NUMBERS: dict[str, int] = {region: number for number, region in enumerate(REGIONS)}

_SPECIAL_TYPES = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
)  # fmt: skip
"""In the order in which the library asks for them, before fixed line and mobile."""
_FEW = 128
"""Up to so many strings Python's `re`, compiled once, beats RE2, compiled at every call (20 to 400 µs)."""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def matches(strings: pa.StringArray, pattern: str) -> Flags:
    """Which strings match a pattern whole."""
    return starts(strings, f"(?:{pattern})$")


def starts(strings: pa.StringArray, pattern: str) -> Flags:
    """Which strings match a pattern from their start."""
    if len(strings) <= _FEW:
        match = _compiled(pattern).match
        return np.fromiter((match(text) is not None for text in strings.to_pylist()), bool, len(strings))
    found = pc.match_substring_regex(strings, f"^(?:{pattern})")
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def lengths(strings: pa.StringArray) -> Numbers:
    """Bytes of each string."""
    return np.asarray(pc.binary_length(strings).to_numpy(zero_copy_only=False), dtype=np.int64)


def pick(strings: pa.StringArray, chosen: Flags | Numbers) -> pa.StringArray:
    """Those strings that a mask or positions choose."""
    return strings.take(pa.array(np.flatnonzero(chosen) if chosen.dtype == bool else chosen))


def tail(strings: pa.StringArray, start: int) -> pa.StringArray:
    """Each string without its first bytes. Ten times as fast on bytes as on code units."""
    return pc.binary_slice(strings.cast(pa.binary()), start, 1 << 20).cast(pa.string())


def replaced(strings: pa.StringArray, places: Numbers, others: pa.StringArray) -> pa.StringArray:
    """The strings with others at some places."""
    source = np.arange(len(strings))
    source[places] = len(strings) + np.arange(len(others))
    return pa.concat_arrays([strings, others]).take(pa.array(source))


def choose(first: Flags, yes: pa.StringArray, no: pa.StringArray) -> pa.StringArray:
    """`yes` where `first`, else `no`."""
    return pc.if_else(pa.array(first), yes, no)


@dataclass(frozen=True, slots=True)
class _Question:
    """One description of a plan: its pattern and the lengths it allows (all, where none are given)."""

    pattern: str
    lengths: frozenset[int]

    def ask(self, national: pa.StringArray, length: Numbers) -> Flags:
        if self.lengths and not np.isin(length, list(self.lengths)).any():
            return np.zeros(len(national), dtype=bool)
        found = matches(national, self.pattern)
        return found & np.isin(length, list(self.lengths)) if self.lengths else found


def _question(description: Any) -> _Question | None:
    if description is None or not description.national_number_pattern:
        return None
    return _Question(description.national_number_pattern, frozenset(description.possible_length))


class RegionPlan:
    """The plan of one region (or worldwide service)."""

    def __init__(self, metadata: PhoneMetadata) -> None:
        self.metadata = metadata
        self.number = REGION_NUMBERS[metadata.id]
        self.leading_digits: str | None = metadata.leading_digits
        self.prefix: str | None = metadata.national_prefix_for_parsing
        self.rule: str | None = metadata.national_prefix_transform_rule
        self.general = _question(metadata.general_desc)
        self.fixed = _question(metadata.fixed_line)
        self.mobile = _question(metadata.mobile)
        names = [(name.replace("_", "-"), _question(getattr(metadata, name))) for name in _SPECIAL_TYPES]
        self.special = [(TYPES.index(name), question) for name, question in names if question]
        self.any_special = "|".join(f"(?:{question.pattern})" for _, question in self.special)
        self.groups = _compiled(self.prefix).groups if self.prefix else 0

    def types(self, national: pa.StringArray) -> npt.NDArray[np.int8]:
        """Type codes of national numbers (`_number_type_helper`)."""
        length = lengths(national)
        kinds = np.zeros(len(national), dtype=np.int8)
        if self.general is None:
            return kinds
        general = self.general.ask(national, length)
        nothing = np.zeros(len(national), dtype=bool)
        fixed = self.fixed.ask(national, length) if self.fixed else nothing
        mobile = self.mobile.ask(national, length) if self.mobile else nothing
        same = self.metadata.same_mobile_and_fixed_line_pattern
        kinds[general & mobile & ~fixed & (not same)] = TYPES.index("mobile")
        kinds[general & fixed] = TYPES.index("fixed-line")
        kinds[general & fixed & (mobile | bool(same))] = TYPES.index("fixed-line-or-mobile")
        if self.any_special:
            maybe = np.flatnonzero(general & matches(national, self.any_special))
            some, some_length = pick(national, maybe), length[maybe]
            for kind, question in reversed(self.special) if len(maybe) else ():
                kinds[maybe[question.ask(some, some_length)]] = kind
        return kinds

    def strip(self, national: pa.StringArray, any_length: bool = False) -> tuple[pa.StringArray, Flags]:
        """Without national prefix and carrier code; and which were transformed (Argentina's 15 became a 9).

        The prefix stays on where the rest would have a wrong length, unless `any_length`.
        """
        turned = np.zeros(len(national), dtype=bool)
        if not self.prefix or not len(national):
            return national, turned
        places = np.flatnonzero(starts(national, self.prefix))
        if not len(places):
            return national, turned
        some = pick(national, places)
        stripped, transformed = self._without_prefix(some)
        general = self.metadata.general_desc.national_number_pattern
        keep = matches(some, general) & ~matches(stripped, general)
        new_length = lengths(stripped)
        keep |= new_length == lengths(some)
        if not any_length:
            keep |= self._not_a_length(new_length)
        if keep.all():
            return national, turned
        turned[places] = transformed & ~keep
        if len(places) == len(national) and not keep.any():
            return stripped, turned
        return replaced(national, places[~keep], pick(stripped, ~keep)), turned

    def _without_prefix(self, some: pa.StringArray) -> tuple[pa.StringArray, Flags]:
        pattern = f"^(?:{self.prefix})"
        plain = pc.replace_substring_regex(some, pattern, "", max_replacements=1)
        if not self.rule or not self.groups:
            return plain, np.zeros(len(some), dtype=bool)
        marked = pc.replace_substring_regex(some, pattern, rf"<\{self.groups}>", max_replacements=1)
        grouped = ~starts(marked, "<>")
        if not grouped.any():
            return plain, grouped
        turned = pc.replace_substring_regex(some, pattern, self.rule, max_replacements=1)
        return choose(grouped, turned, plain), grouped

    def _not_a_length(self, length: Numbers) -> Flags:
        """Lengths after stripping at which the library leaves the prefix on (the whole may be a short number)."""
        general = self.metadata.general_desc
        fits = np.isin(length, general.possible_length) | (length > general.possible_length[-1])
        return np.isin(length, general.possible_length_local_only) | ~fits

    def too_long(self, length: Numbers) -> Flags:
        """Which lengths are over everything the plan allows."""
        return length > self.metadata.general_desc.possible_length[-1]


@cache
def region_plan(region: str) -> RegionPlan:
    """The plan of a region."""
    return RegionPlan(PhoneMetadata.metadata_for_region(region))


@cache
def code_plans(code: int) -> tuple[RegionPlan, ...]:
    """The plans of a calling code, its main region first; only these are loaded."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    if regions[0] == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return (RegionPlan(metadata_of(code)),)
    return tuple(region_plan(region) for region in regions)


def classify(
    code: int, national: pa.StringArray
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int16]]:
    """Type codes and region numbers of national numbers under a calling code; both 0 where invalid."""
    plans = code_plans(code)
    if len(plans) == 1:
        kinds = plans[0].types(national)
        return kinds, np.where(kinds > 0, plans[0].number, 0).astype(np.int16)
    kinds = np.zeros(len(national), dtype=np.int8)
    regions = np.zeros(len(national), dtype=np.int16)
    unsettled = np.arange(len(national))
    for plan in plans:
        some = national if len(unsettled) == len(national) else pick(national, unsettled)
        if plan.leading_digits:
            here = starts(some, plan.leading_digits)
            found = plan.types(pick(some, here)) if here.any() else np.zeros(0, dtype=np.int8)
        else:
            found = plan.types(some)
            here = found > 0
            found = found[here]
        places = unsettled[here]
        kinds[places] = found
        regions[places[found > 0]] = plan.number
        unsettled = unsettled[~here]
        if not len(unsettled):
            break
    return kinds, regions
