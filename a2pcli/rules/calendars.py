"""Public holidays by calendar: a country (``FR``) or one of its states (``US-LA``). Offline, from ``holidays``.

Days on which a holiday is observed because it falls on a weekend count as well as the holiday itself.
"""

from __future__ import annotations

import warnings
from datetime import date
from functools import lru_cache

from a2pcli.rules.holiday_lists import listed_holidays

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

    Where a statute differs from the library, it is the statute's list (``holiday_lists``). A state whose own days
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
