"""A judge of simulated weeks: was each message allowed at the moment it left, and each that did not leave rightly kept?

Written plainly, row by row, from the text of the rules; it shares no code with a2pcli. From a2pcli it reads only the
law's data (YAML). Time zones, holidays and number types come from the libraries, places of area codes from the
tables below, typed by hand. What happened it knows from the world's log alone (``Event``), in the order it happened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import phonenumbers
import yaml

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LAW = Path(__file__).parents[2] / "a2pcli" / "rules" / "data" / "law"

# ---------------------------------------------------------------------------------------------- where people are

E, C, M, P = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"

AREAS: dict[str, tuple[str, list[str]]] = {
    # North American area codes: the state, and every time zone that lies in the area.
    "205": ("US-AL", [C]), "206": ("US-WA", [P]), "208": ("US-ID", [M, P]), "212": ("US-NY", [E]),
    "213": ("US-CA", [P]), "270": ("US-KY", [C, E]), "302": ("US-DE", [E]), "305": ("US-FL", [E]),
    "308": ("US-NE", [C, M]), "312": ("US-IL", [C]), "401": ("US-RI", [E]), "405": ("US-OK", [C]),
    "410": ("US-MD", [E]), "412": ("US-PA", [E]), "502": ("US-KY", [E]), "503": ("US-OR", [P]),
    "504": ("US-LA", [C]), "505": ("US-NM", [M]), "512": ("US-TX", [C]), "541": ("US-OR", [M, P]),
    "601": ("US-MS", [C]), "602": ("US-AZ", ["America/Phoenix"]), "605": ("US-SD", [C, M]),
    "612": ("US-MN", [C]), "617": ("US-MA", [E]), "701": ("US-ND", [C, M]), "702": ("US-NV", [P]),
    "732": ("US-NJ", [E]), "801": ("US-UT", [M]), "804": ("US-VA", [E]), "808": ("US-HI", ["Pacific/Honolulu"]),
    "812": ("US-IN", [C, E]), "850": ("US-FL", [C, E]), "860": ("US-CT", [E]),
    "906": ("US-MI", [C, E]), "907": ("US-AK", ["America/Anchorage", "America/Adak"]), "915": ("US-TX", [M]),
    "928": ("US-AZ", ["America/Phoenix", M]), "313": ("US-MI", ["America/Detroit"]),
    "416": ("CA-ON", ["America/Toronto"]), "514": ("CA-QC", ["America/Toronto"]),
    "604": ("CA-BC", ["America/Vancouver"]), "709": ("CA-NL", ["America/St_Johns", "America/Goose_Bay"]),
}  # fmt: skip

COUNTRIES: dict[str, list[str]] = {
    # Elsewhere a mobile may be anywhere in its country.
    "GB": ["Europe/London"], "FR": ["Europe/Paris"], "IN": ["Asia/Kolkata"], "AE": ["Asia/Dubai"],
    "DE": ["Europe/Berlin"], "NZ": ["Pacific/Auckland", "Pacific/Chatham"],
    "ES": ["Europe/Madrid", "Atlantic/Canary"], "PT": ["Europe/Lisbon", "Atlantic/Azores"],
    "KE": ["Africa/Nairobi"], "TW": ["Asia/Taipei"],
    "AU": [
        "Australia/Sydney", "Australia/Brisbane", "Australia/Adelaide", "Australia/Darwin", "Australia/Perth",
        "Australia/Eucla", "Australia/Lord_Howe", "Australia/Hobart", "Indian/Christmas", "Indian/Cocos",
    ],
}  # fmt: skip

STATES: dict[str, list[str]] = {
    "US-AL": [C], "US-AZ": ["America/Phoenix", M], "US-CA": [P], "US-FL": [E, C], "US-LA": [C], "US-NY": [E],
    "US-RI": [E], "US-SD": [C, M], "US-TN": [E, C], "US-TX": [C, M], "US-UT": [M],
    "AU-NSW": ["Australia/Sydney", "Australia/Broken_Hill", "Australia/Lord_Howe"],
    "AU-QLD": ["Australia/Brisbane"], "AU-WA": ["Australia/Perth", "Australia/Eucla"],
    "CA-ON": ["America/Toronto", "America/Winnipeg", "America/Atikokan"],
}  # fmt: skip

STATE_CELLS = {
    "FL": "US-FL", "florida": "US-FL", "TX": "US-TX", "AL": "US-AL", "Alabama": "US-AL", "SD": "US-SD",
    "US-RI": "US-RI", "Louisiana": "US-LA", "UT": "US-UT", "TN": "US-TN", "New York": "US-NY", "CA": "US-CA",
    "AZ": "US-AZ", "NSW": "AU-NSW", "Queensland": "AU-QLD", "Ontario": "CA-ON",
}  # fmt: skip
"""What stands in the contacts' state cells; anything else says nothing."""

POSTCODE_CELLS: dict[str, tuple[str, list[str]]] = {
    "32501": ("US-FL", [C]), "33101": ("US-FL", [E]), "79901": ("US-TX", [M]), "77001": ("US-TX", [C]),
    "10001": ("US-NY", [E]), "35203": ("US-AL", [C]), "84101": ("US-UT", [M]), "70112": ("US-LA", [C]),
    "2898": ("AU-NSW", ["Australia/Lord_Howe"]), "4000": ("AU-QLD", ["Australia/Brisbane"]),
}  # fmt: skip

ZONE_CELLS = {
    "America/New_York": E, "America/Chicago": C, "america/los_angeles": P, "Australia/Lord_Howe": "Australia/Lord_Howe",
    "Europe/Paris": "Europe/Paris", "Europe/London": "Europe/London", "Asia/Kathmandu": "Asia/Kathmandu",
    "America/St_Johns": "America/St_Johns", "Pacific/Auckland": "Pacific/Auckland",
}  # fmt: skip
"""Time zone cells that name a zone; ``UTC+2`` or ``Mars/Olympus`` do not, and say nothing."""


@dataclass(frozen=True)
class Contact:
    """A row of a contacts file, with the cells that rules read; ``appointment`` is for campaigns with ``once_per``."""

    number: str
    timezone: str = ""
    state: str = ""
    postcode: str = ""
    consent: str = ""
    consent_at: str = ""
    consent_source: str = ""
    consent_expires: str = ""
    appointment: str = ""


@dataclass(frozen=True)
class Where:
    """Where somebody is: every zone to be respected, the states and the countries whose law binds."""

    zones: tuple[str, ...]
    regions: tuple[str, ...]
    country: str

    @property
    def countries(self) -> set[str]:
        return {self.country, *(region[:2] for region in self.regions)}


def country_of(number: str) -> str:
    """ISO country of a number; "" where it has none."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    return "" if region in (None, "001") else region


@cache
def where(contact: Contact) -> Where:
    """The contact's time zone, then its state or postcode, then every zone of the number; the law of all of them."""
    number, country = contact.number, country_of(contact.number)
    number_state, number_zones = None, COUNTRIES.get(country, [])
    if number.startswith("+1"):
        number_state, number_zones = AREAS.get(number[2:5], (None, []))
    state = STATE_CELLS.get(contact.state)
    by_postcode, postcode_zones = POSTCODE_CELLS.get(contact.postcode, (None, []))
    # Cells of another country's form say nothing; a state and a postcode that differ both count.
    own = [place for place in (state, by_postcode) if place]
    regions = sorted({*own, *([number_state] if number_state else [])})
    if contact.timezone in ZONE_CELLS:
        return Where((ZONE_CELLS[contact.timezone],), tuple(regions), country)
    if not own:
        return Where(tuple(number_zones), tuple(regions), country)
    zones: set[str] = set()
    for place in own:
        possible = set(STATES[place])
        if place == by_postcode:
            zones |= set(postcode_zones)
        elif place == number_state:
            zones |= possible & set(number_zones)
        else:
            zones |= possible
    elsewhere = any(place != number_state for place in own) if number_state else own[0][:2] != country
    if elsewhere:  # the number is of another place: it may be there as well
        zones |= set(number_zones)
    return Where(tuple(sorted(zones)), tuple(regions), country)


# ------------------------------------------------------------------------------------------------------ the law


@cache
def law() -> dict[str, dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for file in sorted(LAW.glob("*.yaml")):
        rules.update(yaml.load(file.read_text(), yaml.BaseLoader)["law"])
    return rules


DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def days_of(text: str) -> list[int]:
    """``mon-sat`` or ``sun``."""
    first, _, last = text.partition("-")
    return list(range(DAYS.index(first), DAYS.index(last or first) + 1))


def spans_of(text: str) -> list[tuple[int, int]]:
    """``09:00-12:30, 21:00-02:00`` as minutes after midnight; past midnight above 1440."""
    spans = []
    for part in text.split(","):
        if part.strip() == "none":
            continue
        bounds = [int(bound[:2]) * 60 + int(bound[3:]) for bound in part.strip().split("-")]
        spans.append((bounds[0], bounds[1] if bounds[1] > bounds[0] else bounds[1] + 1440))
    return spans


@dataclass(frozen=True)
class Hours:
    """One rule about hours: for each day of the week its spans; closed on the public holidays of ``calendars``."""

    rule: str
    week: tuple[tuple[tuple[int, int], ...], ...]
    calendars: tuple[str, ...]


@cache
def hours_rules(place: Where) -> tuple[Hours, ...]:
    """Every law about hours that binds marketing to somebody there."""
    found, ruled = [], set()
    for name, rule in law().items():
        if "hours" not in rule or rule.get("fallback") == "yes":
            continue
        regions = [region for region in place.regions if region in rule.get("regions", [])]
        countries = [country for country in sorted(place.countries) if country in rule.get("countries", [])]
        if regions or countries:
            ruled |= {region[:2] for region in regions} | set(countries)
            calendars = regions or [*countries, *(r for r in place.regions if r[:2] in countries)]
            found.append(hours(name, rule, calendars))
    default = law()["default-hours"]
    if place.countries - ruled - set(default.get("exempt", [])):  # a country without a rule of its own
        found.append(hours("default-hours", default, []))
    return tuple(found)


def hours(name: str, rule: dict[str, Any], calendars: list[str]) -> Hours:
    week: list[tuple[tuple[int, int], ...]] = [()] * 7
    typed = rule["hours"] if isinstance(rule["hours"], dict) else {"mon-sun": rule["hours"]}
    for days, spans in typed.items():
        for day in days_of(days):
            week[day] = tuple(spans_of(spans))
    return Hours(name, tuple(week), tuple(calendars) if rule.get("holidays") == "avoid" else ())


@cache
def cap_rules(place: Where) -> tuple[tuple[int, int, str, str], ...]:
    """The law's caps there: how many, in how many milliseconds, counted per what, the rule."""
    found = []
    for name, rule in law().items():
        if "cap" not in rule:
            continue
        if set(place.regions) & set(rule.get("regions", [])) or place.countries & set(rule.get("countries", [])):
            found.append((*cap_of(rule["cap"], "person"), name))
    return tuple(found)


def cap_of(text: str, per: str) -> tuple[int, int, str]:
    """``3 per 24 hours per subject``."""
    said = re.fullmatch(r"(\d+) per (\d+) (hours|days)(?: per (\w+))?", text)
    assert said, text
    return int(said[1]), int(said[2]) * (HOUR if said[3] == "hours" else DAY), said[4] or per


@cache
def public_holidays(calendar: str, year: int) -> set[date]:
    country, _, state = calendar.partition("-")
    for subdivision in [state, None] if state else [None]:
        try:
            return set(holidays.country_holidays(country, subdiv=subdivision, years=year))
        except (NotImplementedError, KeyError):
            continue
    return set()


def is_holiday(day: date, calendars: tuple[str, ...]) -> bool:
    return any(day in public_holidays(calendar, day.year) for calendar in calendars)


# ---------------------------------------------------------------------------------------------------- the clock


@cache
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def wall(zone: str, at: int) -> datetime:
    """What the clocks of a zone show."""
    moment = datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
    return moment.astimezone(zone_of(zone)).replace(tzinfo=None)


@lru_cache(maxsize=100_000)
def shown(zone: str, at: int) -> tuple[datetime, datetime]:
    """The lowest time the clocks show from now on, and the highest they have shown until now.

    Both are the time now but for the hours around a change back: "never too early, never too late".
    """
    now = wall(zone, at)
    lowest = highest = now
    if (now - wall(zone, at - 3 * HOUR)) != timedelta(hours=3):
        highest = max(now, *(wall(zone, at // MINUTE * MINUTE - k * MINUTE - 1) for k in range(181)))
    if (wall(zone, at + 3 * HOUR) - now) != timedelta(hours=3):
        lowest = min(now, *(wall(zone, at // MINUTE * MINUTE + k * MINUTE) for k in range(1, 182)))
    return lowest, highest


@lru_cache(maxsize=100_000)
def within(rule: Hours, zone: str, at: int) -> bool:
    """Whether a rule's hours are on in a zone."""
    lowest, highest = shown(zone, at)
    for back in (-1, 0, 1, 2):
        day = lowest.date() - timedelta(days=back)
        midnight = datetime(day.year, day.month, day.day)
        if is_holiday(day, rule.calendars):
            continue
        for start, end in rule.week[day.weekday()]:
            if end > 1440 and is_holiday(day + timedelta(days=1), rule.calendars):
                end = 1440
            if midnight + timedelta(minutes=start) <= lowest and highest < midnight + timedelta(minutes=end):
                return True
    return False


# ------------------------------------------------------------------------------------------- campaigns and the log


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


@dataclass(frozen=True)
class Event:
    """Something that happened: ``at`` in UTC milliseconds; events stand in the log in the order they happened."""

    kind: str
    at: int
    data: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Fault:
    """Something wrong: a message that left and should not have, or one kept back that should have left."""

    kind: str
    at: int
    what: str

    def __str__(self) -> str:
        return f"{self.kind} at {datetime.fromtimestamp(self.at / 1000, UTC):%a %Y-%m-%d %H:%M:%S}: {self.what}"


OPTOUTS_BIND = ("marketing", "transactional")
UNREGISTERED_NAMES = ("US", "CA")


class Oracle:
    """Judges one log. ``faults`` gives what is wrong; ``judged`` counts what was looked at."""

    def __init__(self, campaigns: list[Campaign], log: list[Event]) -> None:
        self.campaigns = {campaign.name: campaign for campaign in campaigns}
        self.log = log
        self.judged: dict[str, int] = defaultdict(int)
        self.runs: dict[str, Event] = {}
        self.places: dict[str, list[int]] = defaultdict(list)
        """For each number, where in the log something is said of it."""
        self.leaves_of: dict[str, list[int]] = defaultdict(list)
        self.claims_of: dict[str, list[int]] = defaultdict(list)
        for place, event in enumerate(log):
            if event.kind == "plan":
                self.runs[event.run] = event
            elif event.kind == "leave":
                self.leaves_of[event.number].append(place)
            elif event.kind == "claim":
                self.claims_of[event.number].append(place)
            elif event.kind in ("optout", "lift", "consent", "revoke", "erase", "refused"):
                self.places[event.number].append(place)
        self.ended: dict[tuple[str, int, int], tuple[int, str]] = {}
        """For each claim (run, row, its place): where its end stands, and the state it got."""
        open_claims: dict[tuple[str, int], int] = {}
        for place, event in enumerate(log):
            if event.kind == "claim":
                open_claims[event.run, event.row] = place
            elif event.kind == "settled":
                claim = open_claims.pop((event.run, event.row), None)
                if claim is not None:
                    self.ended[event.run, event.row, claim] = (place, event.state)

    # -- single rules, each as of a place in the log -----------------------------------------------------------

    def opted_out(self, campaign: Campaign, contact: Contact, place: int, at: int) -> bool:
        """Whether the person has said no to messages like this."""
        if campaign.purpose not in OPTOUTS_BIND:
            return False
        scopes = {("everything", ""), ("channel", "sms"), ("sender", campaign.sender(country_of(contact.number)))}
        if campaign.programme:
            scopes.add(("programme", campaign.programme))
        entries: dict[tuple[str, str], list[int | None]] = defaultdict(list)
        for event in self._said_of(contact.number, place):
            if event.kind == "erase":
                return True
            if event.kind in ("optout", "refused"):
                entries[event.scope, event.value].append(event.until)
            elif event.kind == "lift":
                if event.scope is None:
                    entries.clear()
                else:
                    entries.pop((event.scope, event.value), None)
        return any(until is None or until > at for scope in scopes for until in entries[scope])

    def has_consent(self, campaign: Campaign, contact: Contact, place: int, at: int) -> bool:
        """Whether consent allows it: proof where it is required; where it is assumed, no clear no."""
        if campaign.purpose != "marketing" and campaign.consent != "required":
            return True
        withdrawn = [
            event.at
            for event in self._said_of(contact.number, place)
            if event.kind == "revoke" and event.programme in ("", campaign.programme)
        ]
        last = max(withdrawn, default=None)
        by_file = (
            contact.consent != "no"
            and bool(contact.consent_at and contact.consent_source)
            and (last is None or midnight(contact.consent_at) > last)
            and not (contact.consent_expires and midnight(contact.consent_expires) <= at)
        )
        by_record = any(
            record.programme in ("", campaign.programme)
            and record.given_at <= at
            and (record.expires_at is None or record.expires_at > at)
            and record.double_opt_in in (None, "confirmed")
            and (last is None or record.given_at > last)
            for record in self._said_of(contact.number, place)
            if record.kind == "consent"
        )
        if contact.consent == "no":
            return False
        if campaign.consent == "required":
            return by_file or by_record
        return last is None or by_file or by_record

    def closed_by(self, campaign: Campaign, contact: Contact, at: int) -> list[str]:
        """Which rules about time keep the message back."""
        return closed_by(campaign, where(contact), at)

    def caps(self, campaign: Campaign, contact: Contact) -> list[tuple[int, int, str, str]]:
        if campaign.purpose != "marketing":
            return []
        return [
            *((*cap_of(text, "campaign"), "cap-campaign") for text in campaign.caps),
            *((*cap_of(text, "programme"), "cap-programme") for text in campaign.programme_caps),
            *((*cap_of(text, "person"), "cap-global") for text in campaign.global_caps),
            *cap_rules(where(contact)),
        ]

    def over_cap(
        self, campaign: Campaign, contact: Contact, before: int, at: int, *, certain: bool
    ) -> list[str]:
        """Caps that are reached by what was claimed before a place in the log.

        ``certain``: only what the gateway took, or may have. Else also what it had not yet refused, as far as the
        ledger knew then.
        """
        had = []
        for place in self.claims_of[contact.number]:
            claim = self.log[place]
            other = self.campaigns[claim.campaign]
            if place >= before or other.purpose != "marketing":
                continue
            end, state = self.ended.get((claim.run, claim.row, place), (len(self.log), "submitting"))
            counts = state in ("accepted", "unknown", "submitting")
            if counts or (not certain and end >= before):
                had.append((claim.at, other))
        over = []
        for limit, span, per, rule in self.caps(campaign, contact):
            same = [moment for moment, other in had if moment > at - span and counts_for(campaign, other, per)]
            if len(same) >= limit:
                over.append(rule)
        return over

    def _said_of(self, number: str, place: int) -> Iterator[Event]:
        for each in self.places[number]:
            if each >= place:
                return
            yield self.log[each]

    # -- the judgement ------------------------------------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """Everything wrong, in the order it happened."""
        found: list[Fault] = []
        for place, event in enumerate(self.log):
            judge = getattr(self, f"_judge_{event.kind}", None)
            if judge is not None:
                found += [Fault(kind, event.at, what) for kind, what in judge(place, event)]
        return found

    def _judge_leave(self, place: int, leave: Event) -> Iterator[tuple[str, str]]:
        """A message that went out."""
        self.judged["left"] += 1
        campaign = self.campaigns[leave.campaign]
        contact = campaign.contacts[leave.row - 1]
        whom = f"{campaign.name} to {contact}, {where(contact)}"
        if leave.number != contact.number:
            yield "wrong-person", f"{whom}: went to {leave.number}"
        if leave.sender != campaign.sender(country_of(contact.number)):
            yield "wrong-sender", f"{whom}: from {leave.sender}"
        claim = max((p for p in self.claims_of[contact.number] if p < place and self._is(p, leave)), default=None)
        if claim is None:
            yield "no-intent", f"{whom}: left without a durable intent"
            return
        claimed = self.log[claim].at
        if leave.at - claimed > 5 * MINUTE:
            yield "stale-claim", f"{whom}: left {(leave.at - claimed) // 1000} s after the rules were asked"
        if closed := self.closed_by(campaign, contact, leave.at):
            yield "out-of-hours", f"{whom}: {closed}"
        if self.opted_out(campaign, contact, claim, claimed):
            yield "opted-out", whom
        if not self.has_consent(campaign, contact, claim, claimed):
            yield "no-consent", whom
        if over := self.over_cap(campaign, contact, claim, claimed, certain=True):
            yield "over-cap", f"{whom}: {over}"
        if self._has_it(campaign, contact, leave.occurrence, place):
            yield "twice", f"{whom} in {leave.occurrence}"
        if not sender_allowed(campaign, country_of(contact.number)):
            yield "no-sender", whom

    def _forgotten(self, number: str, place: int, before: int) -> bool:
        """Whether the person was erased since, and before another place: the ledger knows no more what they got."""
        return any(place < each < before and self.log[each].kind == "erase" for each in self.places[number])

    def _is(self, place: int, event: Event) -> bool:
        return bool(self.log[place].run == event.run and self.log[place].row == event.row)

    def _has_it(self, campaign: Campaign, contact: Contact, occurrence: str, before: int) -> bool:
        """Whether the person got, may have got, or was refused for good a message of this occurrence before."""
        for place in self.leaves_of[contact.number]:
            leave = self.log[place]
            if place >= before or leave.campaign != campaign.name or leave.occurrence != occurrence:
                continue
            if campaign.once_per and campaign.contacts[leave.row - 1].appointment != contact.appointment:
                continue
            if leave.verdict != "not_sent" and not self._forgotten(contact.number, place, before):
                return True
        return False

    def _claimed_it(self, campaign: Campaign, contact: Contact, occurrence: str, before: int) -> bool:
        """Whether, as the ledger knew it, a message of this occurrence is or was with the gateway."""
        for place in self.claims_of[contact.number]:
            claim = self.log[place]
            if place >= before or claim.campaign != campaign.name or claim.occurrence != occurrence:
                continue
            if campaign.once_per and campaign.contacts[claim.row - 1].appointment != contact.appointment:
                continue
            end, state = self.ended.get((claim.run, claim.row, place), (len(self.log), "submitting"))
            if (end >= before or state != "planned") and not self._forgotten(contact.number, place, before):
                return True
        return False

    def _judge_plan(self, place: int, plan: Event) -> Iterator[tuple[str, str]]:
        """A plan: each row in or out, and rightly so."""
        campaign = self.campaigns[plan.campaign]
        if [row["row"] for row in plan.rows] != list(range(1, len(campaign.contacts) + 1)):
            yield "lost-rows", f"{campaign.name}: the plan does not hold each row once"
            return
        if plan.occurrence != occurrence_of(campaign, plan.at):
            yield "wrong-occurrence", f"{campaign.name}: {plan.occurrence}"
        taken: set[tuple[str, str]] = set()
        for row, contact in zip(plan.rows, campaign.contacts, strict=True):
            self.judged["planned"] += 1
            right = self._why_not_planned(campaign, contact, place, plan)
            who = (contact.number, contact.appointment if campaign.once_per else "")
            if not right and who in taken:
                right = {"duplicate"}
            whom = f"{campaign.name} to {contact}, {where(contact)}" if "+" in contact.number else contact.number
            if row["state"] == "planned":
                taken.add(who)
                if right - {"capped"}:
                    yield "wrongly-planned", f"{whom}: {right}"
            elif row["reason"] not in right:
                yield "wrongly-excluded", f"{whom}: {row['reason']} ({row['rule']}), rightly {right or 'planned'}"
            else:
                self.judged[f"excluded {row['reason']}"] += 1

    def _why_not_planned(self, campaign: Campaign, contact: Contact, place: int, plan: Event) -> set[str]:
        """Every reason that would be right for leaving this row out of a plan made here."""
        if not contact.number.startswith("+"):
            return {"invalid-number"}
        kind = phonenumbers.number_type(phonenumbers.parse(contact.number))
        if kind == phonenumbers.PhoneNumberType.TOLL_FREE:
            return {"not-mobile"}
        right = set()
        if self.opted_out(campaign, contact, place, plan.at):
            right.add("opted-out")
        if not self.has_consent(campaign, contact, place, plan.at):
            right.add("no-consent")
        if not sender_allowed(campaign, country_of(contact.number)):
            right.add("no-sender")
        if self._claimed_it(campaign, contact, plan.occurrence, place):
            right.add("already-sent")
        if self.over_cap(campaign, contact, place, plan.at, certain=False):
            first = next_opening(campaign, where(contact), plan.at)
            if first is not None and self.over_cap(campaign, contact, place, first, certain=False):
                right.add("capped")
        return right

    def _judge_skip(self, place: int, skip: Event) -> Iterator[tuple[str, str]]:
        """A planned row that was left out when its turn came."""
        self.judged[f"skipped {skip.reason}"] += 1
        campaign = self.campaigns[skip.campaign]
        contact = campaign.contacts[skip.row - 1]
        before, at = skip.asked, skip.at
        right = {
            "opted-out": lambda: self.opted_out(campaign, contact, before, at),
            "erased": lambda: any(event.kind == "erase" for event in self._said_of(contact.number, place)),
            "no-consent": lambda: not self.has_consent(campaign, contact, before, at),
            "already-sent": lambda: self._claimed_it(campaign, contact, skip.occurrence, place),
            "capped": lambda: bool(self.over_cap(campaign, contact, before, at, certain=False)),
            "expired": lambda: next_opening(campaign, where(contact), at) is None
            and has_end(campaign, where(contact), at),
        }
        if not right.get(skip.reason, lambda: False)():
            yield "wrongly-skipped", f"{campaign.name} to {contact}, {where(contact)}: {skip.reason} ({skip.rule})"

    def _judge_end(self, place: int, end: Event) -> Iterator[tuple[str, str]]:
        """A call of ``send`` is over: what still waits must be unable to go."""
        campaign = self.campaigns[end.campaign]
        if sum(end.totals.values()) != len(campaign.contacts):
            yield "sums", f"{campaign.name}: {end.totals} of {len(campaign.contacts)}"
        if end.ended not in ("finished", "waiting", "expired"):
            return
        for row in end.rows:
            if row["state"] == "submitting":
                yield "left-behind", f"{campaign.name} row {row['row']} is still with the gateway"
            if row["state"] != "planned":
                continue
            contact = campaign.contacts[row["row"] - 1]
            yield from self._judge_held(campaign, contact, row, end)

    def _judge_held(
        self, campaign: Campaign, contact: Contact, row: dict[str, Any], end: Event
    ) -> Iterator[tuple[str, str]]:
        self.judged["held"] += 1
        place, at, due = where(contact), end.at, row["due_at"]
        whom = f"{campaign.name} to {contact}, {place}"
        closed = closed_by(campaign, place, at)
        if end.ended != "waiting":
            yield "left-behind", f"{whom}: the run is {end.ended}"
        elif row["reason"] is None:
            too_early = not campaign.in_recipient_time and "not-before" in closed
            if not too_early and not (due is not None and due > at and row["tried"]):
                yield "left-behind", f"{whom}: neither held nor to be tried again"
        elif not closed:
            yield "left-behind", f"{whom}: {row['reason']} ({row['rule']}) until {due}, but it is open"
        elif row["reason"] == "unknown-zone":
            if closed != ["unknown-zone"]:
                yield "wrongly-held", f"{whom}: the zone is known"
        elif row["reason"] != "quiet-hours" or not closed_before(campaign, place, row["rule"], due):
            yield "wrong-reason", f"{whom}: held by {row['reason']} ({row['rule']}), rightly {closed}"
        elif due <= at:
            yield "left-behind", f"{whom}: it was due"
        elif (first := next_opening(campaign, place, at)) != due:
            yield "wrong-until", f"{whom}: held until {due}, rightly {first}"


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
        open_days = [day for part in campaign.days.split(", ") for day in days_of(part)] if campaign.days else range(7)
        spans = tuple(spans_of(campaign.window or "00:00-24:00"))
        calendars = tuple(sorted({place.country, *place.regions} - {""})) if campaign.avoid_holidays else ()
        week = tuple(spans if day in open_days else () for day in range(7))
        rules.append(Hours("campaign-window", week, calendars))
    local = campaign.in_recipient_time and (campaign.not_before or campaign.expires)
    if not rules and not local:
        return
    zones = place.zones or ((campaign.unknown_zone,) if campaign.unknown_zone else ())
    if not zones:
        yield "unknown-zone"
        return
    if campaign.in_recipient_time and campaign.not_before:
        if any(shown(zone, at)[0] < campaign.not_before for zone in zones):
            yield "not-before"
    if campaign.in_recipient_time and campaign.expires:
        if any(shown(zone, at)[1] >= campaign.expires for zone in zones):
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
    """Whether a rule kept the message back at some moment of the days before."""
    return any(rule in _closed_by(campaign, place, until - k * STEP - 1) for k in range(4 * 24 * 4))


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


def midnight(day: str) -> int:
    """``2026-03-01`` as its beginning in UTC."""
    return utc(datetime.fromisoformat(day))


def utc(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)
