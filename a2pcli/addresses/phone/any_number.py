"""Reads numbers in order to suppress them: any phone counts, whether or not a message could be sent to it.

Who says no may write from a fixed line, a short code, or in a spelling of yesterday's numbering plan. What is refused
is only what nobody could be known by: letters, two numbers in a cell, digits lost by a spreadsheet, too few or too
many digits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import phonenumbers

from a2pcli.addresses.phone.judge import judge, read_widely
from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.addresses.phone.text import read_digits, without_extension
from a2pcli.addresses.phone.types import PhonePolicy, PhoneResult, with_repairs
from a2pcli.reasons import Reason

if TYPE_CHECKING:  # one number needs no arrays
    import pyarrow as pa

    from a2pcli.frame import Frame

SHORT_CODE = "short-code"
"""The type of a short code. It has no country's code in front, and is kept as its digits."""

DOUBTFUL = "not in any numbering plan: check for typing errors"

_SHORT_CODE = re.compile(r"[1-9]\d{2,5}")
_LONGEST = 15
"""Digits of a number with its country's code (ITU-T E.164 section 6.1)."""


def any_policy(region: str | None) -> PhonePolicy:
    """How numbers are read where one too many does no harm."""
    return PhonePolicy(region=region, allow_fictional=True, allow_fixed_line=True)


def any_number(cell: str, region: str | None) -> PhoneResult:
    """One cell: its number in E.164 (or the digits of a short code), or why there is none.

    A number that is in no numbering plan, and was not before a renumbering, has a ``detail`` that says so: it may be
    a slip of typing.

    >>> any_number("+55 11 8765-4321", None).number
    '+551187654321'
    """
    policy = any_policy(region)
    digits = read_digits(cell)
    if digits.compact is None:
        result = PhoneResult(None, None, None, digits.reason, digits.detail, digits.repairs)
    else:
        result = with_repairs(judge(digits.compact, digits.trunk_zero, policy), digits.repairs)
    if result.number is not None:
        return result
    if result.reason is Reason.HAS_EXTENSION:
        whole = without_extension(cell)
        return any_number(whole, region) if whole != cell else result
    if result.reason not in (Reason.INVALID_NUMBER, Reason.NOT_MOBILE) or digits.compact is None:
        return result
    if _SHORT_CODE.fullmatch(digits.compact):
        return PhoneResult(digits.compact, SHORT_CODE, None, None)
    reading = read_widely(digits.compact, digits.trunk_zero, policy)
    number = f"+{reading.code}{reading.national}"
    if not reading.code or len(number) > _LONGEST + 1:
        return result
    if reading.type or len(same_phone_forms(number)) > 1:
        return replace(result, number=number, reason=None, detail=None)
    return replace(result, number=number, reason=None, detail=DOUBTFUL) if _may_be_dialled(number) else result


def _may_be_dialled(number: str) -> bool:
    """Whether it has as many digits as numbers there have."""
    # Not what can be dialled only within its town: that is a number whose area code is missing.
    verdict = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(number, None))
    return bool(verdict == phonenumbers.ValidationResult.IS_POSSIBLE)


def any_number_column(cells: pa.Array, region: str | None) -> Frame:
    """``any_number`` over a column, with the columns of ``normalise_column``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from a2pcli.addresses.phone.columns import normalise_column

    found = normalise_column(cells, any_policy(region))
    reasons = found["@reason"]
    odd = pc.is_in(reasons, pa.array([Reason.INVALID_NUMBER, Reason.NOT_MOBILE, Reason.HAS_EXTENSION]))
    places = pc.indices_nonzero(pc.fill_null(odd, False)).to_pylist()
    if not places:
        return found
    texts = cells.to_pylist()
    known = {name: found[name].to_pylist() for name in _WRITTEN}
    for place in places:
        one = any_number(texts[place], region)
        values = (one.number, one.type, one.country, one.reason and str(one.reason), one.detail)
        for name, value in zip(_WRITTEN, values, strict=True):
            known[name][place] = value
    for name, values in known.items():
        found[name] = pa.array(values, pa.string())
    return found


_WRITTEN = ("@number", "@type", "@country", "@reason", "@detail")
