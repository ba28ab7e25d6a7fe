"""``init`` and ``schema``: a starter project, and the schemas editors read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from shellkit import Shell
from shellkit import shell as shell


def test_a_starter_project_is_made_and_passes_its_own_check(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("init", "mine") == 0
    assert "mine/campaigns/welcome.yaml" in shell.out
    assert "a2pcli plan campaigns/welcome.yaml" in shell.out
    monkeypatch.chdir("mine")
    assert shell("check", "--strict") == 0
    assert shell.err == "1 campaign checked: 0 errors, 0 warnings\n"


def test_a_starter_project_can_be_planned_at_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("init", "mine")
    monkeypatch.chdir("mine")
    assert shell("plan", "campaigns/welcome.yaml", "--json") == 0, shell.err
    assert json.loads(shell.out)


def test_init_overwrites_nothing_and_says_what_it_kept(shell: Shell) -> None:
    Path("a2pcli.yaml").write_text("region: US\n")
    Path(".gitignore").write_text("*.bak\n")
    assert shell("init") == 0
    assert Path("a2pcli.yaml").read_text() == "region: US\n"
    assert "kept     a2pcli.yaml" in shell.out
    assert "add '.a2pcli/' to .gitignore" in shell.err
    assert shell("init", "--json") == 0
    result = json.loads(shell.out)
    assert result["created"] == []
    assert len(result["kept"]) == 7


def test_init_names_a_schema_of_another_version(shell: Shell) -> None:
    shell("init")
    Path(".schema/campaign.json").write_text("{}")
    assert shell("init") == 0
    assert "a2pcli schema campaign --out .schema/campaign.json" in shell.err


@pytest.mark.parametrize("name", ["file", "file/inside", "project/campaigns"])
def test_init_where_a_file_is_in_the_way(shell: Shell, name: str) -> None:
    Path("project").mkdir()
    Path("project/campaigns").touch()
    Path("file").touch()
    folder = "project" if name == "project/campaigns" else name
    assert shell("init", folder) == 3
    blocking = "file" if name.startswith("file") else name
    assert shell.err == f"{blocking}: is in the way: a folder is needed here\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write anywhere")
def test_init_in_a_folder_that_is_read_only(shell: Shell) -> None:
    Path("locked").mkdir(mode=0o500)
    assert shell("init", "locked") == 3
    assert shell.err == "locked/a2pcli.yaml: cannot write: permission denied\n"


# schema -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["campaign", "settings"])
def test_schema_prints_one_json_document(shell: Shell, kind: str) -> None:
    assert shell("schema", kind) == 0
    assert json.loads(shell.out)["title"] == f"a2pcli {kind}"
    assert shell.err == ""


def test_schema_writes_the_same_to_a_file(shell: Shell) -> None:
    shell("schema", "campaign")
    printed = json.loads(shell.out)
    assert shell("schema", "campaign", "--out", "a/b.json") == 0
    assert shell.out == ""
    assert json.loads(Path("a/b.json").read_text()) == printed


def test_schema_of_what_there_is_none_is_a_usage_error(shell: Shell) -> None:
    assert shell("schema", "contacts") == 2


def test_schema_that_cannot_be_written_is_told(shell: Shell) -> None:
    Path("file").touch()
    assert shell("schema", "campaign", "--out", "file/x.json") == 3
    assert shell.err.startswith("file/x.json: cannot write: ")
