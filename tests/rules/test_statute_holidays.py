"""Holidays of states whose statute differs from the library's lists."""

from __future__ import annotations

from datetime import date

import pytest
from statute_holidays import STATUTE, statute_holidays

from a2pcli.rules.calendars import day_of, holidays_of, sources


@pytest.mark.parametrize(("calendar", "year"), STATUTE)
def test_a_states_holidays_are_those_of_its_statute_and_no_others(calendar: str, year: int) -> None:
    assert set(holidays_of(calendar, year)) == statute_holidays(calendar, year)


def test_every_list_has_its_source() -> None:
    assert set(sources()) == {calendar for calendar, _ in STATUTE}
    assert all(source for source, _ in sources().values())


@pytest.mark.parametrize(
    ("notation", "year", "expected"),
    [
        ("05-04", 2026, "2026-05-04"),
        ("3 mon jan", 2026, "2026-01-19"),
        ("last mon may", 2027, "2027-05-31"),
        ("last mon dec", 2026, "2026-12-28"),
        ("easter", 2026, "2026-04-05"),
        ("easter-47", 2027, "2027-02-09"),
        ("election", 2027, "2027-11-02"),
        ("election", 2032, "2032-11-02"),
        ("week-monday 06-19", 2026, "2026-06-15"),
        ("week-monday 06-19", 2028, "2028-06-19"),
        ("week-monday 06-19", 2027, "2027-06-21"),
    ],
)
def test_each_notation_means_the_day_that_people_keep(notation: str, year: int, expected: str) -> None:
    assert day_of(notation, year) == date.fromisoformat(expected)


@pytest.mark.parametrize("notation", ["", "soon", "13-01", "6 mon jan", "easter+"])
def test_a_notation_that_means_no_day_is_refused(notation: str) -> None:
    with pytest.raises(ValueError, match=r"day|month"):
        day_of(notation, 2026)
