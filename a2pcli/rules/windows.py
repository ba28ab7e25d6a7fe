"""A send window on the clocks of one time zone: when it opens and closes, to the second.

A window is written in wall time. Where the clocks change, it is never open too early and never too late:

- a bound in an hour that is skipped means the first moment after it;
- an opening bound in an hour that comes twice means the second time, a closing bound the first.

A span over midnight (``21:00-02:00``) belongs to the day it opens on. On a public holiday the window is closed
the whole day, and a span that began the evening before ends at midnight.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from a2pcli.config.hours import DAY, Span, parse_days, parse_spans
from a2pcli.dataclass import dataclass
from a2pcli.rules.calendars import holiday_name
from a2pcli.timezones import ZoneInfo

HORIZON = 400
"""Days that a search looks ahead: longer than any week, holiday season and year. Closed for so long is closed."""

OWN_RULE = "campaign-window"
"""The rule id of a campaign's own window."""

Open = tuple[int, int]
"""From (included) to (excluded), in UTC seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Window:
    """When one rule lets messages leave.

    ``week`` has seven entries, Monday first, each the spans of that day. ``closed_on`` names calendars of public
    holidays on which it stays closed. ``zone`` is None for the recipient's time, else a fixed IANA zone.
    """

    rule: str
    week: tuple[tuple[Span, ...], ...]
    closed_on: tuple[str, ...] = ()
    zone: str | None = None

    def to_data(self) -> dict[str, Any]:
        """The value as lists and dicts that JSON can represent."""
        return {
            "rule": self.rule,
            "week": [[list(span) for span in day] for day in self.week],
            "closed_on": list(self.closed_on),
            "zone": self.zone,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Window:
        """The window of ``to_data``."""
        week = tuple(tuple((int(start), int(end)) for start, end in day) for day in data["week"])
        return cls(data["rule"], week, tuple(data["closed_on"]), data["zone"])


def own_window(
    window: str | None,
    days: str | None,
    *,
    closed_on: tuple[str, ...] = (),
    zone: str | None = None,
    rule: str = OWN_RULE,
) -> Window | None:
    """A campaign's own window; None where it sets nothing. Raises ``ValueError`` (sentence, hint)."""
    if window is None and days is None and not closed_on:
        return None
    spans = parse_spans(window) if window is not None else ((0, DAY),)
    open_days = parse_days(days) if days is not None else tuple(range(7))
    week = tuple(spans if day in open_days else () for day in range(7))
    return Window(rule, week, closed_on, zone)


class Track:
    """A window in one zone, with the days it has already worked out. Get it by ``track``."""

    __slots__ = ("_days", "window", "zone")

    def __init__(self, zone: str, window: Window) -> None:
        self.window = window
        self.zone = ZoneInfo(window.zone or zone)
        self._days: dict[int, tuple[Open, ...]] = {}

    def opens(self, at: int) -> int | None:
        """The first second from ``at`` on in which the window is open; None within the horizon."""
        found = self._from(at)
        return None if found is None else max(at, found[0])

    def closes(self, at: int) -> int | None:
        """The second in which a window that is open at ``at`` closes; None where it does not."""
        found = self._from(at)
        if found is None or found[0] > at:
            return at
        end = found[1]
        until = at + HORIZON * DAY
        while end < until:
            following = self._from(end)
            if following is None or following[0] > end:
                return end
            end = following[1]
        return None

    def _from(self, at: int) -> Open | None:
        """The first opening that ends after ``at``."""
        # Two days back: a span over midnight, and a zone that crosses the date line.
        first = datetime.fromtimestamp(at, self.zone).toordinal() - 2
        for day in range(first, first + HORIZON + 4):
            found = self._days.get(day)
            if found is None:
                found = self._days[day] = tuple(self._openings(day))
            for opening in found:
                if opening[1] > at:
                    return opening
        return None

    def _openings(self, day: int) -> list[Open]:
        """The openings that begin on a local day, in UTC seconds."""
        found = []
        around = [
            (start + days * DAY, end + days * DAY)
            for days in (-1, 0, 1)
            for start, end in self._spans(day + days)
        ]
        for start, end in self._spans(day):
            # Where another span reaches across a bound (24:00 is the next day's 00:00), it is none.
            goes_on_before = any(first < start <= last for first, last in around)
            goes_on_after = any(first <= end < last for first, last in around)
            opens = instant(self.zone, day, start, later=not goes_on_before)
            closes = instant(self.zone, day, end, later=goes_on_after)
            if opens < closes:
                found.append((opens, closes))
        return found

    def _spans(self, day: int) -> list[Span]:
        """A day's spans after holidays; a span past midnight ends there where a holiday follows."""
        spans = self.window.week[(day - 1) % 7]  # ordinal 1 was a Monday
        if not spans or self._closed(day):
            return []
        if spans[-1][1] > DAY and self._closed(day + 1):
            spans = (*spans[:-1], (spans[-1][0], DAY))
        return list(spans)

    def _closed(self, day: int) -> bool:
        calendars = self.window.closed_on
        return bool(calendars) and holiday_name(date.fromordinal(day), calendars) is not None


@lru_cache(maxsize=4096)
def track(zone: str, window: Window) -> Track:
    """The window in a zone. Raises ``ZoneInfoNotFoundError`` for a zone that does not exist."""
    return Track(zone, window)


def instant(zone: ZoneInfo, day: int, seconds: int, *, later: bool) -> int:
    """UTC seconds of a wall time, given as a day's ordinal and seconds after its midnight.

    In an hour that comes twice: the second time where ``later``, else the first. In one that is skipped: the
    moment of the change.
    """
    wall = datetime.fromordinal(day) + timedelta(seconds=seconds)
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    assert before is not None
    assert after is not None
    if after > before:
        return _change(zone, _utc(wall - after), _utc(wall - before), after)
    return _utc(wall - (after if later else before))


def _utc(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp())


def _change(zone: ZoneInfo, low: int, high: int, after: timedelta) -> int:
    """The first second with the offset ``after``, which is past ``low`` and not past ``high``."""
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high
