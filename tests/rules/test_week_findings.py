"""What simulated weeks once found wrong, each in its smallest form."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clikit import Project
from week_facts import DAY, HOUR, Contact, utc

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.ledger.caps import SUBJECT, Cap
from a2pcli.ledger.consents import NewConsents
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.planning.plan import make_plan
from a2pcli.planning.prepare import Choices, prepare

NOW = utc(datetime(2026, 3, 4, 12))
ADA, BOB = "+447400100001", "+447400100002"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "ledger.db")) as opened:
        yield opened


def plan(folder: Path, ledger: Ledger, campaign: str, *contacts: Contact) -> Run:
    """A planned marketing campaign with these keys and contacts."""
    names = [one.name for one in fields(Contact)]
    with (folder / "people.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["phone", *names[1:]])
        rows.writerows([getattr(contact, name) for name in names] for contact in contacts)
    head = "name: week\nobjective: a finding\npurpose: marketing\ncontacts: people.csv\nsender: ACME\n"
    (folder / "week.yaml").write_text(f'{head}message: "ACME: hello. Opt out: acme.example/x"\n{campaign}\n')
    (folder / "a2pcli.yaml").write_text("region: GB\n")
    loaded, settings = load_campaign(folder / "week.yaml"), load_settings(folder)
    today = datetime.fromtimestamp(NOW / 1000, UTC).date()
    return make_plan(prepare(loaded, settings, ledger, Choices(today=today, now=NOW)), ledger, rate=None).run


def states(ledger: Ledger, run: Run) -> list[tuple[str, str | None]]:
    return [(str(row["state"]), row["reason"]) for chunk in ledger.messages.rows(run) for row in chunk]


def test_a_cap_by_subject_looks_at_messages_of_the_subject(tmp_path: Path, ledger: Ledger) -> None:
    run = plan(
        tmp_path,
        ledger,
        "subject: sale\nlimits: {frequency: 1 per 24 hours per subject}",
        Contact(ADA),
        Contact(BOB),
    )
    ledger.attempts.start(run, NOW)
    assert [one.message.to for one in ledger.attempts.exchange(run, [], 1, NOW).claimed] == [ADA]
    cap = Cap("cap-campaign", 1, 86_400, SUBJECT)
    about = {"campaign": "other", "programme": ""}
    assert ledger.messages.had_enough(cap, subject="sale", now=NOW + HOUR, **about) == ([ADA], [NOW + DAY])
    assert ledger.messages.had_enough(cap, subject="other", now=NOW + HOUR, **about) == ([], [])


def test_rows_that_say_nothing_of_consent_stand_beside_rows_that_do(tmp_path: Path, ledger: Ledger) -> None:
    proof = Contact(ADA, consent_at="2026-01-05", consent_source="shop")
    run = plan(tmp_path, ledger, "consent: required", Contact(BOB), proof)
    assert states(ledger, run) == [("skipped", "no-consent"), ("planned", None)]


def test_consent_taken_back_and_given_anew_counts_as_long_as_it_lasts(tmp_path: Path, ledger: Ledger) -> None:
    """Where consent is assumed, too: a plan and a claim after its end agree."""
    ledger.consents.revoke(ADA, source="reply", by="reply", now=NOW - DAY)
    again = NewConsents([ADA], NOW - HOUR, "form", expires_at=NOW + HOUR)
    ledger.consents.record(again, NOW - HOUR)
    run = plan(tmp_path, ledger, "consent: assumed", Contact(ADA), Contact(BOB))
    assert [state for state, _ in states(ledger, run)] == ["planned", "planned"]
    ledger.attempts.start(run, NOW + HOUR)
    assert [one.message.to for one in ledger.attempts.exchange(run, [], 9, NOW + HOUR).claimed] == [BOB]
    assert states(ledger, run)[0] == ("skipped", "no-consent")


def test_messages_that_wait_in_an_earlier_occurrence_are_told(project: Project) -> None:
    """A daily campaign whose people were held overnight plans anew in the morning; yesterday's are not forgotten."""
    nowhere = (
        "phone\n+881612345678\n"  # a satellite phone: its time zone is not known, so it is held at any hour
    )
    head = "name: daily\nobjective: a finding\npurpose: marketing\ncontacts: people.csv\nsender: ACME\n"
    (project.folder / "people.csv").write_text(nowhere)
    (project.folder / "daily.yaml").write_text(f'{head}message: "ACME: hello. Opt out: acme.example/x"\n')
    first = project.run("send", "daily.yaml", "--yes", "--occurrence", "monday", "--json").json["run"]
    second = project.run("send", "daily.yaml", "--yes", "--occurrence", "tuesday")
    assert second.status == 0
    assert f"1 message is held in run {first} of occurrence monday" in second.err
    again = project.run("send", "daily.yaml", "--yes", "--occurrence", "monday")
    assert f"in run {first}" not in again.err


def test_somebody_of_unknown_zone_does_not_keep_newcomers_from_being_planned(project: Project) -> None:
    """All that an open run has left waits for ever: who came since gets a plan; without newcomers nothing piles up."""
    held, first, later = (
        "+881612345678",
        "+447400100001",
        "+447400100002",
    )  # British hours are never closed by law
    head = "name: welcome\nobjective: a finding\npurpose: marketing\ncontacts: people.csv\nsender: ACME\n"
    project.write("welcome.yaml", f'{head}message: "ACME: hello. Opt out: acme.example/x"\n')
    project.write("people.csv", f"phone\n{held}\n{first}\n")
    opened = project.run("send", "welcome.yaml", "--yes", "--json").json["run"]
    again = project.run("send", "welcome.yaml", "--yes", "--json")
    assert (again.status, again.json["run"]) == (0, opened)
    project.write("people.csv", f"phone\n{held}\n{first}\n{later}\n")
    newer = project.run("send", "welcome.yaml", "--yes", "--json")
    assert newer.status == 0
    assert newer.json["run"] != opened
    told = project.run("explain", later, "--json").json
    assert "accepted" in str(told)
    runs = project.run("runs", "--json").json
    assert project.run("send", "welcome.yaml", "--yes").status == 0
    assert project.run("runs", "--json").json == runs
