"""What the gateways of a run's routes did, as plain values."""

from __future__ import annotations

from dataclasses import field

from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Switch:
    """A gateway lost its share, or has it back: a moment (UTC milliseconds), and why, in a sentence."""

    at: int
    gateway: str
    detail: str


@dataclass(slots=True)
class GatewayCount:
    """What became of the messages of a run that one gateway was given: attempts by state, and what they cost (by
    currency, 1e-9 units: of those that were accepted or may have been). ``unpriced`` ones of these are not in it."""

    gateway: str
    states: dict[str, int] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)
    unpriced: int = 0

    @property
    def attempts(self) -> int:
        """How many messages the gateway has, had, or refused for good."""
        return sum(self.states.values())
