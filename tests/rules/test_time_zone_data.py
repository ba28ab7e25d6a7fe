"""The newer of two time zone databases is used: the operating system's or the packaged one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
import tzdata

from a2pcli.timezones import newer

ZONES = Path(str(resources.files("tzdata") / "zoneinfo"))
VANCOUVER_IN_WINTER = """
import datetime
from a2pcli.timezones import ZONE_DATA, ZoneInfo
noon = datetime.datetime(2027, 1, 15, 12, tzinfo=ZoneInfo("America/Vancouver"))
print(noon.utcoffset().total_seconds() / 3600, ZONE_DATA)
"""


def system_database(folder: Path, release: str | None) -> Path:
    """A system database whose Vancouver still goes back to winter time, as Los Angeles does."""
    (folder / "America").mkdir(parents=True)
    (folder / "Europe").mkdir()
    shutil.copy(ZONES / "America" / "Los_Angeles", folder / "America" / "Vancouver")
    if release is not None:
        (folder / "tzdata.zi").write_text(f"# version {release}\n# more\n")
    return folder


def asked(folder: Path) -> str:
    environment = os.environ | {"PYTHONTZPATH": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-c", VANCOUVER_IN_WINTER],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


@pytest.mark.parametrize("release", ["2015a", "2025b", None])
def test_a_system_with_old_or_unnamed_rules_does_not_decide_which_time_it_is(
    tmp_path: Path, release: str | None
) -> None:
    assert asked(system_database(tmp_path, release)) == f"-7.0 {tzdata.IANA_VERSION} (packaged)"


def test_a_system_with_newer_rules_than_the_package_decides(tmp_path: Path) -> None:
    assert asked(system_database(tmp_path, "2098z")) == "-8.0 2098z (operating system)"


@pytest.mark.parametrize(
    ("system", "packaged", "expected"),
    [
        ("2026f", "2026f", "packaged"),
        ("2026g", "2026f", "system"),
        ("2026a", "2025z", "system"),
        ("2026za", "2026z", "system"),
        ("2026z", "2026za", "packaged"),
        ("2025b-rearguard", "2025c", "packaged"),
        ("", "2025c", "packaged"),
        (None, None, "system"),
        ("garbage", "2025c", "packaged"),
    ],
)
def test_releases_are_compared_by_year_and_letter(
    system: str | None, packaged: str | None, expected: str
) -> None:
    assert newer(system, packaged) == expected
