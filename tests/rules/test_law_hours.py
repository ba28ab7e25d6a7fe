"""Every state's and country's window at its edges, to the second; the times are typed from the rules' text."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from a2pcli.rules.clock import Clock
from a2pcli.rules.law import Law
from a2pcli.rules.windows import Window

LAW = Law.load()
WEEK = [date(2026, 3, 2) + timedelta(days=n) for n in range(7)]
"""Monday to Sunday, in a week without a holiday or a change of clocks (in the United States, a week later)."""

# A state: its zone, then Monday to Friday, Saturday, Sunday; None is never. The federal 8:00-21:00 is in it.
STATES = {
    "US-AL": ("America/Chicago", "08:00-20:00", "08:00-20:00", None),
    "US-CA": ("America/Los_Angeles", "09:00-21:00", "09:00-21:00", "09:00-21:00"),
    "US-CO": ("America/Denver", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "US-CT": ("America/New_York", "09:00-20:00", "09:00-20:00", "09:00-20:00"),
    "US-FL": ("America/New_York", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "US-IL": ("America/Chicago", "09:00-21:00", "09:00-21:00", "09:00-21:00"),
    "US-KY": ("America/New_York", "10:00-21:00", "10:00-21:00", "10:00-21:00"),
    "US-LA": ("America/Chicago", "08:00-20:00", "08:00-20:00", None),
    "US-MA": ("America/New_York", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "US-MD": ("America/New_York", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "US-MI": ("America/Detroit", "09:00-21:00", "09:00-21:00", "09:00-21:00"),
    "US-MN": ("America/Chicago", "09:00-21:00", "09:00-21:00", "09:00-21:00"),
    "US-MS": ("America/Chicago", "08:00-20:00", "08:00-20:00", None),
    "US-NJ": ("America/New_York", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "US-NM": ("America/Denver", "09:00-21:00", "09:00-21:00", "09:00-21:00"),
    "US-NV": ("America/Los_Angeles", "09:00-20:00", "09:00-20:00", "09:00-20:00"),
    "US-OK": ("America/Chicago", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "US-OR": ("America/Los_Angeles", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "US-PA": ("America/New_York", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "US-RI": ("America/New_York", "09:00-18:00", "10:00-17:00", None),
    "US-SD": ("America/Chicago", "09:00-21:00", None, None),
    "US-TX": ("America/Chicago", "09:00-21:00", "09:00-21:00", "12:00-21:00"),
    "US-UT": ("America/Denver", "08:00-21:00", "08:00-21:00", None),
    "US-VA": ("America/New_York", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "US-WA": ("America/Los_Angeles", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
}
COUNTRIES = {
    "FR": ("Europe/Paris", "08:00-20:00", "08:00-20:00", None),
    "RE": ("Indian/Reunion", "08:00-20:00", "08:00-20:00", None),
    "IN": ("Asia/Kolkata", "10:00-21:00", "10:00-21:00", "10:00-21:00"),
    "AE": ("Asia/Dubai", "09:00-18:00", "09:00-18:00", "09:00-18:00"),
    "SA": ("Asia/Riyadh", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "VN": ("Asia/Ho_Chi_Minh", "07:00-22:00", "07:00-22:00", "07:00-22:00"),
    "ZA": ("Africa/Johannesburg", "08:00-20:00", "09:00-13:00", None),
    "KR": ("Asia/Seoul", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "PR": ("America/Puerto_Rico", "08:00-21:00", "08:00-21:00", "08:00-21:00"),
    "DE": ("Europe/Berlin", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "BR": ("America/Sao_Paulo", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
    "": ("Asia/Tokyo", "08:00-20:00", "08:00-20:00", "08:00-20:00"),
}


def windows(place: str) -> tuple[Window, ...]:
    country = place.partition("-")[0]
    return LAW.windows(country, (place,) if "-" in place else ())


def at(day: date, clock: str, zone: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return round(
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp() * 1000
    )


@pytest.mark.parametrize("place", [*STATES, *COUNTRIES])
def test_a_window_of_the_law_is_exact_at_its_edges(place: str) -> None:
    zone, weekdays, saturday, sunday = (STATES | COUNTRIES)[place]
    clock = Clock((zone,), windows(place))
    for day, hours in zip(WEEK, [*[weekdays] * 5, saturday, sunday], strict=True):
        if hours is None:
            seconds = range(at(day, "00:00", zone), at(day, "23:59", zone), 600_000)
            assert not any(clock.is_open(second) for second in seconds)
            continue
        opens, closes = (at(day, bound, zone) for bound in hours.split("-"))
        assert [clock.is_open(opens - 1000), clock.is_open(opens)] == [False, True]
        assert [clock.is_open(closes - 1000), clock.is_open(closes)] == [True, False]
        assert clock.next_opening(at(day, "00:00", zone)) == opens
        assert clock.open_until(opens) == closes


def test_every_state_with_hours_of_its_own_is_in_the_table_above() -> None:
    named = {region for rule in LAW.rules.values() if "hours" in rule.id for region in rule.regions}
    assert named == set(STATES) - {"US-CO"}


@pytest.mark.parametrize(
    ("place", "day", "closed"),
    [
        ("US-AL", "2026-07-03", True),  # Independence Day is a Saturday: observed on Friday
        ("US-FL", "2026-07-03", False),
        ("US-LA", "2026-02-17", True),  # Mardi Gras
        ("US-RI", "2026-08-10", True),  # Victory Day
        ("US-RI", "2026-05-04", True),  # Rhode Island Independence Day
        ("US-RI", "2026-11-03", True),  # election day
        ("US-RI", "2026-07-03", False),  # its statute keeps no Friday
        ("US-LA", "2026-11-02", False),
        ("US-PA", "2026-04-03", True),  # Good Friday
        ("US-UT", "2026-06-15", True),  # Juneteenth, on a Monday
        ("US-UT", "2026-06-19", False),
        ("ZA", "2026-09-24", True),  # Heritage Day
        ("US-MS", "2026-12-25", False),  # holidays are allowed since 2024
        ("US-UT", "2026-07-24", True),  # Pioneer Day
        ("US-PA", "2026-11-26", True),
        ("FR", "2026-04-06", True),  # Easter Monday
        ("FR", "2026-11-11", True),
        ("FR", "2026-12-24", False),
        ("RE", "2027-12-20", True),  # abolition of slavery, on Réunion alone
        ("FR", "2027-12-20", False),
        ("IN", "2026-01-26", False),
    ],
)
def test_holidays_close_a_window_where_the_law_says_so(place: str, day: str, closed: bool) -> None:
    zone = (STATES | COUNTRIES)[place][0]
    clock = Clock((zone,), windows(place))
    noon = at(date.fromisoformat(day), "12:30", zone)
    assert clock.is_open(noon) is not closed
    assert bool(clock.closed_by(noon)) is closed


def test_taiwan_rests_at_noon() -> None:
    clock = Clock(("Asia/Taipei",), windows("TW"))
    assert clock.open_until(at(WEEK[0], "10:00", "Asia/Taipei")) == at(WEEK[0], "12:30", "Asia/Taipei")
    assert clock.next_opening(at(WEEK[0], "12:30", "Asia/Taipei")) == at(WEEK[0], "13:30", "Asia/Taipei")


def test_what_closes_a_clock_is_told_by_the_rules_id() -> None:
    clock = Clock(("America/New_York",), windows("US-FL"))
    assert clock.closed_by(at(WEEK[0], "20:30", "America/New_York")) == ["us-fl-hours"]
    assert clock.closed_by(at(WEEK[0], "21:30", "America/New_York")) == ["us-federal-hours", "us-fl-hours"]


def test_the_stricter_of_two_states_holds() -> None:
    """Somebody in Kentucky with a number from Connecticut."""
    both = Clock(("America/New_York",), LAW.windows("US", ("US-CT", "US-KY")))
    opening = both.next_opening(at(WEEK[0], "00:00", "America/New_York"))
    assert opening == at(WEEK[0], "10:00", "America/New_York")
    assert both.open_until(opening) == at(WEEK[0], "20:00", "America/New_York")


def test_the_law_of_where_somebody_is_holds_beside_that_of_the_number() -> None:
    assert [window.rule for window in LAW.windows("CA", ("US-FL",))] == [
        "default-hours", "us-federal-hours", "us-fl-hours",
    ]  # fmt: skip
    assert [window.rule for window in LAW.windows("FR", ("US-FL",))] == [
        "us-federal-hours", "us-fl-hours", "fr-hours",
    ]  # fmt: skip


@pytest.mark.parametrize("purpose", ["transactional", "otp", "emergency"])
def test_hours_and_caps_bind_marketing_alone(purpose: str) -> None:
    assert LAW.windows("US", ("US-FL",), purpose) == ()
    assert LAW.caps("US", ("US-FL",), purpose) == ()
    assert LAW.consent("FR", (), purpose) == ()
