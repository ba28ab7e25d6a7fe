"""Facts for the oracle of simulated weeks: where people are, what the law says, what clocks show.

Written plainly from the rules' text; it shares no code with a2pcli. From a2pcli it reads only the law's data (YAML).
Time zones and holidays come from the libraries, places of area codes from the tables below, typed by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import phonenumbers
import yaml
from statute_holidays import statute_holidays

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
TICK = 1
"""Milliseconds: the clock of a simulated world moves by as much between two steps of a program."""
LAW = Path(__file__).parents[2] / "a2pcli" / "rules" / "data" / "law"


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
        return (
            f"{self.kind} at {datetime.fromtimestamp(self.at / 1000, UTC):%a %Y-%m-%d %H:%M:%S}: {self.what}"
        )


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
"""Time zone cells that name a zone. ``UTC+2`` is an offset; ``Mars/Olympus`` is nothing that anybody understands."""


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
    """The contact's time zone, then its state or postcode, then every zone of the number; the law of all of them. An
    offset is the zones that keep it, or else counts beside all others; what is no zone leaves the number's unknown."""
    known = _where(contact)
    if contact.timezone == "UTC+2":
        keep = [zone for zone in known.zones if keeps_utc2(zone)]
        there = [zone for zone in COUNTRIES.get(known.country, []) if keeps_utc2(zone)]
        return replace(known, zones=tuple(keep or {*known.zones, *(there or ["Etc/GMT-2"])}))
    has_place = contact.state in STATE_CELLS or contact.postcode in POSTCODE_CELLS
    if contact.timezone and contact.timezone not in ZONE_CELLS and not has_place:
        return replace(known, zones=())
    return known


def keeps_utc2(zone: str) -> bool:
    months = (datetime(2026, month, 15, tzinfo=UTC).astimezone(zone_of(zone)).utcoffset() for month in (1, 7))
    return timedelta(hours=2) in months


def _where(contact: Contact) -> Where:
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
        if set(place.regions) & set(rule.get("regions", [])) or place.countries & set(
            rule.get("countries", [])
        ):
            found.append((*cap_of(rule["cap"], "person"), name))
    return tuple(found)


def cap_of(text: str, per: str) -> tuple[int, int, str]:
    """``3 per 24 hours per subject``."""
    said = re.fullmatch(r"(\d+) per (\d+) (hours|days)(?: per (\w+))?", text)
    assert said, text
    return int(said[1]), int(said[2]) * (HOUR if said[3] == "hours" else DAY), said[4] or per


@cache
def public_holidays(calendar: str, year: int) -> set[date]:
    typed = statute_holidays(calendar, year)
    if typed is not None:
        return typed
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


def midnight(day: str) -> int:
    """``2026-03-01`` as its beginning in UTC."""
    return utc(datetime.fromisoformat(day))


def utc(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)
