"""When one person may be messaged: a clock over every time zone and every window that must be respected.

A clock is open only while every window is open in every zone, the campaign has begun and has not expired. Many
people share a clock; a run stores each once, as JSON. Moments are UTC milliseconds since 1970.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

from a2pcli.config.hours import DAY
from a2pcli.dataclass import dataclass
from a2pcli.rules.windows import HORIZON, Track, Window, instant, track
from a2pcli.timezones import ZoneInfo, ZoneInfoNotFoundError

UNKNOWN_ZONE = "unknown-zone"
NOT_BEFORE = "not-before"
EXPIRED = "expired"

_LAST_ON_EARTH = 12 * 3600
"""Seconds by which the last inhabited zone is behind UTC."""


@dataclass(frozen=True, slots=True)
class Clock:
    """When one person may be messaged.

    ``zones`` are IANA names, empty where unknown. ``not_before`` and ``expires`` are wall times in each of the
    zones where they have no offset (the latest start and the earliest end count), else moments.
    """

    zones: tuple[str, ...]
    windows: tuple[Window, ...] = ()
    not_before: datetime | None = None
    expires: datetime | None = None

    @property
    def needs_zone(self) -> bool:
        """Whether anything in it is in the recipient's time."""
        return any(window.zone is None for window in self.windows) or any(
            moment is not None and moment.tzinfo is None for moment in (self.not_before, self.expires)
        )

    @property
    def lacks_zone(self) -> bool:
        """Whether it needs a zone and none, or one that does not exist, is known: it then never opens."""
        return self.needs_zone and not _known(self.zones)

    @property
    def starts_at(self) -> int | None:
        """``not_before`` as a moment, the latest of all zones; None without, or where no zone is known."""
        return _moment(self.zones, self.not_before, later=True)

    @property
    def expires_at(self) -> int | None:
        """``expires`` as a moment, the earliest of all zones; where no zone is known the last on earth."""
        return _moment(self.zones, self.expires, later=False)

    def is_open(self, ms: int) -> bool:
        """Whether a message may leave at this moment."""
        if self.lacks_zone or not self._running(ms):
            return False
        at = ms // 1000
        return all(dial.opens(at) == at for dial in self._tracks())

    def next_opening(self, ms: int) -> int | None:
        """The first moment from ``ms`` on at which a message may leave: ``ms`` itself while open.

        None where there is none before it expires, or within the next ``HORIZON`` days (windows that exclude
        each other), or the zone is unknown.
        """
        if self.lacks_zone:
            return None
        at = max(ms, self.starts_at or ms)
        end = self.expires_at
        limit = at // 1000 + HORIZON * DAY
        if end is not None:
            limit = min(limit, (end - 1) // 1000)
        opening = _all_open(self._tracks(), -(-at // 1000), limit)
        if opening is None:
            return None
        # Bounds are whole seconds: if the second that `at` is in the middle of is open, `at` is.
        if at % 1000 and _all_open(self._tracks(), at // 1000, at // 1000) is not None:
            opening = at // 1000
        moment = max(at, opening * 1000)
        return None if end is not None and moment >= end else moment

    def open_until(self, ms: int) -> int | None:
        """The moment at which a clock that is open at ``ms`` closes; ``ms`` itself where it is closed.

        None where it stays open for longer than ``HORIZON`` days: ask again then.
        """
        if not self.is_open(ms):
            return ms
        ends = [closing * 1000 for dial in self._tracks() if (closing := dial.closes(ms // 1000)) is not None]
        if self.expires_at is not None:
            ends.append(self.expires_at)
        return min(ends, default=None)

    def closed_by(self, ms: int) -> list[str]:
        """The ids of the rules that keep it closed at this moment, each once; empty while open.

        Beside rules of the law and the campaign's own: ``expired``, ``not-before``, ``unknown-zone``.
        """
        start, end = self.starts_at, self.expires_at
        found = [EXPIRED] if end is not None and ms >= end else []
        if self.lacks_zone:
            return [*found, UNKNOWN_ZONE]
        if start is not None and ms < start:
            found.append(NOT_BEFORE)
        at = ms // 1000
        found += [dial.window.rule for dial in self._tracks() if dial.opens(at) != at]
        return list(dict.fromkeys(found))

    def to_json(self) -> str:
        """One line, the same for equal clocks."""
        data = {
            "zones": list(self.zones),
            "windows": [window.to_data() for window in self.windows],
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "expires": self.expires.isoformat() if self.expires else None,
        }
        return json.dumps(data, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Clock:
        """The clock of ``to_json``."""
        data = json.loads(text)
        moments = [
            None if data[key] is None else datetime.fromisoformat(data[key])
            for key in ("not_before", "expires")
        ]
        return cls(tuple(data["zones"]), tuple(map(Window.from_data, data["windows"])), *moments)

    def _running(self, ms: int) -> bool:
        start, end = self.starts_at, self.expires_at
        return (start is None or ms >= start) and (end is None or ms < end)

    def _tracks(self) -> tuple[Track, ...]:
        return _tracks(self.zones, self.windows)


@lru_cache(maxsize=8192)
def _tracks(zones: tuple[str, ...], windows: tuple[Window, ...]) -> tuple[Track, ...]:
    return tuple(
        track(zone, window)
        for window in windows
        for zone in (zones if window.zone is None else (window.zone,))
    )


def _all_open(tracks: tuple[Track, ...], at: int, limit: int) -> int | None:
    """The first second from ``at`` to ``limit`` in which all are open: each in turn moves it on, until none does."""
    waiting = list(tracks)
    while waiting:
        for dial in waiting:
            opening = dial.opens(at)
            if opening is None or opening > limit:
                return None
            if opening > at:
                at = opening
                break
        else:
            return at
    return at if at <= limit else None


@lru_cache(maxsize=8192)
def _known(zones: tuple[str, ...]) -> bool:
    """Whether there are zones and all of them exist: one that does not could be anywhere."""
    for name in zones:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return False
    return bool(zones)


@lru_cache(maxsize=8192)
def _moment(zones: tuple[str, ...], moment: datetime | None, *, later: bool) -> int | None:
    """UTC milliseconds of a wall time in the strictest of the zones, or of a moment."""
    if moment is None:
        return None
    if moment.tzinfo is not None:
        return round(moment.timestamp() * 1000)
    day = moment.toordinal()
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    if not _known(zones):
        # Nothing leaves in any case; it is certain to have expired once it has everywhere.
        epoch = datetime(1970, 1, 1).toordinal()
        return None if later else ((day - epoch) * DAY + seconds + _LAST_ON_EARTH) * 1000
    found = [instant(ZoneInfo(name), day, seconds, later=later) for name in zones]
    return (max(found) if later else min(found)) * 1000
