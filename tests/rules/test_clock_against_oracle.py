"""Clocks against an oracle that walks minute by minute, above all where the clocks of a place change."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from clock_oracle import begun, expired, open_minutes, utc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2pcli.rules.clock import Clock
from a2pcli.rules.windows import Window

MINUTES = 3 * 1440

# Places whose clocks change oddly: by 30 minutes, by two hours, at midnight, across the date line, in Ramadan.
ZONES = [
    "Europe/Paris", "Europe/Dublin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe",
    "Pacific/Apia", "Africa/Casablanca", "America/Havana", "Atlantic/Azores", "America/Santiago",
    "Asia/Beirut", "Africa/Cairo", "Antarctica/Troll", "Asia/Kathmandu", "Pacific/Chatham", "America/Caracas",
    "Asia/Pyongyang", "America/Nuuk", "Asia/Kolkata", "Asia/Tehran", "America/Asuncion", "Pacific/Kiritimati",
]  # fmt: skip


@cache
def changes(zone: str) -> list[datetime]:
    """The minutes (UTC) in which the zone's clocks change, from 2010 to 2027."""
    room, found = ZoneInfo(zone), []
    moment = utc("2010-01-01")
    while moment < utc("2027-12-01"):
        following = moment + timedelta(days=1)
        if moment.astimezone(room).utcoffset() != following.astimezone(room).utcoffset():
            low, high = 0, 1440
            while high - low > 1:
                middle = (low + high) // 2
                same = (moment + timedelta(minutes=middle)).astimezone(room).utcoffset()
                low, high = (middle, high) if same == moment.astimezone(room).utcoffset() else (low, middle)
            found.append(moment + timedelta(minutes=high))
        moment = following
    return found


@st.composite
def spans(draw: st.DrawFn, shown: list[int]) -> list[tuple[int, int]]:
    """A day's spans in minutes; the bounds lean to what clocks show when they change, and to midnight."""
    near = st.sampled_from(shown).flatmap(lambda at: st.integers(at - 35, at + 35)).map(lambda at: at % 1440)
    bounds = near | near | st.integers(0, 1439) | st.just(0)
    start = draw(bounds)
    end = draw(bounds | st.just(1440))
    return [(start, end if end > start else end + 1440)]


def minute_of_day(moment: datetime, zone: str) -> int:
    there = moment.astimezone(ZoneInfo(zone))
    return there.hour * 60 + there.minute


@st.composite
def cases(draw: st.DrawFn) -> tuple[Clock, list[bool], datetime]:
    """A clock, what the oracle says of it minute by minute, and when that begins."""
    zones = draw(
        st.lists(st.sampled_from(ZONES), min_size=1, max_size=draw(st.sampled_from([1, 1, 3])), unique=True)
    )
    near = changes(zones[0])
    if near and draw(st.integers(0, 3)):
        moment = draw(st.sampled_from(near))
    else:
        moment = utc("2010-01-01") + timedelta(days=draw(st.integers(0, 6200)))
    shown = [minute_of_day(moment, zones[0]), minute_of_day(moment - timedelta(minutes=1), zones[0])]
    begin = moment - timedelta(hours=draw(st.integers(0, 30)))
    verdicts = [True] * MINUTES
    windows = []
    for number in range(draw(st.sampled_from([1, 1, 2, 0, 3]))):
        day = draw(spans(shown))
        open_days = draw(st.just(range(7)) | st.sets(st.integers(0, 6), min_size=3))
        week = [day if weekday in open_days else [] for weekday in range(7)]
        calendars = draw(st.sampled_from([[], [], ["FR"], ["US-HI"], ["GB"]]))
        fixed = draw(st.sampled_from([None, None, None, "Europe/London"]))
        windows.append(
            Window(
                f"rule-{number}",
                tuple(tuple((start * 60, end * 60) for start, end in spans) for spans in week),
                tuple(calendars),
                fixed,
            )
        )
        for zone in [fixed] if fixed else zones:
            seen = open_minutes(zone, begin, MINUTES, week, calendars)
            verdicts = [known and now for known, now in zip(verdicts, seen, strict=True)]
    wall = st.integers(0, MINUTES).map(lambda n: begin.replace(tzinfo=None) + timedelta(minutes=n))
    not_before, expires = draw(st.none() | st.none() | wall), draw(st.none() | st.none() | wall)
    if not_before is not None:
        seen = begun(zones, begin, MINUTES, not_before)
        verdicts = [known and now for known, now in zip(verdicts, seen, strict=True)]
    if expires is not None:
        seen = expired(zones, begin, MINUTES, expires)
        verdicts = [known and not now for known, now in zip(verdicts, seen, strict=True)]
    return Clock(tuple(zones), tuple(windows), not_before, expires), verdicts, begin


def judge(case: tuple[Clock, list[bool], datetime]) -> None:
    clock, verdicts, begin = case
    start = round(begin.timestamp()) * 1000
    moments = [start + minute * 60_000 for minute in range(MINUTES)]
    assert [clock.is_open(moment) for moment in moments] == verdicts
    edges = [n for n in range(1, MINUTES) if verdicts[n] != verdicts[n - 1]]
    for edge in edges:
        # Bounds are exact: the last millisecond of the minute before is as that minute was.
        assert clock.is_open(moments[edge] - 1) == verdicts[edge - 1]
    for n in {0, 1, *edges, *(edge - 1 for edge in edges), *range(0, MINUTES, 977)}:
        assert (clock.closed_by(moments[n]) == []) == verdicts[n]
        opening = next((later for later in range(n, MINUTES) if verdicts[later]), None)
        closing = next((later for later in range(n, MINUTES) if not verdicts[later]), None)
        found, until = clock.next_opening(moments[n]), clock.open_until(moments[n])
        if opening is not None:
            assert found == moments[opening]
        else:
            assert found is None or found >= moments[-1] + 60_000
        if closing is not None:
            assert until == moments[closing]
        else:
            assert until is None or until >= moments[-1] + 60_000
    assert Clock.from_json(clock.to_json()) == clock


QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(cases())
def test_a_clock_is_open_exactly_when_the_oracle_says_so(case: tuple[Clock, list[bool], datetime]) -> None:
    judge(case)


@pytest.mark.slow
@LONG
@given(cases())
def test_a_clock_is_open_exactly_when_the_oracle_says_so_at_length(
    case: tuple[Clock, list[bool], datetime],
) -> None:
    judge(case)
