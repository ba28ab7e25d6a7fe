"""A campaign's senders in one shape. Apart from the notation, so that worker processes need no pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class SenderChoices:
    """``sender:`` in one shape: the senders of a country, and those of every other one.

    ``default`` is empty where a mapping names no default: such a country has no sender. A campaign without
    ``sender:`` has one default, None: whatever the gateway's account sends from.
    """

    by_country: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: tuple[str | None, ...] = (None,)

    @property
    def own(self) -> str | None:
        """The run's own sender, where there is one: what a message without a sender of its own comes from."""
        return self.default[0] if len(self.default) == 1 else None

    @property
    def all(self) -> tuple[str, ...]:
        """All senders in the choice, each once, in the order of the file."""
        named = (*self.default, *(sender for pool in self.by_country.values() for sender in pool))
        return tuple(dict.fromkeys(sender for sender in named if sender is not None))
