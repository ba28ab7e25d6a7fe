"""What was approved is what goes, or nothing: a plan that was changed in the ledger is not sent."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from clikit import CAMPAIGN, Project

PEOPLE = "mobile,first_name\n" + "".join(f"+4479111234{n},Ann\n" for n in range(10, 40))
POOL = CAMPAIGN + "sender: ['+447700900001', '+447700900002']\n"


def ledger_of(project: Project) -> Path:
    return project.folder / ".a2pcli" / "ledger.db"


def change(project: Project, sql: str) -> None:
    with sqlite3.connect(ledger_of(project)) as connection:
        assert connection.execute(sql).rowcount > 0
    connection.close()


def planned(project: Project, campaign: str = CAMPAIGN) -> str:
    project.starter(campaign=campaign, people=PEOPLE)
    ran = project.run("plan", "sale.yaml", "--json")
    assert ran.status == 0, ran.err
    return str(ran.json["plan"])


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE messages SET body = 'You won!' WHERE line = 20", "texts"),
        ("UPDATE messages SET body = NULL WHERE line = 20", "texts"),
        ("UPDATE messages SET address = '+447911999999' WHERE line = 2", "recipients"),
        ("UPDATE messages SET sender = 'EVIL' WHERE line = 3", "senders"),
        ("DELETE FROM messages WHERE line = 31", "recipients"),
        ("UPDATE messages SET address = body, body = address", "recipients and the texts"),
        ("UPDATE runs SET sender = 'EVIL'", "settings of the run"),
        ("UPDATE runs SET gateway = 'console'", "settings of the run"),
        ("UPDATE runs SET channel = 'mms'", "settings of the run"),
        ("UPDATE runs SET purpose = 'emergency'", "settings of the run"),
        ("UPDATE runs SET expires_at = 4102444800000", "settings of the run"),
        (
            "UPDATE runs SET sending = json_set(sending, '$.media[0]', 'https://evil.example/x.png')",
            "settings of the run",
        ),
        (
            "UPDATE runs SET sending = json_set(sending, '$.max_cost', json('{\"GBP\": 1}'))",
            "settings of the run",
        ),
        ("UPDATE runs SET digest = 'deadbeef'", "settings of the run"),
        ("UPDATE runs SET summary = NULL", "ledger was changed"),
        ("UPDATE runs SET summary = '{}'", "ledger was changed"),
    ],
)
def test_a_plan_that_was_changed_is_not_sent(project: Project, sql: str, what: str) -> None:
    id = planned(project)
    change(project, sql)
    ran = project.run("send", "--plan", id)
    assert ran.status == 3
    assert f"the {what}" in ran.err
    assert f"a2pcli cancel {id}" in ran.err
    assert project.outbox() == []
    assert project.run("cancel", id, "--yes").status == 0
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert len(project.outbox()) == 30


def test_a_sender_of_its_own_is_part_of_what_was_approved(project: Project) -> None:
    id = planned(project, POOL)
    change(project, "UPDATE messages SET sender = '+447700900001' WHERE sender = '+447700900002'")
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


def test_somebody_slipped_in_gets_nothing(project: Project) -> None:
    id = planned(project)
    with sqlite3.connect(ledger_of(project)) as connection:
        connection.execute("CREATE TEMP TABLE one AS SELECT * FROM messages ORDER BY id DESC LIMIT 1")
        connection.execute(
            "UPDATE one SET id = id + 1, person = 5, address = '+447911999999', encoding = NULL"
        )
        connection.execute("INSERT INTO messages SELECT * FROM one")
    connection.close()
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


def test_a_text_that_is_changed_between_a_pause_and_the_resume_is_not_sent(project: Project) -> None:
    id = planned(project)
    with sqlite3.connect(ledger_of(project)) as connection:
        # As a sender that was killed after five messages leaves it.
        connection.execute("UPDATE runs SET state = 'sending', started_at = planned_at")
        connection.execute(
            "UPDATE messages SET state = 'accepted', claimed_at = 1, settled_at = 1 WHERE line <= 6"
        )
    connection.close()
    change(project, "UPDATE messages SET body = 'You won!' WHERE line = 20")
    for command in (("send", "sale.yaml", "--yes"), ("send", "--plan", id)):
        ran = project.run(*command)
        assert ran.status == 3
        assert "the texts" in ran.err
    assert project.outbox() == []


def test_what_a2pcli_itself_changes_is_no_tampering(project: Project) -> None:
    id = planned(project, POOL)
    assert project.run("optout", "add", "+447911123411").status == 0
    assert project.run("people", "erase", "+447911123412", "--yes").status == 0
    assert project.run("people", "erase", "+447911123413", "--yes").status == 0
    assert project.run("send", "--plan", id).status == 0
    assert len(project.outbox()) == 27


def test_erasing_somebody_does_not_hide_that_another_text_was_changed(project: Project) -> None:
    id = planned(project)
    change(project, "UPDATE messages SET body = 'You won!' WHERE line = 20")
    assert project.run("people", "erase", "+447911123412", "--yes").status == 0
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


@pytest.mark.parametrize("text", ["Zoë, 50 € 🎉", "tab\there", 'quoted "name"', "Ωmega"])
def test_any_text_is_found_as_it_was_planned(project: Project, text: str) -> None:
    quoted = text.replace('"', '""')
    project.starter(people=f'mobile,first_name\n+447911123456,"{quoted}"\n+447911123457,Ben\n')
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert len(project.outbox()) == 2


def test_one_time_codes_are_compared_as_far_as_they_are_kept(project: Project) -> None:
    otp = CAMPAIGN.replace("marketing", "otp").replace("Reply STOP to opt out", "")
    id = planned(project, otp)
    change(project, "UPDATE messages SET address = '+447911999999' WHERE line = 2")
    ran = project.run("send", "--plan", id)
    assert ran.status == 3
    assert "the recipients" in ran.err


@pytest.mark.slow
def test_a_million_rows_are_compared_in_the_time_of_reading_them(tmp_path: Path) -> None:
    from sendkit import plan_run

    from a2pcli.ledger import approved
    from a2pcli.ledger.store import Ledger

    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = plan_run(ledger, 1_000_000)
        with ledger._reading() as connection:
            digests, _ = approved.digests_of(connection, run)
            began = time.process_time()
            for _ in connection.exec_driver_sql("SELECT line, address, body, sender FROM messages"):
                pass
            reading = time.process_time() - began
        with ledger.engine.begin() as connection:
            summary = json.dumps({approved.DIGESTS: digests})
            connection.exec_driver_sql("UPDATE runs SET summary = ?", (summary,))
        began = time.process_time()
        ledger.verify_plan(run)
        assert time.process_time() - began < 4 * reading
