"""Service windows are asked twice: when the plan is made, and when each message leaves."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from clikit import Project

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from gatewaykit import Counterpart, reply
from test_whatsapp_campaigns import SHIPPED, TEMPLATES, campaign, close_windows, wrote

RATES = """\
channel,country,category,unit,price,currency
sms,GB,,part,0.04,GBP
whatsapp,GB,utility,message,0.02,GBP
whatsapp,GB,marketing,message,0.05,GBP
"""
BOTH = SHIPPED + "  text: 'Free {{ order }}'\n"
ANNA, BEN = "+447400123456", "+447400123457"
TWO = "name,phone,email,order\nAnna,+447400123456,anna@example.org,4711\nBen,+447400123457,ben@example.org,4712\n"


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("people.csv", TWO)
    project.write("templates.whatsapp.yaml", TEMPLATES)
    project.write("rates.csv", RATES)
    project.write("a2pcli.yaml", "region: GB\nrates: rates.csv\ngateways:\n  outbox: {type: outbox}\n")
    assert project.run("ledger", "create").status == 0
    return project


def on_channels(shop: Project, block: str, channels: str) -> str:
    file = campaign(shop, block)
    shop.write(file, (shop.folder / file).read_text().replace("channel: whatsapp", channels))
    return file


def told(shop: Project, *arguments: str) -> str:
    done = shop.run(*arguments)
    return " ".join((done.out + done.err).split())


def template_of(message: dict[str, Any]) -> str | None:
    return ((message.get("content") or {}).get("template") or {}).get("name")


def test_whose_window_closed_since_the_plan_gets_the_template_at_its_price(shop: Project) -> None:
    wrote(shop, ANNA, 23)
    wrote(shop, BEN, 1)
    plan = shop.run("plan", campaign(shop, BOTH), "--json").json
    assert plan["cost"] == {"GBP": "0.00"} or float(plan["cost"]["GBP"]) == 0
    stand_ins = plan["stand_ins"]
    assert (stand_ins["messages"], stand_ins["templates"]) == (2, {"shipped (en_US, utility)": 2})
    assert float(stand_ins["more"]["GBP"]) == 0.04
    close_windows(shop)
    assert shop.run("send", "--plan", plan["plan"], "--yes").status == 0
    anna, ben = sorted(shop.outbox(), key=lambda one: str(one["to"]))
    assert (template_of(anna), anna["content"]["template"]["category"]) == ("shipped", "utility")
    assert "order 4711 is on its way" in anna["body"]
    assert (template_of(ben), ben["body"]) == (None, "Free 4712")
    report = shop.run("report", plan["plan"], "--json").json
    assert (report["states"]["accepted"], float(report["cost"]["GBP"])) == (2, 0.02)
    assert shop.run("ledger", "check").status == 0


def test_the_screen_says_what_replaces_free_texts_and_explain_why_it_did(shop: Project) -> None:
    wrote(shop, ANNA, 23)
    file = campaign(shop, BOTH)
    run = shop.run("plan", file, "--json").json["plan"]
    shown = told(shop, "plan", file)
    sentence = (
        "1 free text becomes the template shipped (en_US, utility) if 24 hours have passed since the person wrote:"
        " at most 0.02 GBP more"
    )
    assert sentence in shown
    close_windows(shop)
    assert shop.run("send", "--plan", run, "--yes").status == 0
    story = told(shop, "explain", ANNA)
    assert "the 24 hours after the person wrote were over when the message was to leave" in story
    assert "order 4711 is on its way" in story


def test_a_budget_covers_the_template_that_replaces_a_free_text(shop: Project) -> None:
    wrote(shop, ANNA, 23)
    wrote(shop, BEN, 23)
    run = shop.run("plan", campaign(shop, BOTH), "--json").json["plan"]
    close_windows(shop)
    done = shop.run("send", "--plan", run, "--yes", "--max-cost", "0.03 GBP")
    assert (done.status, len(shop.outbox())) == (6, 1)


def test_whoever_opted_out_gets_neither_text_nor_template(shop: Project) -> None:
    wrote(shop, ANNA, 23)
    wrote(shop, BEN, 23)
    run = shop.run("plan", campaign(shop, BOTH), "--json").json["plan"]
    close_windows(shop)
    assert shop.run("optout", "add", ANNA, "--source", "test").status == 0
    assert shop.run("send", "--plan", run, "--yes").status == 0
    assert [one["to"] for one in shop.outbox()] == [BEN]
    assert shop.run("ledger", "check").status == 0


@pytest.mark.parametrize("same", [False, True], ids=["another text", "the same text as the template"])
def test_as_a_fallback_the_window_is_asked_when_the_message_leaves(shop: Project, same: bool) -> None:
    """Email refuses everybody; Anna's window has closed by then, Ben's has not."""
    wrote(shop, ANNA, 23)
    wrote(shop, BEN, 1)
    simulator = "mail: {type: simulator, mix: {permanent: 100%}, latency: {median: 0.001, p95: 0.002}}"
    shop.write(
        "a2pcli.yaml",
        f"region: GB\nrates: rates.csv\ngateways:\n  outbox: {{type: outbox}}\n  {simulator}\n",
    )
    channels = (
        "channels:\n  email: {gateway: mail, sender: shop@example.com}\n  whatsapp: {gateway: outbox}\n"
        "fallback: {when: [rejected]}\nmessage: Hello\nemail: {subject: Hi}"
    )
    text = "Hi {{ name }}, your order {{ order }} is on its way. {{ '{%' }} no tag %}\\n\\nThe Shop"
    block = SHIPPED + f'  text: "{text}"\n' if same else BOTH
    run = shop.run("plan", on_channels(shop, block, channels), "--json").json["plan"]
    close_windows(shop)
    assert shop.run("send", "--plan", run, "--yes").status in (0, 4)
    anna, ben = sorted(shop.outbox(), key=lambda one: str(one["to"]))
    assert template_of(anna) == "shipped"
    assert template_of(ben) == ("shipped" if same else None)
    assert shop.run("ledger", "check").status == 0
    assert "order 4711 is on its way" in told(shop, "explain", ANNA)


def test_the_template_comes_before_the_next_channel_and_a_refused_text_goes_straight_to_it(
    shop: Project,
) -> None:
    simulator = "wa: {type: simulator, mix: {permanent: 100%}, latency: {median: 0.001, p95: 0.002}}"
    shop.write(
        "a2pcli.yaml",
        f"region: GB\nrates: rates.csv\ngateways:\n  outbox: {{type: outbox}}\n  {simulator}\n",
    )
    wrote(shop, ANNA, 23, gateway="wa")
    wrote(shop, BEN, 1, gateway="wa")
    channels = (
        "channels:\n  whatsapp: {gateway: wa}\n  sms: {gateway: outbox, sender: ACME}\n"
        "fallback: {when: [rejected]}\nmessage: By SMS"
    )
    plan = shop.run("plan", on_channels(shop, BOTH, channels), "--json").json
    assert plan["stand_ins"]["messages"] == 2
    assert float(plan["most"]["GBP"]) == pytest.approx(0.08), "a refused message costs nothing"
    close_windows(shop)
    assert shop.run("send", "--plan", plan["plan"], "--yes").status in (0, 4)
    assert [one["body"] for one in shop.outbox()] == ["By SMS"] * 2
    with sqlite3.connect(shop.folder / ".a2pcli" / "ledger.db") as ledger:
        rows = ledger.execute(
            "SELECT id & 4294967295, state, reason, body FROM attempts ORDER BY 1"
        ).fetchall()
    states = [(state, reason) for _, state, reason, _ in rows]
    assert states.count(("skipped", "outside-window")) == 1
    assert states.count(("rejected", None)) == 2
    assert states.count(("accepted", None)) == 2
    assert shop.run("ledger", "check").status == 0


MESSENGER = """\
name: back
objective: Tell people
purpose: transactional
channel: messenger
contacts: people.csv
message: "Hello {{ name }}"
"""


def fans(shop: Project) -> None:
    shop.write("people.csv", "name,messenger\nAnna,1111111\nBen,2222222\n")


def test_a_messenger_message_without_a_tag_goes_only_to_those_who_wrote(shop: Project) -> None:
    fans(shop)
    wrote(shop, "messenger:1111111", 1)
    wrote(shop, "messenger:2222222", 25)
    shop.write("m.yaml", MESSENGER)
    assert "only people who wrote within the last 24 hours" in told(shop, "plan", "m.yaml")
    assert shop.run("send", "m.yaml", "--yes").status == 0
    assert [one["to"] for one in shop.outbox()] == ["1111111"] or [one["to"] for one in shop.outbox()] == [
        "messenger:1111111"
    ]
    shop.write("t.yaml", MESSENGER.replace("back", "tagged") + "messenger: {tag: ACCOUNT_UPDATE}\n")
    assert "only people who wrote" not in told(shop, "plan", "t.yaml")
    assert shop.run("send", "t.yaml", "--yes").status == 0
    assert len(shop.outbox()) == 3


def test_a_messenger_window_that_closed_since_the_plan_keeps_the_message_back(shop: Project) -> None:
    fans(shop)
    wrote(shop, "messenger:1111111", 23)
    wrote(shop, "messenger:2222222", 1)
    shop.write("m.yaml", MESSENGER)
    run = shop.run("plan", "m.yaml", "--json").json["plan"]
    close_windows(shop)
    assert shop.run("send", "--plan", run, "--yes").status == 0
    assert len(shop.outbox()) == 1
    assert shop.run("report", run, "--json").json["excluded"] == {"outside-window": 1}
    assert shop.run("ledger", "check").status == 0


ROUTED = """\
region: GB
rates: rates.csv
gateways:
  one: {type: outbox, file: one.jsonl}
  two: {type: outbox, file: two.jsonl}
routes:
  wa: {order: [one, two]}
"""


def test_of_a_route_a_free_text_goes_by_a_gateway_that_the_person_wrote_to(shop: Project) -> None:
    shop.write("a2pcli.yaml", ROUTED)
    wrote(shop, ANNA, 1, gateway="two")
    wrote(shop, BEN, 1, gateway="one")
    file = on_channels(shop, BOTH, "channel: whatsapp\ngateway: wa")
    shop.write(file, (shop.folder / file).read_text())
    assert shop.run("send", file, "--yes").status == 0
    assert "Free 4712" in (shop.folder / "one.jsonl").read_text()
    assert "Free 4711" in (shop.folder / "two.jsonl").read_text()
    assert "Free 4711" not in (shop.folder / "one.jsonl").read_text()


def test_a_mailbox_beyond_ascii_goes_by_the_gateway_of_a_route_that_takes_it(shop: Project) -> None:
    relay = "host: 127.0.0.1, port: 2525, tls: none, smtputf8: false"
    shop.write(
        "a2pcli.yaml",
        f"region: GB\ngateways:\n  plain: {{type: smtp, {relay}}}\n  other: {{type: smtp, {relay[:-17]}}}\n"
        "routes:\n  mail: {order: [plain, other]}\n  plain-only: {order: [plain]}\n",
    )
    shop.write("people.csv", "name,email\nJörg,jörg@example.org\nBen,ben@example.org\n")
    text = (
        "name: NAME\nobjective: Tell\npurpose: transactional\nchannel: email\nsender: shop@example.com\n"
        "contacts: people.csv\nmessage: Hello\nemail: {subject: Hi}\ngateway: GATEWAY\n"
    )
    shop.write("a.yaml", text.replace("NAME", "a").replace("GATEWAY", "mail"))
    plan = shop.run("plan", "a.yaml", "--json").json
    assert plan["recipients"] == 2
    by_gateway = plan["routes"]["email"]["gateways"]
    assert {name: one["recipients"] for name, one in by_gateway.items()} == {"plain": 1, "other": 1}
    shop.write("b.yaml", text.replace("NAME", "b").replace("GATEWAY", "plain-only"))
    assert shop.run("plan", "b.yaml", "--json").json["excluded"] == {"invalid-address": 1}


@pytest.mark.parametrize(("errors", "cause"), [("{X7: permanent}", "permanent"), ("{}", "unknown")])
def test_a_receipts_code_is_looked_up_for_every_gateway_of_a_route(
    shop: Project, errors: str, cause: str
) -> None:
    """Only the second gateway's settings know the code; without them it has no meaning."""
    http = "type: http, url: '{url}', json: {to: '{{ to }}'}, response: {id: id}"
    settings = (
        f"region: GB\ngateways:\n  one: {{{http}}}\n  two: {{{http}, errors: {errors}}}\n"
        "routes:\n  both: {order: [one, two]}\n"
    )
    shop.write(
        "s.yaml",
        "name: s\nobjective: Tell\npurpose: transactional\ncontacts: people.csv\nmessage: Hello\ngateway: both\n",
    )
    with Counterpart(reply(201)) as there:
        shop.write("a2pcli.yaml", settings.replace("{url}", there.url))
        done = shop.run("send", "s.yaml", "--yes")
    assert done.status == 0, done.err
    run = done.err.split("run ")[1].split()[0]
    shop.write("receipts.csv", f"reference,status,code\n{run}-000001,undelivered,X7\n")
    assert shop.run("receipts", "import", "receipts.csv").status == 0
    assert shop.run("report", "--json").json["delivery"]["causes"] == {cause: 1}
