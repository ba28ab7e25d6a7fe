"""Time zones from the newer of two databases: the operating system's and the packaged one (``tzdata``).

Python reads the system's database first, however old it is, and quiet hours are then judged by rules that have ended
(British Columbia has stayed on summer time since March 2026). Every module takes its zones from here.
"""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from a2pcli.dataclass import dataclass

__all__ = ["ZONE_DATA", "ZoneData", "ZoneInfo", "ZoneInfoNotFoundError", "available_timezones"]

_RELEASE = re.compile(r"(\d{4})([a-z]{1,3})")


@dataclass(frozen=True, slots=True)
class ZoneData:
    """Which release of the IANA database is in use, e.g. ``2026f``, and where it comes from."""

    release: str
    source: str

    def __str__(self) -> str:
        return f"{self.release} ({self.source})"


def newer(system: str | None, packaged: str | None) -> str:
    """``system`` or ``packaged``: the database with the later release.

    The packaged one where both are equal, or where the system's release cannot be told.
    """
    if packaged is None:
        return "system"
    return "system" if _order(system) > _order(packaged) else "packaged"


def _order(release: str | None) -> tuple[int, int, str]:
    """Releases in the order in which they came out: 2025c, 2026a, …, 2026z, 2026za. Unknown ones come first."""
    found = _RELEASE.match(release or "")
    return (int(found[1]), len(found[2]), found[2]) if found else (0, 0, "")


def system_release() -> str | None:
    """The release of the first system database that says so; None where there is none or it does not say."""
    for folder in map(Path, zoneinfo.TZPATH):
        for name, start in (("tzdata.zi", "# version "), ("+VERSION", "")):
            try:
                with (folder / name).open(encoding="ascii", errors="replace") as file:
                    line = file.readline(40).strip()
            except OSError:
                continue
            if line.startswith(start) and _RELEASE.match(line.removeprefix(start)):
                return line.removeprefix(start)
        if (folder / "Europe").is_dir():
            return None  # zones are read from here, whatever a later folder says
    return None


def packaged_release() -> str | None:
    """The release that the ``tzdata`` package holds; None where it is not installed."""
    try:
        import tzdata
    except ImportError:
        return None
    return str(tzdata.IANA_VERSION)


def _choose() -> ZoneData:
    system, packaged = system_release(), packaged_release()
    if newer(system, packaged) == "system":
        return ZoneData(system or "of an unknown release", "operating system")
    zoneinfo.reset_tzpath(to=())  # without a path, zoneinfo reads the package
    ZoneInfo.clear_cache()
    return ZoneData(str(packaged), "packaged")


ZONE_DATA = _choose()
"""The database in use, chosen once for the process."""
