"""RCS by campaign file: texts, cards, carousels and suggestions, within the limits of RCS for Business."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from clikit import Project

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from gatewaykit import Counterpart, reply
from providerkit import account_json

HEAD = """\
name: c
objective: Tell people
purpose: transactional
channel: rcs
contacts: people.csv
"""
CARD = """\
rcs:
  card:
    title: "Order {{ order }}"
    description: "Hi {{ name }}"
    media: {url: "https://shop.example/{{ order }}.jpg"}
    suggestions:
      - {text: Track, open_url: "https://shop.example/t/{{ order }}"}
      - {reply: "{{ 'Thanks' if name == 'Anna' else '' }}"}
  suggestions: [{text: Call us, dial: "+44 20 7946 0000"}]
"""
PEOPLE = 'name,phone,order\nAnna,+447400123456,4711\nBen,+447400123457,"47 12"\n,+447400123458,4713\n'


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("people.csv", PEOPLE)
    assert project.run("ledger", "create").status == 0
    return project


def campaign(project: Project, block: str) -> str:
    project.write("c.yaml", HEAD + block)
    return "c.yaml"


def written(project: Project) -> list[dict[str, Any]]:
    lines = (project.folder / ".a2pcli" / "outbox.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_card_is_made_for_each_person_and_read_as_its_words(shop: Project) -> None:
    shown = shop.run("preview", campaign(shop, CARD)).out
    for words in ("Picture: https://shop.example/4711.jpg", "Order 4711", "Hi Anna", "[ Thanks ]",
                  "[ Track ] https://shop.example/t/4711", "[ Call us ] +442079460000"):  # fmt: skip
        assert words in shown
    assert shop.run("send", "c.yaml", "--yes").status == 0
    (anna,) = written(shop)  # Ben's order makes no URL, the third has no name
    assert anna["body"] == "Order 4711\nHi Anna"
    assert anna["content"]["card"]["suggestions"][1] == {"reply": "Thanks"}
    plan = shop.run("plan", "c.yaml", "--json").json
    assert plan["excluded"] == {"already-sent": 1, "missing-value": 1, "template-error": 1}


def test_a_carousel_shows_its_cards(shop: Project) -> None:
    cards = "rcs:\n  carousel:\n    - {title: 'Tea {{ order }}', description: Green}\n    - {title: Cake}\n"
    shown = shop.run("preview", campaign(shop, cards)).out
    assert "Card 1 of 2: Tea 4711" in shown
    assert "Card 2 of 2: Cake" in shown


def test_a_plain_message_needs_no_block(shop: Project) -> None:
    assert shop.run("send", campaign(shop, "message: Hello {{ order }}\n"), "--yes").status == 0
    assert written(shop)[0]["body"] == "Hello 4711"


LONG = "x" * 201
WRONG = {
    "text and card": "text: a\n  card: {title: b}",
    "one card": "carousel: [{title: a}]",
    "eleven cards": f"carousel: [{', '.join(['{title: a}'] * 11)}]",
    "five suggestions": f"card: {{title: a, suggestions: [{', '.join(['{reply: a}'] * 5)}]}}",
    "twelve suggestions": f"text: a\n  suggestions: [{', '.join(['{reply: a}'] * 12)}]",
    "an empty card": "card: {suggestions: [{reply: a}]}",
    "a reply that acts": "text: a\n  suggestions: [{reply: a, dial: '+442079460000'}]",
    "an action that does nothing": "text: a\n  suggestions: [{text: a}]",
    "two actions": "text: a\n  suggestions: [{text: a, dial: '+442079460000', open_url: 'https://a.example/'}]",
    "an unknown column": "card: {title: '{{ nmae }}'}",
}
UNFIT = {
    "a long title": f"card: {{title: {LONG}}}",
    "a long suggestion": "text: a\n  suggestions: [{reply: abcdefghijklmnopqrstuvwxyz}]",
    "no number": "text: a\n  suggestions: [{text: a, dial: '12'}]",
    "no URL": "text: a\n  suggestions: [{text: a, open_url: 'javascript:alert(1)'}]",
    "nowhere": "text: a\n  suggestions: [{text: a, location: {latitude: '91', longitude: '0'}}]",
    "never": "text: a\n  suggestions: [{text: a, calendar: {title: a, start: now, end: later}}]",
    "an end before the start": "text: a\n  suggestions: [{text: a, calendar: {title: a, start:"
    " '2026-12-01T10:00:00Z', end: '2026-12-01T09:00:00Z'}}]",
    "no zone": "text: a\n  suggestions: [{text: a, calendar: {title: a, start: '2026-12-01T10:00:00',"
    " end: '2026-12-01T11:00:00'}}]",
    "a long text": f"text: '{'x' * 3100}'",
}


@pytest.mark.parametrize("case", WRONG)
def test_what_rcs_cannot_be_is_told_at_its_place(shop: Project, case: str) -> None:
    done = shop.run("check", campaign(shop, f"rcs:\n  {WRONG[case]}\n"))
    assert done.status == 3, done.err
    assert "c.yaml:" in done.err


@pytest.mark.parametrize("case", UNFIT)
def test_what_rcs_would_not_take_is_left_out_and_checked_before(shop: Project, case: str) -> None:
    file = campaign(shop, f"rcs:\n  {UNFIT[case]}\n")
    assert "of the first 3 messages cannot be made" in shop.run("check", file).err
    plan = shop.run("plan", file, "--json").json
    assert (plan["recipients"], sum(plan["excluded"].values())) == (0, 3)


def reached(project: Project, share: str = "50%") -> None:
    project.write("a2pcli.yaml", f"region: GB\ngateways:\n  sim: {{type: simulator, reachable: {share}}}\n")
    rows = "".join(f"P{n},+4474001234{n},{n}\n" for n in range(10, 50))
    project.write("people.csv", "name,phone,order\n" + rows)


def test_whom_rcs_does_not_reach_is_left_out_or_gets_the_next_channel(shop: Project) -> None:
    reached(shop)
    file = campaign(shop, "gateway: sim\nmessage: 'Hello {{ name }}'\n")
    before = shop.run("plan", file)
    assert "RCS reachability was not checked" in before.err
    told = shop.run("contacts", "reach", file, "--json").json
    assert told["numbers"] == 40
    assert told["reachable"] + told["unreachable"] == 40
    assert 5 < told["unreachable"] < 35
    again = shop.run("contacts", "reach", file, "--json").json
    assert (again["known"], again["unreachable"]) == (40, told["unreachable"])
    plan = shop.run("plan", file, "--json").json
    assert plan["excluded"] == {"not-reachable": told["unreachable"]}
    assert "checked RCS reachability of 40 numbers, the oldest check was today" in shop.run("plan", file).err
    shop.write(
        "c.yaml", (HEAD + "gateway: sim\nmessage: 'Hello'\n").replace("channel: rcs", "channels: [rcs, sms]")
    )
    assert f"by sms    {told['unreachable']}" in shop.run("plan", file).out


def by_route(project: Project, second: str) -> str:
    """A campaign by a route of two gateways."""
    reached(project)
    project.write(
        "a2pcli.yaml",
        "region: GB\ngateways:\n  one: {type: simulator, reachable: 50%, seed: 1}\n"
        f"  two: {{type: {second}}}\nroutes:\n  both: {{order: [one, two]}}\n",
    )
    return campaign(project, "gateway: both\nmessage: 'Hello {{ name }}'\n")


def test_each_gateway_of_a_route_is_asked_and_only_people_whom_none_reaches_are_left_out(
    shop: Project,
) -> None:
    file = by_route(shop, "simulator, reachable: 50%, seed: 2")
    told = shop.run("contacts", "reach", file, "--json").json
    one, two = told["gateways"]
    assert (one["gateway"], two["gateway"], told["cannot_tell"]) == ("one", "two", [])
    assert one["reachable"] + one["unreachable"] == two["reachable"] + two["unreachable"] == 40
    assert 0 < told["unreachable"] < min(one["unreachable"], two["unreachable"])
    assert shop.run("contacts", "reach", file, "--json").json["known"] == 40
    assert shop.run("plan", file, "--json").json["excluded"] == {"not-reachable": told["unreachable"]}


def test_a_gateway_of_a_route_that_cannot_be_asked_is_named(shop: Project) -> None:
    file = by_route(shop, "vonage, api: messages, channels: [rcs], api_key: a, api_secret: b, sender: Shop")
    told = shop.run("contacts", "reach", file)
    assert "gateway one\n" in told.out
    assert "gateway two cannot be asked: plans take it that it reaches everybody" in told.out


def test_a_gateway_of_a_route_that_is_down_does_not_keep_the_others_from_being_asked(shop: Project) -> None:
    file = by_route(shop, "simulator, reachable: 50%")
    text = (shop.folder / "a2pcli.yaml").read_text()
    shop.write("a2pcli.yaml", text.replace("one: {type: simulator,", "one: {type: simulator, down: yes,"))
    assert shop.run("contacts", "reach", file).status == 5
    with sqlite3.connect(shop.folder / ".a2pcli" / "ledger.db") as connection:
        assert connection.execute("SELECT gateway, count(*) FROM reachability GROUP BY 1").fetchall() == [
            ("two", 40)
        ]


def test_infobip_is_asked_whom_its_agent_reaches_and_is_not_believed_where_it_is_not_sure(
    shop: Project,
) -> None:
    rows = "".join(f"P{n},+4474001234{n},{n}\n" for n in (10, 11, 12, 13))
    shop.write("people.csv", "name,phone,order\n" + rows)
    said = (
        ("447400123410", "ENABLED"),
        ("447400123411", "UNREACHABLE"),
        ("447400123412", "REJECTED_NETWORK"),
    )
    results = [{"phoneNumber": number, "code": code} for number, code in said]
    with Counterpart(reply(200, {"balance": 1, "capabilityCheckResults": results})) as there:
        block = f"{{api_key: k, base_url: '{there.url}', channels: [rcs], sender: Shop}}"
        shop.write("a2pcli.yaml", f"region: GB\ngateways:\n  infobip: {block}\n")
        told = shop.run(
            "contacts", "reach", campaign(shop, "gateway: infobip\nmessage: 'Hello'\n"), "--json"
        ).json
        asked = there.received[-1]
    assert asked.target == "/rcs/2/capability-check/query"
    assert asked.json == {"sender": "Shop", "phoneNumbers": [f"4474001234{n}" for n in (10, 11, 12, 13)]}
    assert [told[name] for name in ("reachable", "unreachable", "untold")] == [1, 1, 2]


def test_what_is_known_of_a_person_is_exported_and_erased(shop: Project) -> None:
    reached(shop, "0%")
    file = campaign(shop, "gateway: sim\nmessage: 'Hello {{ name }}'\n")
    assert shop.run("contacts", "reach", file).status == 0
    assert '"reachability"' in shop.run("people", "export", "+447400123410", "--json").out
    assert shop.run("people", "erase", "+447400123410", "--yes").status == 0
    answers = shop.folder / ".a2pcli" / "ledger.db"
    with sqlite3.connect(answers) as connection:
        left = {row[0] for row in connection.execute("SELECT address FROM reachability")}
    assert len(left) == 39
    assert "+447400123410" not in left


@pytest.mark.parametrize(("days", "left"), [(29, 40), (31, 0)])
def test_prune_removes_answers_that_are_of_no_more_use(shop: Project, days: int, left: int) -> None:
    reached(shop)
    file = campaign(shop, "gateway: sim\nmessage: 'Hello {{ name }}'\n")
    assert shop.run("contacts", "reach", file).status == 0
    ledger = shop.folder / ".a2pcli" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE reachability SET asked_at = asked_at - ?", (days * 86_400_000,))
    assert shop.run("prune", "--dry-run", "--json").json["reachability"] == 40 - left
    assert shop.run("prune", "--yes").status == 0
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("SELECT count(*) FROM reachability").fetchone() == (left,)
    assert shop.run("audit", "verify").status == 0


def test_a_gateway_that_does_not_answer_makes_nobody_unreachable(shop: Project) -> None:
    shop.write("a2pcli.yaml", "gateways:\n  sim: {type: simulator, down: yes}\n")
    file = campaign(shop, "gateway: sim\nmessage: 'Hello {{ order }}'\n")
    assert shop.run("contacts", "reach", file).status == 5
    assert "not-reachable" not in shop.run("plan", file).out
    assert shop.run("contacts", "reach", campaign(shop, "message: 'Hello'\n")).status == 2


def test_google_gets_the_card_once_and_people_without_rcs_are_rejected(shop: Project) -> None:
    with (
        Counterpart(reply(200, {"access_token": "t", "expires_in": 3599})) as tokens,
        Counterpart(reply(404, {"error": {"status": "NOT_FOUND"}})) as there,
    ):
        shop.write("key.json", account_json(tokens.url))
        settings = f'rbm: {{agent_id: shop_agent, service_account: key.json, base_url: "{there.url}"}}'
        shop.write("a2pcli.yaml", f"gateways:\n  {settings}\n")
        done = shop.run("send", campaign(shop, "gateway: rbm\n" + CARD), "--yes")
        (asked,) = there.received
        report = shop.run("report", "--json").json
    assert asked.json["contentMessage"]["richCard"]["standaloneCard"]["cardContent"]["title"] == "Order 4711"
    assert "/v1/phones/+447400123456/agentMessages?messageId=" in asked.target
    assert "cannot be reached by RCS" in json.dumps(report) + done.err + done.out
