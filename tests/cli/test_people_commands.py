"""``a2pcli people`` and ``a2pcli audit``, as their users meet them."""

from __future__ import annotations

import json
import os
import stat

import pyarrow.parquet as pq
import pytest
from clikit import Kept, Project, Ran

from a2pcli.ledger.erased import KEY_VARIABLE

CAMPAIGN = """\
name: spring-sale
objective: Tell gold customers about the sale
purpose: marketing
contacts: people.csv
message: "Hi {{ first_name }}, ACME: 20% off until Sunday. Reply STOP to opt out"
"""
PEOPLE = """\
mobile,first_name
07911123456,Annabelle
07911123457,Ben
not a number,Cid
07911 123456,Annabelle again
07911123458,Gus
"07911123459; 07911123456",Zoe
"""
ANN = "07911 123456"
NEEDLES = (b"7911123456", b"Annabelle")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    project = Project(tmp_path_factory.mktemp("made"))
    project.starter(campaign=CAMPAIGN, people=PEOPLE)
    for name in ("plan.csv", "plan.jsonl", "plan.parquet"):
        assert project.run("plan", "sale.yaml", "--out", name).status == 0
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert project.run("report", "spring-sale", "--csv", "rows.csv").status == 0
    return Kept(project)


@pytest.fixture
def used(made: Kept) -> Project:
    """A project whose files know Annabelle everywhere."""
    return made.back()


def knows(project: Project) -> list[str]:
    """The files that hold the number or the name."""
    return sorted(
        str(path.relative_to(project.folder))
        for path in project.folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in NEEDLES)
    )


def erase(project: Project, *more: str) -> Ran:
    return project.run("people", "erase", ANN, "--yes", *more)


def test_erased_is_gone_from_every_file_that_a2pcli_wrote(used: Project) -> None:
    assert len(knows(used)) > 6
    ran = erase(used)
    assert (ran.status, knows(used)) == (0, ["people.csv"]), "the user's own file is not touched, and named"
    assert "people.csv (your file" in ran.out
    assert "7911123456" not in ran.out + ran.err


def test_files_keep_their_rows_and_everybody_else(used: Project) -> None:
    erase(used)
    rows = (used.folder / "plan.csv").read_text("utf-8-sig").splitlines()
    assert len(rows) == 7
    assert "07911123457" in rows[2]
    assert rows[1].startswith("2,,,")
    table = pq.read_table(used.folder / "plan.parquet")
    assert table.num_rows == 6
    assert table["reason"].to_pylist()[0] == "erased"
    lines = [json.loads(line) for line in (used.folder / "plan.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == [None, "+447911123457", None, None, "+447911123458", None]
    outbox = [json.loads(line) for line in (used.folder / ".a2pcli/outbox.jsonl").read_text().splitlines()]
    assert outbox[0].keys() == {"reference", "erased"}
    assert len(outbox) == 3


def test_the_report_still_adds_up(used: Project) -> None:
    before = used.run("report", "spring-sale", "--json").json["states"]
    erase(used)
    assert used.run("report", "spring-sale", "--json").json["states"] == before


def test_an_erased_number_stays_out_of_later_plans_and_out_of_the_ledger(used: Project) -> None:
    erase(used)
    used.write("other.yaml", CAMPAIGN.replace("spring-sale", "other"))
    used.write("people.csv", PEOPLE.replace("; 07911123456", "; 07911123457"))
    plan = used.run("plan", "other.yaml", "--json", "--out", "later.csv").json
    assert plan["excluded"]["opted-out"] == 2
    assert plan["recipients"] == 2
    assert knows(used) == ["people.csv"]


def test_a_person_who_comes_back_can_be_messaged_again(used: Project) -> None:
    erase(used)
    assert used.run("optout", "check", ANN, "--json").json["suppressed"] is True
    assert used.run("optout", "remove", ANN).status == 0
    used.write("other.yaml", CAMPAIGN.replace("spring-sale", "other"))
    assert used.run("plan", "other.yaml", "--json").json["recipients"] == 3


def test_the_receipt_as_json_counts_by_table_and_file(used: Project) -> None:
    receipt = erase(used, "--json").json
    assert receipt["erased"] is True
    assert receipt["rows"]["messages"] >= 3
    assert len(receipt["files"]) == 5
    assert "7911123456" not in json.dumps(receipt)


def test_a_file_that_was_moved_is_told(used: Project) -> None:
    (used.folder / "plan.csv").rename(used.folder / "moved.csv")
    assert "plan.csv: no longer exists" in erase(used).out


def test_a_file_that_cannot_be_rewritten_is_told_and_the_rest_is_erased(used: Project) -> None:
    (used.folder / "plan.parquet").write_bytes(b"PAR1 no longer")
    ran = erase(used)
    assert ran.status == 3
    assert "plan.parquet" in ran.err
    assert "plan.csv" not in knows(used)


def test_erasing_asks_and_without_a_terminal_refuses(used: Project) -> None:
    ran = used.run("people", "erase", ANN)
    assert ran.status == 6
    assert len(knows(used)) > 6


def test_a_number_that_is_none_is_told_by_its_last_digits(used: Project) -> None:
    ran = used.run("people", "erase", "0791112345", "--yes")
    assert ran.status == 2
    assert "0791112345" not in ran.err


def test_an_export_is_one_document_with_texts_and_events(used: Project) -> None:
    ran = used.run("people", "export", ANN)
    held = ran.json
    texts = [row["body"] for row in held["messages"] if row["state"] == "accepted"]
    assert texts == ["Hi Annabelle, ACME: 20% off until Sunday. Reply STOP to opt out"]
    assert any(row["cell"] == "07911123459; 07911123456" for row in held["messages"])
    assert held["messages"][-1]["campaign"] == "spring-sale"


def test_an_export_of_an_erased_number_says_that_only_the_hash_is_held(used: Project) -> None:
    erase(used)
    held = used.run("people", "export", ANN).json
    assert held["erased"] is True
    assert "hash" in held["note"]
    assert held["messages"] == []


def test_what_was_done_is_in_the_audit_trail_without_a_number(used: Project) -> None:
    used.run("people", "export", ANN)
    erase(used)
    trail = used.run("audit", "list", "--json", "--all").json["entries"]
    trail = [entry for entry in trail if entry["action"] not in ("plan.make", "plan.change")]
    actions = [entry["action"] for entry in reversed(trail)]
    assert actions == [
        "export", "export", "export", "plan.approve", "send.start", "send.end", "export", "people.export",
        "people.suppress", "people.erase", "people.erase-files",
    ]  # fmt: skip
    assert "7911123456" not in json.dumps(trail)
    assert trail[5]["detail"]["states"] == {"accepted": 3, "skipped": 3}


def test_the_trail_verifies_and_a_noted_head_is_found_by_its_beginning(used: Project) -> None:
    found = used.run("audit", "verify", "--json").json
    assert found["sound"] is True
    erase(used)
    assert used.run("audit", "verify", "--head", found["head"][:16]).status == 0


def test_a_trail_that_was_tampered_with_fails(used: Project) -> None:
    import sqlite3

    with sqlite3.connect(used.folder / ".a2pcli/ledger.db") as db:
        db.execute("DROP TRIGGER audit_no_update")
        db.execute("UPDATE audit SET who = 'eve' WHERE number = 2")
    db.close()
    ran = used.run("audit", "verify")
    assert ran.status == 3
    assert "entry 2: it was changed" in ran.err


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_files_with_people_in_them_are_for_their_owner_alone(project: Project) -> None:
    before = os.umask(0o022)
    try:
        project.starter(campaign=CAMPAIGN, people=PEOPLE)
        for name in ("plan.csv", "plan.jsonl", "plan.parquet"):
            project.run("plan", "sale.yaml", "--out", name)
        project.run("send", "sale.yaml", "--yes")
        project.run("report", "spring-sale", "--csv", "rows.csv")
        project.run("optout", "add", "07911123457")
        project.run("optout", "export", "optouts.csv")
    finally:
        os.umask(before)
    mine = ["plan.csv", "plan.jsonl", "plan.parquet", "rows.csv", "optouts.csv", ".a2pcli/outbox.jsonl"]
    modes = {name: stat.S_IMODE((project.folder / name).stat().st_mode) for name in mine}
    assert modes == dict.fromkeys(mine, 0o600)
    assert stat.S_IMODE((project.folder / ".a2pcli").stat().st_mode) == 0o700


def test_opt_outs_by_hand_and_exported_lists_are_in_the_trail(project: Project) -> None:
    project.starter(campaign=CAMPAIGN, people=PEOPLE)
    project.run("ledger", "create")
    project.run("optout", "add", ANN, "07911123457")
    project.run("optout", "remove", ANN)
    project.run("optout", "export", "list.csv")
    project.run("optout", "export", "-")
    trail = project.run("audit", "list", "--json").json["entries"]
    assert [entry["action"] for entry in reversed(trail)] == [
        "ledger.create",
        "optout.add",
        "optout.remove",
        "export",
        "export",
    ]
    assert trail[-2]["detail"]["people"] == 2
    assert "7911123456" not in json.dumps(trail)
    assert erase(project).status == 0
    assert "7911123456" not in (project.folder / "list.csv").read_text()


def test_a_do_not_contact_list_does_not_bring_an_erased_number_back(used: Project) -> None:
    erase(used)
    used.write("people.csv", "mobile\n07911123457\n")
    used.write("list.csv", "number\n07911123456\n07911123459\n")
    ran = used.run("optout", "import", "list.csv", "--list", "dnc", "--as-of", "2026-01-01")
    assert ran.status == 0
    assert knows(used) == ["list.csv"]


def test_a_waiver_is_in_the_trail_with_its_reason(project: Project) -> None:
    campaign = CAMPAIGN + "waive: {no-brand: the sender is our name}\n"
    project.starter(campaign=campaign, people=PEOPLE)
    assert project.run("plan", "sale.yaml").status == 0
    entry, made = project.run("audit", "list", "--json").json["entries"]
    assert (made["action"], entry["action"]) == ("plan.make", "plan.waive")
    assert entry["detail"]["rules"] == {"no-brand": "the sender is our name"}


def test_a_decision_about_unknown_messages_is_in_the_trail(project: Project) -> None:
    import sqlite3

    project.starter(campaign=CAMPAIGN, people=PEOPLE)
    project.run("send", "sale.yaml", "--yes")
    with sqlite3.connect(project.folder / ".a2pcli/ledger.db") as db:
        db.execute("UPDATE attempts SET state = 'unknown' WHERE state = 'accepted'")
        db.execute("UPDATE runs SET totals = NULL")
    db.close()
    assert project.run("reconcile", "spring-sale", "--as", "sent", "--yes").status == 0
    (entry,) = [
        e for e in project.run("audit", "list", "--json").json["entries"] if e["action"] == "reconcile"
    ]
    assert entry["detail"]["accepted"] == 3
    assert entry["detail"]["how"] == "sent"


def test_without_its_key_a_ledger_with_erased_people_plans_and_sends_nothing(used: Project) -> None:
    """Nobody who was erased would be recognised."""
    erase(used)
    key = used.folder / ".a2pcli/ledger.db-erasure-key"
    key.rename(used.folder / "key")
    used.write("other.yaml", CAMPAIGN.replace("spring-sale", "other"))
    ran = used.run("send", "other.yaml", "--yes")
    assert ran.status == 3
    assert "ledger.db-erasure-key" in ran.err
    assert "+4479" not in ran.err
    (used.folder / "key").rename(key)
    assert used.run("plan", "other.yaml").status == 0
