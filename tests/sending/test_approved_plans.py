"""What was approved is what goes, or nothing: a plan that was changed in the ledger is not sent."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from clikit import CAMPAIGN, Kept, Project
from plankit import make_old, opened_plans
from sendkit import plan_run
from sqlalchemy import delete, insert, select, update

from a2pcli.errors import LedgerError
from a2pcli.ledger import approved, plan_store
from a2pcli.ledger.clocks import RunClock
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import clocks, plan_chunks, runs
from a2pcli.rules.clock import Clock

PEOPLE = "mobile,first_name\n" + "".join(f"+4479111234{n},Ann\n" for n in range(10, 40))


def attempt(values: str, where: str, *, id: str = "id", run: str = "run") -> str:
    """SQL that makes attempts of messages: state, claimed_at and due_at."""
    same = "occasion, person, address, country, parts, cost, currency, clock, variant"
    return (
        f"INSERT INTO attempts (id, run, {same}, state, claimed_at, due_at)"
        f" SELECT {id}, {run}, {same}, {values} FROM messages WHERE {where}"
    )


POOL = CAMPAIGN + "sender: ['+447700900001', '+447700900002']\n"


def ledger_of(project: Project) -> Path:
    return project.folder / ".a2pcli" / "ledger.db"


def change(project: Project, *statements: str) -> None:
    """Change the ledger by SQL, in which ``messages`` are all rows of all plans."""
    with opened_plans(ledger_of(project)) as connection:
        for sql in statements:
            assert connection.execute(sql).rowcount > 0 or sql.startswith("CREATE")


def planned(project: Project, campaign: str = CAMPAIGN) -> str:
    project.starter(campaign=campaign, people=PEOPLE)
    ran = project.run("plan", "sale.yaml", "--json")
    assert ran.status == 0, ran.err
    return str(ran.json["plan"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kept, str]:
    """A project with a plan, and the plan."""
    project = Project(tmp_path_factory.mktemp("made"))
    id = planned(project)
    return Kept(project), id


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
        ("UPDATE messages SET person = 5 WHERE line = 20", "details of messages"),
        ("UPDATE messages SET country = 'IE' WHERE line = 20", "details of messages"),
        ("UPDATE messages SET cost = 0", "details of messages"),
        ("UPDATE messages SET clock = 1 WHERE line = 20", "details of messages"),
        ("UPDATE messages SET consent_until = 1 WHERE line = 20", "details of messages"),
        ("UPDATE messages SET variant = 'b' WHERE line = 20", "details of messages"),
        ("UPDATE messages SET id = id + 100 WHERE line = 2", "recipients"),
        ("UPDATE plan_chunks SET first_row = first_row + 1", "rows of the plan"),
        ("UPDATE plan_chunks SET data = substr(data, 1, 500)", "recipients and the texts"),
        ("UPDATE plan_chunks SET digest = 'deadbeef'", "rows of the plan"),
        ("DELETE FROM plan_chunks", "recipients"),
        ("UPDATE runs SET summary = json_remove(summary, '$.digests')", "plan digests in the audit trail"),
        (
            "UPDATE runs SET summary = json_remove(summary, '$.digests.texts')",
            "plan digests in the audit trail",
        ),
        (
            "UPDATE runs SET summary = json_remove(summary, '$.digests.details')",
            "plan digests in the audit trail",
        ),
        ("UPDATE runs SET summary = json_set(summary, '$.digests', 'x')", "plan digests in the audit trail"),
        ("UPDATE runs SET summary = NULL", "ledger was changed"),
        ("UPDATE runs SET summary = '{}'", "ledger was changed"),
    ],
)
def test_a_plan_that_was_changed_is_not_sent(made: tuple[Kept, str], sql: str, what: str) -> None:
    kept, id = made
    project = kept.back()
    change(project, sql)
    ran = project.run("send", "--plan", id)
    assert ran.status == 3
    assert f"the {what}" in ran.err
    assert f"a2pcli cancel {id}" in ran.err
    assert project.outbox() == []
    assert project.run("cancel", id, "--yes").status == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE messages SET address = '+447911999999' WHERE line = 2",
        "UPDATE runs SET sender = 'EVIL'",
        "UPDATE runs SET summary = NULL",
    ],
)
def test_a_plan_that_was_changed_can_be_cancelled_and_made_again(made: tuple[Kept, str], sql: str) -> None:
    kept, id = made
    project = kept.back()
    change(project, sql)
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
    change(
        project,
        "CREATE TEMP TABLE one AS SELECT * FROM messages ORDER BY id DESC LIMIT 1",
        "UPDATE one SET id = id + 1, person = 5, address = '+447911999999', encoding = NULL",
        "INSERT INTO messages SELECT * FROM one",
    )
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


@pytest.mark.parametrize(
    "edit", ["address = '+447911999999'", "person = 5", "sender = 'EVIL'", "country = 'IE'", "clock = 9"]
)
def test_who_waits_for_another_try_is_whom_the_plan_has(project: Project, edit: str) -> None:
    id = planned(project)
    change(project, attempt("'planned', NULL, 1", "line = 20"))
    change(project, f"UPDATE attempts SET {edit}")
    ran = project.run("send", "--plan", id)
    assert ran.status == 3
    assert "the recipients" in ran.err
    assert project.outbox() == []


def test_a_text_that_is_changed_between_a_pause_and_the_resume_is_not_sent(project: Project) -> None:
    id = planned(project)
    # As a sender that was killed after five messages leaves it.
    change(
        project,
        "UPDATE runs SET state = 'sending', started_at = planned_at",
        attempt("'accepted', 1, NULL", "line <= 6"),
    )
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
    change(project, "UPDATE attempts SET address = '+447911999999' WHERE line = 2")
    ran = project.run("send", "--plan", id)
    assert ran.status == 3
    assert "the recipients" in ran.err


def tamper(project: Project, *statements: str) -> None:
    """As whoever owns the database may: the guard of the audit trail goes first."""
    with sqlite3.connect(ledger_of(project)) as connection:
        for name in ("audit_no_update", "audit_no_delete"):
            connection.execute(f"DROP TRIGGER {name}")
        for sql in statements:
            assert connection.execute(sql).rowcount > 0
    connection.close()


def recompute(project: Project) -> None:
    """Change a text and make the plan's digests fit, as a program would that knows how they are made."""
    change(project, "UPDATE messages SET body = 'You won!' WHERE line = 20")
    with Ledger.open(str(ledger_of(project))) as ledger, ledger.engine.begin() as connection:
        run = run_from_row(connection.execute(select(runs)).mappings().one())
        digests = {**run.summary["digests"], **approved.digests_of(connection, run)[0]}
        connection.execute(update(runs).values(summary=json.dumps({**run.summary, "digests": digests})))


def test_digests_that_were_made_again_for_a_changed_text_are_not_those_of_the_plan(project: Project) -> None:
    id = planned(project)
    recompute(project)
    ran = project.run("send", "--plan", id)
    assert ran.status == 3
    assert "plan digests in the audit trail" in ran.err
    assert project.outbox() == []


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE audit SET detail = json_set(detail, '$.digests', NULL) WHERE action = 'plan.make'",),
        ("UPDATE audit SET subject = 'r2222222' WHERE action = 'plan.make'",),
        ("DELETE FROM audit WHERE action = 'plan.make'",),
        ("DELETE FROM audit",),
    ],
)
def test_a_plan_without_digests_is_not_sent_whatever_the_audit_trail_was_made_to_say(
    project: Project, statements: tuple[str, ...]
) -> None:
    id = planned(project)
    tamper(project, *statements, "UPDATE runs SET summary = json_remove(summary, '$.digests')")
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


def test_a_row_that_the_plan_left_out_gets_nothing_when_it_is_called_planned(project: Project) -> None:
    project.starter(people=PEOPLE + "+447911123410,Ann again\n")
    id = str(project.run("plan", "sale.yaml", "--json").json["plan"])
    change(project, "UPDATE messages SET body = 'Hi', reason = NULL WHERE line = 32")
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


@pytest.mark.parametrize(
    "moved",
    [
        "UPDATE messages SET id = id - 4294967296 + 1000, run = run - 1, occasion = 1 WHERE run = 2 AND line = 20",
        attempt("'planned', NULL, 1", "run = 2 AND line = 20", run="1"),
        attempt("'planned', NULL, 1", "run = 2 AND line = 20", run="1", id="id - 4294967296 + 1000"),
    ],
)
def test_a_message_of_another_run_is_not_sent_with_this_one(project: Project, moved: str) -> None:
    id = planned(project)
    project.write("other.yaml", CAMPAIGN.replace("spring-sale", "other"))
    assert project.run("plan", "other.yaml").status == 0
    change(project, moved)
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


def test_a_ledger_of_version_0_1_sends_the_plans_that_were_made_without_digests(project: Project) -> None:
    id = planned(project)
    tamper(project, "DELETE FROM audit", "UPDATE runs SET summary = json_remove(summary, '$.digests')")
    make_old(ledger_of(project))
    (project.folder / ".a2pcli-ledger.json").unlink()
    assert project.run("runs").status == 0
    younger = str(project.run("plan", "sale.yaml", "--json").json["plan"])
    change(project, "UPDATE runs SET summary = json_remove(summary, '$.digests') WHERE number = 2")
    assert project.run("send", "--plan", younger).status == 3
    assert project.outbox() == []
    assert project.run("send", "--plan", id).status == 0
    assert len(project.outbox()) == 30
    assert project.run("audit", "verify").status == 0


def test_a_plan_of_an_earlier_schema_keeps_the_digests_it_has(project: Project) -> None:
    id = planned(project)
    tamper(project, "DELETE FROM audit")
    make_old(ledger_of(project))
    (project.folder / ".a2pcli-ledger.json").unlink()
    assert project.run("runs").status == 0
    change(project, "UPDATE runs SET summary = json_remove(summary, '$.digests')")
    assert project.run("send", "--plan", id).status == 3
    assert project.outbox() == []


def test_hours_are_what_was_planned_but_for_a_time_zone_that_a_person_gives(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = plan_run(ledger, 3)
        with ledger.engine.begin() as connection:
            spec = RunClock(Clock((), (), not_before=datetime(2026, 1, 1))).to_json()
            connection.execute(insert(clocks).values(run=run.number, number=1, spec=spec))
            digests, _ = approved.digests_of(connection, run)
            connection.execute(update(runs).values(summary=json.dumps({"digests": digests})))
            plan_store.note(connection, run, digests, 1)
        ledger.plans.verify(run)
        with sender_lock(ledger, run):
            ledger.runs.assume_zone(run, "Europe/London")
        with ledger.engine.begin() as connection:
            assert "Europe/London" in connection.execute(select(clocks.c.spec)).scalar_one()
        ledger.plans.verify(run)
        for change in (update(clocks).values(spec=spec), delete(clocks)):
            with ledger.engine.begin() as connection:
                connection.execute(change)
            with pytest.raises(LedgerError, match="the hours in which"):
                ledger.plans.verify(run)


@pytest.mark.slow
def test_a_million_rows_are_compared_in_the_time_of_reading_them(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = plan_run(ledger, 1_000_000)
        with ledger.engine.begin() as connection:
            digests, _ = approved.digests_of(connection, run)
            began = time.process_time()
            chunks = connection.execute(select(plan_chunks.c.data)).scalars().all()
            assert sum(pa.ipc.open_stream(data).read_all().num_rows for data in chunks) == 1_000_000
            reading = time.process_time() - began
            connection.execute(update(runs).values(summary=json.dumps({"digests": digests})))
            plan_store.note(connection, run, digests, 1)
        began = time.process_time()
        ledger.plans.verify(run)
        assert time.process_time() - began < 4 * reading
