"""A run that goes on after its files were edited, and dropping what is left of one. It is a Wednesday, 14:00 UTC."""

from __future__ import annotations

import json

import pytest
from clikit import CAMPAIGN, RATES, SETTINGS, Project

HELD = "schedule: {window: '20:00-21:00'}\n"
EDITED = CAMPAIGN.replace("20% off", "30% off")
UNKNOWN = 'gateway: sim\ngateways: {sim: {type: simulator, seed: "4", mix: {unknown: "100%"}, latency: {}}}\n'
REJECTED = (
    'gateway: sim\ngateways: {sim: {type: simulator, seed: "4", mix: {permanent: "100%"}, latency: {}}}\n'
)


def held(project: Project, campaign: str = CAMPAIGN) -> str:
    """A run of three messages that all wait for the evening."""
    project.starter(campaign=campaign + HELD)
    return project.run("send", "sale.yaml", "--yes", "--json").json["run"]


def edit(project: Project, campaign: str, more: str = HELD) -> None:
    project.write("sale.yaml", campaign + more)


def test_an_edited_text_is_not_sent_nor_is_the_old_one_where_nobody_is_asked(project: Project):
    run = held(project)
    edit(project, EDITED)
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 6
    assert (
        f"run {run} is not finished, and was planned before this edit: message; nothing was sent" in ran.err
    )
    assert f"a2pcli send sale.yaml --plan {run}" in ran.err
    assert f"a2pcli cancel {run}" in ran.err
    assert project.run("report", run, "--json").json["states"]["planned"] == 3


@pytest.mark.parametrize(
    ("edited", "what"),
    [
        (CAMPAIGN + HELD + "where: plan == 'gold'\n", "where"),
        (CAMPAIGN + HELD + "sender: ACME\n", "sender"),
        (CAMPAIGN + HELD + "limits: {rate: 5/s}\n", "limits.rate"),
        (CAMPAIGN + "schedule: {window: '20:00-22:00'}\n", "schedule.window"),
        (CAMPAIGN + HELD + "gateway: console\n", "gateway"),
        (
            CAMPAIGN.replace("contacts: people.csv", "contacts: {file: people.csv, region: IE}") + HELD,
            "contacts",
        ),
        (CAMPAIGN + HELD + "holdout: 5%\n", "holdout"),
    ],
)
def test_what_differs_from_the_plan_is_named(project: Project, edited: str, what: str):
    held(project)
    project.write("sale.yaml", edited)
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 6
    assert f"planned before this edit: {what}" in ran.err


def test_an_edit_that_changes_nothing_of_what_is_sent_is_none(project: Project):
    held(project)
    project.write("sale.yaml", "# a comment\n" + CAMPAIGN.replace("Tell gold", "Tell all gold") + HELD)
    assert project.run("send", "sale.yaml", "--yes").status == 0


def test_an_edited_partial_is_an_edited_text(project: Project):
    project.write("foot.txt", "Reply STOP to opt out")
    text = CAMPAIGN.replace("Reply STOP to opt out", "{% include 'foot.txt' %}")
    held(project, text)
    assert project.run("send", "sale.yaml", "--yes").status == 0
    project.write("foot.txt", "Reply STOP to leave")
    assert "this edit: message" in project.run("send", "sale.yaml", "--yes").err


def test_the_plan_that_is_named_goes_on_as_it_was_and_says_what_was_edited(project: Project):
    run = held(project)
    edit(project, EDITED + "sender: ACME\n")
    ran = project.run("send", "--plan", run)
    assert ran.status == 0
    assert "message has changed" in ran.err
    assert "sender was not set, and is ACME now" in ran.err
    assert "20% off" in ran.out + ran.err
    assert "30% off" not in ran.out + ran.err
    done = project.run("send", "--plan", run, "--json").json
    assert [one["what"] for one in done["edited_since_plan"]] == ["message", "sender"]


def test_a_plan_that_was_not_started_says_what_was_edited_too(project: Project):
    project.starter()
    plan = project.run("plan", "sale.yaml", "--json").json["plan"]
    edit(project, EDITED, "")
    ran = project.run("send", "--plan", plan)
    assert ran.status == 0
    assert f"edited since run {plan} was planned" in ran.err
    assert all("20% off" in one["body"] for one in project.outbox())


def test_an_edit_of_the_gateways_block_counts_from_now_on_and_is_said(project: Project):
    settings = "region: GB\ngateway: box\ngateways: {box: {type: outbox, file: %s.jsonl}}\n"
    project.starter(campaign=CAMPAIGN + HELD)
    project.write("a2pcli.yaml", settings % "one")
    project.run("send", "sale.yaml", "--yes")
    project.write("a2pcli.yaml", settings % "two")
    ran = project.run("send", "sale.yaml", "--yes")
    assert ran.status == 0
    assert "applied to messages sent from now on: gateways.box.file" in ran.err


def test_an_edit_of_the_settings_that_the_plan_does_not_follow_stops_it_too(project: Project):
    held(project)
    project.write("a2pcli.yaml", SETTINGS + "frequency: 1 per day\n")
    assert "this edit: frequency;" in project.run("send", "sale.yaml", "--yes").err
    project.write("a2pcli.yaml", SETTINGS)
    project.write("rates.csv", RATES.replace("0.04", "0.05"))
    assert "this edit: rates;" in project.run("send", "sale.yaml", "--yes").err


def test_a_plan_says_that_another_run_would_go_on(project: Project):
    run = held(project)
    edit(project, EDITED)
    ran = project.run("send", "sale.yaml", "--dry-run")
    assert f"run {run} is not finished, 3 messages are left" in ran.err
    assert f"a2pcli cancel {run}" in ran.err


def test_cancelled_messages_never_leave_and_the_next_plan_has_them(project: Project):
    run = held(project)
    edit(project, EDITED, "")
    ran = project.run("cancel", run, "--yes", "--json")
    assert ran.status == 0
    assert (ran.json["cancelled"], ran.json["state"], ran.json["states"]["cancelled"]) == (3, "cancelled", 3)
    assert project.run("send", "--plan", run).status == 2
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert all("30% off" in one["body"] for one in project.outbox())
    assert len(project.outbox()) == 3
    trail = project.run("audit", "list", "--json").json["entries"]
    (entry,) = [one for one in trail if one["action"] == "run.cancel"]
    assert entry["subject"] == run


def test_what_has_left_stays_and_nobody_gets_it_twice(project: Project):
    """Two go now, one is held; after the cancel only that one is planned again."""
    people = "phone,first_name\n+447911123456,Ann\n+447911123457,Ben\n+13055552671,Cid\n"
    project.starter(campaign=CAMPAIGN + "schedule: {window: '13:00-21:00'}\n", people=people)
    run = project.run("send", "sale.yaml", "--yes", "--json").json
    assert run["states"] == {"accepted": 2, "planned": 1}
    ran = project.run("cancel", "spring-sale", "--yes")
    assert "1 message cancelled; 2 accepted keep their state" in ran.err
    edit(project, EDITED, "")
    again = project.run("send", "sale.yaml", "--yes", "--json").json
    assert again["states"]["accepted"] == 1
    assert sorted(one["to"] for one in project.outbox()) == ["+13055552671", "+447911123456", "+447911123457"]


def test_what_is_unknown_stays_so_and_once_known_as_not_sent_is_free_for_a_new_plan(project: Project):
    project.starter(people="mobile,first_name\n07911123456,Ann\n", campaign=CAMPAIGN)
    project.write("a2pcli.yaml", "region: GB\n" + UNKNOWN)
    run = project.run("send", "sale.yaml", "--yes", "--json").json["run"]
    ran = project.run("cancel", run, "--yes")
    assert "nothing left to cancel; 1 unknown keeps its state" in ran.err
    assert f"a2pcli reconcile {run}" in ran.err
    project.run("reconcile", run, "--as", "not-sent", "--yes")
    project.run("cancel", run, "--yes")
    project.write("a2pcli.yaml", "region: GB\n")
    assert project.run("send", "sale.yaml", "--yes", "--json").json["states"] == {"accepted": 1}


def test_cancelling_asks_and_without_a_terminal_refuses(project: Project):
    run = held(project)
    ran = project.run("cancel", run)
    assert ran.status == 6
    assert "use --yes to skip confirmation" in ran.err
    assert project.run("report", run, "--json").json["states"]["planned"] == 3


def test_a_run_that_is_being_sent_is_not_cancelled(project: Project):
    from a2pcli.ledger.lock import sender_lock
    from a2pcli.ledger.store import Ledger

    run = held(project)
    with (
        Ledger.open(str(project.folder / ".a2pcli" / "ledger.db")) as ledger,
        sender_lock(ledger, ledger.runs.get(run)),
    ):
        assert project.run("cancel", run, "--yes").status == 7
    assert project.run("report", run, "--json").json["states"]["planned"] == 3


def test_cancelling_again_does_nothing_and_is_no_failure(project: Project):
    run = held(project)
    project.run("cancel", run, "--yes")
    ran = project.run("cancel", run, "--yes")
    assert ran.status == 0
    assert "nothing left to cancel" in ran.err


def test_nothing_left_tells_who_has_it_who_may_and_who_cannot(project: Project):
    project.starter(people="mobile,first_name\n07911123456,Ann\n")
    project.run("send", "sale.yaml", "--yes")
    project.write("a2pcli.yaml", "region: GB\n" + UNKNOWN)
    project.write("people.csv", "mobile,first_name\n07911123456,Ann\n07911123457,Ben\n")
    unknown = project.run("send", "sale.yaml", "--yes", "--json").json["run"]
    project.write("a2pcli.yaml", "region: GB\n" + REJECTED)
    project.write("people.csv", "mobile,first_name\n07911123456,Ann\n07911123457,Ben\n07911123458,Cid\n")
    rejected = project.run("send", "sale.yaml", "--yes", "--json").json["run"]
    project.write(
        "people.csv", "mobile,first_name\n07911123456,Ann\n07911123457,Ben\n07911123458,Cid\nnobody,Dee\n"
    )
    ran = project.run("send", "sale.yaml", "--yes", "--json")
    assert ran.status == 4
    told = {
        key: ran.json[key]
        for key in ("accepted", "unknown", "rejected", "cannot_be_messaged", "already_sent")
    }
    assert told == {"accepted": 1, "unknown": 1, "rejected": 1, "cannot_be_messaged": 1, "already_sent": 3}
    assert ran.json["excluded"]["invalid-number"] == 1
    for line in ("1 accepted", f"a2pcli reconcile {unknown}", f"a2pcli retry {rejected}", "1 invalid-number"):
        assert line in ran.err


def test_who_opted_out_or_was_filtered_is_no_open_end(project: Project):
    project.starter(
        campaign=CAMPAIGN + "where: plan == 'gold'\n",
        people="mobile,first_name,plan\n07911123456,Ann,gold\n07911123457,Ben,silver\n07911123458,Cid,gold\n",
    )
    project.run("ledger", "create")
    project.run("optout", "add", "+447911123458")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    ran = project.run("send", "sale.yaml", "--yes", "--json")
    assert ran.status == 0
    assert "nothing to send" in ran.err
    assert (
        json.dumps(ran.json["excluded"], sort_keys=True)
        == '{"already-sent": 1, "filtered": 1, "opted-out": 1}'
    )


def test_a_finished_plan_tells_the_same(project: Project):
    project.starter(people="mobile,first_name\n07911123456,Ann\n")
    project.write("a2pcli.yaml", "region: GB\n" + UNKNOWN)
    run = project.run("send", "sale.yaml", "--yes", "--json").json["run"]
    ran = project.run("send", "--plan", run, "--json")
    assert ran.status == 4
    assert (ran.json["run"], ran.json["unknown"], ran.json["ended"]) == (run, 1, "nothing-to-do")
    assert f"a2pcli reconcile {run}" in ran.err


def test_a_budget_that_is_named_when_a_run_goes_on_counts(project: Project):
    run = held(project)
    assert project.run("send", "--plan", run, "--max-cost", "1 EUR").status == 6
    assert project.run("send", "--plan", run, "--max-cost", "1 GBP").status == 0
