"""Clocks and caps of a plan: each person's hours, numbered in the order of the file, and who has had enough.

Worker processes say where people are (``@place``); here, in the main process, each different place gets a clock,
once, and each row its number (``@clock``). So plans are the same however many processes made them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from a2pcli.addresses.columns import keys_of
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import kind_of_channel
from a2pcli.config.campaign import Campaign
from a2pcli.config.frequency import Frequency, frequencies
from a2pcli.config.settings import Settings
from a2pcli.config.values import RECIPIENT
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.caps import CAMPAIGN, PERSON, PROGRAMME, Cap, counted
from a2pcli.ledger.clocks import RunClock, held
from a2pcli.ledger.records import FAR
from a2pcli.planning.frames import Mask, alive, drop
from a2pcli.planning.people import latest_of_others
from a2pcli.planning.places import taken_apart
from a2pcli.planning.spec import Timed
from a2pcli.reasons import Reason
from a2pcli.rules.clock import Clock
from a2pcli.rules.law import Law
from a2pcli.rules.windows import own_window

EXEMPT = ("otp", "emergency")
"""Purposes that no permitted hours apply to."""

CapLookup = Callable[[Cap], Timed]
"""Returns the people who reached a cap, and when each may get the next message."""

MOST_PROBLEMS = 1_000
"""Maximum number of distinct place problems that are counted separately."""

MOST_OPENINGS = 50
"""Maximum number of openings in a summary; later ones are left out."""


@dataclass(frozen=True, slots=True)
class Hours:
    """What decides when a campaign's messages may be sent, and how many a person may get.

    ``caps`` bind everybody; legal caps depend on the recipient's place. Times are UTC milliseconds: ``now`` is the
    plan's, ``starts`` and ``ends`` are the run's own unless they are in recipients' local time.
    """

    campaign: Campaign
    law: Law
    caps: tuple[Cap, ...]
    now: int
    starts: int | None
    ends: int | None

    @property
    def binds(self) -> bool:
        """Whether any recipient may need a clock."""
        purpose, schedule = self.campaign.purpose, self.campaign.schedule
        if purpose in EXEMPT:
            return False
        own = schedule.window or schedule.days or schedule.holidays == "avoid"
        local = schedule.in_recipient_time(schedule.not_before) or schedule.in_recipient_time(
            schedule.expires
        )
        return purpose == "marketing" or bool(own) or local

    @property
    def first(self) -> int:
        """The earliest time at which any message of the campaign may be sent."""
        return max(self.now, self.starts or self.now)

    def without_hours(self, countries: Iterable[str]) -> list[str]:
        """Return those of the countries without rules about the hours of marketing."""
        campaign = self.campaign
        if campaign.purpose != "marketing" or campaign.schedule.window:
            return []
        return [
            country
            for country in countries
            if not self.law.hours(country, (), campaign.purpose, campaign.channel)
        ]

    def clock(self, country: str, regions: tuple[str, ...], zones: tuple[str, ...]) -> RunClock | None:
        """Return the clock of a place; None if nothing restricts sending there."""
        campaign, schedule = self.campaign, self.campaign.schedule
        where = (country, regions, campaign.purpose, campaign.channel)
        windows = self.law.windows(*where)
        caps = tuple(Cap(rule.id, rule.count, rule.seconds, rule.per) for rule in self.law.caps(*where))
        calendars = tuple(sorted({country, *regions} - {""})) if schedule.holidays == "avoid" else ()
        days = ", ".join(schedule.days) if schedule.days else None
        own = own_window(schedule.window, days, closed_on=calendars)
        local = [_in_recipient_time(campaign, moment) for moment in (schedule.not_before, schedule.expires)]
        clock = Clock((), (*windows, own) if own else windows, *local)
        if clock.needs_zone:
            known = zones or self._zone_of_nobody()
            clock = Clock(known, clock.windows, *local)
        caps = caps if counted(campaign.purpose) else ()
        return RunClock(clock, caps) if caps or clock.windows or any(local) else None

    def _zone_of_nobody(self) -> tuple[str, ...]:
        """Return the time zone used if a recipient's is unknown: the campaign's ``unknown_zone``. Addresses that
        belong to no place use the zone of the campaign's own times; the zone of a phone number is never guessed."""
        schedule = self.campaign.schedule
        if schedule.unknown_zone:
            return (schedule.unknown_zone,)
        stated = "timezone" in schedule.model_fields_set and schedule.timezone != RECIPIENT
        if stated and kind_of_channel(self.campaign.channel) is not Kind.PHONE:
            return (schedule.timezone,)
        return ()


def _in_recipient_time(campaign: Campaign, moment: datetime | None) -> datetime | None:
    return moment if campaign.schedule.in_recipient_time(moment) else None


def hours_of(campaign: Campaign, settings: Settings, law: Law, programme: str, now: int) -> Hours:
    """The permitted hours and frequency caps of a campaign."""
    schedule = campaign.schedule
    starts, ends = _ms(schedule.starts_at), _ms(schedule.ends_at)
    return Hours(campaign, law, caps_of(campaign, settings, programme), now, starts, ends)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def caps_of(campaign: Campaign, settings: Settings, programme: str) -> tuple[Cap, ...]:
    """Return the caps that bind every message of a campaign: its own, its programme's and the settings'."""
    if not counted(campaign.purpose):
        return ()
    block = settings.programmes.get(programme) if programme else None
    return (
        *_caps("campaign", CAMPAIGN, frequencies(campaign.limits.frequency)),
        *_caps("programme", PROGRAMME, frequencies(block.frequency if block else None)),
        *_caps("global", PERSON, frequencies(settings.frequency)),
    )


def _caps(whose: str, scope: str, given: tuple[Frequency, ...]) -> list[Cap]:
    return [Cap(f"cap-{whose}", one.count, one.seconds, one.per or scope) for one in given]


@dataclass(slots=True)
class Clocks:
    """Numbers the clocks of a plan and excludes recipients who reached a cap. Chunks come in file order."""

    hours: Hours | None = None
    cap_lookup: CapLookup = lambda _cap: Timed()
    made: dict[int, RunClock] = field(default_factory=dict)
    """By number, from 1, as the ledger stores them."""
    _by_place: dict[str, int] = field(default_factory=dict)
    _by_spec: dict[str, int] = field(default_factory=dict)
    _earliest: list[int] = field(default_factory=list)
    _enough: dict[tuple[int, int, str], Timed] = field(default_factory=dict)
    _messages: Counter[int] = field(default_factory=Counter)
    _wrong: dict[str, str] = field(default_factory=dict)
    place_problems: Counter[str] = field(default_factory=Counter)
    """Problems with cells that say where a recipient is, with the number of rows."""

    def of_channel(self, hours: Hours) -> Clocks:
        """Return the same clocks for another channel of the campaign, which may have other hours; the numbering is
        shared."""
        if self.hours is not None and not self._earliest:
            self._earliest.append(self.hours.first)  # number 0 means no clock
        return replace(self, hours=hours, _by_place={}, place_problems=Counter())

    def apply(self, frame: Frame) -> None:
        """Set each row's ``@clock``; exclude people who have reached a cap at the earliest time they could be
        messaged."""
        if self.hours is None:
            frame["@clock"] = pa.nulls(len(frame), pa.int32())
            return
        if not self._earliest:
            self._earliest.append(self.hours.first)  # number 0 means no clock
        numbers = self._numbers(frame["@place"]) if self.hours.binds else np.zeros(len(frame), np.int32)
        frame["@clock"] = pa.array(numbers, pa.int32(), mask=numbers == 0)
        self._drop_capped(frame, numbers)

    def _numbers(self, places: pa.DictionaryArray) -> Any:
        texts = places.dictionary.to_pylist()
        numbers = np.array([*(self._number(text) for text in texts), 0], dtype=np.int32)
        at = places.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
        wrong = [place for place, text in enumerate(texts) if text in self._wrong]
        if wrong:
            rows = np.bincount(at, minlength=len(texts) + 1)
            for place in wrong:
                problem = self._wrong[texts[place]]
                if problem not in self.place_problems and len(self.place_problems) >= MOST_PROBLEMS:
                    problem = ""
                self.place_problems[problem] += int(rows[place])
        return numbers[at]

    def _number(self, place: str) -> int:
        number = self._by_place.get(place)
        if number is not None:
            return number
        assert self.hours is not None
        country, regions, zones, wrong = taken_apart(place)
        if wrong:
            self._wrong[place] = wrong
        clock = self.hours.clock(country, regions, zones)
        number = 0 if clock is None else self._numbered(clock)
        self._by_place[place] = number
        return number

    def _numbered(self, clock: RunClock) -> int:
        """Return the number of an equal clock, or of a new one."""
        assert self.hours is not None
        spec = clock.to_json()
        number = self._by_spec.get(spec)
        if number is None:
            number = self._by_spec[spec] = len(self.made) + 1
            self.made[number] = clock
            why = held(clock.clock, self.hours.first, self.hours.ends)
            self._earliest.append(
                self.hours.first if why is None else FAR if why.until is None else why.until
            )
        return number

    def _drop_capped(self, frame: Frame, numbers: Any) -> None:
        assert self.hours is not None
        law: dict[Cap, list[int]] = {}
        for number, one in self.made.items():
            for cap in one.caps:
                law.setdefault(cap, []).append(number)
        everybody: list[tuple[Cap, list[int] | None]] = [(cap, None) for cap in self.hours.caps]
        keys = None
        for cap, clocks in [*everybody, *law.items()]:
            people = self._who_had_enough(cap)
            if not len(people.keys):
                continue
            if keys is None:
                keys = keys_of(frame["@address"])
                first = np.array(self._earliest, dtype=np.int64)[numbers]
            over = _still_at(people, keys, first) | (latest_of_others(frame, people) > first)
            if clocks is not None:
                over &= np.isin(numbers, clocks)
            drop(frame, over & alive(frame), Reason.CAPPED, f"the cap is {cap.text}", rule=cap.rule)

    def _who_had_enough(self, cap: Cap) -> Timed:
        key = (cap.limit, cap.seconds, cap.scope)
        if key not in self._enough:
            self._enough[key] = self.cap_lookup(cap)
        return self._enough[key]

    def count(self, numbers: pa.Array) -> None:
        """Count the ``@clock`` of rows that get a message."""
        for entry in numbers.value_counts().to_pylist():
            self._messages[entry["values"] or 0] += entry["counts"]

    def groups(self) -> list[tuple[RunClock | None, int]]:
        """Return the counted messages by clock."""
        return [(self.made.get(number), many) for number, many in self._messages.items()]

    def summary(self) -> dict[str, Any] | None:
        """Return when the plan's messages may be sent, as JSON-ready data; None if no clock binds any of them.

        ``at`` is the earliest time (UTC ms), when ``open`` messages may go. ``held`` ones wait for an opening, listed
        in ``openings``. ``expires_first`` ones would expire before. ``place_problems`` counts rows of the contacts
        file with an invalid time zone, state or postcode.
        """
        if self.hours is None or not self.made:
            return None
        found = {"open": self._messages[0], "held": 0, "unknown_zone": 0, "expires_first": 0}
        openings: dict[int, tuple[int, set[str], set[str]]] = {}
        for number, one in self.made.items():
            many = self._messages[number]
            why = held(one.clock, self.hours.first, self.hours.ends)
            kind = _kind(why)
            found[kind] += many
            if kind == "held" and many and why is not None and why.until is not None:
                before, zones, rules = openings.get(why.until, (0, set(), set()))
                rules = rules.union([why.rule] if why.rule else [])
                openings[why.until] = (before + many, zones.union(one.clock.zones), rules)
        return {
            "at": self.hours.first,
            **found,
            "openings": [
                {"until": until, "messages": many, "zones": sorted(zones), "rules": sorted(rules)}
                for until, (many, zones, rules) in sorted(openings.items())[:MOST_OPENINGS]
            ],
            "place_problems": self.place_problems.total(),
        }


def _kind(why: Any) -> str:
    if why is None:
        return "open"
    if why.until is None:
        return "expires_first"
    return "unknown_zone" if why.reason is Reason.UNKNOWN_ZONE else "held"


def _still_at(people: Timed, keys: Any, moments: Any) -> Mask:
    """Return which rows belong to people whose time in ``people`` is still ahead of the row's."""
    at = np.searchsorted(people.keys, keys)
    at[at == len(people.keys)] = 0
    over: Mask = (people.keys[at] == keys) & (people.at[at] > moments)
    return over
