"""Offsets from UTC as people and programs write them, and the zones that keep one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

from a2pcli.addresses.zones.data import NOTHING, Names, countries
from a2pcli.timezones import ZoneInfo

_OFFSET = re.compile(
    r"(?P<etc>etc/)?(?:utc|gmt|ut|uct|zulu|z|universal|greenwich)?(?:time)?(?:0(?=[+\-−]))?"
    r"(?:(?P<sign>[+\-−±])?(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d)|(?P<part>[.,](?:0|25|5|50|75))?)?(?::00)?)?"
)
_FARTHEST = 14 * 60
_MONTHS = (1, 4, 7, 10)
"""Months in which a zone is asked for its offset: every summer time covers one and leaves one."""


def offsets_meant(text: str) -> tuple[int, ...]:
    """Minutes ahead of UTC that a text may mean; nothing for what is no offset. A bare number may be either way.

    >>> offsets_meant("UTC-8"), offsets_meant("GMT+5:30"), offsets_meant("Z"), offsets_meant("5")
    ((-480,), (330,), (0,), (-300, 300))
    >>> offsets_meant("Etc/GMT+5"), offsets_meant("noon")
    ((-300,), ())
    """
    plain = text.casefold().replace(" ", "").strip("()")
    found = _OFFSET.fullmatch(plain)
    if found is None or not plain:
        return ()
    part = float(found["part"].replace(",", ".")) if found["part"] else 0.0
    minutes = int(found["hours"] or 0) * 60 + int(found["minutes"] or 0) + round(part * 60)
    if minutes > _FARTHEST:
        return ()
    if minutes and (found["sign"] == "±" or (found["sign"] is None and plain[:1].isdigit())):
        return (-minutes, minutes)
    behind = (found["sign"] or "+") in "-−"
    if found["etc"]:
        behind = not behind  # POSIX signs: Etc/GMT+5 is five hours behind
    return (-minutes if behind else minutes,)


@cache
def zones_of_offsets(meant: tuple[int, ...], country: str) -> Names:
    """The country's zones that keep one of the offsets for some of the year; where there is none, one that always keeps
    the only offset. Nothing where no zone does."""
    here = [zone for zone in countries().get(country, NOTHING).zones if {*meant} & _offsets(zone)]
    if here or len(meant) != 1:
        return tuple(sorted(here))
    hours, rest = divmod(abs(meant[0]), 60)
    if not rest:
        sign = "-" if meant[0] > 0 else "+"  # POSIX signs again
        return (f"Etc/GMT{sign}{hours}" if hours else "Etc/UTC",)
    all_zones = sorted({zone for found in countries().values() for zone in found.zones})
    return tuple(zone for zone in all_zones if _offsets(zone) == {meant[0]})[:1]


@cache
def _offsets(zone: str) -> frozenset[int]:
    """The offsets that a zone keeps this year, in minutes."""
    place, year = ZoneInfo(zone), datetime.now(UTC).year
    moments = (datetime(year, month, 15, tzinfo=UTC).astimezone(place) for month in _MONTHS)
    return frozenset(
        round((moment.utcoffset() or datetime.resolution).total_seconds() / 60) for moment in moments
    )
