"""``routes:`` of the settings: several gateways under one name, which a campaign names as its ``gateway``.

Which of its gateways a message would best go by depends on the number's country or prefix, on prices and on the
person, and never on what happened before. So a plan freezes it. What really takes the message is decided when it
leaves, since a gateway may be down by then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from a2pcli.config.fields import Strict, Text
from a2pcli.config.route_rules import CHEAPEST, COUNTRIES, ORDER, OTHER, RULES, SHARES, Route, Rule
from a2pcli.config.values import parse_region

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedCampaign, LoadedSettings

_SHARE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*%?", re.ASCII)
_PREFIX = re.compile(r"\+[1-9]\d{0,14}", re.ASCII)


def parse_place(text: str) -> str:
    """A country (``GB``), the first digits of numbers (``+44 77``) or ``other``, in one spelling. Raises ``ValueError``
    with a sentence and a hint."""
    stripped = text.strip()
    if stripped.lower() == OTHER:
        return OTHER
    if not stripped.startswith("+"):
        return parse_region(stripped)
    prefix = re.sub(r"[ ()./-]", "", stripped)
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"'{text}' is not the beginning of numbers", "write it like +4477")
    return prefix


def parse_weight(typed: Any) -> float:
    """A share, ``70`` or ``70%``. Raises ``ValueError`` with a sentence and a hint."""
    found = _SHARE.fullmatch(str(typed).strip())
    if found is None:
        raise ValueError(f"'{typed}' is not a share", "write it like 70")
    if not float(found[1]):
        raise ValueError("a share must be above 0", "remove the gateway to give it nothing")
    return float(found[1])


def _place(typed: Any) -> Any:
    return parse_place(typed) if isinstance(typed, str) else typed


def _listed(typed: Any) -> Any:
    return [typed] if isinstance(typed, str) else typed


def _weight(typed: Any) -> Any:
    return parse_weight(typed) if isinstance(typed, (str, int, float)) else typed


def _rule(typed: Any) -> Any:
    """A gateway or a list of them stands for ``order``."""
    return {ORDER: typed} if isinstance(typed, (str, list)) else typed


_NAMES = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_NAME_OR_NAMES = {"anyOf": [{"type": "string"}, _NAMES]}
_WEIGHTS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": ["number", "string"], "pattern": r"^\s*\d+(\.\d+)?\s*%?\s*$"},
}
_RULE = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {ORDER: _NAME_OR_NAMES, CHEAPEST: _NAME_OR_NAMES, SHARES: _WEIGHTS},
}
_PLACES = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [{"type": "string"}, _NAMES, _RULE]},
}

Gateways = Annotated[
    list[Text], Field(min_length=1), BeforeValidator(_listed), WithJsonSchema(_NAME_OR_NAMES)
]
Weight = Annotated[float, BeforeValidator(_weight)]
Weights = Annotated[dict[Text, Weight], Field(min_length=1), WithJsonSchema(_WEIGHTS)]


class RuleSettings(Strict):
    """Gateways and how they are put in order: one of the three keys."""

    order: Gateways | None = Field(
        None, description="Gateways in this order: the next stands in if one fails, e.g. `[main, second]`"
    )
    cheapest: Gateways | None = Field(
        None,
        description="Gateways by the prices of the rate card: for each number the cheapest first; needs `rates`",
    )
    shares: Weights | None = Field(
        None, description="Gateways with their shares of the recipients, e.g. `{main: 70, second: 30}`"
    )

    def rule(self) -> Rule | None:
        """Which of the three it is; None for none."""
        if self.shares is not None:
            return Rule(SHARES, tuple(self.shares), tuple(self.shares.values()))
        if self.cheapest is not None:
            return Rule(CHEAPEST, tuple(self.cheapest))
        return None if self.order is None else Rule(ORDER, tuple(self.order))


Place = Annotated[str, BeforeValidator(_place)]
Target = Annotated[RuleSettings, BeforeValidator(_rule)]


class RouteSettings(RuleSettings):
    """A route: one of the keys of ``RuleSettings``, or one for each country or prefix."""

    countries: Annotated[dict[Place, Target], Field(min_length=1), WithJsonSchema(_PLACES)] | None = Field(
        None,
        description="Gateways by the number's country (`DE`) or first digits (`+4477`; the longest wins), `other` for"
        " the rest: a gateway, a list in order, or `order`, `cheapest` or `shares`",
    )

    @model_validator(mode="after")
    def _has_something(self) -> RouteSettings:
        given = [name for name in (*RULES, COUNTRIES) if getattr(self, name) is not None]
        if len(given) != 1:
            has = " and ".join(given) if given else "nothing"
            raise ValueError(
                f"a route has one of order, cheapest, shares and countries, this one has {has}",
                "for example 'order: [main, second]'",
            )
        return self


def route_named(loaded: LoadedSettings, name: str) -> Route | None:
    """The route of this name; None where there is none, so that it is a gateway or nothing."""
    given = loaded.settings.routes.get(name)
    return None if given is None else route_of(name, given)


def route_of(name: str, given: RouteSettings) -> Route:
    """A route as the settings give it."""
    rule = given.rule()
    if rule is not None:
        return Route(name, {OTHER: rule})
    places = {place: target.rule() for place, target in (given.countries or {}).items()}
    return Route(name, {place: one for place, one in places.items() if one is not None})


def gateway_or_route(campaign: LoadedCampaign, loaded: LoadedSettings) -> str:
    """The name of a gateway or route that a campaign gives, as one of its channels has it; else the default one."""
    return campaign.campaign.gateway or loaded.settings.gateway


def route_of_campaign(campaign: LoadedCampaign, loaded: LoadedSettings) -> Route | None:
    """The route that the campaign names; None for a gateway."""
    return route_named(loaded, gateway_or_route(campaign, loaded))


def gateways_of_campaign(campaign: LoadedCampaign, loaded: LoadedSettings) -> tuple[str, ...]:
    """The gateways behind the name that a campaign gives: those of a route, else the one."""
    name = gateway_or_route(campaign, loaded)
    route = route_named(loaded, name)
    return (name,) if route is None else route.gateways
