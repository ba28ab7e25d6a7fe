"""``ledger create``, ``encrypt``, ``decrypt``, ``rekey``: the change and its audit entry are there, or neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from clikit import Project

from a2pcli.ledger import audit

pytest.importorskip("sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'")

OLD, NEW = "11" * 32, "22" * 32
PLAIN: dict[str, str] = {}
KEY = {"A2PCLI_LEDGER_KEY": OLD}
BOTH = {**KEY, "A2PCLI_LEDGER_NEW_KEY": NEW}


def actions(project: Project, **environment: str) -> list[str]:
    found = project.run("audit", "list", "--json", **environment).json
    return [entry["action"] for entry in found["entries"]]


def ledger_files(project: Project) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in (project.folder / ".a2pcli").glob("*.db*") if one.is_file()}


def interrupt(*_: Any) -> None:
    """Stands for the end of the process where the entry would be written."""
    raise KeyboardInterrupt


@pytest.fixture
def made(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\n")
    assert project.run("ledger", "create").status == 0
    return project


def test_a_ledger_whose_making_could_not_be_recorded_is_not_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", interrupt)
        assert project.run("ledger", "create").status != 0
    assert ledger_files(project) == {}
    assert project.run("ledger", "create").status == 0
    assert actions(project) == ["ledger.create"]


@pytest.mark.parametrize(
    ("word", "before", "environment", "after"),
    [
        ("encrypt", (), KEY, KEY),
        ("decrypt", ("encrypt",), KEY, PLAIN),
        ("rekey", ("encrypt",), BOTH, {"A2PCLI_LEDGER_KEY": NEW}),
    ],
)
def test_a_change_of_the_key_that_could_not_be_recorded_leaves_the_ledger_as_it_was(
    made: Project,
    monkeypatch: pytest.MonkeyPatch,
    word: str,
    before: tuple[str, ...],
    environment: dict[str, str],
    after: dict[str, str],
) -> None:
    for earlier in before:
        assert made.run("ledger", earlier, **KEY).status == 0
    known = actions(made, **(KEY if before else PLAIN))
    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", interrupt)
        assert made.run("ledger", word, **environment).status != 0
    assert actions(made, **(KEY if before else PLAIN)) == known, "the old ledger opens with the old key"
    assert [name for name in ledger_files(made) if name.endswith((".new", ".making"))] == []
    assert made.run("ledger", word, **environment).status == 0
    assert actions(made, **after) == [f"ledger.{word}", *known]
    assert made.run("ledger", "check", **after).status == 0


def test_the_entry_is_in_the_new_file_before_it_takes_the_old_ones_place(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended right after the swap, the entry is there."""
    replace = Path.replace

    def swapped(self: Path, target: Path) -> Path:
        done = replace(self, target)
        if self.name.endswith(".new"):
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", swapped)
        assert made.run("ledger", "encrypt", **KEY).status != 0
    assert actions(made, **KEY) == ["ledger.encrypt", "ledger.create"]
