"""Copy rules and senders as a person meets them: in check, plan, preview, send, report and explain."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from clikit import Project

CAMPAIGN = """\
name: sale
objective: Customers come to the sale
purpose: marketing
contacts: people.csv
message: "Hi {{ name }}, 20% off. Opt out: acme.example/stop"
"""
# In the middle of a day in every one of these countries, so that no hours hold anybody.
PEOPLE = """\
phone,name
+447400123456,Ann
+447400123457,Ben
+14152011234,Gus
+14152011235,Gia
+4915112345678,Jan
+919876543210,Ira
+8613812345678,Liu
"""
SETTINGS = "region: GB\n"
STRICT = "rules: {no-opt-out: error, no-reply: error, country-wording: error, keyword-clash: error}\n"
"""As the starter's settings have it."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def made(
    project: Project, more: str = "", *, campaign: str = CAMPAIGN, settings: str = "", people: str = PEOPLE
) -> Project:
    """A project whose campaign and settings have these lines, too."""
    project.write("sale.yaml", campaign + more)
    project.write("people.csv", people)
    project.write("a2pcli.yaml", SETTINGS + settings)
    return project


def transactional(text: str = CAMPAIGN) -> str:
    """A campaign that no hours hold."""
    return text.replace("purpose: marketing", "purpose: transactional")


# Purpose and objective ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("purpose: marketing\n", "sale.yaml:1:1: 'purpose' is missing (decides which rules apply)"),
        (
            "objective: Customers come to the sale\n",
            "sale.yaml:1:1: 'objective' is missing (what the campaign is for, in a sentence)",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_campaign_states_its_purpose_and_objective(
    project: Project, line: str, told: str, command: str
) -> None:
    ran = made(project, campaign=CAMPAIGN.replace(line, "")).run(command, "sale.yaml")
    assert (ran.status, ran.err.splitlines()[0]) == (3, told)


# Copy rules -----------------------------------------------------------------------------------------------

BAD = CAMPAIGN.replace("acme.example/stop", "acme.example/stop or reply CANCEL to cancel your order")


def test_an_error_of_a_copy_rule_stops_check_and_plan_and_send(project: Project) -> None:
    made(project, campaign=BAD, settings=STRICT)
    for command in (("check", "sale.yaml"), ("plan", "sale.yaml"), ("send", "sale.yaml", "--yes")):
        ran = project.run(*command)
        assert ran.status == 3, command
        assert "who replies CANCEL is opted out of everything" in ran.err
        assert "give a reason under 'waive: keyword-clash:'" in ran.err
    assert project.outbox() == []


def test_where_nobody_made_them_errors_copy_rules_warn_and_the_plan_shows_it(project: Project) -> None:
    made(project, campaign=BAD)
    assert project.run("check", "sale.yaml").status == 0
    ran = project.run("plan", "sale.yaml")
    assert ran.status == 0
    assert "who replies CANCEL is opted out of everything" in ran.err


def test_what_a_campaign_waives_passes_with_its_reason_on_record(project: Project) -> None:
    made(project, 'waive: {keyword-clash: "agreed with support"}\n', campaign=BAD)
    checked = project.run("check", "sale.yaml")
    assert (checked.status, "waived keyword-clash: agreed with support (1 finding)" in checked.err) == (
        0,
        True,
    )
    (waiver,) = project.run("check", "sale.yaml", "--json").json["campaigns"][0]["waivers"]
    assert (waiver["rule"], waiver["reason"]) == ("keyword-clash", "agreed with support")
    plan = project.run("plan", "sale.yaml", "--json").json
    assert [(one["rule"], one["reason"]) for one in plan["waivers"]] == [
        ("keyword-clash", "agreed with support")
    ]
    assert re.search(r"5:\d+: anybody who replies CANCEL", plan["waivers"][0]["findings"][0])
    assert "waived     keyword-clash: agreed with support (1 finding)" in project.run("plan", "sale.yaml").out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("waive: {shortner: mine}\n", "6:9: unknown rule 'shortner' (did you mean 'shortener'?)"),
        ("waive: {shortener: ''}\n", "6:20: 'shortener' is empty"),
        ("waive: [shortener]\n", "6:1: 'waive' must hold 'key: value' lines"),
    ],
)
def test_a_waiver_names_a_rule_and_a_reason(project: Project, more: str, told: str) -> None:
    ran = made(project, more).run("check", "sale.yaml")
    assert (ran.status, ran.err.splitlines()[0]) == (3, f"sale.yaml:{told}")


def test_a_project_says_how_strict_a_rule_is(project: Project) -> None:
    campaign = CAMPAIGN.replace("20% off", "20% off at bit.ly/x")
    assert made(project, campaign=campaign).run("check", "sale.yaml").status == 0
    assert project.run("check", "sale.yaml", "--strict").status == 3
    made(project, campaign=campaign, settings="rules: {shortener: error}\n")
    assert project.run("check", "sale.yaml").status == 3
    assert project.run("plan", "sale.yaml").status == 3
    made(project, campaign=campaign, settings="rules: {shortener: off}\n")
    assert "shortener" not in project.run("check", "sale.yaml").err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("rules: {shortner: off}\n", "2:9: unknown rule 'shortner' (did you mean 'shortener'?)"),
        ("rules: {shortener: of}\n", "2:20: 'shortener' cannot be 'of' (did you mean 'off'?)"),
        ("senders: {ACME: {contries: [GB]}}\n", "2:18: unknown key 'contries' (did you mean 'countries'?)"),
        ("senders: {'A!': {}}\n", "2:11: '!' is not allowed in a sender name"),
    ],
)
def test_wrong_settings_of_rules_and_senders_are_told_at_their_place(
    project: Project, settings: str, told: str
) -> None:
    ran = made(project, settings=settings).run("check", "sale.yaml")
    assert ran.status == 3
    assert f"a2pcli.yaml:{told}" in ran.err


def test_warnings_are_shown_by_plan_too(project: Project) -> None:
    ran = made(project, campaign=CAMPAIGN.replace("20% off", "20% off: http://acme.example")).run(
        "plan", "sale.yaml"
    )
    assert ran.status == 0
    assert "warning: an unencrypted link (http) (write https://)" in ran.err


def test_what_a_country_wants_binds_only_where_somebody_there_gets_a_message(project: Project) -> None:
    french = PEOPLE + "+33612345678,Hal\n"
    assert made(project, settings=STRICT).run("check", "sale.yaml").status == 0
    for command in ("check", "plan"):
        ran = made(project, settings=STRICT, people=french).run(command, "sale.yaml")
        assert ran.status == 0
        assert (
            "warning: a message to FR must contain 'STOP 36xxx': without it, messages there are excluded"
            in ran.err
        )
        ran = made(project, settings=STRICT, people="phone,name\n+33612345678,Hal\n").run(
            command, "sale.yaml"
        )
        assert ran.status == 3
        assert "a message to FR must contain 'STOP 36xxx'" in ran.err
    assert (
        made(project, "where: name != 'Hal'\n", settings=STRICT, people=french)
        .run("plan", "sale.yaml")
        .status
        == 0
    )


def test_a_plan_that_copy_rules_stop_leaves_nothing_to_send(project: Project) -> None:
    made(project, settings=STRICT, people="phone,name\n+33612345678,Hal\n").run("plan", "sale.yaml")
    runs = project.run("runs", "--json").json["runs"]
    assert all(run["state"] == "discarded" for run in runs)


def test_the_way_out_in_a_partial_counts(project: Project) -> None:
    project.write("footer.txt", "Opt out: acme.example/stop")
    campaign = CAMPAIGN.replace("Opt out: acme.example/stop", "{% include 'footer.txt' %}")
    assert made(project, campaign=campaign, settings=STRICT).run("check", "sale.yaml", "--strict").status == 0
    project.write("footer.txt", "See you soon")
    ran = project.run("check", "sale.yaml")
    assert (ran.status, "does not say how to opt out" in ran.err) == (3, True)


def test_the_way_out_in_a_column_counts(project: Project) -> None:
    people = "phone,way\n+447400123456,Opt out: acme.example/stop\n+447400123457,STOP: acme.example/stop\n"
    campaign = CAMPAIGN.replace("Hi {{ name }}", "Hi").replace("Opt out: acme.example/stop", "{{ way }}")
    made(project, campaign=campaign, settings=STRICT, people=people)
    assert project.run("check", "sale.yaml").status == 0
    assert project.run("plan", "sale.yaml").status == 0
    project.write("people.csv", "phone,way\n+447400123456,Bye\n")
    assert project.run("check", "sale.yaml").status == 3
    assert project.run("plan", "sale.yaml").status == 3


# Senders --------------------------------------------------------------------------------------------------

MANY = """\
sender:
  US: ["+14155550100", "+14155550101"]
  IN: ACMEIN
  default: ACME
"""
FACTS = """\
senders:
  "+14155550100": {registrations: {10dlc: C1}}
  "+14155550101": {registrations: {10dlc: C2}}
  ACMEIN:
    registrations: {dlt-entity: "1101", dlt-header: "1105"}
    dlt_templates: {T1: "Hi {#var#}, 20% off. Opt out: acme.example/stop"}
"""


def rows(project: Project, file: str = "plan.csv") -> dict[str, dict[str, str]]:
    """The rows of a file by name of the person."""
    text = (project.folder / file).read_text("utf-8-sig")
    listed = list(csv.DictReader(text.splitlines()))
    names = dict(re.findall(r"^(\+\d+),(\w+)$", PEOPLE, re.M))
    return {names.get((one.get("number") or "").lstrip("'"), one["line"]): one for one in listed}


def test_each_destination_gets_a_sender_that_it_takes(project: Project) -> None:
    made(project, MANY + "dlt: {template: T1}\n", settings=FACTS).run(
        "plan", "sale.yaml", "--out", "plan.csv"
    )
    planned = rows(project)
    assert planned["Ann"]["sender"] == planned["Jan"]["sender"] == "ACME"
    assert planned["Ira"]["sender"] == "ACMEIN"
    assert planned["Gus"]["sender"].lstrip("'") in ("+14155550100", "+14155550101")
    refused = planned["Liu"]
    assert (refused["status"], refused["reason"], refused["rule"]) == ("excluded", "no-sender", "cn-sender")
    assert (
        refused["detail"]
        == "the sender name 'ACME' is not supported in CN; set a number or short code (sender: CN: …)"
    )


def test_what_is_not_registered_is_excluded_and_says_what_to_state(project: Project) -> None:
    made(project, MANY).run("plan", "sale.yaml", "--out", "plan.csv")
    planned = rows(project)
    assert (planned["Gus"]["reason"], planned["Gus"]["rule"]) == ("no-sender", "us-sender")
    assert "set its id 10dlc under senders:" in planned["Gus"]["detail"]
    assert "dlt-entity, dlt-header" in planned["Ira"]["detail"]


def test_check_tells_of_countries_without_a_sender(project: Project) -> None:
    ran = made(project, "sender: ACME\n").run("check", "sale.yaml")
    assert "sale.yaml:6:9: warning: no sender for US (2 numbers of the first rows)" in ran.err


def test_a_person_has_the_same_number_in_every_campaign_of_a_pool(project: Project) -> None:
    made(project, MANY, settings=FACTS).run("plan", "sale.yaml", "--out", "plan.csv")
    first = rows(project)
    other = CAMPAIGN.replace("name: sale", "name: other")
    pool = 'sender: ["+14155550101", "+14155550100"]\n'
    made(project, pool, campaign=other, settings=FACTS).run("plan", "sale.yaml", "--out", "plan.csv")
    again = rows(project)
    assert [first[name]["sender"] for name in ("Gus", "Gia")] == [
        again[name]["sender"] for name in ("Gus", "Gia")
    ]


def test_another_sender_is_another_plan(project: Project) -> None:
    made(project, MANY, settings=FACTS)
    first = project.run("plan", "sale.yaml", "--json").json
    assert project.run("plan", "sale.yaml", "--json").json["digest"] == first["digest"]
    assert sum(first["senders"].values()) == first["recipients"]
    made(project, MANY.replace("+14155550101", "+14155550102"), settings=FACTS.replace("550101", "550102"))
    assert project.run("plan", "sale.yaml", "--json").json["digest"] != first["digest"]


def test_the_chosen_sender_is_in_preview_outbox_report_and_explain(project: Project) -> None:
    made(project, MANY, campaign=transactional(), settings=FACTS)
    (seen,) = project.run("preview", "sale.yaml", "--contact", "+14152011234", "--json").json["rows"]
    assert project.run("send", "sale.yaml", "--yes").status == 0
    sent = {one["to"]: one["sender"] for one in project.outbox()}
    assert sent["+447400123456"] == "ACME"
    assert sent["+14152011234"] == seen["sender"]
    told = project.run("explain", "+14152011234", "--json").json
    assert told["messages"][0]["sender"] == seen["sender"]
    assert project.run("report", "--out", "rows.csv").status == 0
    reported = rows(project, "rows.csv")
    assert reported["Gus"]["sender"].lstrip("'") == seen["sender"]
    assert reported["Liu"]["sender"] == ""


def test_an_opt_out_from_one_number_of_a_pool_leaves_the_others(project: Project) -> None:
    """Gus and Gia have the number that the pool gives them; each said no to one of the two."""
    pool = 'sender: ["+14155550100", "+14155550101"]\n'
    made(project, pool, campaign=transactional(), settings=FACTS)
    project.run("plan", "sale.yaml", "--out", "plan.csv")
    mine = rows(project)["Gus"]["sender"].lstrip("'")
    other = ({"+14155550100", "+14155550101"} - {mine}).pop()
    for sender, status in ((other, "planned"), (mine, "excluded")):
        assert project.run("optout", "add", "+14152011234", "--sender", sender).status == 0
        project.run("plan", "sale.yaml", "--out", "plan.csv")
        assert rows(project)["Gus"]["status"] == status


# India's templates ----------------------------------------------------------------------------------------


def test_a_message_that_is_not_its_template_is_excluded(project: Project) -> None:
    people = PEOPLE + "+919876543211,Bartholomew Maximilian of Rajasthan\n"
    made(project, MANY + "dlt: {template: T1}\n", campaign=transactional(), settings=FACTS, people=people)
    project.run("plan", "sale.yaml", "--out", "plan.csv")
    listed = rows(project)
    assert listed["Ira"]["status"] == "planned"
    other = next(one for one in listed.values() if one["number"].endswith("3211"))
    assert (other["reason"], other["rule"]) == ("copy-rule", "dlt-template")
    assert other["detail"] == "the text does not match the DLT template T1"
    checked = project.run("check", "sale.yaml")
    assert "1 of 2 messages do not match the DLT template T1" in checked.err


def test_a_template_is_wanted_where_the_sender_is_registered(project: Project) -> None:
    made(project, MANY, settings=FACTS).run("plan", "sale.yaml", "--out", "plan.csv")
    assert (
        rows(project)["Ira"]["detail"] == "a registered template is required: set its id and text under dlt:"
    )
    checked = project.run("check", "sale.yaml")
    assert (checked.status, "messages to IN must use a registered template" in checked.err) == (3, True)


def test_the_template_rule_can_be_waived(project: Project) -> None:
    more = MANY + "waive: {dlt-template: the provider matches}\n"
    made(project, more, campaign=transactional(), settings=FACTS)
    project.run("plan", "sale.yaml", "--out", "plan.csv")
    assert rows(project)["Ira"]["status"] == "planned"
