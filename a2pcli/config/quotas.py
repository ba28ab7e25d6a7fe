"""Quotas as people write them: ``10,000/day``, ``1000/min``, ``100k parts/24h``, ``5,000/day in Europe/London``.

``day`` is a day of the calendar: UTC's, or that of the zone that is named. ``24h`` is any 24 hours. Minutes and hours
are any minute and any hour, which no provider counts more strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from a2pcli.config.values import Rate, parse_zone
from a2pcli.dataclass import dataclass

_UNITS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
_QUOTA = re.compile(
    r"(\d{1,3}(?:,\d{3})+|\d{1,3}(?:[ _]\d{3})+|\d+(?:\.\d+)?)\s*([km])?\s*(parts?|messages?)?"
    r"\s*(?:/|per|a)\s*(\d{1,4})?\s*([a-z]+)(?:\s+(?:in\s+)?(\S+))?",
    re.IGNORECASE | re.ASCII,
)
_LONGEST = 31 * 86400
_HINT = "write it like 10,000/day, 1000/min, 5k parts/24h or 10,000/day in Europe/London"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``limit`` messages or parts in ``seconds``: any so many seconds, or a day of the calendar in ``zone``."""

    limit: int
    unit: Literal["messages", "parts"]
    seconds: int
    zone: str | None = None

    def __str__(self) -> str:
        unit = "" if self.unit == "messages" else " parts"
        zone = f" in {self.zone}" if self.zone not in (None, "UTC") else ""
        return f"{self.limit:,}{unit}/{_span(self.seconds, calendar=self.zone is not None)}{zone}"

    @property
    def pace(self) -> Rate | None:
        """A quota of one second is a pace; None for a longer one."""
        return Rate(float(self.limit), self.unit) if self.seconds == 1 else None

    def weight(self, parts: int) -> int:
        """How much of it a message of so many parts uses."""
        return max(parts, 1) if self.unit == "parts" else 1

    def begins(self, now: int) -> int:
        """When the span that counts at ``now`` began (UTC milliseconds)."""
        if self.zone is None:
            return now - self.seconds * 1000
        return _ms(_local(now, self.zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0))

    def resets(self, now: int) -> int:
        """When a day of the calendar ends that ``now`` is in; of other spans, when what is used now counts no more."""
        if self.zone is None:
            return now + self.seconds * 1000
        noon = _local(now, self.zone).replace(hour=12, minute=0, second=0, microsecond=0)
        return _ms((noon + timedelta(days=1)).replace(hour=0, fold=0))

    def to_data(self) -> dict[str, Any]:
        """JSON-ready; ``quota_of`` reads it."""
        return {"limit": self.limit, "unit": self.unit, "seconds": self.seconds, "zone": self.zone}


def quota_of(data: Any) -> Quota:
    """The quota that ``to_data`` wrote."""
    return Quota(int(data["limit"]), data["unit"], int(data["seconds"]), data["zone"])


def parse_quota(text: str) -> Quota:
    """One quota. Raises ``ValueError`` with a sentence and a hint."""
    found = _QUOTA.fullmatch(text.strip())
    seconds = _UNITS.get(found[5].lower()) if found else None
    if found is None or seconds is None:
        raise ValueError(f"'{text[:60]}' is not a quota", _HINT)
    count = (
        float(re.sub("[ ,_]", "", found[1])) * {"k": 1000, "m": 1_000_000, "": 1}[(found[2] or "").lower()]
    )
    if count != int(count):
        raise ValueError(f"a quota counts whole messages, not {found[1]}{found[2] or ''}", _HINT)
    if count < 1:
        raise ValueError("the quota is zero: nothing would be sent", "remove the key for no limit")
    times = int(found[4]) if found[4] else None
    is_day = seconds == 86400 and times is None
    seconds *= 1 if times is None else times
    if not 1 <= seconds <= _LONGEST:
        raise ValueError("a quota is for 1 second to 31 days", _HINT)
    if found[6] and not is_day:
        raise ValueError("a time zone belongs to a quota of a day only", _HINT)
    zone = (parse_zone(found[6]) if found[6] else "UTC") if is_day else None
    unit: Literal["messages", "parts"] = (
        "parts" if (found[3] or "").lower().startswith("part") else "messages"
    )
    return Quota(int(count), unit, seconds, zone)


def parse_quotas(typed: Any) -> tuple[Quota, ...]:
    """The quotas of ``quota:``, a text or a list of texts. Raises ``ValueError``."""
    texts = [typed] if isinstance(typed, str) else typed
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise ValueError("a quota is a text, or a list of texts", _HINT)
    return tuple(map(parse_quota, texts))


def lowest(quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """Each kind of quota once, with the lowest limit, the shortest span first."""
    found: dict[tuple[int, str, str], Quota] = {}
    for one in quotas:
        kind = (one.seconds, one.unit, one.zone or "")
        if kind not in found or one.limit < found[kind].limit:
            found[kind] = one
    return tuple(found[kind] for kind in sorted(found))


def _local(moment: int, zone: str) -> datetime:
    from a2pcli.timezones import ZoneInfo

    return datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZoneInfo(zone))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _span(seconds: int, *, calendar: bool) -> str:
    if calendar:
        return "day"
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return unit if seconds == size else f"{seconds // size}{'' if unit == 'h' else ' '}{unit}"
    return "s" if seconds == 1 else f"{seconds} s"
