"""A gateway answers that a person opted out: the next campaign by that gateway does not message them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from clikit import Project

CAMPAIGN = """\
name: {name}
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
channels:
  email: {{gateway: mail{mail}}}
  sms: {{gateway: text{text}}}
message: "Hello {{{{ name }}}}, your order is on its way"
email: {{subject: "Your order"}}
"""
ALONE = """\
name: {name}
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
channel: email
gateway: mail
message: "Hello {{{{ name }}}}, your order is on its way"
email: {{subject: "Your order"}}
"""
SETTINGS = """\
region: GB
gateways:
  mail: {type: simulator, latency: {median: 0, p95: 0}, mix: {opted_out: 100%}}
  text: {type: simulator, latency: {median: 0, p95: 0}, mix: {opted_out: 100%}}
"""
OWN = ", sender: shop@example.com"


def planned_after(project: Project, campaign: str, **senders: str) -> tuple[int, dict[str, int]]:
    """Send one campaign and plan another; gives the recipients of the plan, and why others are excluded."""
    names = {"mail": "", "text": "", **senders}
    for name in ("one", "two"):
        project.write(f"{name}.yaml", campaign.format(name=name, **names))
    project.run("send", "one.yaml", "--yes")
    plan: dict[str, Any] = project.run("plan", "two.yaml", "--json").json
    return plan["recipients"], plan["excluded"]


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("a2pcli.yaml", SETTINGS)
    project.write("people.csv", "name,phone,email\nAnn,,Ann@Example.ORG\nBen,+447400000001,\n")
    project.run("ledger", "create")
    return project


def suppressed(project: Project) -> set[tuple[str, str, str]]:
    entries = project.run("optout", "list", "--json").json["suppressions"]
    return {(one["number"], one["scope_value"], one["source"]) for one in entries}


@pytest.mark.parametrize(
    ("senders", "scopes"),
    [
        ({}, ("gateway mail", "gateway text")),
        ({"mail": OWN, "text": ", sender: ACME"}, ("shop@example.com", "ACME")),
        ({"mail": OWN}, ("shop@example.com", "gateway text")),
    ],
    ids=["senders that gateways choose", "senders of their own", "one of each"],
)
def test_of_several_gateways_each_keeps_whom_it_was_told_of(
    shop: Project, senders: dict[str, str], scopes: tuple[str, str]
) -> None:
    assert planned_after(shop, CAMPAIGN, **senders) == (0, {"opted-out": 2})
    assert suppressed(shop) == {
        ("ann@example.org", scopes[0], "gateway mail"),
        ("+447400000001", scopes[1], "gateway text"),
    }


def test_an_address_in_capitals_is_known_again(shop: Project) -> None:
    shop.write("people.csv", "name,email\nAnn,Ann@Example.ORG\n")
    assert planned_after(shop, ALONE) == (0, {"opted-out": 1})
    assert {address for address, _, _ in suppressed(shop)} == {"ann@example.org"}


def test_a_receipt_is_about_the_sender_of_the_messages_own_channel(shop: Project) -> None:
    shop.write("a2pcli.yaml", SETTINGS.replace("opted_out: 100%", ""))
    shop.write("one.yaml", CAMPAIGN.format(name="one", mail=OWN, text=""))
    assert shop.run("send", "one.yaml", "--yes").status == 0
    (run,) = [one["run"] for one in shop.run("runs", "--json").json["runs"]]
    shop.write("a2pcli.yaml", "region: GB\ngateways:\n  mail: {type: simulator}\n  text: {type: twilio}\n")
    shop.write("r.csv", f"reference,status,error code\n{run}-000002,undelivered,21610\n")
    assert shop.run("receipts", "import", "r.csv", "--gateway", "text", "--json").json["opted_out"] == 1
    assert suppressed(shop) == {("+447400000001", "gateway text", "gateway text")}


def test_explain_finds_the_opt_out_of_the_messages_own_channel(shop: Project) -> None:
    """Before a plan is sent it says that the message will not be, and after that a new plan would not, either."""
    for name in ("one", "two"):
        shop.write(f"{name}.yaml", CAMPAIGN.format(name=name, mail="", text=""))
    run = shop.run("plan", "two.yaml", "--json").json["plan"]
    shop.run("send", "one.yaml", "--yes")
    for done in (
        "will be skipped: on the suppression list",
        "excluded: opted-out: on the suppression list for",
    ):
        told = " ".join(shop.run("explain", "+447400000001", "--run", run, "--rules").out.split())
        assert "excluded optout: " in told
        assert done in told
        assert "no longer in force" not in told
        shop.run("send", "--plan", run, "--yes")


def test_retry_asks_for_opt_outs_of_the_channel_that_the_message_goes_by(shop: Project) -> None:
    """Who left another channel is planned again; who left this one is not."""
    shop.write("a2pcli.yaml", SETTINGS.replace("opted_out", "permanent"))
    shop.write(
        "people.csv", "name,phone,email\nAnn,,ann@example.org\nEve,,eve@example.org\nBen,+447400000001,\n"
    )
    text = CAMPAIGN.format(name="one", mail="", text="")
    email, sms = "  email: {gateway: mail}\n", "  sms: {gateway: text}\n"
    shop.write("one.yaml", text.replace(email + sms, sms + email))
    shop.run("send", "one.yaml", "--yes")
    shop.run("optout", "add", "ann@example.org", "--scope", "channel=email")
    shop.run("optout", "add", "eve@example.org", "--scope", "channel=sms")
    (run,) = [one["run"] for one in shop.run("runs", "--json").json["runs"]]
    shop.run("retry", run, "--yes")
    states = {
        who: shop.run("explain", who, "--json").json["messages"][0]["state"]
        for who in ("ann@example.org", "eve@example.org", "+447400000001")
    }
    assert states == {"ann@example.org": "rejected", "eve@example.org": "planned", "+447400000001": "planned"}
