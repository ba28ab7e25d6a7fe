"""What ``phonenumbers`` says about one number, and the repairs that are certainly right.

The library is the judge; it sees nothing but ``+`` and digits. Around it stand the repairs of the field (a 00 prefix
whatever the region, a lost plus or zero, Mexico's 1, ...), each only where one reading alone is left.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonenumber import CountryCodeSource

from a2pcli.addresses.phone import fiction
from a2pcli.addresses.phone.types import ACCEPTED_TYPES, FIXED_TYPES, TYPE_WORDS, PhonePolicy, PhoneResult
from a2pcli.dataclass import dataclass
from a2pcli.reasons import Reason

TYPE_NAMES: dict[int, str] = {
    PhoneNumberType.FIXED_LINE: "fixed-line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed-line-or-mobile",
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.PREMIUM_RATE: "premium-rate",
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal-number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
NO_REGION = "no country code: write it with +, or set the region"
UNKNOWN_CODE = "no country has this country code"
_LEAST = 4
"""Digits below which the library is not asked."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read digits: a valid number has a ``type``; an invalid one at least a calling code, if any."""

    code: int = 0
    national: str = ""
    type: str | None = None
    country: str | None = None
    detail: str | None = None
    repairs: tuple[str, ...] = ()


def judge(compact: str, trunk_zero: bool, policy: PhonePolicy) -> PhoneResult:
    """Judge ``+`` and digits. ``trunk_zero``: the cell had a ``(0)`` after its international prefix."""
    if len(compact) < _LEAST:
        return PhoneResult(None, None, None, Reason.INVALID_NUMBER, "too short to be a phone number")
    return settle(read_widely(compact, trunk_zero, policy), policy)


def read_widely(compact: str, trunk_zero: bool, policy: PhonePolicy) -> Reading:
    """The reading behind the verdict of ``judge``, whatever the verdict is."""
    reading = _read(compact, policy.region)
    if reading.type is None and reading.code:
        reading = _mend(reading, trunk_zero)
    return reading


def settle(reading: Reading, policy: PhonePolicy) -> PhoneResult:
    """Accept or refuse a reading by the policy: returns it with a reason and a detail if it is refused."""
    kind, country = reading.type, reading.country
    fictional = fiction.is_fictional(reading.code, reading.national)
    if fictional and not policy.allow_fictional:
        return PhoneResult(
            None, kind, country, Reason.INVALID_NUMBER, fiction.WORDS[reading.code], reading.repairs
        )
    if fictional and fiction.is_unplanned_mobile(reading.code, reading.national):
        kind, country = "mobile", main_region(reading.code)
    if kind is None:
        return PhoneResult(None, None, None, Reason.INVALID_NUMBER, reading.detail, reading.repairs)
    if not accepts(kind, policy):
        return PhoneResult(
            None, kind, country, Reason.NOT_MOBILE, refusal(reading.code, kind), reading.repairs
        )
    return PhoneResult(f"+{reading.code}{reading.national}", kind, country, None, None, reading.repairs)


def accepts(kind: str, policy: PhonePolicy) -> bool:
    """Whether a policy accepts a type."""
    return kind in ACCEPTED_TYPES or (policy.allow_fixed_line and kind in FIXED_TYPES)


def refusal(code: int, kind: str) -> str:
    """The sentence that says why a number type is refused, such as ``a fixed line``."""
    if code == 54 and kind == "fixed-line":
        return "a fixed line; Argentine mobiles have a 9 after +54"
    return TYPE_WORDS[kind]


def main_region(code: int) -> str | None:
    """The main region of a calling code: GB for 44, 001 for worldwide services."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code)
    return regions[0] if regions else None


def metadata_of(code: int, region: str | None = None) -> Any:
    """The library's plan of a region (default: the main one) of a calling code. Loaded when first asked for.

    ``Any``, because the library's types say of every field that it may be missing.
    """
    return PhoneMetadata.metadata_for_region_or_calling_code(code, region or main_region(code) or "")


def region_metadata(region: str) -> Any:
    """The library's plan of a supported region."""
    return PhoneMetadata.metadata_for_region(region)


@cache
def invalid_detail(code: int, length: int) -> str:
    """Why a national number of that many digits is not valid under a calling code."""
    region = main_region(code)
    place = f"+{code}" if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else region
    general = metadata_of(code).general_desc
    if length in general.possible_length_local_only:
        return f"too short for {place}: is the area code missing?"
    if length < general.possible_length[0]:
        return f"too short for {place}"
    if length > general.possible_length[-1]:
        return f"too long for {place}"
    if length not in general.possible_length:
        return f"wrong number of digits for {place}"
    return f"no such number in the numbering plan of {place}"


@cache
def writes_zero(region: str, kind: str) -> bool:
    """Whether a region writes its numbers of a type with a 0 in front (``07911 123456``)."""
    if region_metadata(region).national_prefix != "0":
        return False
    wanted = next(number for number, name in TYPE_NAMES.items() if name == kind)
    example = phonenumbers.example_number_for_type(region, wanted) or phonenumbers.example_number(region)
    if example is None:
        return False
    written = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
    return written.lstrip("(").startswith("0")


def plus_hint(country: str) -> str:
    """What to say where only a + is missing to make it another country's number."""
    return f"; with + in front it would be a number of {country}"


def _read(compact: str, region: str | None) -> Reading:
    """The digits with their international or national prefix interpreted."""
    if compact.startswith("+00"):
        return _international_prefix(compact[3:], None)
    if compact.startswith("+0"):
        if region is None:
            return Reading(detail=UNKNOWN_CODE)
        return _repaired(_national(compact[1:], region), "plus-dropped")
    if compact.startswith("+"):
        return _parsed(compact, None)
    if compact.startswith("00"):
        return _international_prefix(compact[2:], region)
    if region is None:
        return _with_plus_hint(Reading(detail=NO_REGION), compact)
    return _national(compact, region)


def _international_prefix(rest: str, region: str | None) -> Reading:
    """``00…``: a + whatever the region; else what the region's own prefixes make of it (0011 in Australia)."""
    reading = _repaired(_parsed("+" + rest, None), "international-prefix")
    if reading.type is None and region is not None:
        own = _national("00" + rest, region)
        if own.type is not None:
            return own
    return reading


def _national(digits: str, region: str) -> Reading:
    """Digits without + in a region: its own international prefix, its own country code, or a national number."""
    reading = _parsed(digits, region)
    if reading.type is None:
        return _with_plus_hint(reading, digits)
    own = region_metadata(region)
    has_prefix = digits.startswith("0") or {"international-prefix", "plus-restored"} & {*reading.repairs}
    lacks_zero = not has_prefix and writes_zero(region, reading.type)
    if not lacks_zero:
        return reading
    if reading.type not in ACCEPTED_TYPES and digits.startswith(str(own.country_code)):
        # Both a 0 and a + may be missing, and they make different numbers: 4915112345678 in Germany is a landline
        # with a lost 0 for the library. Where only the lost + makes a mobile, that is what was meant.
        plus = _parsed("+" + digits, None)
        if plus.type in ACCEPTED_TYPES:
            return _repaired(plus, "plus-restored")
    return _repaired(reading, "zero-restored")


def _with_plus_hint(reading: Reading, digits: str) -> Reading:
    plus = _parsed("+" + digits, None)
    if plus.type is None or plus.country is None or plus.code == reading.code:
        return reading
    return replace(reading, detail=f"{reading.detail}{plus_hint(plus.country)}")


def _parsed(compact: str, region: str | None) -> Reading:
    """The library's reading, with the repairs it made by itself."""
    try:
        number = phonenumbers.parse(compact, region, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        if error.error_type == error.INVALID_COUNTRY_CODE:
            return Reading(detail=UNKNOWN_CODE)
        return Reading(detail="too short to be a phone number" if "SHORT" in _name(error) else "too long")
    code = int(number.country_code or 0)
    national = phonenumbers.national_significant_number(number)
    country = phonenumbers.region_code_for_number(number)
    kind = TYPE_NAMES.get(phonenumbers.number_type(number)) if country else None
    if kind is None:
        return Reading(code, national, detail=invalid_detail(code, len(national)))
    return Reading(code, national, kind, country, None, _library_repairs(compact, number, code, national))


def _name(error: phonenumbers.NumberParseException) -> str:
    return {1: "NOT_A_NUMBER", 2: "TOO_SHORT_AFTER_IDD", 3: "TOO_SHORT_NSN", 4: "TOO_LONG"}[error.error_type]


def _library_repairs(
    compact: str, number: phonenumbers.PhoneNumber, code: int, national: str
) -> tuple[str, ...]:
    repairs: list[str] = []
    if number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        repairs.append("international-prefix")
    without_plus = number.country_code_source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN
    if without_plus and metadata_of(code).national_prefix != str(code):
        repairs.append("plus-restored")
    if code == 54 and national.startswith("9") and national not in compact:
        repairs.append("argentina-15")
    return tuple(repairs)


def _repaired(reading: Reading, repair: str) -> Reading:
    return replace(reading, repairs=(*reading.repairs, repair))


def _mend(reading: Reading, trunk_zero: bool) -> Reading:
    """Repairs of numbers that are not valid as they stand."""
    national = reading.national
    if trunk_zero and national.startswith("0"):
        shorter = _parsed(f"+{reading.code}{national[1:]}", None)
        if shorter.type is not None:
            return replace(shorter, repairs=(*reading.repairs, "trunk-zero-dropped"))
    if reading.code == 52:
        prefix = next((old for old in ("044", "045", "01", "1") if national.startswith(old)), "")
        shorter = _parsed(f"+52{national[len(prefix) :]}", None)
        if prefix and shorter.type is not None:
            return replace(shorter, repairs=(*reading.repairs, "mexico-1-dropped"))
    if reading.code == 55 and len(national) == 10 and national[2] in "6789":
        longer = _parsed(f"+55{national[:2]}9{national[2:]}", None)
        if longer.type == "mobile":
            return replace(
                reading,
                detail="Brazilian mobiles have nine digits now: put a 9 before the last eight if it is one",
            )
    return reading
