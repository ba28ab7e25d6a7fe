"""Moments as people read them: to the minute, always with the name of the zone they are in.

The moments of a campaign are in its own zone (``schedule.timezone``, UTC where it gives a moment and no zone);
others are in this machine's. Documents for programs have UTC instead (``reporting.values.iso``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from a2pcli.timezones import ZoneInfo

ZONE = "zone"
"""The key of a run's summary that holds its campaign's zone."""


def zone_of(summary: Mapping[str, Any]) -> str | None:
    """The zone in which a run's moments are told, from its summary; None for this machine's."""
    zone = summary.get(ZONE)
    return zone if isinstance(zone, str) else None


def moment_text(moment: int, zone: str | None = None) -> str:
    """UTC milliseconds to the minute, with the zone: ``2026-11-22 10:03 Europe/London``; in this machine's time
    where no zone is named: ``2026-11-22 10:03 CET``."""
    return f"{minute(moment, zone)} {zone_name(moment, zone)}"


def minute(moment: int, zone: str | None = None) -> str:
    """``2026-11-22 10:03``, where the zone stands beside it already."""
    return _at(moment, zone).strftime("%Y-%m-%d %H:%M")


def zone_name(moment: int, zone: str | None = None) -> str:
    """The zone as it is written beside a moment."""
    return zone or _at(moment, None).tzname() or "local time"


def _at(moment: int, zone: str | None) -> datetime:
    at = datetime.fromtimestamp(moment / 1000, UTC)
    return at.astimezone(ZoneInfo(zone) if zone else None)
