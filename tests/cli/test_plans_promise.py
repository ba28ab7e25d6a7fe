"""A plan promises what can be, and shows what ``check`` knows. It is a Wednesday, 14:00 UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from clikit import CAMPAIGN, SETTINGS, Project

PEOPLE = "mobile,first_name\n" + "".join(f"079111234{n:02},Ann\n" for n in range(60))


def in_minutes(minutes: int) -> str:
    now = datetime.fromtimestamp(time.time_ns() / 1e9, UTC)
    return datetime.fromtimestamp(now.timestamp() + minutes * 60, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")


def test_nobody_gets_a_campaign_that_has_expired(project: Project):
    project.starter(campaign=CAMPAIGN + "schedule: {expires: 2020-01-01 09:00}\n", people=PEOPLE)
    plan = project.run("plan", "sale.yaml")
    assert "Recipients 0 Cannot be sent 60 expired 60 the campaign expires before" in " ".join(
        plan.out.split()
    )
    assert "this time is in the past: nothing would be sent" in plan.err
    told = project.run("plan", "sale.yaml", "--json").json
    assert (told["recipients"], told["leaving"]["going"], told["leaving"]["expired"]) == (60, 0, 60)
    assert [one["code"] for one in told["warnings"]] == ["schedule-past"]


def test_those_whose_turn_comes_too_late_are_not_counted_as_going(project: Project):
    more = f"limits: {{rate: 1/min}}\nschedule: {{expires: '{in_minutes(10)}'}}\n"
    project.starter(campaign=CAMPAIGN + more, people=PEOPLE)
    leaving = project.run("plan", "sale.yaml", "--json").json["leaving"]
    assert leaving["going"] + leaving["late"] == 60
    assert 8 <= leaving["going"] <= 10
    assert "1 message/min" in project.run("plan", "sale.yaml").out


def test_the_time_of_a_plan_knows_when_it_starts(project: Project):
    more = "limits: {rate: 1/min}\nschedule: {not_before: '2099-07-01 09:00', timezone: Europe/London}\n"
    project.starter(campaign=CAMPAIGN.replace("marketing", "transactional") + more, people=PEOPLE)
    assert (
        "60 min at 1 message/min; the last is sent at about 2099-07-01 10:00 Europe/London"
        in project.run("plan", "sale.yaml").out
    )


def test_a_plan_over_its_budget_promises_nothing(project: Project):
    project.starter(campaign=CAMPAIGN + "limits: {cost: 1 GBP}\n", people=PEOPLE)
    ran = project.run("plan", "sale.yaml")
    assert ran.status == 6
    assert "Recipients 60 this plan cannot be sent: see below" in " ".join(ran.out.split())


def test_what_check_warns_of_is_shown_by_plan_and_send_and_kept_with_the_plan(project: Project):
    lost = CAMPAIGN.replace(
        '"Hi {{ first_name }}, 20% off until Sunday. Reply STOP to opt out"',
        "Hi {{ first_name }}, Reply STOP. Order #1234 now",
    )
    project.starter(campaign=lost)
    checked = project.run("check", "sale.yaml", "--json").json["problems"]
    known = {(one["code"], one["line"], one["column"]) for one in checked}
    assert ("lost-comment", 5, 49) in known
    ran = project.run("plan", "sale.yaml", "--json")
    assert known <= {(one["code"], one["line"], one["column"]) for one in ran.json["warnings"]}
    assert "'#1234 now' is a YAML comment" in ran.err
    assert ran.err.count("is a YAML comment") == 1
    assert "'#1234 now' is a YAML comment" in project.run("send", "--plan", ran.json["plan"]).err
    assert (
        "'#1234 now' is a YAML comment"
        in project.run("send", "sale.yaml", "--yes", "--occurrence", "again").err
    )


def test_what_check_calls_an_error_stops_a_plan(project: Project):
    project.starter(campaign=CAMPAIGN + "exclude: {file: none.csv}\n")
    assert project.run("check", "sale.yaml").status == project.run("plan", "sale.yaml").status == 3


def test_an_expired_campaign_says_so_before_it_asks(project: Project):
    from test_terminal import ended, terminal

    project.starter(campaign=CAMPAIGN + "schedule: {expires: 2020-01-01 09:00}\n", people=PEOPLE)
    project.write("a2pcli.yaml", SETTINGS)
    with terminal(project, "send", "sale.yaml") as process:
        process.expect_exact("None of 60 messages can be sent now")
        process.sendline("n")
        status, _ = ended(process)
    assert status == 6
