"""Messages that wait for people's hours, at the command line: said, never an error. It is a Wednesday, 14:00 UTC."""

from __future__ import annotations

from clikit import CAMPAIGN, Project

LATER = "schedule: {window: '20:00-21:00'}\n"


def test_a_plan_says_until_when_messages_wait(project: Project) -> None:
    project.starter(campaign=CAMPAIGN + LATER)
    ran = project.run("plan", "sale.yaml")
    assert "3 held until" in " ".join(ran.out.split())
    assert "(20:00 their time)" in ran.out
    clock = project.run("plan", "sale.yaml", "--json").json["clock"]
    assert (clock["open"], clock["held"]) == (0, 3)
    assert [opening["messages"] for opening in clock["openings"]] == [3]


def test_a_send_out_of_hours_holds_everything_and_is_no_failure(project: Project) -> None:
    project.starter(campaign=CAMPAIGN + LATER)
    ran = project.run("send", "sale.yaml", "--yes", "--json")
    assert ran.status == 0
    assert ran.json["ended"] == "waiting"
    assert ran.json["held"] == {"quiet-hours": 3}
    assert ran.json["states"]["planned"] == 3
    assert "quiet-hours" not in ran.json["excluded"]
    (opening,) = ran.json["waiting"]["openings"]
    assert (opening["messages"], opening["their_time"]) == (3, "20:00")
    assert opening["rules"] == ["campaign-window"]
    again = project.run("send", "sale.yaml", "--yes")
    assert again.status == 0
    assert "3 messages wait for the person's hours" in " ".join(again.out.split())
    assert (project.folder / ".a2pcli" / "outbox.jsonl").read_text() == ""


def test_report_runs_and_explain_tell_what_is_held(project: Project) -> None:
    project.starter(campaign=CAMPAIGN + LATER)
    project.run("send", "sale.yaml", "--yes")
    report = project.run("report", "--json").json
    assert report["rows"] == sum(report["states"].values())
    assert report["waiting"]["messages"] == report["held"]["quiet-hours"] == 3
    assert project.run("runs", "--json").json["runs"][0]["held"] == 3
    (message,) = project.run("explain", "+447911123457", "--json").json["messages"]
    assert (message["held"], message["reason"], message["rule"]) == (True, "quiet-hours", "campaign-window")
    assert "held until" in message["what"]


def test_what_would_expire_before_its_hours_is_told_and_never_goes(project: Project) -> None:
    never = "schedule: {window: '20:00-21:00', timezone: recipient, expires: 2020-01-01 20:30}\n"
    project.starter(campaign=CAMPAIGN + never)
    assert "would expire before they may be sent" in " ".join(project.run("plan", "sale.yaml").out.split())
    ran = project.run("send", "sale.yaml", "--yes", "--json")
    assert ran.status == 0
    assert ran.json["states"]["expired"] == 3


def test_the_hours_of_others_do_not_bind_codes_and_receipts(project: Project) -> None:
    project.starter(campaign=CAMPAIGN.replace("marketing", "otp"))
    assert project.run("send", "sale.yaml", "--yes", "--json").json["states"]["accepted"] == 3


def test_who_had_enough_is_left_out_and_told(project: Project) -> None:
    project.starter()
    project.run("send", "sale.yaml", "--yes")
    project.write(
        "next.yaml",
        CAMPAIGN.replace("spring-sale", "next-sale") + "limits: {frequency: 1 per day per person}\n",
    )
    plan = project.run("plan", "next.yaml", "--json").json
    assert plan["recipients"] == 0
    assert plan["excluded"]["capped"] == 4  # rows: one person stands twice in the file
    (_, message) = sorted(
        project.run("explain", "+447911123457", "--json").json["messages"],
        key=lambda one: one["campaign"],
        reverse=True,
    )
    assert (message["reason"], message["rule"]) == ("capped", "cap-campaign")


def test_hours_that_never_meet_are_said_and_waited_for_by_nobody(project: Project) -> None:
    """A Florida number in a window after eight in the evening: the law's hours are over by then."""
    project.starter(
        campaign=CAMPAIGN.replace("message:", "sender: '+14155550100'\nmessage:") + LATER,
        people="phone,first_name\n+13055552671,Ann\n",
    )
    project.write("a2pcli.yaml", "senders: {'+14155550100': {registrations: {10dlc: X}}}\n")
    said = " ".join(project.run("plan", "sale.yaml").out.split())
    assert "no permitted sending time: the campaign's hours and the legal hours do not overlap" in said
    ran = project.run("send", "sale.yaml", "--yes", "--wait", "--json")
    assert (ran.status, ran.json["ended"]) == (0, "waiting")
    assert "do not overlap" in ran.json["reason"]
    assert ran.json["waiting"]["openings"][0]["until"] is None
    explained = project.run("explain", "+13055552671", "--json").json["messages"][0]
    assert (explained["held"], explained["due_at"]) == (True, None)
