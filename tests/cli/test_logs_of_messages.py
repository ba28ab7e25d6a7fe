"""Logs of messages as input: our own numbers are never suppressed by them."""

from __future__ import annotations

import pytest
from clikit import Project

ANN, BEN, OURS = "+14155552671", "+14155552672", "+12025550100"
LOG = f"From,To,Body\n{ANN},{OURS},STOP\n{BEN},{OURS},thanks\n"
CAMPAIGN = f"""\
name: sale
objective: Our number is known by it
purpose: marketing
contacts: people.csv
sender: "{OURS}"
message: "Sale today. Reply STOP to opt out"
"""
WAYS_TO_KNOW = {
    "settings": {"a2pcli.yaml": f'senders: {{"{OURS}": {{}}}}\n'},
    "gateway": {
        "a2pcli.yaml": f'gateways: {{twilio: {{account_sid: A, auth_token: B, sender: "{OURS}"}}}}\n'
    },
    "http gateway": {
        "a2pcli.yaml": f'gateways: {{x: {{type: http, url: "https://x.example/", json: {{from: "{OURS}"}}}}}}\n'
    },
    "campaign": {"campaigns/sale.yaml": CAMPAIGN, "campaigns/a2pcli.yaml": "region: US\n"},
}


@pytest.fixture(autouse=True)
def ledger(project: Project) -> None:
    assert project.run("ledger", "create").status == 0


def suppressed(project: Project) -> list[str]:
    return [entry["number"] for entry in project.run("optout", "list", "--json").json["suppressions"]]


def test_replies_suppress_who_wrote_and_not_who_was_written_to(project: Project) -> None:
    project.write("log.csv", LOG)
    ran = project.run("optout", "replies", "log.csv", "--json")
    assert (ran.status, ran.json["meanings"]) == (0, {"stop": 1, "none": 1})
    assert suppressed(project) == [ANN]


@pytest.mark.parametrize(
    "command", [("optout", "import"), ("consent", "import", "--source", "log", "--given-at", "2026-03-01")]
)
def test_an_import_asks_whose_number_it_is_and_does_nothing(
    project: Project, command: tuple[str, ...]
) -> None:
    project.write("log.csv", LOG)
    ran = project.run(*command, "log.csv")
    assert ran.status == 3
    assert "--column 'From' or --column 'To'" in ran.err
    assert suppressed(project) == []
    assert project.run(*command, "log.csv", "--column", "From").status == 0


@pytest.mark.parametrize("way", WAYS_TO_KNOW)
def test_our_own_numbers_are_known_wherever_they_are_written(project: Project, way: str) -> None:
    for name, text in WAYS_TO_KNOW[way].items():
        project.write(name, text)
    project.run("ledger", "create")
    project.write("log.csv", f"phone,text\n{ANN},STOP\n{OURS},STOP\n")
    ran = project.run("optout", "replies", "log.csv")
    assert ran.status == 3
    assert "log.csv:3: the number is one of your own senders" in ran.err
    assert suppressed(project) == [ANN]
    ran = project.run("optout", "import", "log.csv", "--json")
    assert (ran.status, ran.json["reasons"]) == (3, {"own-sender": 1})
    assert project.run("optout", "reply", OURS, "STOP").status == 2
    assert suppressed(project) == [ANN]


def test_a_sender_of_ours_that_is_added_by_hand_is_named(project: Project) -> None:
    project.write("a2pcli.yaml", f'senders: {{"{OURS}": {{}}}}\n')
    ran = project.run("optout", "add", OURS)
    assert (ran.status, suppressed(project)) == (0, [OURS])
    assert f"{OURS} is one of your own senders" in ran.err


def test_a_log_with_directions_leaves_our_messages_alone(project: Project) -> None:
    project.write(
        "log.csv",
        f"Direction,From,To,Body\ninbound,{ANN},{OURS},STOP\noutbound-api,{OURS},{BEN},Reply STOP to opt out\n",
    )
    ran = project.run("optout", "replies", "log.csv")
    assert ran.status == 0
    assert ran.out == "1 reply: 1 stop\n1 message that you sent, ignored\n"
    assert suppressed(project) == [ANN]
