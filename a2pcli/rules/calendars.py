"""Public holidays by calendar: a country (``FR``) or one of its states (``US-LA``). Offline, from ``holidays``.

Days on which a holiday is observed because it falls on a weekend count as well as the holiday itself. Where a state's
statute differs from what the library knows, the statute's list is data (``rules/data/holidays.yaml``), with its source.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

from a2pcli.rules.data_file import FOLDER, read_data

_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHIFTS = {("sat", "fri"): -1, ("sat", "mon"): 2, ("sun", "mon"): 1}
"""Days from a date on a weekend to the weekday on which it is kept as well."""

_NTH = re.compile(r"([1-5]|last) (mon|tue|wed|thu|fri|sat|sun) (\w{3})")
_FIXED = re.compile(r"(\d\d)-(\d\d)")
_EASTER = re.compile(r"easter(?:([+-]\d+))?")


def listed_holidays(calendar: str, year: int) -> dict[date, str] | None:
    """The public holidays of a year, the days they are observed on included; None for a calendar without a list."""
    listed = _lists().get(calendar)
    if listed is None:
        return None
    found: dict[date, str] = {}
    # The first days of a year may be kept on the last day of the year before.
    for at in (year, year + 1):
        for name, given in listed["days"].items():
            entry = {"day": given} if isinstance(given, str) else given
            if at < int(entry.get("since", 0)) or (entry.get("years") == "even" and at % 2):
                continue
            day = day_of(entry["day"], at)
            found.setdefault(day, name)
            if moved := _observed(day, listed | entry):
                found.setdefault(moved, f"{name} (observed)")
    return {day: name for day, name in sorted(found.items()) if day.year == year}


def sources() -> Mapping[str, tuple[str, str]]:
    """Of each calendar with a list: its source, and what else is to know."""
    return {calendar: (one["source"], one.get("note", "")) for calendar, one in _lists().items()}


def day_of(notation: str, year: int) -> date:
    """The day that a notation of ``holidays.yaml`` means in a year. Raises ``ValueError`` for what is none."""
    if found := _FIXED.fullmatch(notation):
        return date(year, int(found[1]), int(found[2]))
    if found := _NTH.fullmatch(notation):
        return _nth_weekday(year, _MONTHS.index(found[3]) + 1, _WEEKDAYS[found[2]], found[1])
    if found := _EASTER.fullmatch(notation):
        from dateutil.easter import easter

        sunday: date = easter(year)
        return sunday + timedelta(int(found[1] or 0))
    if notation == "election":
        return _nth_weekday(year, 11, 0, "1") + timedelta(1)
    if notation.startswith("week-monday "):
        fixed = day_of(notation.removeprefix("week-monday "), year)
        weekday = fixed.weekday()
        return fixed + timedelta(7 - weekday if weekday > 4 else -weekday)
    raise ValueError(f"'{notation}' is no day of holidays.yaml")


def _nth_weekday(year: int, month: int, weekday: int, which: str) -> date:
    if which == "last":
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(1)
        return last - timedelta((last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (int(which) - 1))


def _observed(day: date, rules: Mapping[str, Any]) -> date | None:
    weekend = {5: "sat", 6: "sun"}.get(day.weekday())
    kept_on = rules.get(weekend) if weekend and _FIXED.fullmatch(rules["day"]) else None
    return day + timedelta(_SHIFTS[weekend or "", kept_on]) if kept_on else None


@cache
def _lists() -> dict[str, dict[str, Any]]:
    lists: dict[str, dict[str, Any]] = read_data(FOLDER / "holidays.yaml")["holidays"]
    return lists


_SPANISH_COMMUNITIES = {
    "AN": "AL CA CO GR H J MA SE", "AR": "HU TE Z", "CL": "AV BU LE P SA SG SO VA ZA", "CM": "AB CR CU GU TO",
    "CN": "GC TF", "CT": "B GI L T", "EX": "BA CC", "GA": "C LU OR PO", "PV": "BI SS VI", "VC": "A CS V",
}  # fmt: skip
"""Provinces (ISO 3166-2:ES) by the community whose holidays they have."""
_CALENDAR_OF = {
    f"ES-{province}": f"ES-{community}"
    for community, provinces in _SPANISH_COMMUNITIES.items()
    for province in provinces.split()
}


@lru_cache(maxsize=4096)
def holidays_of(calendar: str, year: int) -> dict[date, str]:
    """The calendar's public holidays of a year with their English names; empty where nobody knows any.

    Where a statute differs from the library, it is the statute's list. A state whose own days
    the library does not know has those of its country.
    """
    listed = listed_holidays(calendar, year)
    if listed is not None:
        return listed

    import holidays

    country, _, state = _CALENDAR_OF.get(calendar, calendar).partition("-")
    with warnings.catch_warnings():
        # The library warns of old names of states; what it then gives is right.
        warnings.simplefilter("ignore")
        for subdivision in (state, None) if state else (None,):
            try:
                found = holidays.country_holidays(
                    country, subdiv=subdivision, years=year, observed=True, language="en_US"
                )
            except (NotImplementedError, KeyError):
                continue
            return {day: name for day, name in found.items() if day.year == year}
    return {}


def has_calendar(calendar: str) -> bool:
    """Whether public holidays of the country (of ``FR`` or ``US-LA``) are known at all."""
    import holidays

    return calendar.partition("-")[0] in holidays.list_supported_countries()


def holiday_name(day: date, calendars: tuple[str, ...]) -> str | None:
    """The public holiday that a day is in any of the calendars; None for a working day."""
    for calendar in calendars:
        name = holidays_of(calendar, day.year).get(day)
        if name is not None:
            return name
    return None
