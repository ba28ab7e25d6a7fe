"""Public holidays of five states, typed by hand from their statutes, for 2026 and 2027. No code of a2pcli."""

from __future__ import annotations

from datetime import date

_COMMON_2026 = "01-01 01-19 02-16 05-25 09-07 11-11 11-26 12-25"
_COMMON_2027 = "01-01 01-18 02-15 05-31 09-06 11-11 11-25 12-25"

STATUTE = {
    # Mardi Gras, Confederate Memorial Day, Jefferson Davis, Juneteenth, July 4 (a Saturday: Friday too), Columbus
    ("US-AL", 2026): f"{_COMMON_2026} 02-17 04-27 06-01 06-19 07-03 07-04 10-12",
    ("US-AL", 2027): f"{_COMMON_2027} 02-09 04-26 06-07 06-18 06-19 07-04 07-05 10-11 12-24 12-31",
    # Battle of New Orleans, Mardi Gras, Good Friday, Huey Long, Columbus, All Saints, election of even years
    ("US-LA", 2026): f"{_COMMON_2026} 01-08 02-17 04-03 06-19 07-03 07-04 08-30 10-12 11-01 11-03",
    (
        "US-LA",
        2027,
    ): f"{_COMMON_2027} 01-08 02-09 03-26 06-18 06-19 07-04 07-05 08-30 10-11 11-01 12-24 12-31",
    # Good Friday, Flag Day (2026 a Sunday: Monday too), Columbus, election of every year; no Friday for a Saturday
    ("US-PA", 2026): f"{_COMMON_2026} 04-03 06-14 06-15 06-19 07-04 10-12 11-03",
    ("US-PA", 2027): f"{_COMMON_2027} 03-26 06-14 06-19 07-04 07-05 10-11 11-02",
    # 4 May, Victory Day, election of even years; after a Saturday some Mondays, never a Friday
    ("US-RI", 2026): f"{_COMMON_2026} 05-04 06-19 07-04 07-06 08-10 10-12 11-03",
    ("US-RI", 2027): f"{_COMMON_2027} 05-04 06-19 07-04 07-05 08-09 10-11 12-27",
    # Juneteenth on a Monday, Pioneer Day, Easter Sunday, Good Friday from 2027
    ("US-UT", 2026): f"{_COMMON_2026} 04-05 06-15 07-03 07-04 07-24 10-12",
    ("US-UT", 2027): f"{_COMMON_2027} 03-26 03-28 06-21 07-04 07-05 07-23 07-24 10-11 12-24 12-31",
}


def statute_holidays(calendar: str, year: int) -> set[date] | None:
    """The calendar's holidays; None for one that is not typed here. Raises ``KeyError`` for another year."""
    if calendar not in {state for state, _ in STATUTE}:
        return None
    return {date.fromisoformat(f"{year}-{day}") for day in STATUTE[calendar, year].split()}
