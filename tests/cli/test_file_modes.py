"""What a2pcli writes is never open to everybody, whatever mask the process was given."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    ["init", "shop"],
    ["plan", "shop/campaigns/welcome.yaml", "--out", "shop/plan.csv"],
    ["send", "shop/campaigns/welcome.yaml", "--yes"],
    ["schema", "campaign", "--out", "shop/new/folder/schema.json"],
)


def written(folder: Path, mask: str) -> dict[str, int]:
    """The modes of everything there is after these commands."""
    python = shlex.quote(sys.executable)
    lines = [f"umask {mask}", *[f"{python} -m a2pcli {shlex.join(one)}" for one in COMMANDS]]
    subprocess.run(["sh", "-c", "\n".join(lines)], cwd=folder, capture_output=True, check=False, timeout=120)
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_nothing_can_be_written_by_everybody(tmp_path: Path) -> None:
    modes = written(tmp_path, "000")
    assert {
        "shop/a2pcli.yaml",
        "shop/plan.csv",
        "shop/.a2pcli/ledger.db",
        "shop/.a2pcli/outbox.jsonl",
    } <= set(modes)
    assert "shop/new/folder/schema.json" in modes
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o022} == {}
    assert all(mode & 0o077 == 0 for name, mode in modes.items() if "/.a2pcli/" in name)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_mask_for_a_group_is_the_users_choice(tmp_path: Path) -> None:
    command = f"umask 002; {shlex.quote(sys.executable)} -m a2pcli init shop"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert stat.S_IMODE((tmp_path / "shop/a2pcli.yaml").stat().st_mode) == 0o664
