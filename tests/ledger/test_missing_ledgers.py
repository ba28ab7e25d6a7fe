"""A ledger that is gone, emptied, exchanged or put back to an older state is missed, and nobody is messaged again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from clikit import Project

SEND = ("send", "sale.yaml", "--yes")


PEOPLE = "mobile,first_name\n+447911123456,Ann\n+447911123457,Ben\n"


@pytest.fixture(scope="module")
def sent_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose campaign was sent to everybody: made once, and copied for each test."""
    project = Project(tmp_path_factory.mktemp("sent")).starter(people=PEOPLE)
    assert project.run(*SEND).status == 0
    assert len(project.outbox()) == 2
    return project


@pytest.fixture
def sent(sent_once: Project, tmp_path: Path) -> Project:
    """A project of its own whose campaign was sent to everybody."""
    shutil.copytree(sent_once.folder, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path)


def ledger_of(project: Project) -> Path:
    return project.folder / ".a2pcli" / "ledger.db"


def rename(project: Project) -> None:
    ledger_of(project).rename(project.folder / "elsewhere.db")


def delete_folder(project: Project) -> None:
    outbox = project.folder / ".a2pcli" / "outbox.jsonl"
    outbox.rename(project.folder / "outbox.jsonl")
    shutil.rmtree(project.folder / ".a2pcli")
    outbox.parent.mkdir()
    (project.folder / "outbox.jsonl").rename(outbox)


def forget_and_delete(project: Project) -> None:
    """As before there was a note of ledgers: what lies beside the place still tells."""
    (project.folder / ".a2pcli-ledger.json").unlink()
    ledger_of(project).unlink()


def empty(project: Project) -> None:
    ledger_of(project).write_bytes(b"")


def cut(project: Project) -> None:
    whole = ledger_of(project).read_bytes()
    ledger_of(project).write_bytes(whole[: len(whole) // 2])


def cut_within_the_header(project: Project) -> None:
    ledger_of(project).write_bytes(ledger_of(project).read_bytes()[:50])


def exchange(project: Project) -> None:
    other = Project(project.folder / "other")
    other.folder.mkdir()
    other.starter(people=PEOPLE)
    other.run("plan", "sale.yaml")
    shutil.copyfile(ledger_of(other), ledger_of(project))


def other_settings(project: Project) -> None:
    settings = (project.folder / "a2pcli.yaml").read_text()
    project.write("a2pcli.yaml", settings + "ledger: new.db\n")


def no_tables(project: Project) -> None:
    ledger_of(project).unlink()
    with sqlite3.connect(ledger_of(project)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


GONE: list[tuple[Callable[[Project], None], str]] = [
    (rename, "is missing"),
    (delete_folder, "is missing"),
    (forget_and_delete, "is missing"),
    (empty, "is empty"),
    (cut, "is damaged"),
    (cut_within_the_header, "is damaged"),
    (exchange, "not the ledger that was here before"),
    (other_settings, "this project's ledger is .a2pcli/ledger.db"),
    (no_tables, "an empty database"),
]


@pytest.mark.parametrize(("what", "says"), GONE, ids=[what.__name__ for what, _ in GONE])
def test_nothing_goes_on_without_the_projects_ledger(
    sent: Project, what: Callable[[Project], None], says: str
) -> None:
    what(sent)
    for command in (SEND, ("optout", "add", "07911123499")):
        ran = sent.run(*command)
        assert ran.status == 3, ran.err
        assert says in ran.err
    assert len(sent.outbox()) == 2


def test_a_list_of_runs_does_not_say_that_there_were_none(sent: Project) -> None:
    rename(sent)
    ran = sent.run("runs")
    assert ran.status == 3
    assert "is missing" in ran.err
    assert "a2pcli ledger create" in ran.err


def test_a_ledger_that_comes_back_is_taken_up_again(sent: Project) -> None:
    rename(sent)
    assert sent.run(*SEND).status == 3
    (sent.folder / "elsewhere.db").rename(ledger_of(sent))
    assert sent.run(*SEND).status == 0
    assert len(sent.outbox()) == 2


def test_a_project_that_is_moved_with_its_ledger_goes_on(sent: Project, tmp_path: Path) -> None:
    moved = Project(tmp_path.with_name(f"{tmp_path.name}-moved"))
    sent.folder.rename(moved.folder)
    assert moved.run(*SEND).status == 0
    assert len(moved.outbox()) == 2


def test_a_person_may_start_over(sent: Project) -> None:
    rename(sent)
    assert sent.run("ledger", "create").status == 0
    assert sent.run(*SEND).status == 0
    assert len(sent.outbox()) == 4


def test_a_new_ledger_is_not_made_beside_the_log_of_the_old_one(sent: Project) -> None:
    rename(sent)
    log = sent.folder / ".a2pcli" / "ledger.db-wal"
    log.write_bytes(b"x" * 100)
    ran = sent.run("ledger", "create")
    assert ran.status == 3
    assert "newest entries" in ran.err
    assert not ledger_of(sent).exists()


def test_a_ledger_is_never_made_over_one(sent: Project) -> None:
    ran = sent.run("ledger", "create")
    assert ran.status == 2
    assert "already" in ran.err


def test_a_restored_backup_is_told_by_what_it_lacks(sent: Project) -> None:
    backup = sent.folder / "backup.db"
    shutil.copyfile(ledger_of(sent), backup)
    assert sent.run("send", "sale.yaml", "--yes", "--occurrence", "second").status == 0
    shutil.copyfile(backup, ledger_of(sent))
    ran = sent.run("send", "sale.yaml", "--yes", "--occurrence", "second")
    assert ran.status == 3
    assert "Was a backup restored?" in ran.err
    assert len(sent.outbox()) == 4
    assert sent.run("ledger", "accept").status == 0
    assert sent.run("send", "sale.yaml", "--yes", "--occurrence", "second").status == 0
    assert len(sent.outbox()) == 6


def test_another_ledger_that_a_person_accepts_is_used(sent: Project) -> None:
    exchange(sent)
    assert sent.run(*SEND).status == 3
    assert sent.run("ledger", "accept").status == 0
    assert sent.run(*SEND).status == 0


def test_a_second_ledger_of_a_project_is_made_only_on_purpose(sent: Project) -> None:
    assert sent.run(*SEND, "--ledger", "second.db").status == 3
    assert not (sent.folder / "second.db").exists()
    assert sent.run("ledger", "create", "--ledger", "second.db").status == 0
    refused = sent.run(*SEND, "--ledger", "second.db")
    assert refused.status == 3
    assert "campaign spring-sale was planned with another ledger" in refused.err
    assert sent.run(*SEND).status == 0
    assert len(sent.outbox()) == 2


def test_the_note_holds_nobodys_number(sent: Project) -> None:
    text = (sent.folder / ".a2pcli-ledger.json").read_text()
    assert "7911" not in text
    assert json.loads(text)["ledgers"][0]["campaigns"] == ["spring-sale"]


def test_a_note_that_cannot_be_read_is_not_taken_for_none(sent: Project) -> None:
    sent.write(".a2pcli-ledger.json", "<<<<<<< HEAD\n")
    ran = sent.run(*SEND)
    assert ran.status == 3
    assert ".a2pcli-ledger.json" in ran.err


def test_a_campaign_without_settings_is_remembered_beside_it(project: Project) -> None:
    project.starter()
    (project.folder / "a2pcli.yaml").unlink()
    (project.folder / "rates.csv").unlink()
    project.write("people.csv", PEOPLE)
    assert project.run(*SEND).status == 0
    ledger_of(project).unlink()
    assert project.run(*SEND).status == 3
    assert len(project.outbox()) == 2


@pytest.mark.parametrize("settings", [True, False])
def test_an_opt_out_makes_no_ledger_by_the_way(project: Project, settings: bool) -> None:
    if settings:
        project.write("a2pcli.yaml", "region: GB\n")
    for command in (
        ("optout", "add", "+447911123456"),
        ("optout", "reply", "+447911123456", "STOP"),
        ("consent", "revoke", "+447911123456"),
    ):
        ran = project.run(*command)
        assert ran.status == 3, command
        assert "nothing was recorded" in ran.err
        assert "a2pcli ledger create" in ran.err
        assert str(project.folder) in ran.err
    assert not (project.folder / ".a2pcli").exists()


def test_an_opt_out_names_the_ledger_that_it_is_in(sent: Project) -> None:
    ran = sent.run("optout", "add", "07911123499")
    assert ran.status == 0
    assert f"ledger: {ledger_of(sent)}" in ran.err
