"""The routes of the settings: which gateways they are made of, and whether these can stand in for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from a2pcli.actions.gateways import configured_gateway
from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.route_rules import Route, rule_text
from a2pcli.config.routes import route_named
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem


def route_delivery(loaded: LoadedCampaign, settings: LoadedSettings) -> Iterator[Problem]:
    """An error where some gateways of the campaign's route deliver messages and others do not: whoever goes by one of
    these would count as messaged. ``loaded`` is the campaign as one of its channels has it."""
    route = route_named(settings, loaded.campaign.gateway or settings.settings.gateway)
    if route is None:
        return
    instead: dict[str, str] = {}
    delivering: list[str] = []
    for name in route.gateways:
        try:
            can = configured_gateway(settings, name).capabilities
        except A2PError:  # which is told elsewhere
            continue
        if can.delivers:
            delivering.append(name)
        else:
            instead[name] = can.instead
    if instead and delivering:
        kept = ", ".join(f"{name} ({words})" for name, words in instead.items())
        message = f"the route '{route.name}' has gateways that deliver nothing beside {', '.join(delivering)}: {kept}"
        hint = "people whose messages go there would count as messaged; use such gateways alone"
        yield settings.problem(message, ("routes", route.name), hint=hint, code="route-delivery")


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
