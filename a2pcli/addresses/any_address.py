"""One address of any kind, as people type it: to suppress it, to look it up, to erase it."""

from __future__ import annotations

from a2pcli.addresses.email import read_email
from a2pcli.addresses.handle import network_of, read_handle, read_recipient
from a2pcli.addresses.kinds import Address, Kind
from a2pcli.addresses.phone.any_number import any_number
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise
from a2pcli.addresses.phone.types import PhoneResult
from a2pcli.reasons import Reason


def kind_meant(text: str) -> tuple[Kind, str | None]:
    """Which kind a text is meant as, and the chat network where it names one."""
    network = network_of(text)
    if network is not None:
        return Kind.HANDLE, network
    bare = text.strip().replace("＠", "@")
    if bare.lower().startswith("mailto:") or "@" in bare:
        return (Kind.HANDLE, None) if bare[:1] == "@" and bare.count("@") == 1 else (Kind.EMAIL, None)
    return Kind.PHONE, None


def any_address(text: str, region: str | None, network: str | None = None) -> Address:
    """An address that somebody may be known by, whether or not a message could go there.

    ``network`` is the one a chat id without a network belongs to; without it such an id is refused.

    >>> any_address("Anna@Example.com", None).address, any_address("07911 123456", "GB").address
    ('anna@example.com', '+447911123456')
    """
    kind, named = kind_meant(text)
    if kind is Kind.PHONE and network is None:
        return of_phone(any_number(text, region))
    if kind is Kind.EMAIL:
        return read_email(text, allow_test=True)
    if named or network:
        return read_handle(text, named or network or "")
    return Address(
        kind, None, Reason.INVALID_ADDRESS, "a chat id needs its network in front, like telegram:@anna"
    )


def read_address(text: str, kind: Kind, policy: PhonePolicy, network: str | None = None) -> Address:
    """Judge one cell of a kind as a campaign does: what ``columns.read_column`` says of it."""
    if kind is Kind.PHONE:
        return of_phone(normalise(text, policy))
    if kind is Kind.EMAIL:
        return read_email(text, allow_test=policy.allow_fictional)
    return read_recipient(text, network or "telegram")


def of_phone(result: PhoneResult) -> Address:
    """What is said of a phone number, as of any address."""
    return Address(
        Kind.PHONE,
        result.number,
        result.reason,
        result.detail,
        type=result.type,
        country=result.country,
        repairs=result.repairs,
    )
