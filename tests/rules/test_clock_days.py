"""Clocks on single days that people can check by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from a2pcli.rules.calendars import has_calendar, holiday_name
from a2pcli.rules.clock import Clock
from a2pcli.rules.windows import Window, own_window


def ms(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(moment.timestamp() * 1000)


def when(moment: int | None, zone: str = "UTC") -> str | None:
    """A moment as the clocks of a zone show it."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S%z")


def window(
    hours: str | None = None, days: str | None = None, *closed_on: str, zone: str | None = None
) -> Window:
    made = own_window(hours, days, closed_on=closed_on, zone=zone)
    assert made is not None
    return made


def clock(
    *zones: str, hours: str | None = None, days: str | None = None, closed: tuple[str, ...] = ()
) -> Clock:
    return Clock(zones, (window(hours, days, *closed),))


def test_a_window_opens_and_closes_to_the_second() -> None:
    paris = clock("Europe/Paris", hours="08:00-20:00")
    assert not paris.is_open(ms("2026-03-02T08:00", "Europe/Paris") - 1)
    assert paris.is_open(ms("2026-03-02T08:00", "Europe/Paris"))
    assert paris.is_open(ms("2026-03-02T20:00", "Europe/Paris") - 1)
    assert not paris.is_open(ms("2026-03-02T20:00", "Europe/Paris"))


def test_a_clock_is_open_only_while_it_is_open_in_every_zone() -> None:
    """An area code that spans two zones."""
    both = clock("America/New_York", "America/Chicago", hours="08:00-21:00")
    night = ms("2026-03-02T03:00", "America/New_York")
    assert when(both.next_opening(night), "America/New_York") == "2026-03-02 09:00:00-0500"
    opening = both.next_opening(night)
    assert opening is not None
    assert when(both.open_until(opening), "America/New_York") == "2026-03-02 21:00:00-0500"


def test_windows_that_never_meet_never_open_and_say_which() -> None:
    never = Clock(
        ("Pacific/Auckland", "Europe/London"),
        (own_window("09:00-12:00", None, rule="a"), own_window("09:30-11:00", None, rule="b")),  # type: ignore[arg-type]
    )
    moment = ms("2026-03-02T10:00", "Europe/London")
    assert never.next_opening(moment) is None
    assert never.closed_by(moment) == ["a", "b"]
    assert not never.is_open(moment)
    assert never.open_until(moment) == moment


def test_an_unknown_zone_never_opens_and_says_so() -> None:
    for zones in ((), ("Mars/Olympus",), ("Europe/Paris", "Etc/Nowhere")):
        unknown = clock(*zones, hours="00:00-24:00")
        assert not unknown.is_open(ms("2026-03-02T12:00"))
        assert unknown.next_opening(ms("2026-03-02T12:00")) is None
        assert unknown.closed_by(ms("2026-03-02T12:00")) == ["unknown-zone"]


def test_without_windows_even_an_unknown_zone_is_open() -> None:
    """A code to log in does not wait for anything."""
    always = Clock(())
    assert always.is_open(0)
    assert always.next_opening(17) == 17
    assert always.open_until(0) is None
    assert always.closed_by(0) == []


def test_a_window_in_a_fixed_zone_needs_no_zone_of_the_recipient() -> None:
    fixed = Clock((), (window("09:00-17:00", zone="Europe/London"),))
    assert when(fixed.next_opening(ms("2026-07-01T00:00")), "Europe/London") == "2026-07-01 09:00:00+0100"


def test_the_latest_start_and_the_earliest_end_of_all_zones_count() -> None:
    far = Clock(
        ("Europe/London", "Europe/Athens"),
        (),
        datetime(2026, 3, 2, 9),
        datetime(2026, 3, 2, 21),
    )
    assert when(far.starts_at, "Europe/London") == "2026-03-02 09:00:00+0000"
    assert when(far.expires_at, "Europe/Athens") == "2026-03-02 21:00:00+0200"
    assert far.closed_by(ms("2026-03-02T08:59:59")) == ["not-before"]
    assert far.next_opening(ms("2026-03-02T00:00")) == ms("2026-03-02T09:00")
    assert far.open_until(ms("2026-03-02T10:00")) == ms("2026-03-02T19:00")
    assert far.next_opening(ms("2026-03-02T19:00")) is None
    assert far.closed_by(ms("2026-03-02T19:00")) == ["expired"]


def test_a_moment_with_an_offset_is_the_same_everywhere() -> None:
    absolute = Clock((), (), None, datetime(2026, 3, 2, 12, tzinfo=UTC))
    assert absolute.expires_at == ms("2026-03-02T12:00")
    assert absolute.is_open(ms("2026-03-02T12:00") - 1)
    assert not absolute.is_open(ms("2026-03-02T12:00"))


def test_where_no_zone_is_known_it_has_expired_once_it_has_everywhere() -> None:
    unknown = Clock((), (), None, datetime(2026, 3, 2, 12))
    assert unknown.closed_by(ms("2026-03-02T23:59")) == ["unknown-zone"]
    assert unknown.closed_by(ms("2026-03-03T00:00")) == ["expired", "unknown-zone"]


def test_what_expires_before_its_next_opening_never_opens() -> None:
    late = Clock(("Europe/Paris",), (window("08:00-20:00"),), None, datetime(2026, 3, 3, 7, 59))
    assert late.next_opening(ms("2026-03-02T22:00")) is None


def test_an_opening_in_an_hour_that_is_skipped_is_the_moment_after_it() -> None:
    """Paris, 29 March 2026: 02:00 becomes 03:00."""
    gap = clock("Europe/Paris", hours="02:30-05:00")
    assert when(gap.next_opening(ms("2026-03-29T00:00")), "Europe/Paris") == "2026-03-29 03:00:00+0200"


def test_an_opening_in_an_hour_that_comes_twice_is_the_second_and_a_closing_the_first() -> None:
    """Paris, 25 October 2026: 03:00 becomes 02:00."""
    opening = clock("Europe/Paris", hours="02:30-05:00")
    assert when(opening.next_opening(ms("2026-10-24T20:00")), "Europe/Paris") == "2026-10-25 02:30:00+0100"
    closing = clock("Europe/Paris", hours="01:00-02:30")
    assert when(closing.open_until(ms("2026-10-25T00:10")), "Europe/Paris") == "2026-10-25 02:30:00+0200"
    assert not closing.is_open(ms("2026-10-25T02:15", "Europe/Paris", fold=1))


@pytest.mark.parametrize("zone", ["America/Havana", "Atlantic/Azores", "Asia/Beirut", "Africa/Cairo"])
def test_a_whole_day_has_no_seam_where_clocks_go_back_at_midnight(zone: str) -> None:
    whole = clock(zone, hours="00:00-24:00")
    start = ms("2025-10-01T00:00")
    assert whole.open_until(start) is None
    assert all(whole.is_open(start + hour * 1_800_000) for hour in range(60 * 48))


def test_lord_howe_goes_back_by_half_an_hour() -> None:
    """5 April 2026: 02:00 becomes 01:30."""
    zone = "Australia/Lord_Howe"
    howe = clock(zone, hours="01:45-06:00")
    assert when(howe.next_opening(ms("2026-04-04T12:00")), zone) == "2026-04-05 01:45:00+1030"


def test_a_day_that_samoa_skipped_has_no_window() -> None:
    """30 December 2011 did not exist."""
    friday = clock("Pacific/Apia", hours="09:00-17:00", days="fri")
    assert when(friday.next_opening(ms("2011-12-29T00:00")), "Pacific/Apia") == "2012-01-06 09:00:00+1400"


def test_a_window_over_midnight_belongs_to_the_day_it_opens_on() -> None:
    night = clock("Europe/Paris", hours="21:00-02:00", days="fri")
    assert night.is_open(ms("2026-03-07T01:59:59", "Europe/Paris"))
    assert not night.is_open(ms("2026-03-07T02:00", "Europe/Paris"))
    assert not night.is_open(ms("2026-03-06T01:00", "Europe/Paris"))
    assert not night.is_open(ms("2026-03-07T22:00", "Europe/Paris"))


def test_a_window_over_midnight_ends_where_a_holiday_begins() -> None:
    """1 May 2026 is a Friday."""
    night = clock("Europe/Paris", hours="21:00-02:00", closed=("FR",))
    assert (
        when(night.open_until(ms("2026-04-30T22:00", "Europe/Paris")), "Europe/Paris")
        == "2026-05-01 00:00:00+0200"
    )
    assert (
        when(night.next_opening(ms("2026-05-01T00:00", "Europe/Paris")), "Europe/Paris")
        == "2026-05-02 21:00:00+0200"
    )


@pytest.mark.parametrize(
    ("calendar", "day", "name"),
    [
        ("FR", "2026-04-06", "Easter Monday"),
        ("RE", "2026-12-20", "Abolition of Slavery"),
        ("FR", "2026-12-20", None),
        ("US-LA", "2026-02-17", "Mardi Gras"),
        ("US", "2026-02-17", None),
        ("US-RI", "2026-08-10", "Victory Day"),
        ("US-AL", "2026-07-03", "Independence Day (observed)"),
        ("US-AL", "2021-12-31", "New Year's Day (observed)"),
        ("US-XX", "2026-12-25", "Christmas Day"),
        ("XX", "2026-12-25", None),
    ],
)
def test_public_holidays_are_those_of_the_state_with_days_observed(
    calendar: str, day: str, name: str | None
) -> None:
    assert holiday_name(datetime.fromisoformat(day).date(), (calendar,)) == name


def test_a_country_without_a_calendar_is_told_apart() -> None:
    assert has_calendar("US-LA")
    assert not has_calendar("XX")


def test_a_clock_keeps_its_meaning_in_json_and_as_a_key() -> None:
    made = Clock(
        ("Europe/Paris",),
        (window("21:00-02:00", "mon-fri", "FR"), window("08:00-20:00", zone="Asia/Tokyo")),
        datetime(2026, 3, 1, 9),
        datetime(2026, 3, 3, 21, tzinfo=UTC),
    )
    again = Clock.from_json(made.to_json())
    assert again == made
    assert {made: 1}[again] == 1
    assert again.to_json() == made.to_json()
    assert "\n" not in made.to_json()
