"""What ``check`` says of a campaign's budget and schedule: bounds that mean something else than they seem to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce

from a2pcli.config.load import LoadedCampaign, LoadedSettings, today_of
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.config.values import parse_budget
from a2pcli.content.prices import RateCard
from a2pcli.errors import Problem, Severity
from a2pcli.planning.sample import SampledPeople
from a2pcli.planning.template_files import template_used

FIXED = {"EST": "America/New_York", "MST": "America/Denver"}
"""Time zone names with a fixed offset, and the zone that most people mean by them."""

_TURNED = re.compile(r"Etc/GMT(?P<sign>[+-])(?P<hours>[1-9]\d?)", re.IGNORECASE)
"""Zones named like POSIX: a plus sign means west of Greenwich."""


def budget_findings(
    loaded: LoadedCampaign, settings: LoadedSettings, card: RateCard | None, people: SampledPeople | None
) -> Iterator[Problem]:
    """Yield reasons why no plan could be checked against the budget. ``card`` is the settings' rate card; ``people``
    is the sample of the contacts, if readable."""
    budget = loaded.campaign.limits.cost
    if not budget:
        return
    at = ("limits", "cost")
    if card is None:
        yield _warning(
            loaded,
            at,
            "a budget needs prices; without them the plan cannot be sent",
            "set a rate card in a2pcli.yaml: rates: rates.csv",
            "budget-without-prices",
        )
        return
    if people is not None and loaded.campaign.limits.unpriced != "exclude":
        channel = loaded.campaign.channel
        template = template_used(loaded) if channel == "whatsapp" else None
        category = template.category if template else None
        on = today_of(loaded.campaign)
        each = (
            people.unpriced(card, gateway=one, channel=channel, on=on, category=category)
            for one in gateways_of_campaign(loaded, settings)
        )
        # What one gateway of a route has no price for may go by another.
        unpriced = reduce(lambda one, other: {key: one[key] for key in one if key in other}, each)
        if unpriced:
            listed = ", ".join(f"{country} ({count:,})" for country, count in unpriced.items())
            yield _warning(
                loaded,
                at,
                f"no price is known for numbers in {listed} of the first rows, so the plan cannot be checked"
                f" against the budget",
                "add their prices to the rate card, or exclude them with limits.unpriced: exclude",
                "budget-unpriced",
            )
    currency = parse_budget(budget).currency
    priced = {rate.currency for rate in card.rates}
    if priced and currency not in priced:
        has = ", ".join(sorted(priced))
        message = f"the budget is in {currency}, the prices are in {has}: the plan will not be sent"
        yield _warning(loaded, at, message, None, "budget-currency")


def schedule_findings(loaded: LoadedCampaign) -> Iterator[Problem]:
    """Yield warnings about times in the past, and about time zones that mean something else than most people think."""
    schedule = loaded.campaign.schedule
    for key in ("timezone", "unknown_zone"):
        zone = getattr(schedule, key)
        if zone in FIXED:
            message = f"{zone} has no daylight saving time"
            yield _warning(
                loaded,
                ("schedule", key),
                message,
                f"use {FIXED[zone]} if clocks should change in summer",
                "fixed-zone",
            )
        elif zone and (turned := _TURNED.fullmatch(zone)):
            hours, side = turned["hours"], "behind" if turned["sign"] == "+" else "ahead of"
            message = f"{zone} is {hours} hour{'' if hours == '1' else 's'} {side} UTC, all year"
            hint = "the sign is reversed in such names; use a city's zone, like Europe/London"
            yield _warning(loaded, ("schedule", key), message, hint, "fixed-zone")
    if schedule.ends_at is not None and schedule.ends_at <= datetime.now(UTC):
        message = "this time is in the past: nothing would be sent"
        yield _warning(loaded, ("schedule", "expires"), message, None, "schedule-past")


def _warning(
    loaded: LoadedCampaign, loc: tuple[str, ...], message: str, hint: str | None, code: str
) -> Problem:
    problem = loaded.document.problem(message, loc, hint=hint, code=code)
    return replace(problem, severity=Severity.WARNING)
