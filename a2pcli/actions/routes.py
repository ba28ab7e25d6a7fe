"""The routes of the settings: which gateways they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from a2pcli.config.load import LoadedSettings
from a2pcli.config.route_rules import Route, rule_text
from a2pcli.config.routes import route_named
from a2pcli.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route that a campaign can name, with its rules in words by place."""

    name: str
    is_default: bool
    rules: Mapping[str, str]
    route: Route


def route_lines(settings: LoadedSettings) -> Iterator[RouteLine]:
    """The routes of the settings, in file order."""
    for name in settings.settings.routes:
        route = route_named(settings, name)
        if route is not None:
            rules = {place: rule_text(rule) for place, rule in route.rules.items()}
            yield RouteLine(name, name == settings.settings.gateway, rules, route)
