"""Campaigns of several channels: each person by the first that may be used for them, and nobody by two."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from clikit import Project

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: {purpose}
contacts: people.csv
channels:
  email: {{sender: shop@example.com}}
  sms: {{sender: ACME}}
message: "Hello {{{{ name }}}}, your order is on its way. Reply STOP to opt out"
email: {{subject: "Order of {{{{ name }}}}"}}
waive: {{no-reply: a test, postal-address: a test, no-opt-out: a test}}
{more}
"""
PEOPLE = """\
name,phone,email,preferred_channel
Ann,+447911123401,ann@example.org,
Bob,+447911123402,bob@example.org,SMS
Cy,,cy@example.org,sms
Dee,+447911123404,,email
Eve,123,not-an-address,
"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    return _shop(tmp_path)


def _shop(folder: Path, people: str = PEOPLE, purpose: str = "transactional", more: str = "") -> Project:
    project = Project(folder)
    project.write("order.yaml", CAMPAIGN.format(purpose=purpose, more=more))
    project.write("people.csv", people)
    project.write("a2pcli.yaml", "region: GB\n")
    project.run("ledger", "create")
    return project


def sent(shop: Project) -> list[dict[str, Any]]:
    file = shop.folder / ".a2pcli" / "outbox.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def ways(shop: Project) -> list[tuple[str, str, str]]:
    return [(one["to"], one["channel"], one["sender"]) for one in sent(shop)]


def rows(shop: Project) -> dict[str, dict[str, str]]:
    assert shop.run("plan", "order.yaml", "--out", "rows.csv").status == 0
    with (shop.folder / "rows.csv").open(newline="", encoding="utf-8-sig") as file:
        return {one["line"]: one for one in csv.DictReader(file)}


def test_each_person_gets_the_message_by_the_first_channel_that_may_be_used_for_them(shop: Project) -> None:
    """The contact's own preference comes first, then the campaign's order; content and sender are the channel's."""
    assert shop.run("send", "order.yaml", "--yes").status == 0
    assert ways(shop) == [
        ("ann@example.org", "email", "shop@example.com"),
        ("+447911123402", "sms", "ACME"),
        ("cy@example.org", "email", "shop@example.com"),
        ("+447911123404", "sms", "ACME"),
    ]
    assert [one.get("content") for one in sent(shop)] == [
        {"subject": "Order of Ann"},
        None,
        {"subject": "Order of Cy"},
        None,
    ]
    assert shop.run("ledger", "check").status == 0


def test_who_may_go_by_none_is_excluded_with_the_reason_of_each(shop: Project) -> None:
    plan = shop.run("plan", "order.yaml", "--json").json
    assert (plan["rows"], plan["recipients"]) == (5, 4)
    assert [(one["channel"], one["recipients"]) for one in plan["channels"]] == [("email", 2), ("sms", 2)]
    detail = rows(shop)["6"]["detail"]
    assert "email: not a valid address" in detail
    assert "sms: not a valid phone number" in detail


@pytest.mark.parametrize("address", ["ann@example.org", "+447911123401"])
def test_an_opt_out_from_everything_by_either_address_keeps_the_person_from_both_channels(
    shop: Project, address: str
) -> None:
    assert shop.run("optout", "add", address).status == 0
    assert shop.run("send", "order.yaml", "--yes").status == 0
    assert [to for to, *_ in ways(shop)] == ["+447911123402", "cy@example.org", "+447911123404"]


def test_an_opt_out_from_one_channel_leaves_the_other(shop: Project) -> None:
    assert shop.run("optout", "add", "ann@example.org", "--scope", "channel=email").status == 0
    assert shop.run("send", "order.yaml", "--yes").status == 0
    assert ways(shop)[0] == ("+447911123401", "sms", "ACME")


def test_who_shares_an_address_with_an_earlier_recipient_is_the_same_person(tmp_path: Path) -> None:
    """Whichever channel the earlier one goes by; and only who is sent to counts."""
    people = """\
name,phone,email,preferred_channel
Ann,+447911123401,ann@example.org,
Ann by phone,+447911123401,,
Ann by mail,+447911123499,ann@example.org,sms
Not Ann,+447911123499,,
"""
    shop = _shop(tmp_path, people)
    assert shop.run("send", "order.yaml", "--yes").status == 0
    assert [to for to, *_ in ways(shop)] == ["ann@example.org", "+447911123499"]


def test_who_got_it_by_one_channel_does_not_get_it_by_another_later(tmp_path: Path) -> None:
    """Although the preference, and so the channel, is another one the second time."""
    people = "name,phone,email,preferred_channel\nAnn,+447911123401,ann@example.org,{}\n"
    shop = _shop(tmp_path, people.format("email"))
    assert shop.run("send", "order.yaml", "--yes").status == 0
    shop.write("people.csv", people.format("sms"))
    shop.run("send", "order.yaml", "--yes")
    shop.write("people.csv", "name,phone,email\nAnn,,ANN@example.org\n")
    shop.run("send", "order.yaml", "--yes")
    assert len(sent(shop)) == 1


def test_two_plans_made_before_either_is_sent_reach_a_person_once(tmp_path: Path) -> None:
    """The same person by email in the one and by SMS in the other."""
    people = "name,phone,email,preferred_channel\nAnn,+447911123401,ann@example.org,{}\n"
    shop = _shop(tmp_path, people.format("email"))
    first = shop.run("plan", "order.yaml", "--json").json["plan"]
    shop.write("people.csv", people.format("sms"))
    second = shop.run("plan", "order.yaml", "--json").json["plan"]
    for plan in (first, second):
        shop.run("send", "--plan", plan, "--yes")
    assert len(sent(shop)) == 1


def test_consent_is_asked_for_each_channel(tmp_path: Path) -> None:
    shop = _shop(tmp_path, purpose="marketing", more="consent: required\nschedule: {unknown_zone: UTC}")
    given = ("--source", "form", "--given-at", "2026-01-02")
    assert shop.run("consent", "record", "+447911123401", "--channel", "sms", *given).status == 0
    plan = shop.run("plan", "order.yaml", "--json").json
    assert plan["recipients"] == 1
    assert [(one["channel"], one["recipients"]) for one in plan["channels"]] == [("email", 0), ("sms", 1)]


def test_an_opt_out_after_the_plan_is_heeded_whatever_the_channel(shop: Project) -> None:
    plan = shop.run("plan", "order.yaml", "--json").json["plan"]
    shop.run("optout", "add", "+447911123402", "--scope", "channel=sms")
    shop.run("optout", "add", "cy@example.org", "--scope", "channel=email")
    shop.run("optout", "add", "+447911123404", "--scope", "channel=email")  # is messaged by SMS
    shop.run("send", "--plan", plan, "--yes")
    assert [to for to, *_ in ways(shop)] == ["ann@example.org", "+447911123404"]


def test_the_control_group_is_of_people_not_of_channels(tmp_path: Path) -> None:
    """Held out by the address that stands for the person, whichever channel it would be."""
    people = "name,phone,email,preferred_channel\n" + "".join(
        f"P{n},+4479111{n:05},p{n}@example.org,{{}}\n" for n in range(200)
    )
    found = []
    for channel in ("email", "sms"):
        shop = _shop(tmp_path / channel, people.replace("{}", channel), more="holdout: 20%")
        found.append({line for line, one in rows(shop).items() if one["reason"] == "holdout"})
    assert found[0] == found[1]
    assert 20 < len(found[0]) < 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("channels:", "channel: sms\nchannels:", "'channel' and 'channels' cannot be combined"),
        ("contacts:", "sender: ACME\ncontacts:", "'sender' cannot be the same for several channels"),
        ("  sms: {sender: ACME}", "  sms: {sender: a@example.com}", "cannot send by sms"),
        ("  sms: {sender: ACME}", "  pigeon: {}", "pigeon"),
        ("purpose: transactional", "purpose: otp", "one-time codes are sent by one channel"),
        ("  sms: {sender: ACME}", "  sms: {gateway: nowhere}", "no gateway 'nowhere'"),
    ],
)
def test_what_does_not_fit_several_channels_is_told_at_its_place(
    shop: Project, old: str, new: str, message: str
) -> None:
    text = (shop.folder / "order.yaml").read_text()
    shop.write("order.yaml", text.replace(old, new))
    checked = shop.run("check", "order.yaml")
    assert checked.status == 3
    assert message in checked.err + checked.out


def test_a_list_of_one_is_the_same_as_channel(tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    text = (shop.folder / "order.yaml").read_text()
    one = text.replace("channels:\n  email: {sender: shop@example.com}\n  sms: {sender: ACME}", "{}")
    found = []
    for way in ("channel: email\nsender: shop@example.com", "channels: {email: {sender: shop@example.com}}"):
        shop.write("order.yaml", one.replace("{}", way, 1))
        plan = shop.run("plan", "order.yaml", "--json").json
        found.append((plan["recipients"], plan["digest"], "channels" in plan))
    assert found[0] == found[1]


def test_channels_that_do_not_exist_in_the_contacts_are_reported(shop: Project) -> None:
    shop.write("people.csv", PEOPLE.replace("SMS", "carrier pigeon"))
    plan = shop.run("plan", "order.yaml", "--json")
    [one] = [one for one in plan.json["warnings"] if one["code"] == "preferred-channel"]
    assert "1 row prefers a channel that does not exist: 'carrier pigeon'" in one["message"]


def test_a_channel_goes_by_its_own_gateway(tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    shop.write("a2pcli.yaml", "region: GB\ngateways:\n  relay: {type: outbox, file: mails.jsonl}\n")
    text = (shop.folder / "order.yaml").read_text()
    shop.write("order.yaml", text.replace("email: {sender", "email: {gateway: relay, sender"))
    assert shop.run("send", "order.yaml", "--yes").status == 0
    mails = [json.loads(line)["to"] for line in (shop.folder / "mails.jsonl").read_text().splitlines()]
    assert mails == ["ann@example.org", "cy@example.org"]
    assert [to for to, *_ in ways(shop)] == ["+447911123402", "+447911123404"]


def test_an_email_may_have_a_text_of_its_own_beside_the_common_one(tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    own = (
        'email: {subject: Order, text: "Dear {{ name }}, your order.\\nUnsubscribe: https://shop.example/u"}'
    )
    campaign = (shop.folder / "order.yaml").read_text()
    shop.write(
        "order.yaml", campaign.replace(campaign[campaign.index("email: {subject") :].split("\n")[0], own)
    )
    assert shop.run("send", "order.yaml", "--yes").status == 0
    bodies = {one["to"]: one["body"] for one in sent(shop)}
    assert bodies["ann@example.org"] == "Dear Ann, your order.\nUnsubscribe: https://shop.example/u"
    assert bodies["+447911123402"].startswith("Hello Bob")


def test_a_campaign_whose_only_text_is_an_email_has_none_for_sms(tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    campaign = (shop.folder / "order.yaml").read_text()
    lines = [line for line in campaign.splitlines() if not line.startswith("message:")]
    shop.write(
        "order.yaml", "\n".join(lines).replace("email: {subject", 'email: {html: "<p>Hi</p>", subject') + "\n"
    )
    checked = shop.run("check", "order.yaml")
    assert checked.status == 3
    assert "'message' is missing" in checked.err + checked.out


def test_of_a_channel_that_delivers_nothing_beside_one_that_does_it_is_said(tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    shop.write(
        "a2pcli.yaml",
        "region: GB\ngateways:\n  mail: {type: outbox}\n"
        "  text: {type: http, url: 'http://127.0.0.1:9/', json: {to: '{{ to }}'}, response: {id: id}}\n",
    )
    campaign = (shop.folder / "order.yaml").read_text()
    campaign = campaign.replace("email: {sender:", "email: {gateway: mail, sender:")
    shop.write("order.yaml", campaign.replace("sms: {sender:", "sms: {gateway: text, sender:"))
    plan = shop.run("plan", "order.yaml").out
    assert "1. email via mail, from shop@example.com: messages are written to a file, nothing is sent" in plan
    assert "2. sms via text, from ACME\n" in plan


def test_a_sender_in_a_channels_block_is_told_where_it_goes(shop: Project) -> None:
    shop.write("order.yaml", (shop.folder / "order.yaml").read_text() + "sms: {sender: ACME}\n")
    told = shop.run("check", "order.yaml").err
    assert "goes at the left margin, or with its channel: 'channels:' with 'sms: {sender: …}'" in told
