"""A route as plain data: its rules by place. Apart from the settings' schema, which worker processes do not need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.dataclass import dataclass

OTHER = "other"
"""The place that stands for all numbers of no other place."""

ORDER, CHEAPEST, SHARES, COUNTRIES = "order", "cheapest", "shares", "countries"
RULES = (ORDER, CHEAPEST, SHARES)
"""How gateways of a list are put in order."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Gateways and how they are put in order: ``kind`` is one of ``RULES``; ``weights`` are those of shares."""

    kind: str
    gateways: tuple[str, ...]
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A route with its rules by place: a country, a prefix with ``+``, or ``other``."""

    name: str
    rules: Mapping[str, Rule]

    @property
    def gateways(self) -> tuple[str, ...]:
        """All of its gateways, each once, in the order of the settings."""
        return tuple(dict.fromkeys(name for rule in self.rules.values() for name in rule.gateways))

    @property
    def has_places(self) -> bool:
        """Whether it matters where a number is of."""
        return set(self.rules) != {OTHER}

    @property
    def compares_prices(self) -> bool:
        """Whether any of its rules is by price."""
        return any(rule.kind == CHEAPEST for rule in self.rules.values())

    def document(self) -> dict[str, Any]:
        """What a run keeps of it, JSON-ready."""
        return {
            "name": self.name,
            "gateways": list(self.gateways),
            "rules": {
                place: {
                    "by": rule.kind,
                    "gateways": dict(zip(rule.gateways, rule.weights, strict=True))
                    if rule.weights
                    else list(rule.gateways),
                }
                for place, rule in self.rules.items()
            },
        }


def rule_text(rule: Rule) -> str:
    """A rule in a few words: ``main, then second``, ``cheapest of main and second``, ``main 70%, second 30%``."""
    if rule.weights:
        whole = sum(rule.weights)
        shares = zip(rule.gateways, rule.weights, strict=True)
        return ", ".join(f"{name} {weight / whole:.0%}" for name, weight in shares)
    if rule.kind == CHEAPEST:
        *first, last = rule.gateways
        return f"cheapest of {', '.join(first)} and {last}" if first else last
    return ", then ".join(rule.gateways)
