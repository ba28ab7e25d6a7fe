"""Who a campaign's messages come from, as its file says it: one sender, a pool of them, or senders by country."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from a2pcli.config import values
from a2pcli.config.copy_rules import SenderChoices

DEFAULT = "default"
"""The key of a mapping for every country that it does not name."""


def _parsed(parse: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


Sender = Annotated[
    str,
    _parsed(values.parse_sender),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "pattern": r"^\s*([A-Za-z0-9 +\-_&]{1,11}|\+[0-9 ().-]{7,}|[^@\s]+@[^@\s]+"
            r"|[^<>@]+<[^<>@\s]+@[^<>@\s]+>)\s*$",
        }
    ),
]
Pool = Annotated[list[Sender], Field(min_length=1)]
Destination = Annotated[str, _parsed(values.parse_destination)]


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "countries"
    return _one_or_pool(value)


def _one_or_pool(value: Any) -> str:
    return "pool" if isinstance(value, list) else "one"


_OneOrPool = Annotated[
    Annotated[Sender, Tag("one")] | Annotated[Pool, Tag("pool")], Discriminator(_one_or_pool)
]
SenderChoice = Annotated[
    Annotated[Sender, Tag("one")]
    | Annotated[Pool, Tag("pool")]
    | Annotated[dict[Destination, _OneOrPool], Field(min_length=1), Tag("countries")],
    Discriminator(_shape),
]
TAGS = frozenset({"one", "pool", "countries"})
"""What pydantic puts into the path of an error below ``sender``."""

Typed: TypeAlias = str | list[str] | dict[str, str | list[str]] | None


def choices(typed: Typed) -> SenderChoices:
    """The senders of ``sender:``, by country and in order."""
    if typed is None:
        return SenderChoices()
    if not isinstance(typed, dict):
        return SenderChoices(default=_pool(typed))
    return SenderChoices(
        {country: _pool(pool) for country, pool in typed.items() if country != DEFAULT},
        _pool(typed.get(DEFAULT, [])),
    )


def names(typed: Typed) -> dict[str, str]:
    """The display names of ``sender:``, by address."""
    if typed is None:
        return {}
    if isinstance(typed, dict):
        return {address: name for one in typed.values() for address, name in names(one).items()}
    pairs = map(values.split_sender, [typed] if isinstance(typed, str) else typed)
    return {address: name for name, address in pairs if name}


def _pool(typed: str | list[str]) -> tuple[str, ...]:
    """The senders without display names: an address is what people say no to, and what the ledger compares."""
    return tuple(
        dict.fromkeys(values.split_sender(one)[1] for one in ([typed] if isinstance(typed, str) else typed))
    )
