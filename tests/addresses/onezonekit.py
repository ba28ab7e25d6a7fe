"""Where one contact may be."""

from __future__ import annotations

from a2pcli.addresses.zones.locate import locate

NY, CHICAGO, DENVER, LA = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"


def zones(number: str, country: str = "US", **cells: str) -> set[str]:
    return set(locate(number, country, **cells).zones)
