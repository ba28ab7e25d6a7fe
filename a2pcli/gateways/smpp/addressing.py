"""Addresses of SMPP: their characters, type of number (TON) and numbering plan (NPI)."""

from __future__ import annotations

import re
from typing import NamedTuple

from a2pcli.gateways.smpp.settings import AddressKind

LONGEST = 20
"""Characters of an address (SMPP 3.4, 5.2.8: 21 octets with the zero that ends it)."""

_SHORT_CODE = 6
"""Digits of a short code at most; more are a phone number."""

_DIGITS = re.compile(r"\d+", re.ASCII)


class Address(NamedTuple):
    """An address as submit_sm has it."""

    ton: int
    npi: int
    text: str


NO_SENDER = Address(0, 0, "")
"""The operator fills in the account's own."""


def recipient(to: str) -> str | None:
    """The digits of a recipient's number in E.164. None for what is no number."""
    digits = to[1:] if to.startswith("+") else to
    return digits if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST else None


def recipient_kind(kind: AddressKind | None) -> tuple[int, int]:
    """Type of number and numbering plan of all recipients: international and ISDN where the settings say no other."""
    return (kind.ton, kind.npi) if kind else (1, 1)


def source(sender: str | None, kind: AddressKind | None) -> Address | None:
    """The address of a sender: a short code, an international number, or a name. None for what SMPP cannot carry."""
    if not sender:
        return NO_SENDER
    text = sender.removeprefix("+")
    if not text or len(text) > LONGEST or not text.isascii() or not text.isprintable():
        return None
    if kind is not None:
        return Address(kind.ton, kind.npi, text)
    if not _DIGITS.fullmatch(text):
        return Address(5, 0, sender) if len(sender) <= LONGEST else None
    if len(text) <= _SHORT_CODE and not sender.startswith("+"):
        return Address(3, 0, text)
    return Address(1, 1, text)
