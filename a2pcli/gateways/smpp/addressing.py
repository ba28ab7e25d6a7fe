"""Addresses of SMPP: their characters, type of number (TON) and numbering plan (NPI)."""

from __future__ import annotations

import re
from typing import NamedTuple

from a2pcli.gateways.smpp.settings import AddressKind

LONGEST = 20
"""Characters of an address (SMPP 3.4, 5.2.8: 21 octets with the zero that ends it)."""

_SHORT_CODE = 6
"""Digits of a short code at most; more are a phone number."""

_RECIPIENT = re.compile(r"\+?(\d{1,20})", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)


class Address(NamedTuple):
    """An address as submit_sm has it."""

    ton: int
    npi: int
    text: str


NO_SENDER = Address(0, 0, "")
"""The operator fills in the account's own."""


def recipient(to: str, kind: AddressKind | None) -> Address | None:
    """The address of a recipient in E.164: international, ISDN. None for what is no number."""
    found = _RECIPIENT.fullmatch(to)
    if found is None:
        return None
    return Address(kind.ton, kind.npi, found[1]) if kind else Address(1, 1, found[1])


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
