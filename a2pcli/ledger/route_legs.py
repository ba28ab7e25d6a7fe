"""The gateways by which one message may go, as its plan has them: the intended one first, each with what it costs.

The column ``route`` of a chunk holds them as JSON text. They are frozen with the plan, so what a message may cost by
whichever gateway stands in was known when it was approved.
"""

from __future__ import annotations

import json
from functools import lru_cache

from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Leg:
    """A gateway that may take the message. ``cost`` is in 1e-9 currency units, None where no price is known."""

    gateway: str
    cost: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class MessageRoute:
    """The gateways of one message, the intended one first. ``place`` is the rule's that put them in this order (a
    country, a prefix, ``other``), ``by`` how it did: ``order``, ``cheapest`` or ``shares``."""

    place: str
    by: str
    legs: tuple[Leg, ...]

    @property
    def most(self) -> Leg:
        """The dearest of those whose price is known; the intended one where none is."""
        known = [one for one in self.legs if one.cost is not None]
        return max(known, key=lambda one: one.cost or 0, default=self.legs[0])

    def leg(self, gateway: str) -> Leg | None:
        """What is known of this gateway; None where the message may not go by it."""
        return next((one for one in self.legs if one.gateway == gateway), None)

    def text(self) -> str:
        """As a chunk has it; ``route_of_text`` reads it."""
        legs = [[one.gateway, one.cost, one.currency] for one in self.legs]
        return json.dumps([self.place, self.by, legs], ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)
def route_of_text(text: str) -> MessageRoute:
    """The route that a chunk has. Most messages share theirs with many others, so it is read once."""
    place, by, legs = json.loads(text)
    return MessageRoute(place, by, tuple(Leg(*one) for one in legs))
