"""Judge phone numbers: E.164, or the reason why not. One cell, or a whole column at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a2pcli.addresses.phone.judge import judge
from a2pcli.addresses.phone.text import read_digits
from a2pcli.addresses.phone.types import REPAIRS, PhonePolicy, PhoneResult, region_code, with_repairs

if TYPE_CHECKING:
    from a2pcli.addresses.phone.columns import normalise_column

__all__ = ["REPAIRS", "PhonePolicy", "PhoneResult", "normalise", "normalise_column", "region_code"]


def __getattr__(name: str) -> Any:
    """``normalise_column`` when it is first asked for: one number needs no arrays."""
    if name != "normalise_column":
        raise AttributeError(name)
    from a2pcli.addresses.phone.columns import normalise_column

    return normalise_column


def normalise(cell: str, policy: PhonePolicy) -> PhoneResult:
    """Judge one cell: the text first, then ``phonenumbers``. Never raises, whatever the cell holds.

    >>> normalise("07911 123456", PhonePolicy("GB")).number
    '+447911123456'
    """
    digits = read_digits(cell)
    if digits.compact is None:
        return PhoneResult(None, None, None, digits.reason, digits.detail, digits.repairs)
    result = judge(digits.compact, digits.trunk_zero, policy)
    return with_repairs(result, digits.repairs)
