"""Plans exclude the addresses that the campaign's gateway would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clikit import Project

CAMPAIGN = """\
name: news
objective: Tell people what is new
purpose: transactional
contacts: people.csv
channel: email
gateway: live
sender: news@shop.example
email: {subject: News}
message: "Hello"
"""
PEOPLE = "email\nann@example.com\nbén@example.com\ncid@münchen.example\n"
BLOCKS = {
    "postmark": ("{type: postmark, token: t}", 2),
    "ses": ('{type: ses, region: eu-west-1, access_key_id: "${NONE_A}", secret_access_key: "${NONE_B}"}', 2),
    "a relay that is said to be without SMTPUTF8": ("{type: smtp, host: localhost, tls: none, smtputf8: no}", 2),
    "a relay of which nothing is said": ("{type: smtp, host: localhost, tls: none}", 3),
    "an outbox": ("{type: outbox}", 3),
}  # fmt: skip


@pytest.mark.parametrize("kind", BLOCKS)
def test_letters_beyond_ascii_before_the_at_are_excluded_where_the_gateway_refuses_them(
    tmp_path: Path, kind: str
) -> None:
    block, recipients = BLOCKS[kind]
    made = Project(tmp_path)
    made.write("news.yaml", CAMPAIGN)
    made.write("people.csv", PEOPLE)
    made.write("a2pcli.yaml", f"region: GB\ngateways:\n  live: {block}\n")
    plan = made.run("plan", "news.yaml", "--out", "rows.csv", "--json")
    assert plan.json["recipients"] == recipients, plan.err
    rows = (tmp_path / "rows.csv").read_text("utf-8-sig")
    assert ("gateway 'live' takes no letters beyond ASCII before the @" in rows) == (recipients == 2)


def test_a_name_on_telegram_is_excluded_and_still_counts_for_opt_outs(tmp_path: Path) -> None:
    made = Project(tmp_path)
    made.write("chat.yaml", CAMPAIGN.replace("channel: email", "channel: telegram").replace(
        "sender: news@shop.example\nemail: {subject: News}\n", ""))  # fmt: skip
    made.write("people.csv", "telegram\n700100200\n@anna_smith\nhttps://t.me/ben_b\n")
    made.write("a2pcli.yaml", "gateways:\n  live: {type: telegram, bot_token: t}\n")
    plan = made.run("plan", "chat.yaml", "--json").json
    assert (plan["recipients"], plan["excluded"]["invalid-address"]) == (1, 2)
    assert made.run("optout", "add", "telegram:@anna_smith").status == 0


def test_a_plan_of_emails_or_chats_has_no_sms_encodings_and_no_countries(tmp_path: Path) -> None:
    made = Project(tmp_path)
    made.write("news.yaml", CAMPAIGN)
    made.write("people.csv", PEOPLE)
    made.write("a2pcli.yaml", "gateways:\n  live: {type: outbox}\n")
    shown = made.run("plan", "news.yaml", "--out", "rows.jsonl").out
    assert "countries" not in shown
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {(row.get("encoding"), row.get("units")) for row in rows} == {(None, None)}


def test_a_gateway_called_like_its_channel_is_named_once(tmp_path: Path) -> None:
    made = Project(tmp_path)
    made.write("chat.yaml", CAMPAIGN.replace("channel: email", "channel: telegram").replace(
        "sender: news@shop.example\nemail: {subject: News}\n", "").replace("live", "telegram"))  # fmt: skip
    made.write("people.csv", "telegram\n700100200\n")
    made.write("a2pcli.yaml", "gateways:\n  telegram: {bot_token: t}\n")
    shown = made.run("plan", "chat.yaml").out
    assert "sent via  telegram\n" in "\n".join(line.rstrip() for line in shown.splitlines()) + "\n"


def test_a_price_that_is_missing_for_the_budget_is_not_called_over_budget(tmp_path: Path) -> None:
    made = Project(tmp_path)
    made.write("news.yaml", CAMPAIGN + "limits: {cost: 5 GBP}\n")
    made.write("people.csv", PEOPLE)
    made.write("a2pcli.yaml", "gateways:\n  live: {type: outbox}\n")
    ran = made.run("plan", "news.yaml")
    assert ran.status == 6
    assert "this plan cannot be sent: see below" in ran.out
    assert "over budget" not in ran.out + ran.err
    assert "without a known price" in ran.err
