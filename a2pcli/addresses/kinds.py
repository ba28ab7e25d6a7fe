"""Kinds of addresses, and what everything that compares people asks about one address, whatever its kind.

An address is kept in one normal spelling, which tells its kind:

- a phone number in E.164: ``+447911123456`` (a short code, which only opt-outs have, as its digits);
- an email address in lower case, its domain as DNS writes it: ``anna@xn--mnchen-3ya.de``;
- a chat id with its network in front: ``telegram:@anna``, ``messenger:4711``.

Light: no arrays, no libraries of a kind. Columns of addresses are in ``columns``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b

from a2pcli.addresses.phone import same_phone
from a2pcli.dataclass import dataclass
from a2pcli.reasons import Reason

NOBODY = -1
"""The key where there is no address."""

OTHERS = "\n"
"""Stands between a person's other addresses where several are one text; no address has it."""

LEAST_HASH = 10**15
"""Keys from here on are hashes. A phone number's key is its digits, at most 15 (ITU-T E.164 section 6.1)."""

_HANDLE = re.compile(r"[a-z]+:.")


class Kind(StrEnum):
    """What sort of address it is."""

    PHONE = "phone"
    EMAIL = "email"
    HANDLE = "handle"


@dataclass(frozen=True, slots=True)
class Address:
    """A cell judged. Exactly one of ``address`` and ``reason`` is None.

    ``spelling`` is what a message is sent to, where that is not ``address`` itself: an email address as its owner
    writes it. ``type`` and ``country`` are known of phone numbers alone, refused ones included. ``detail`` says more
    than the reason and never holds the address; a good address has one where it may be mistyped. ``repairs`` are keys
    of ``repairs.REPAIRS``.
    """

    kind: Kind
    address: str | None
    reason: Reason | None = None
    detail: str | None = None
    spelling: str | None = None
    type: str | None = None
    country: str | None = None
    repairs: tuple[str, ...] = ()


def kind_of(address: str) -> Kind:
    """The kind of an address in its normal spelling.

    >>> kind_of("+447911123456").value, kind_of("anna@example.com").value, kind_of("telegram:@anna").value
    ('phone', 'email', 'handle')
    """
    if address[:1] == "+" or address.isdigit():
        return Kind.PHONE
    return Kind.HANDLE if _HANDLE.match(address) else Kind.EMAIL


def hashed_key(*parts: str) -> int:
    """A hash of 63 bits: the key of a person whom ``once_per`` makes several."""
    digest = blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def forms_of(address: str) -> tuple[str, ...]:
    """Every address that reaches the same person, the address itself first: other numbers of one phone."""
    return same_phone.same_phone_forms(address)


def all_forms(addresses: Iterable[str]) -> list[str]:
    """The forms of several addresses, each once."""
    return list({form: None for address in addresses for form in forms_of(address)})


def has_other_forms(address: str) -> bool:
    """Whether an address may have other forms; cheap, to be asked of millions."""
    return address[:1] == "+" and same_phone.has_other_forms(address)


def masked(address: str) -> str:
    """An address as a log may name it.

    >>> masked("+447911123456"), masked("anna@example.com"), masked("telegram:@anna")
    ('+4479…56', 'a…@example.com', 'telegram:@a…')
    """
    kind = kind_of(address)
    if kind is Kind.PHONE:
        return f"{address[:5]}…{address[-2:]}" if len(address) > 8 else f"{address[:2]}…"
    if kind is Kind.EMAIL:
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}…@{domain}"
    network, _, name = address.partition(":")
    return f"{network}:{name[: 2 if name.startswith('@') else 1]}…"
