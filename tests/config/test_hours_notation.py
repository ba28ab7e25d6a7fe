"""The notation of windows and days."""

from __future__ import annotations

import pytest

from a2pcli.config.hours import parse_days, parse_spans, spans_text
from a2pcli.config.values import message_and_hint


@pytest.mark.parametrize(
    ("typed", "spans"),
    [
        ("08:00-20:00", ((28800, 72000),)),
        (" 8:00 - 20:30 ", ((28800, 73800),)),
        ("8:00–20:00", ((28800, 72000),)),
        ("13:30-21:00, 9:00-12:30", ((32400, 45000), (48600, 75600))),
        ("00:00-24:00", ((0, 86400),)),
        ("21:00-02:00", ((75600, 93600),)),
        ("21:00-00:00", ((75600, 86400),)),
        ("08:00:30-09:00", ((28830, 32400),)),
        ("none", ()),
    ],
)
def test_hours_are_read(typed: str, spans: object) -> None:
    assert parse_spans(typed) == spans


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("9-17", "'9-17' is not a window of hours"),
        ("09:00-25:00", "'09:00-25:00' goes past 24:00"),
        ("24:00-25:00", "'24:00-25:00' goes past 24:00"),
        ("09:75-10:00", "'09:75-10:00' has more than 59 minutes"),
        ("09:00-09:00", "'09:00-09:00' is empty"),
        ("09:00-12:00, 11:00-13:00", "the windows of '09:00-12:00, 11:00-13:00' overlap"),
        ("22:00-03:00, 02:00-05:00", "the windows of '22:00-03:00, 02:00-05:00' overlap after midnight"),
        ("", "'' is not a window of hours"),
        ("٠٩:00-10:00", "'٠٩:00-10:00' is not a window of hours"),
    ],
)
def test_hours_that_mean_nothing_are_told(typed: str, problem: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_spans(typed)
    assert message_and_hint(raised.value)[0] == problem
    assert message_and_hint(raised.value)[1]


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("Mon, Wednesday  sun", (0, 2, 6)),
        ("sat-mon", (0, 5, 6)),
        ("weekdays", (0, 1, 2, 3, 4)),
        ("weekend", (5, 6)),
        ("daily", (0, 1, 2, 3, 4, 5, 6)),
        ("mon - wed, fri", (0, 1, 2, 4)),
    ],
)
def test_days_are_read(typed: str, days: tuple[int, ...]) -> None:
    assert parse_days(typed) == days


@pytest.mark.parametrize("typed", ["", "monn", "mon-", "-fri", "1-5"])
def test_days_that_mean_nothing_are_told(typed: str) -> None:
    with pytest.raises(ValueError):
        parse_days(typed)


@pytest.mark.parametrize(
    "typed", ["08:00-20:00", "09:00-12:30, 13:30-21:00", "21:00-02:00", "00:00-24:00", "none"]
)
def test_hours_are_shown_as_they_are_typed(typed: str) -> None:
    assert spans_text(parse_spans(typed)) == typed
