"""Messages held until permitted hours: how many, until when, in whose time. They count as planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from a2pcli.ledger.records import FAR, Waiting
from a2pcli.reasons import Reason
from a2pcli.reporting.values import iso, local
from a2pcli.timezones import ZoneInfo

MOST_ZONES = 40
"""Zones whose clocks are looked at; beyond, their times say nothing."""

NO_ZONE = "set schedule.unknown_zone and send again, or plan again with a timezone column"


def their_time(until: int, zones: Sequence[str]) -> str | None:
    """``08:00``, or ``08:00 to 09:00`` where the clocks of the zones differ; None where no zone is known."""
    if not zones or len(zones) > MOST_ZONES or until >= FAR:
        return None
    at = datetime.fromtimestamp(until / 1000, UTC)
    times = sorted({at.astimezone(ZoneInfo(zone)).strftime("%H:%M") for zone in zones})
    return times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"


def held_document(waiting: Sequence[Waiting]) -> dict[str, Any]:
    """For ``--json``: each opening, the first to come first; ``until`` is null if it needs action by a person."""
    return {
        "messages": sum(one.messages for one in waiting),
        "openings": [
            {
                "reason": one.reason,
                "messages": one.messages,
                "until": None if one.until >= FAR else iso(one.until),
                "their_time": their_time(one.until, one.zones),
                "zones": list(one.zones),
                "rules": list(one.rules),
            }
            for one in waiting
        ],
    }


def held_lines(waiting: Sequence[Waiting], most: int = 4, *, zone: str | None = None) -> list[str]:
    """``412 held until 2026-11-22 14:00 Europe/London (08:00 their time)``, the first openings one by one, others
    summed up. ``zone`` is the run's."""
    quota = [one for one in waiting if one.reason == Reason.QUOTA]
    waiting = [one for one in waiting if one.reason != Reason.QUOTA]
    hours = [one for one in waiting if one.until < FAR]
    never = [one for one in waiting if one.until >= FAR and one.reason != Reason.UNKNOWN_ZONE]
    lines = [
        f"{one.messages:,} held until {local(one.until, zone)}{_theirs(one.until, one.zones)}"
        for one in hours[:most]
    ]
    if later := sum(one.messages for one in hours[most:]):
        lines.append(f"{later:,} held longer, the last until {local(hours[-1].until, zone)}")
    for one in never:
        lines.append(f"{one.messages:,} cannot be sent: {_closed(one.rules)}")
    lost = sum(one.messages for one in waiting if one.reason == Reason.UNKNOWN_ZONE)
    if lost:
        lines.append(f"{lost:,} held, their time zone is unknown: {NO_ZONE}")
    return lines + _quota_lines(quota, most, zone)


def _quota_lines(waiting: Sequence[Waiting], most: int, zone: str | None) -> list[str]:
    """The messages that wait for a quota, by the minute until which they wait; those after the first are summed up."""
    by_minute: Counter[str] = Counter()
    for one in waiting:
        if one.until < FAR:
            by_minute[f"until {local(one.until, zone)}"] += one.messages
    lines = [f"{many:,} held for a quota: {when}" for when, many in list(by_minute.items())[:most]]
    if later := sum(list(by_minute.values())[most:]):
        lines.append(f"{later:,} held for a quota: longer, the last {list(by_minute)[-1]}")
    if never := sum(one.messages for one in waiting if one.until >= FAR):
        lines.append(f"{never:,} held for a quota: they have more parts than it allows")
    return lines


def clock_lines(clock: Mapping[str, Any], zone: str | None = None) -> list[str]:
    """When the messages of a plan may leave, from its summary, in its zone."""
    at_once = "may be sent now" if clock["at"] is not None else ""
    lines = [f"{clock['open']:,} {at_once}"] if clock["open"] else []
    found = [
        Waiting(one["until"], Reason.QUIET_HOURS, one["messages"], tuple(one["zones"]), tuple(one["rules"]))
        for one in clock["openings"]
    ]
    lines += held_lines(found, most=3, zone=zone)
    if rest := clock["held"] - sum(one.messages for one in found):
        lines.append(f"{rest:,} held longer")
    if lost := clock["unknown_zone"]:
        lines.append(f"{lost:,} held, their time zone is unknown: {NO_ZONE}")
    if late := clock["expires_first"]:
        lines.append(f"{late:,} would expire before they may be sent")
    return lines


def _closed(rules: Sequence[str]) -> str:
    named = f" ({', '.join(rules)})" if rules else ""
    return f"no permitted sending time: the campaign's hours and the legal hours do not overlap{named}"


def _theirs(until: int, zones: Sequence[str]) -> str:
    time = their_time(until, zones)
    return f" ({time} their time)" if time else ""
