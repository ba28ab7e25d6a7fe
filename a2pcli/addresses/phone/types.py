"""What is asked about a phone number, what is answered, and the names of the repairs."""

from __future__ import annotations

from dataclasses import replace

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.reasons import Reason

REPAIRS: dict[str, str] = {
    "formula-unwrapped": 'removed a spreadsheet formula around the number, ="…" or =…',
    "quotes-dropped": "quotation marks, or the apostrophe that makes a spreadsheet keep text, were dropped",
    "scheme-dropped": "tel:, sms:, whatsapp: or the like before the number was dropped",
    "decimals-dropped": "the number had been turned into a decimal: .0 was dropped",
    "thousands-dropped": "commas between groups of three digits were dropped",
    "international-prefix": "00 (or what the region dials before a country code) became +",
    "plus-restored": "the region's country code stood there without its +",
    "plus-dropped": "a + stood before a national number that begins with 0",
    "zero-restored": "the 0 that the region writes before such numbers was missing",
    "trunk-zero-dropped": "a (0) that this country does not have was dropped",
    "argentina-15": "Argentina: the 15 of a mobile written nationally became the 9 after +54",
    "mexico-1-dropped": "Mexico: the 1 after +52 (or 044, 045, 01) that mobiles had until 2019 was dropped",
}
"""Every repair that can be made to a cell, by the name it is reported under. Spaces, dots, dashes, parentheses,
full-width and other scripts' digits and invisible marks are ways to write a number: to read them is no repair."""

ACCEPTED_TYPES: frozenset[str] = frozenset({"mobile", "fixed-line-or-mobile"})
"""Types that receive messages. In North America every number is ``fixed-line-or-mobile``."""

FIXED_TYPES: frozenset[str] = frozenset({"fixed-line", "voip"})
"""Types accepted only with ``allow_fixed_line``: lines at a place or in a network, some of which take text.
A personal number forwards calls at the caller's cost and is the classic of fraud: it is never accepted."""

TYPE_WORDS: dict[str, str] = {
    "fixed-line": "a fixed line",
    "voip": "an internet telephony (VoIP) number",
    "toll-free": "a toll-free number",
    "premium-rate": "a premium-rate number",
    "shared-cost": "a shared-cost number",
    "personal-number": "a personal number, which forwards calls",
    "pager": "a pager",
    "uan": "a company number (UAN)",
    "voicemail": "a voicemail access number",
}
"""How a refused type is called in a detail."""


@dataclass(frozen=True, slots=True)
class PhonePolicy:
    """Which numbers are accepted.

    ``region`` is the two-letter region of numbers written without +. ``allow_fictional`` accepts numbers reserved
    for drama; ``allow_fixed_line`` accepts fixed lines and VoIP. Raises InvalidInput for a region without phones.
    """

    region: str | None = None
    allow_fictional: bool = False
    allow_fixed_line: bool = False

    def __post_init__(self) -> None:
        if self.region is not None:
            object.__setattr__(self, "region", region_code(self.region))


@dataclass(frozen=True, slots=True)
class PhoneResult:
    """A cell judged. Exactly one of ``number`` (E.164 with +) and ``reason`` is None.

    ``type`` and ``country`` are known of refused numbers too, where they exist in a numbering plan. ``detail`` says
    more than the reason and never holds the number itself. ``repairs`` are keys of ``REPAIRS``.
    """

    number: str | None
    type: str | None
    country: str | None
    reason: Reason | None
    detail: str | None = None
    repairs: tuple[str, ...] = ()


_ALIASES = {"UK": "GB", "EN": "GB", "EL": "GR", "USA": "US", "GBR": "GB"}


def region_code(text: str) -> str:
    """A region as typed to its two-letter code. Raises InvalidInput for one that has no numbering plan."""
    from phonenumbers import SUPPORTED_REGIONS

    code = text.strip().upper()
    if code in SUPPORTED_REGIONS:
        return code
    hint = "a region is a two-letter country code such as GB, US or DE"
    if code in _ALIASES:
        hint = f"did you mean {_ALIASES[code]}?"
    raise InvalidInput(Problem(f"'{text}' is not a region", hint=hint, code="unknown-region"))


_ORDER = {name: place for place, name in enumerate(REPAIRS)}


def with_repairs(result: PhoneResult, more: tuple[str, ...]) -> PhoneResult:
    """The result with further repairs; the names always come in the order of ``REPAIRS``."""
    repairs = {*more, *result.repairs}
    return replace(result, repairs=tuple(sorted(repairs, key=_ORDER.__getitem__))) if repairs else result
