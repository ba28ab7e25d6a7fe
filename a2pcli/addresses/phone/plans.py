"""The numbering plans of ``phonenumbers``, asked about a whole column instead of number by number.

Each calling code's patterns (all regions, all types, national prefixes, fiction) become one automaton; what its
states mean is worked out once per state and length, in the library's own order of questions: ``_number_type_helper``,
``_region_code_for_number_from_list`` and ``_maybe_strip_national_prefix_carrier_code`` of phonenumberutil. A test holds
the answers equal to the library's over generated numbers of every region.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone import fiction
from a2pcli.addresses.phone.automaton import Automaton
from a2pcli.addresses.phone.judge import TYPE_NAMES, metadata_of
from a2pcli.addresses.phone.strings import Flags, Numbers, buffers, lengths, pick, replaced, starts, tail
from a2pcli.dataclass import dataclass

TYPES: tuple[str, ...] = ("", *TYPE_NAMES.values())
"""Names by type code; 0 is no valid number."""
REGIONS: tuple[str, ...] = ("", *sorted(phonenumbers.SUPPORTED_REGIONS), "001")
"""Region codes by number; 0 is none."""
REGION_NUMBERS: dict[str, int] = {region: number for number, region in enumerate(REGIONS)}

_SPECIAL_TYPES = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
)  # fmt: skip
"""In the order in which the library asks for them, before fixed line and mobile."""


_ASKED = ("kind", "country", "fictional", "general", "prefixed")


@dataclass(slots=True)
class PlanAnswers:
    """What a calling code's plans say of each national number.

    ``general`` and ``prefixed`` are of the region asked about: whether the number has the region's general shape, and
    whether it may start with the region's national prefix.
    """

    kind: npt.NDArray[np.int8]
    country: npt.NDArray[np.int16]
    fictional: npt.NDArray[np.int8]
    general: Flags
    prefixed: Flags


class CodePlan:
    """The plans of one calling code, its main region first."""

    def __init__(self, code: int) -> None:
        self.code = code
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
        self.plans = [metadata_of(code, region) for region in regions]
        self.regions = tuple(regions)
        self._patterns: dict[str, int] = {}
        for plan in self.plans:
            for name in ("general_desc", "fixed_line", "mobile", *_SPECIAL_TYPES):
                self._note(getattr(getattr(plan, name), "national_number_pattern", None))
            self._note(_starting(plan.leading_digits))
            self._note(_starting(plan.national_prefix_for_parsing))
        self._note(fiction.FICTIONAL.get(code))
        self._note(fiction.UNPLANNED_MOBILES.get(code))
        self._automaton = Automaton(list(self._patterns))
        self._verdicts: dict[tuple[int, int, int], tuple[int, int, int, bool, bool]] = {}

    def _note(self, pattern: str | None) -> None:
        if pattern:
            self._patterns.setdefault(pattern, len(self._patterns))

    def ask(self, national: pa.StringArray, region: str) -> PlanAnswers:
        """What the plans say of national numbers. Costs about 0.1 µs each."""
        count = len(national)
        asked = PlanAnswers(
            np.zeros(count, np.int8), np.zeros(count, np.int16), np.zeros(count, np.int8),
            np.zeros(count, bool), np.zeros(count, bool),
        )  # fmt: skip
        if not count:
            return asked
        length = lengths(national).astype(np.int16)
        order = None
        if (np.diff(length) < 0).any():
            order = np.argsort(length, kind="stable")
            national, length = pick(national, order), length[order]
        offsets, data = buffers(national)
        borders = np.flatnonzero(np.diff(length, prepend=-1)).tolist()
        for start, end in zip(borders, [*borders[1:], count], strict=True):
            size = int(length[start])
            digits = data[offsets[start] : offsets[end]].reshape(end - start, size)
            states = self._automaton.run(digits)
            rows = slice(start, end) if order is None else order[start:end]
            self._answer(asked, rows, states, size, self.regions.index(region))
        return asked

    def _answer(
        self, asked: PlanAnswers, rows: slice | Numbers, states: npt.NDArray[np.int16], size: int, region: int
    ) -> None:
        answers = np.zeros((5, int(states.max(initial=0)) + 1), dtype=np.int16)
        for state in np.flatnonzero(np.bincount(states)).tolist():
            answers[:, state] = self._verdict(self._automaton.accepts(state), size, region)
        for name, answer in zip(_ASKED, answers, strict=True):
            getattr(asked, name)[rows] = answer[states]

    def _verdict(self, accepts: int, size: int, region: int) -> tuple[int, int, int, bool, bool]:
        key = (accepts, size, region)
        if key not in self._verdicts:
            here = _Matched(self._patterns, accepts, size)
            kind, country = self._type_and_region(here)
            fictional = here.pattern(fiction.FICTIONAL.get(self.code))
            unplanned = here.pattern(fiction.UNPLANNED_MOBILES.get(self.code))
            plan = self.plans[region]
            self._verdicts[key] = (
                kind,
                country,
                int(fictional) + int(unplanned),
                here.pattern(plan.general_desc.national_number_pattern),
                here.pattern(_starting(plan.national_prefix_for_parsing)),
            )
        return self._verdicts[key]

    def _type_and_region(self, here: _Matched) -> tuple[int, int]:
        """``region_code_for_number``, then ``number_type`` there; zeros where the number is not valid."""
        for plan, region in zip(self.plans, self.regions, strict=True):
            kind = here.type(plan)
            if len(self.plans) > 1:
                is_here = here.pattern(_starting(plan.leading_digits)) if plan.leading_digits else kind > 0
                if not is_here:
                    continue
            return kind, REGION_NUMBERS[region] if kind else 0
        return 0, 0

    def strip(
        self, national: pa.StringArray, region: str, any_length: bool = False
    ) -> tuple[pa.StringArray, PlanAnswers, Flags]:
        """Without national prefix and carrier code; what is said of that; which were transformed (15 became 9).

        The prefix stays on where the rest would have a wrong length, unless ``any_length``.
        """
        asked = self.ask(national, region)
        turned = np.zeros(len(national), dtype=bool)
        places = np.flatnonzero(asked.prefixed)
        if not len(places):
            return national, asked, turned
        plan = self.plans[self.regions.index(region)]
        some = pick(national, places) if len(places) < len(national) else national
        stripped, transformed = _without_prefix(some, plan)
        new = self.ask(stripped, region)
        new_length = lengths(stripped)
        keep = (asked.general[places] & ~new.general) | (new_length == lengths(some))
        if not any_length:
            keep |= _not_a_length(plan, new_length)
        taken = np.flatnonzero(~keep)
        if len(taken):
            turned[places[taken]] = transformed[taken]
            national = replaced(national, places[taken], pick(stripped, taken))
            for name in _ASKED:
                getattr(asked, name)[places[taken]] = getattr(new, name)[taken]
        return national, asked, turned


@dataclass(frozen=True, slots=True)
class _Matched:
    """Which patterns a national number of some length matches."""

    patterns: dict[str, int]
    accepts: int
    size: int

    def pattern(self, pattern: str | None) -> bool:
        return bool(pattern) and bool(self.accepts >> self.patterns[pattern or ""] & 1)

    def description(self, description: Any) -> bool:
        """``_is_number_matching_desc``."""
        if description is None or (
            description.possible_length and self.size not in description.possible_length
        ):
            return False
        return self.pattern(description.national_number_pattern)

    def type(self, plan: Any) -> int:
        """``_number_type_helper``."""
        if not self.description(plan.general_desc):
            return 0
        for name in _SPECIAL_TYPES:
            if self.description(getattr(plan, name)):
                return TYPES.index(name.replace("_", "-"))
        same = plan.same_mobile_and_fixed_line_pattern
        if self.description(plan.fixed_line):
            both = same or self.description(plan.mobile)
            return TYPES.index("fixed-line-or-mobile" if both else "fixed-line")
        return TYPES.index("mobile") if not same and self.description(plan.mobile) else 0


def _starting(pattern: str | None) -> str | None:
    """A pattern for numbers that may start with a pattern; more than that where the pattern has an end."""
    return f"(?:{pattern.replace('$', '')})\\d*" if pattern else None


def _not_a_length(plan: Any, length: Numbers) -> Flags:
    """Lengths after stripping at which the library leaves the prefix on (the whole may be a short number)."""
    general = plan.general_desc
    fits = np.isin(length, general.possible_length) | (length > general.possible_length[-1])
    not_a_length: Flags = np.isin(length, general.possible_length_local_only) | ~fits
    return not_a_length


def _without_prefix(some: pa.StringArray, plan: Any) -> tuple[pa.StringArray, Flags]:
    """The numbers, which may start with the national prefix, without it; and which were transformed."""
    prefix = plan.national_prefix_for_parsing
    literal = re.match(r"\d+(?=\||\Z)", prefix)
    if literal and not re.search(r"[^\d|]", prefix) and starts(some, literal[0]).all():
        return tail(some, len(literal[0])), np.zeros(len(some), dtype=bool)
    pattern, groups = f"^(?:{prefix})", re.compile(prefix).groups
    plain = pc.replace_substring_regex(some, pattern, "", max_replacements=1)
    rule = plan.national_prefix_transform_rule
    if not rule or not groups:
        return plain, np.zeros(len(some), dtype=bool)
    marked = pc.replace_substring_regex(some, pattern, rf"<\{groups}>", max_replacements=1)
    grouped = starts(marked, "<") & ~starts(marked, "<>")
    if not grouped.any():
        return plain, grouped
    turned = pc.replace_substring_regex(some, pattern, rule, max_replacements=1)
    return pc.if_else(pa.array(grouped), turned, plain), grouped


@cache
def code_plan(code: int) -> CodePlan:
    """The plans of a calling code; only these are loaded."""
    return CodePlan(code)
