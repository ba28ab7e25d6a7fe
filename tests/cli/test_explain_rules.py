"""``explain`` names every rule that was considered, the answer first."""

from __future__ import annotations

from typing import Any

import pytest
from clikit import Project

SETTINGS = """region: GB
numbers: {allow_fictional: true}
senders:
  "+12025550100": {registrations: {10dlc: C123}}
"""
SALE = """name: sale
objective: People try the spring collection
purpose: PURPOSE
programme: news
contacts: people.csv
sender: SENDER
message: "ACME: Hi {{ first_name }}. Reply STOP to opt out"
"""
FLORIDIAN = "+1 305 555 0123"


def project_for(
    project: Project, *, purpose: str = "marketing", sender: str = "'+12025550100'", more: str = ""
) -> None:
    project.write("a2pcli.yaml", SETTINGS)
    project.write("sale.yaml", SALE.replace("PURPOSE", purpose).replace("SENDER", sender) + more)
    project.write("people.csv", f"mobile,first_name\n{FLORIDIAN},Ann\n")


def now(project: Project) -> dict[str, dict[str, Any]]:
    """The rules that a plan made now would consider, by id."""
    done = project.run("explain", FLORIDIAN, "--campaign", "sale.yaml", "--json")
    assert done.status == 0, done.err
    [row] = done.json["now"]["rows"]
    return {rule["rule"]: rule for rule in row["rules"]}


def test_each_rule_of_the_law_comes_with_what_it_says_its_source_and_how_sure_it_is(project: Project):
    project_for(project)
    rules = now(project)
    florida = rules["us-fl-hours"]
    assert florida["says"] == "In Florida marketing may be sent from 8:00 to 20:00."
    assert florida["source"].startswith("Fla. Stat. 501.616")
    assert florida["confidence"] == "H"
    assert florida["outcome"] in ("passed", "held")  # it depends on the hour
    assert florida["data"]["zones"] == ["America/New_York"]
    assert rules["us-fl-cap"]["data"] == {"limit": 3, "seconds": 86400, "per": "subject", "count": 0}
    assert rules["us-fl-cap"]["outcome"] == "passed"


def test_what_the_project_changed_in_the_law_is_told_with_the_reason(project: Project):
    project_for(project)
    settings = (project.folder / "a2pcli.yaml").read_text()
    project.write("a2pcli.yaml", settings + "law: {us-fl-hours: {hours: 10:00-18:00, reason: our counsel}}\n")
    assert now(project)["us-fl-hours"]["source"].endswith("changed here: our counsel")


@pytest.mark.parametrize("purpose", ["otp", "emergency"])
def test_what_does_not_bind_a_purpose_is_told_as_not_asked(project: Project, purpose: str):
    project_for(project, purpose=purpose)
    rules = now(project)
    outcomes = {name: rules[name]["outcome"] for name in ("optout", "consent", "hours", "caps")}
    assert set(outcomes.values()) == {"not-asked"}


def test_the_opt_out_that_keeps_somebody_out_is_told(project: Project):
    project_for(project)
    project.run("ledger", "create")
    project.run("optout", "add", FLORIDIAN, "--scope", "programme=news", "--reason", "asked on the phone")
    optout = now(project)["optout"]
    assert optout["outcome"] == "left-out"
    assert optout["data"]["scope"] == "programme"
    assert optout["data"]["scope_value"] == "news"
    assert "asked on the phone" in optout["why"]


def test_an_opt_out_from_something_else_is_told_and_does_not_count(project: Project):
    project_for(project)
    project.run("ledger", "create")
    project.run("optout", "add", FLORIDIAN, "--scope", "programme=offers")
    optout = now(project)["optout"]
    assert optout["outcome"] == "passed"
    assert "1 for other messages" in optout["why"]


def test_the_consent_that_allows_a_message_is_told_with_its_wording(project: Project):
    project_for(project, more="consent: required\n")
    assert now(project)["consent"]["outcome"] == "left-out"
    given = (
        "--source",
        "web form",
        "--wording",
        "Yes, send me news",
        "--programme",
        "news",
        "--given-at",
        "2026-01-02",
    )
    assert project.run("ledger", "create").status == 0
    recorded = project.run("consent", "record", FLORIDIAN, *given, "--basis", "express")
    assert recorded.status == 0, recorded.err
    consent = now(project)["consent"]
    assert consent["outcome"] == "passed"
    assert consent["data"]["source"] == "web form"
    assert consent["data"]["wording"] == "Yes, send me news"


def test_a_name_that_america_does_not_take_is_told_with_the_rule(project: Project):
    project_for(project, sender="ACME")
    rules = now(project)
    [left_out] = [rule for rule in rules.values() if rule["outcome"] == "left-out"]
    assert left_out["rule"].startswith("us-")
    assert left_out["source"]


def test_a_message_that_was_sent_is_explained_by_what_was_known_then(project: Project):
    """An opt-out that came afterwards does not make it wrong."""
    project_for(project, purpose="transactional")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    project.run("ledger", "create")
    project.run("optout", "add", FLORIDIAN)
    [message] = project.run("explain", FLORIDIAN, "--json").json["messages"]
    assert message["state"] == "accepted"
    rules = {rule["rule"]: rule for rule in message["rules"]}
    assert rules["optout"]["outcome"] == "passed"
    assert rules["consent"]["outcome"] == "not-asked"


def test_the_answer_comes_first_and_rules_that_passed_only_on_request(project: Project):
    """They say nothing to somebody who wants to know what became of a message."""
    project_for(project, purpose="transactional")
    assert project.run("send", "sale.yaml", "--yes").status == 0
    lines = project.run("explain", FLORIDIAN).out.splitlines()
    assert lines[4].strip().startswith("written to a file by outbox")
    assert not [line for line in lines if line.split()[:1] in (["passed"], ["n/a"])]
    assert lines[-1].endswith("more rules checked; --rules shows them")
    every = project.run("explain", FLORIDIAN, "--rules").out
    assert "passed    optout: not on the suppression list" in every
    assert "--rules shows them" not in every


def test_on_the_screen_each_rule_has_its_outcome_and_its_source(project: Project):
    project_for(project)
    screen = project.run("explain", FLORIDIAN, "--campaign", "sale.yaml", "--rules").out
    words = " ".join(screen.split())
    assert "passed optout: not on the suppression list" in words
    assert (
        "In Florida marketing may be sent from 8:00 to 20:00. (Fla. Stat. 501.616(6)(a); confidence: high)"
        in words
    )
