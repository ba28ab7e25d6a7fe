"""``a2pcli ledger``: encrypting what is there, and being told what a key does not open."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from clikit import Project

from a2pcli.ledger import cipher

pytest.importorskip("sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'")

KEY = {"A2PCLI_LEDGER_KEY": "ab" * 32}
OTHER = {"A2PCLI_LEDGER_KEY": "a passphrase of mine"}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (cipher.KEY_VARIABLE, cipher.NEW_KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def planned(project: Project) -> Project:
    project.starter()
    assert project.run("plan", "sale.yaml").status == 0
    return project


def test_an_encrypted_ledger_works_as_before_with_its_key(planned: Project) -> None:
    assert planned.run("ledger", "encrypt", **KEY).status == 0
    assert not cipher.is_plain(planned.folder / ".a2pcli/ledger.db")
    assert planned.run("send", "sale.yaml", "--yes", **KEY).status == 0
    assert planned.run("report", "spring-sale", "--json", **KEY).json["states"]["accepted"] == 3
    assert planned.run("audit", "verify", **KEY).status == 0


def test_without_the_key_or_with_another_every_command_says_so(planned: Project) -> None:
    planned.run("ledger", "encrypt", **KEY)
    missing, wrong = planned.run("runs"), planned.run("runs", **OTHER)
    assert (missing.status, wrong.status) == (3, 3)
    assert "encrypted" in missing.err
    assert "A2PCLI_LEDGER_KEY" in missing.err
    assert "does not open" in wrong.err


def test_a_plain_ledger_with_a_key_in_the_environment_says_how_to_encrypt_it(planned: Project) -> None:
    ran = planned.run("runs", **KEY)
    assert ran.status == 3
    assert "a2pcli ledger encrypt" in ran.err


def test_rekey_and_decrypt_bring_it_back(planned: Project) -> None:
    planned.run("ledger", "encrypt", **KEY)
    new = {"A2PCLI_LEDGER_NEW_KEY": OTHER["A2PCLI_LEDGER_KEY"]}
    assert planned.run("ledger", "rekey", **KEY, **new).status == 0
    assert planned.run("runs", **KEY).status == 3
    assert planned.run("ledger", "decrypt", **OTHER).status == 0
    assert len(planned.run("runs", "--json").json["runs"]) == 1


def test_the_settings_may_name_another_variable(planned: Project) -> None:
    planned.write("a2pcli.yaml", "region: GB\nledger_key: ${ACME_KEY}\n")
    assert planned.run("ledger", "encrypt", ACME_KEY="cd" * 32).status == 0
    assert planned.run("runs", ACME_KEY="cd" * 32).status == 0
    unset = planned.run("runs")
    assert unset.status == 3
    assert "ACME_KEY is not set" in unset.err


def test_a_key_in_the_settings_file_itself_is_refused(planned: Project) -> None:
    planned.write("a2pcli.yaml", "ledger_key: abababababab\n")
    ran = planned.run("runs")
    assert ran.status == 3
    assert "environment variable" in ran.err
    assert "abababababab" not in ran.err


@pytest.mark.parametrize(
    ("command", "environ", "words"),
    [
        ("encrypt", {}, "no key is set"),
        ("decrypt", KEY, "not encrypted"),
        ("rekey", KEY, "not encrypted"),
    ],
)
def test_what_makes_no_sense_is_told(
    planned: Project, command: str, environ: dict[str, str], words: str
) -> None:
    ran = planned.run("ledger", command, **environ)
    assert ran.status == 2
    assert words in ran.err


def test_encrypting_twice_is_told(planned: Project) -> None:
    planned.run("ledger", "encrypt", **KEY)
    assert planned.run("ledger", "encrypt", **KEY).status == 2


def test_a_ledger_that_is_not_there_is_told_and_not_made(project: Project) -> None:
    project.starter()
    assert project.run("ledger", "encrypt", **KEY).status == 3
    assert not (project.folder / ".a2pcli/ledger.db").exists()


def killed_while_writing(project: Project, *command: str, **environ: str) -> Path:
    """Kill a command as soon as its copy of the ledger holds something; gives that copy."""
    folder = project.folder / ".a2pcli"
    process = subprocess.Popen(
        [sys.executable, "-m", "a2pcli", *command],
        cwd=project.folder,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(folder.glob("ledger.db.*.new")):
        pass
    process.kill()
    process.wait()
    (copy,) = folder.glob("ledger.db.*.new")
    return copy


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_a_copy_that_a_killed_command_left_goes_at_the_next_opening(project: Project) -> None:
    rows = "".join(f"+4479{n:08d},Ann\n" for n in range(11123456, 11143456))
    project.starter(people="mobile,first_name\n" + rows)
    assert project.run("plan", "sale.yaml").status == 0
    assert project.run("ledger", "encrypt", **KEY).status == 0
    copy = killed_while_writing(project, "ledger", "decrypt", **KEY)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    ran = project.run("runs", **KEY)
    assert ran.status == 0
    assert f"{copy}: removed" in ran.err
    assert list((project.folder / ".a2pcli").glob("*.new*")) == []


def test_erasing_removes_what_a_killed_command_left_and_names_other_copies(planned: Project) -> None:
    folder = planned.folder / ".a2pcli"
    left, mine = folder / "ledger.db.123.new", folder / "ledger.db.bak"
    for path in (left, mine):
        shutil.copyfile(folder / "ledger.db", path)
    ran = planned.run("people", "erase", "+447911123456", "--yes")
    assert ran.status == 0
    assert f"{left}: removed" in ran.out
    assert f"not changed: {mine}" in ran.out
    assert not left.exists()
