"""What campaigns say, for the oracle of simulated weeks, and when they let a message leave. No code of a2pcli."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from week_facts import (
    DAY,
    MINUTE,
    Contact,
    Hours,
    Where,
    days_of,
    hours_rules,
    law,
    shown,
    spans_of,
    utc,
    within,
)


@dataclass(frozen=True)
class Campaign:
    """What a campaign file and the settings say, as far as rules read it. Moments without a zone are local."""

    name: str
    purpose: str = "marketing"
    programme: str = ""
    subject: str = ""
    consent: str = "assumed"
    senders: tuple[tuple[str, str], ...] = ()
    """By country, and ``default``."""
    occurrence: str = "once"
    once_per: bool = False
    window: str = ""
    days: str = ""
    avoid_holidays: bool = False
    not_before: datetime | None = None
    expires: datetime | None = None
    in_recipient_time: bool = True
    unknown_zone: str = ""
    caps: tuple[str, ...] = ()
    programme_caps: tuple[str, ...] = ()
    global_caps: tuple[str, ...] = ()
    wait: bool = False
    contacts: tuple[Contact, ...] = ()

    def sender(self, country: str) -> str:
        senders = dict(self.senders)
        return senders.get(country, senders["default"])


def closed_by(campaign: Campaign, place: Where, at: int) -> list[str]:
    """The rules about time that keep a message back at this moment; empty while it may leave."""
    found = _closed_by(campaign, place, at)
    return list(found)


_answers: dict[tuple[str, Where, int], tuple[str, ...]] = {}
_cases: dict[str, Campaign] = {}


def _closed_by(campaign: Campaign, place: Where, at: int) -> tuple[str, ...]:
    if _cases.get(campaign.name) is not campaign:  # answers of another world's campaign
        _answers.clear()
        _cases.clear()
        _cases[campaign.name] = campaign
    key = (campaign.name, place, at)
    if key not in _answers:
        _answers[key] = tuple(_ask_the_clock(campaign, place, at))
    return _answers[key]


def _ask_the_clock(campaign: Campaign, place: Where, at: int) -> Iterator[str]:
    if not campaign.in_recipient_time:  # moments in UTC bind every purpose
        if campaign.not_before and at < utc(campaign.not_before):
            yield "not-before"
        if campaign.expires and at >= utc(campaign.expires):
            yield "expired"
    if campaign.purpose in ("otp", "emergency"):
        return
    rules = list(hours_rules(place)) if campaign.purpose == "marketing" else []
    if campaign.window or campaign.days or campaign.avoid_holidays:
        open_days = (
            [day for part in campaign.days.split(", ") for day in days_of(part)]
            if campaign.days
            else range(7)
        )
        spans = tuple(spans_of(campaign.window or "00:00-24:00"))
        calendars = tuple(sorted({place.country, *place.regions} - {""})) if campaign.avoid_holidays else ()
        week = tuple(spans if day in open_days else () for day in range(7))
        rules.append(Hours("campaign-window", week, calendars))
    local = campaign.in_recipient_time and (campaign.not_before or campaign.expires)
    if not rules and not local:  # no zone is needed
        return
    zones = place.zones or ((campaign.unknown_zone,) if campaign.unknown_zone else ())
    if not zones:
        yield "unknown-zone"
        return
    starts, ends = (campaign.not_before, campaign.expires) if campaign.in_recipient_time else (None, None)
    if starts and any(shown(zone, at)[0] < starts for zone in zones):
        yield "not-before"
    if ends and any(shown(zone, at)[1] >= ends for zone in zones):
        yield "expired"
    for rule in rules:
        if not all(within(rule, zone, at) for zone in zones):
            yield rule.rule


STEP = 15 * MINUTE
"""Everything in a generated world opens on a quarter of an hour, in every zone."""
AHEAD = 21 * DAY


def next_opening(campaign: Campaign, place: Where, at: int) -> int | None:
    """The first moment at which it may leave: tried quarter of an hour by quarter of an hour. None: never again."""
    moment = at
    while moment < at + AHEAD:
        closed = _closed_by(campaign, place, moment)
        if not closed:
            return moment
        if "expired" in closed or "unknown-zone" in closed:
            return None
        moment = (moment // STEP + 1) * STEP
    return None


def closed_before(campaign: Campaign, place: Where, rule: str, until: int) -> bool:
    """Whether a rule kept the message back at some moment of the week before, which may have no day that is open."""
    return any(rule in _closed_by(campaign, place, until - k * STEP - 1) for k in range(8 * 24 * 4))


def has_end(campaign: Campaign, place: Where, at: int) -> bool:
    """Whether the campaign expires for somebody there."""
    return campaign.expires is not None


def counts_for(campaign: Campaign, other: Campaign, per: str) -> bool:
    """Whether a message of ``other`` counts for a cap of ``campaign``."""
    if per == "campaign":
        return campaign.name == other.name
    if per == "programme":
        return campaign.programme == other.programme
    if per == "subject":  # one that says nothing may be about any
        return not campaign.subject or not other.subject or campaign.subject == other.subject
    return True


def sender_allowed(campaign: Campaign, country: str) -> bool:
    """Whether the campaign's sender may be used there: names are not everywhere, some must be spelt or registered."""
    sender = campaign.sender(country)
    is_name = not sender.startswith("+")
    for rule in law().values():
        if "sender" not in rule or country not in rule.get("countries", []):
            continue
        if "purposes" in rule and campaign.purpose not in rule["purposes"]:
            continue
        terms = rule["sender"]
        if terms.get("alphanumeric") == "no" and is_name:
            return False
        if terms.get("numeric") == "no" and not is_name:
            return False
        if is_name and not sender.startswith(terms.get("prefix", "")):
            return False
    return True


def occurrence_of(campaign: Campaign, at: int) -> str:
    """The name of the occurrence at a moment; the world's operator lives in UTC."""
    today = datetime.fromtimestamp(at / 1000, UTC).date()
    year, week, _ = today.isocalendar()
    return {"daily": str(today), "weekly": f"{year}-W{week:02}"}.get(campaign.occurrence, campaign.occurrence)
