"""Windows minute by minute, as a person with a wall clock in the room would tell it. Shares no code with a2pcli.

Written plainly: a calendar of wall-clock intervals, and a walk over every minute. A minute is inside an interval
when the clock, from now on, never again shows a time before it begins, and has, until now, never shown one from its
end on. That is what "never too early, never too late" means where clocks go back.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays

MINUTE = timedelta(minutes=1)
MARGIN = timedelta(days=3)


def is_holiday(day: date, calendars: list[str]) -> bool:
    for calendar in calendars:
        country, _, state = calendar.partition("-")
        if day in year_of(country, state, day.year):
            return True
    return False


@lru_cache(maxsize=200)
def year_of(country: str, state: str, year: int) -> set[date]:
    return set(holidays.country_holidays(country, subdiv=state or None, years=year))


def wall_intervals(first: date, last: date, week, calendars) -> list[tuple[datetime, datetime]]:
    """What the rule allows, in wall time; ``week[0]`` is Monday: pairs of minutes after that day's midnight."""
    found = []
    day = first
    while day <= last:
        if not is_holiday(day, calendars):
            for start, end in week[day.weekday()]:
                if end > 1440 and is_holiday(day + timedelta(days=1), calendars):
                    end = 1440
                midnight = datetime(day.year, day.month, day.day)
                found.append((midnight + start * MINUTE, midnight + end * MINUTE))
        day += timedelta(days=1)
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


@lru_cache(maxsize=8)
def walk(zone: str, begin: datetime, minutes: int) -> list[tuple[datetime, datetime, datetime]]:
    """For each minute from ``begin`` (UTC): the wall time, the lowest from then on, the highest until then."""
    room = ZoneInfo(zone)
    margin = int(MARGIN / MINUTE)
    shown = [
        (begin + n * MINUTE).astimezone(room).replace(tzinfo=None) for n in range(-margin, minutes + margin)
    ]
    lowest, highest = list(shown), list(shown)
    for n in range(len(shown) - 2, -1, -1):
        lowest[n] = min(lowest[n], lowest[n + 1])
    for n in range(1, len(shown)):
        highest[n] = max(highest[n], highest[n - 1])
    return list(zip(shown, lowest, highest, strict=True))[margin : margin + minutes]


def open_minutes(zone: str, begin: datetime, minutes: int, week, calendars) -> list[bool]:
    """Whether a window is open in each minute."""
    days = timedelta(days=minutes // 1440 + 4)
    intervals = wall_intervals(begin.date() - timedelta(days=4), begin.date() + days, week, calendars)
    walked = walk(zone, begin, minutes + 1)
    found = []
    for (_, lowest, highest), (_, later, _) in pairwise(walked):
        # A start that is shown again later is not the opening yet: of an hour that comes twice, the second counts.
        found.append(any(start <= lowest and start < later and highest < end for start, end in intervals))
    return found


def begun(zones: list[str], begin: datetime, minutes: int, not_before: datetime) -> list[bool]:
    """Whether a wall time is past, for good, in every zone."""
    walks = [walk(zone, begin, minutes) for zone in zones]
    return [all(walked[n][1] >= not_before for walked in walks) for n in range(minutes)]


def expired(zones: list[str], begin: datetime, minutes: int, expires: datetime) -> list[bool]:
    """Whether a wall time was reached in any zone."""
    walks = [walk(zone, begin, minutes) for zone in zones]
    return [any(walked[n][2] >= expires for walked in walks) for n in range(minutes)]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
