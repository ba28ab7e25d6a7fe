"""Rows of ``attempts`` that were deleted by hand: the people would be messaged again, so nothing is sent."""

from __future__ import annotations

import sqlite3

import pytest
from clikit import SETTINGS, Project


@pytest.fixture
def half_sent(project: Project) -> Project:
    """A run of which one message was sent; the others wait for tomorrow's hours."""
    project.starter()
    return project


def ledger_of(project: Project) -> sqlite3.Connection:
    return sqlite3.connect(project.folder / ".a2pcli/ledger.db")


def delete(project: Project, where: str = "1 = 1") -> int:
    with ledger_of(project) as connection:
        count = connection.execute(f"DELETE FROM attempts WHERE {where}").rowcount
    connection.close()
    return count


def interrupted(project: Project) -> str:
    """A run that was sent in part: two rows were claimed and accepted, the run is paused."""
    run = project.run("send", "sale.yaml", "--yes", "--json").json["run"]
    with ledger_of(project) as connection:
        (last,) = connection.execute("SELECT max(id) FROM attempts").fetchone()
        connection.execute("DELETE FROM attempts WHERE id = ?", (last,))
        connection.execute("DELETE FROM contacted WHERE message = ?", (last,))
        connection.execute("UPDATE attempt_counts SET made = made - 1")
        connection.execute("UPDATE runs SET state = 'paused', finished_at = NULL, totals = NULL")
    connection.close()
    return str(run)


def test_a_run_that_lost_attempts_is_not_resumed(half_sent: Project) -> None:
    run = interrupted(half_sent)
    before = half_sent.outbox()
    assert delete(half_sent, "id = (SELECT min(id) FROM attempts)") == 1
    for call in (("send", "sale.yaml", "--yes"), ("send", "--plan", run, "--yes")):
        said = half_sent.run(*call)
        assert said.status == 3, said
        assert f"run {run} has lost the record of 1 message that was sent, tried or skipped" in said.err
        assert "Nothing was sent" in said.err
        assert f"a2pcli cancel {run}" in said.err
    assert half_sent.outbox() == before


def test_a_run_that_lost_nothing_is_resumed(half_sent: Project) -> None:
    interrupted(half_sent)
    before = half_sent.outbox()
    assert half_sent.run("send", "sale.yaml", "--yes").status == 0
    assert len(half_sent.outbox()) == len(before) + 1


def test_an_occurrence_whose_run_lost_attempts_is_not_planned_again(half_sent: Project) -> None:
    run = half_sent.run("send", "sale.yaml", "--yes", "--json").json["run"]
    before = half_sent.outbox()
    count = delete(half_sent)
    for call in (("plan", "sale.yaml"), ("send", "sale.yaml", "--yes")):
        said = half_sent.run(*call)
        assert said.status == 3
        assert f"run {run} has lost the record of {count} messages that were sent" in said.err
        assert "--occurrence NAME" in said.err
    assert half_sent.outbox() == before
    assert half_sent.run("send", "sale.yaml", "--yes", "--occurrence", "again").status == 0


def test_ledger_check_names_the_rows_that_are_missing(half_sent: Project) -> None:
    run = half_sent.run("send", "sale.yaml", "--yes", "--json").json["run"]
    assert half_sent.run("ledger", "check").status == 0
    delete(half_sent, "id = (SELECT min(id) FROM attempts)")
    said = half_sent.run("ledger", "check", "--json")
    assert said.status != 0
    (found,) = [one for one in said.json["findings"] if one["code"] == "attempts-lost"]
    assert found["run"] == run
    assert "rows 1 to 32,767" in str(found)


def test_erasing_pruning_and_cancelling_lose_nothing(half_sent: Project) -> None:
    interrupted(half_sent)
    assert half_sent.run("people", "erase", "07911123456", "--yes").status == 0
    assert half_sent.run("ledger", "check").status == 0
    assert half_sent.run("cancel", "spring-sale", "--yes").status == 0
    assert half_sent.run("ledger", "check").status == 0
    half_sent.write("a2pcli.yaml", SETTINGS + "retention: {default: 1 day, bodies: 1 day}\n")
    assert half_sent.run("prune", "--yes").status == 0
    assert half_sent.run("ledger", "check").status == 0
