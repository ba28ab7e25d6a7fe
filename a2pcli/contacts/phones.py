"""Judge phone numbers: E.164, or the reason why not. One cell, or a whole column at once."""

from __future__ import annotations

from a2pcli.contacts.phone_columns import normalise_column
from a2pcli.contacts.phone_judge import judge
from a2pcli.contacts.phone_text import read_digits
from a2pcli.contacts.phone_types import REPAIRS, PhonePolicy, PhoneResult, region_code, with_repairs

__all__ = ["REPAIRS", "PhonePolicy", "PhoneResult", "normalise", "normalise_column", "region_code"]


def normalise(cell: str, policy: PhonePolicy) -> PhoneResult:
    """Judge one cell: the text first, then `phonenumbers`. Never raises, whatever the cell holds.

    >>> normalise("07911 123456", PhonePolicy("GB")).number
    '+447911123456'
    """
    digits = read_digits(cell)
    if digits.compact is None:
        return PhoneResult(None, None, None, digits.reason, digits.detail, digits.repairs)
    result = judge(digits.compact, digits.trunk_zero, policy)
    return with_repairs(result, digits.repairs)
