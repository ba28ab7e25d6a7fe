"""``a2pcli prune``, and one-time codes in what a2pcli shows and writes."""

from __future__ import annotations

import sqlite3

import pytest
from clikit import Project

SETTINGS = """\
region: GB
retention:
  default: 2 years
  marketing: 400 days
  bodies: 90 days
"""
DAY = 86_400_000
OTP = """\
name: codes
objective: People can sign in
purpose: otp
contacts: people.csv
message: "Your code is {{ code }}"
"""
CODES = "mobile,code\n07911123456,738291\n07911123457,104477\n"


def aged(project: Project, days: int) -> None:
    """As if everything had happened so many days ago."""
    with sqlite3.connect(project.folder / ".a2pcli/ledger.db") as db:
        for column in ("created_at", "planned_at", "started_at", "finished_at"):
            db.execute(f"UPDATE runs SET {column} = {column} - ?", (days * DAY,))
        db.execute("UPDATE contacted SET at = at - ?", (days * DAY,))
    db.close()


@pytest.fixture
def sent(project: Project) -> Project:
    project.starter()
    project.write("a2pcli.yaml", SETTINGS)
    assert project.run("send", "sale.yaml", "--yes").status == 0
    return project


def test_a_dry_run_says_what_would_go(sent: Project) -> None:
    aged(sent, 91)
    said = sent.run("prune", "--dry-run", "--json").json
    assert [(one["what"], one["rows"]) for one in said["runs"]] == [("texts", 3)]
    assert sent.run("prune", "--dry-run").out.count("would go") == 1


def test_nothing_old_is_no_work_and_no_question(sent: Project) -> None:
    ran = sent.run("prune")
    assert ran.status == 0
    assert "nothing is past its retention period" in ran.err


def test_without_a_terminal_it_wants_yes(sent: Project) -> None:
    aged(sent, 500)
    assert sent.run("prune").status == 6
    assert sent.run("people", "export", "07911123456").json["messages"]


def test_after_it_reports_add_up_and_say_what_is_gone(sent: Project) -> None:
    before = sent.run("report", "spring-sale", "--json").json
    listed = sent.run("runs", "--json").json["runs"][0]["accepted"]
    aged(sent, 401)
    assert sent.run("prune", "--yes").status == 0
    ran = sent.run("report", "spring-sale", "--json")
    assert ran.json["states"] == before["states"]
    assert "people" in ran.json["pruned"]
    assert "deleted by retention" in ran.err
    assert sent.run("runs", "--json").json["runs"][0]["accepted"] == listed
    assert sent.run("report", "spring-sale").status == 0
    assert sent.run("report", "spring-sale", "--csv", "rows.csv").status == 0
    assert sent.run("explain", "07911123456").status == 0
    assert sent.run("people", "export", "07911123456").json["messages"] == []
    assert b"7911123456" not in (sent.folder / ".a2pcli/ledger.db").read_bytes()


def test_nobody_gets_it_again_after_it(sent: Project) -> None:
    aged(sent, 401)
    sent.run("prune", "--yes")
    again = sent.run("send", "sale.yaml", "--yes", "--json")
    assert again.json["ended"] == "nothing-to-do"


def test_a_campaign_that_excludes_a_pruned_run_says_that_it_cannot(sent: Project) -> None:
    aged(sent, 401)
    sent.run("prune", "--yes")
    text = (sent.folder / "sale.yaml").read_text().replace("spring-sale", "summer-sale")
    sent.write("summer.yaml", text + "exclude: {runs: [spring-sale]}\n")
    ran = sent.run("plan", "summer.yaml")
    assert ran.status == 3
    assert "no longer known who got" in ran.err


def test_it_is_in_the_audit_trail(sent: Project) -> None:
    aged(sent, 401)
    sent.run("prune", "--yes")
    entries = sent.run("audit", "list", "--json").json["entries"]
    assert [
        entry["detail"]["people"] for entry in entries if entry["action"] == "prune" and entry["subject"]
    ] == [6]


def test_an_age_that_is_none_is_told_at_its_place(sent: Project) -> None:
    sent.write("a2pcli.yaml", "retention:\n  marketing: soon\n")
    ran = sent.run("prune")
    assert ran.status == 3
    assert "a2pcli.yaml:2" in ran.err
    assert "400 days" in ran.err


# -- one-time codes ------------------------------------------------------------------------------------------


@pytest.fixture
def codes(project: Project) -> Project:
    project.starter(campaign=OTP, people=CODES)
    return project


def test_a_plan_shows_and_writes_no_code(codes: Project) -> None:
    ran = codes.run("plan", "sale.yaml", "--out", "plan.csv")
    assert ran.status == 0
    assert "738291" not in ran.out + (codes.folder / "plan.csv").read_text()
    assert "738291" not in codes.run("plan", "sale.yaml", "--json").out
    codes.run("report", "codes", "--csv", "rows.csv")
    assert "738291" not in (codes.folder / "rows.csv").read_text()


def test_after_sending_the_ledger_knows_no_code(codes: Project) -> None:
    assert codes.run("send", "sale.yaml", "--yes").status == 0
    assert "738291" in (codes.folder / ".a2pcli/outbox.jsonl").read_text(), "it was sent"
    assert b"738291" not in (codes.folder / ".a2pcli/ledger.db").read_bytes()
    assert "738291" not in codes.run("people", "export", "07911123456").out
