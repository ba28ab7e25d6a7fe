"""A campaign's route as the settings have it: whether the campaign can go by it, and what workers need of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from a2pcli.config.load import LoadedCampaign, LoadedSettings
from a2pcli.config.route_rules import CHEAPEST, OTHER, Route
from a2pcli.config.routes import route_of_campaign
from a2pcli.content.prices import RateCard
from a2pcli.errors import A2PError, Problem, Severity
from a2pcli.planning.routing import RoutePlan
from a2pcli.planning.sender_setup import account_sender
from a2pcli.rules.law import SAME_RANGE

if TYPE_CHECKING:
    from a2pcli.rules.senders import Senders

HOMES = {one: home for home, members in SAME_RANGE.items() for one in members}


def route_plan(
    loaded: LoadedCampaign, settings: LoadedSettings, senders: Senders, today: date, problems: list[Problem]
) -> RoutePlan | None:
    """What workers need of the campaign's route; None for a gateway. Errors are added to ``problems``."""
    route = route_of_campaign(loaded, settings)
    if route is None:
        return None
    problems += [one for one in route_findings(loaded, settings, today) if one.severity is Severity.ERROR]
    own = {name: account_sender(settings, name) for name in route.gateways}
    if loaded.campaign.sender is not None or len(set(own.values())) == 1:
        return RoutePlan(route, homes=HOMES)
    each = {name: replace(senders, account=one, _verdicts={}) for name, one in own.items()}
    return RoutePlan(route, each, HOMES)


def route_findings(loaded: LoadedCampaign, settings: LoadedSettings, today: date) -> Iterator[Problem]:
    """What ``check`` says of the campaign's route: why the campaign cannot go by it, and what it cannot decide."""
    route = route_of_campaign(loaded, settings)
    if route is None:
        return
    at = _place_of_name(loaded)
    if loaded.campaign.purpose == "otp":
        message = "one-time codes go by one gateway: their texts are not kept for another one"
        hint = f"name one of {', '.join(route.gateways)}"
        yield loaded.document.problem(message, at, hint=hint, code="route-otp")
    if route.compares_prices:
        yield from _price_findings(loaded, settings, route, today)
    for country in loaded.campaign.countries or () if OTHER not in route.rules else ():
        if not any(_may_cover(place, country) for place in route.rules):
            message = f"the route '{route.name}' has no gateway for {country}"
            hint = f"add it under routes: {route.name}: countries, or 'other' for the rest"
            yield loaded.document.problem(message, at, hint=hint, code="route-country")


def _place_of_name(loaded: LoadedCampaign) -> tuple[str, ...]:
    """Where the campaign names its gateway."""
    of_channel = ("channels", loaded.campaign.channel, "gateway")
    return of_channel if loaded.document.has(of_channel) else ("gateway",)


def _price_findings(
    loaded: LoadedCampaign, settings: LoadedSettings, route: Route, today: date
) -> Iterator[Problem]:
    """Gateways whose prices cannot be compared, at the place where the settings name them."""
    rates, channel = settings.settings.rates, loaded.campaign.channel
    try:
        card = RateCard.load(settings.folder / rates) if rates else RateCard(())
    except A2PError:  # which is told elsewhere
        return
    for place, rule in route.rules.items():
        if rule.kind != CHEAPEST:
            continue
        loc: tuple[str | int, ...] = ("routes", route.name)
        loc = (*loc, CHEAPEST) if not route.has_places else (*loc, "countries", place, CHEAPEST)
        currencies = {name: card.currencies(name, channel, today) for name in rule.gateways}
        for number, name in enumerate(rule.gateways):
            if not currencies[name]:
                message = (
                    f"the rate card has no {channel} price of gateway '{name}', so it is never the cheapest"
                )
                hint = f"add its prices to {rates}"
                yield settings.problem(message, (*loc, number), hint=hint, code="route-prices")
        different = {frozenset(found) for found in currencies.values() if found}
        if len(different) > 1:
            told = ", ".join(f"{name} ({' and '.join(sorted(currencies[name]))})" for name in rule.gateways)
            message = f"prices in different currencies cannot be compared: {told}"
            hint = "give the prices of all of them in one currency"
            yield settings.problem(message, loc, hint=hint, code="route-prices")


def _may_cover(place: str, country: str) -> bool:
    """Whether a rule for this place may hold for numbers of the country."""
    from phonenumbers import country_code_for_region

    if not place.startswith("+"):
        return country == place or country in SAME_RANGE.get(place, ())
    code = f"+{country_code_for_region(country)}"
    return place.startswith(code) or code.startswith(place)
