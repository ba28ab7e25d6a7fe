"""Messages about events leave by the rules of their campaign, asked again as they leave, and by its other channels."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest
from clikit import Project

from a2pcli.actions.answers import answer_sender
from a2pcli.actions.event_planning import Lookups, plan_events
from a2pcli.actions.event_rules import needed_event_rules
from a2pcli.actions.events import work
from a2pcli.config.load import load_settings
from a2pcli.ledger.answers import Answer
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.planning import looked_up
from a2pcli.planning.optouts import suppressed_sets

GATEWAYS = """\
region: GB
rates: rates.csv
gateways:
  chat: {type: simulator, latency: {median: 0, p95: 0}, mix: {MIX}}
  spare: {type: outbox, file: spare.jsonl}
  text: {type: outbox, file: texts.jsonl}
routes:
  both: {order: [chat, spare]}
"""
TEMPLATES = f"""\
gateway: chat
fetched: {datetime.fromtimestamp(now_ms() / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}
templates:
- {{name: shipped, language: en, category: utility, status: approved, body: "Order {{{{1}}}} is on its way."}}
"""
HEAD = "name: order\nobjective: Tell people about their order\npurpose: transactional\ncontacts: sample.csv\n"
BOTH = """\
channels:
  whatsapp: {gateway: chat}
  sms: {gateway: text, sender: Shop}
fallback: {when: [rejected, undelivered]}
message: "Order {{ order }} is on its way."
whatsapp:
  template: {name: shipped, language: en, body: ["{{ order }}"]}
"""
SMS = 'gateway: text\nsender: Shop\nmessage: "Order {{ order }} is on its way."\n'
EVENTS = """\
events:
  shipped: {campaign: order.yaml, key: id, expires: 7 days, map: {phone: phone, order: id}}
"""
RATES = """\
channel,country,category,unit,price,currency
whatsapp,GB,utility,message,0.02,GBP
sms,GB,,part,0.04,GBP
mms,GB,,message,0.30,GBP
"""
ANN = "+447400123456"


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("a2pcli.yaml", GATEWAYS.replace("MIX", "permanent: 100%"))
    project.write("templates.chat.yaml", TEMPLATES)
    project.write("rates.csv", RATES)
    project.write("sample.csv", f"phone,order\n{ANN},7\n")
    project.write("order.yaml", HEAD + BOTH)
    project.write("events.yaml", EVENTS)
    return project


def trigger(shop: Project, id: str, *more: str) -> Any:
    return shop.run("trigger", "shipped", "--data", json.dumps({"id": id, "phone": ANN}), *more)


def texts(shop: Project, file: str = "texts.jsonl") -> list[str]:
    path = shop.folder / file
    return [json.loads(line)["body"] for line in path.read_text().splitlines()] if path.exists() else []


def rows(shop: Project, sql: str) -> list[Any]:
    with sqlite3.connect(shop.folder / ".a2pcli/ledger.db") as connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


def change(shop: Project, file: str, old: str, new: str) -> None:
    text = (shop.folder / file).read_text()
    assert old in text
    shop.write(file, text.replace(old, new))


def test_the_sms_follows_a_whatsapp_message_that_was_rejected(shop: Project) -> None:
    ran = trigger(shop, "A1")
    assert (ran.status, ran.out.splitlines()) == (
        0,
        [
            "order to +4474…56 by whatsapp (chat), 0.02 GBP",
            "  Order A1 is on its way.",
            ran.out.splitlines()[2].partition(":")[0]
            + ": the gateway accepted it; by sms (text), as whatsapp (chat) rejected it",
        ],
    )
    assert texts(shop) == ["Order A1 is on its way."]
    assert rows(shop, "SELECT channel, state FROM answers ORDER BY number") == [
        ("whatsapp", "rejected"), ("sms", "accepted")
    ]  # fmt: skip
    assert rows(shop, "SELECT cost, currency, message FROM triggers") == [(60_000_000, "GBP", None)]
    assert trigger(shop, "A1", "--json").json["message"]["channel"] == "sms"
    assert len(texts(shop)) == 1


@pytest.mark.parametrize("mix", ["opted_out: 100%", "unknown: 100%", ""])
def test_who_opted_out_with_the_provider_or_may_have_it_gets_no_second_message(
    shop: Project, mix: str
) -> None:
    shop.write("a2pcli.yaml", GATEWAYS.replace("MIX", mix))
    trigger(shop, "A2")
    assert texts(shop) == []
    assert rows(shop, "SELECT count(*) FROM answers") == [(1,)]


def test_the_sms_follows_a_message_that_was_not_delivered(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAYS.replace("MIX", ""))
    assert trigger(shop, "A3").status == 0
    (kept,) = rows(shop, "SELECT message FROM triggers")
    assert len(json.loads(kept[0])["later"]) == 1
    with opened(shop) as desk:
        assert desk.follower.look() is False
        desk.change("UPDATE answers SET delivery = 'undelivered'")
        assert desk.follower.look() is True
        desk.send()
    assert texts(shop) == ["Order A3 is on its way."]
    assert rows(shop, "SELECT message FROM triggers") == [(None,)]


def test_another_gateway_of_a_route_takes_a_message_that_the_first_cannot_get(shop: Project) -> None:
    shop.write("a2pcli.yaml", GATEWAYS.replace("MIX", "unreachable: 100%"))
    shop.write("order.yaml", HEAD + SMS.replace("text", "both", 1))
    ran = trigger(shop, "A4", "--json")
    assert ran.json["message"]["state"] == "planned", "the command tries once"
    with opened(shop) as desk:
        desk.send()
    assert texts(shop, "spare.jsonl") == ["Order A4 is on its way."]
    assert rows(shop, "SELECT gateway, state FROM answers") == [("spare", "accepted")]


def test_an_mms_has_its_picture(shop: Project) -> None:
    shop.write("order.yaml", HEAD + SMS + 'channel: mms\nmedia: ["https://shop.example/7.jpg"]\n')
    assert trigger(shop, "A5").status == 0
    (line,) = (shop.folder / "texts.jsonl").read_text().splitlines()
    assert "https://shop.example/7.jpg" in line


def test_fallback_after_a_time_is_refused_with_what_works(shop: Project) -> None:
    change(shop, "order.yaml", "undelivered]", "undelivered], after: 30 min")
    ran = trigger(shop, "A6")
    assert (ran.status, "has `fallback: after`, which events do not have" in ran.err) == (3, True)


class Desk:
    """The ledger with an event's message that waits to leave."""

    def __init__(self, shop: Project, ledger: Ledger) -> None:
        from a2pcli.actions.event_following import EventFollower

        self.settings, self.ledger, self.said = load_settings(shop.folder), ledger, list[str]()
        self.follower = EventFollower(ledger, self.settings, self.said.append)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    def change(self, sql: str) -> None:
        with self.ledger.engine.begin() as connection:
            connection.exec_driver_sql(sql)

    def plan(self, id: str) -> Answer:
        """An event is taken and planned, and its message waits, as if its gateway could not be reached."""
        rules = needed_event_rules(self.settings)
        new = rules.named("shipped").read({"id": id, "phone": ANN}, source="test")
        assert new is not None
        self.ledger.triggers.add([new])
        (found,) = work(self.ledger, self.settings, rules, tell=self.said.append)
        assert found.answer is not None
        self.change("UPDATE answers SET created_at = created_at - 120000")
        answer = self.ledger.answers.by_number(found.answer)
        assert answer is not None
        return answer

    def send(self) -> None:
        import asyncio

        async def drain() -> None:
            sender = answer_sender(self.ledger, self.settings, tell=self.said.append)
            await sender.drain(20)
            await sender.close()

        asyncio.run(drain())


def opened(shop: Project) -> Desk:
    return Desk(shop, Ledger.open_with(str(shop.folder / ".a2pcli/ledger.db"), None))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("optout", "add", ANN), "opted-out"),
        (("people", "erase", ANN, "--yes"), None),
        (("consent", "revoke", ANN), "no-consent"),
    ],
)
def test_who_says_no_after_the_event_gets_no_message(
    shop: Project, command: tuple[str, ...], reason: str | None
) -> None:
    shop.write("order.yaml", HEAD + SMS + "consent: required\n" if reason == "no-consent" else HEAD + SMS)
    shop.write("yes.csv", f"phone,consented_at,status\n{ANN},2026-01-01,granted\n")
    if reason == "no-consent":
        assert shop.run("ledger", "create").status == 0
        ran = shop.run("consent", "import", "yes.csv", "--source", "form")
        assert ran.status == 0, ran.err
    with opened(shop) as desk:
        desk.plan("B1")
    ran = shop.run(*command)
    assert ran.status == 0, ran.err
    with opened(shop) as desk:
        desk.send()
    assert texts(shop) == []
    expected = [] if reason is None else [("skipped", reason)]
    assert rows(shop, "SELECT state, reason FROM answers") == expected


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("optout", "add", ANN), "opted-out"),
        (("people", "erase", ANN, "--yes"), None),
        (("consent", "revoke", ANN), "no-consent"),
    ],
)
def test_who_says_no_while_a_digest_gathers_gets_no_message(
    shop: Project, command: tuple[str, ...], reason: str | None
) -> None:
    shop.write("order.yaml", HEAD + SMS + "consent: required\n")
    change(shop, "events.yaml", "map: {", "digest: 1 h, map: {events: id, ")
    shop.write("yes.csv", f"phone,consented_at,status\n{ANN},2026-01-01,granted\n")
    assert shop.run("ledger", "create").status == 0
    assert shop.run("consent", "import", "yes.csv", "--source", "form").status == 0
    assert trigger(shop, "D1", "--json").json["state"] == "waiting"
    assert trigger(shop, "D2", "--json").json["state"] == "waiting"
    assert shop.run(*command).status == 0
    with opened(shop) as desk:
        desk.change("UPDATE triggers SET due_at = 1")
        found = work(desk.ledger, desk.settings, needed_event_rules(desk.settings), tell=desk.said.append)
        assert [one.state for one in found] == ([] if reason is None else ["excluded"])
        desk.send()
    assert texts(shop) == []
    assert rows(shop, "SELECT DISTINCT reason FROM triggers") == ([] if reason is None else [(reason,)])


def test_a_message_that_waited_into_quiet_hours_waits_until_they_end(shop: Project) -> None:
    shop.write("order.yaml", HEAD + SMS)
    with opened(shop) as desk:
        desk.plan("B2")
        day = datetime.fromtimestamp(now_ms() / 1000 + 3 * 86_400, UTC).strftime("%a").lower()
        shop.write("order.yaml", HEAD + SMS + f"schedule: {{days: [{day}], timezone: UTC}}\n")
        desk.send()
        assert texts(shop) == []
        (found,) = rows(shop, "SELECT state, due_at FROM answers")
        assert found[0] == "planned"
        assert found[1] > now_ms() + 86_400_000
        shop.write("order.yaml", HEAD + SMS)
        desk.change("UPDATE answers SET due_at = 1")
        desk.send()
    assert texts(shop) == ["Order B2 is on its way."]


def test_what_was_just_planned_is_not_planned_again(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("order.yaml", HEAD + SMS)
    with opened(shop) as desk:
        answer = desk.plan("B3")
        monkeypatch.setattr(desk.follower, "_asked", lambda *_: pytest.fail("planned again"))
        desk.change(f"UPDATE answers SET created_at = {now_ms()}")
        fresh = desk.ledger.answers.by_number(answer.number)
        assert fresh is not None
        assert desk.follower.may_leave(fresh)


def test_who_must_not_be_messaged_is_looked_up_again_once_that_may_have_changed(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("order.yaml", HEAD + SMS)
    asked: list[object] = []

    def counted(*given: Any, **more: Any) -> Any:
        asked.append(given)
        return suppressed_sets(*given, **more)

    monkeypatch.setattr(looked_up, "suppressed_sets", counted)
    with opened(shop) as desk:
        rule, lookups = needed_event_rules(desk.settings).named("shipped"), Lookups(desk.ledger)

        def reason() -> str | None:
            row = {"phone": ANN, "order": "7"}
            (found,) = plan_events(
                desk.ledger, desk.settings, rule.loaded, [row], tell=print, lookups=lookups
            )
            return found.reason

        desk.plan("E1")
        assert [reason(), reason(), len(asked)] == [None, None, 2]
        desk.plan("E2")  # events and messages change nothing about people
        assert [reason(), len(asked)] == [None, 3]
        desk.ledger.optouts.add(ANN, source="test")
        desk.ledger.audit.add("optout.add", None, {}, people=[ANN])
        assert reason() == "opted-out"
        desk.ledger.optouts.lift(ANN, by="test")
        desk.ledger.audit.add("optout.remove", None, {}, people=[ANN])
        assert reason() is None


def test_a_budget_of_a_day_holds_over_events(shop: Project) -> None:
    shop.write("order.yaml", HEAD + SMS)
    change(shop, "events.yaml", "key: id,", "key: id, max_cost: 0.10 GBP,")
    found = [trigger(shop, f"C{number}", "--json").json for number in range(4)]
    assert [one["reason"] or one["state"] for one in found] == [
        "sent",
        "sent",
        "event-budget",
        "event-budget",
    ]
    assert "the messages of this event have reached their `max_cost`" in trigger(shop, "C9").out
    with opened(shop) as desk:
        desk.change("UPDATE triggers SET settled_at = settled_at - 86400001")
    assert trigger(shop, "C5", "--json").json["state"] == "sent"
    change(shop, "rates.csv", "sms,GB", "sms,FR")
    assert "no known price" in trigger(shop, "C6").out


def test_a_key_that_comes_with_other_data_is_told(shop: Project) -> None:
    shop.write("order.yaml", HEAD + SMS)
    change(shop, "events.yaml", "order: id", "order: number")

    def report(number: int, *more: str) -> Any:
        data = json.dumps({"id": 1, "number": number, "phone": ANN})
        return shop.run("trigger", "shipped", "--data", data, *more)

    assert report(1).status == report(1).status == 0
    again = report(2)
    assert (again.status, "came before with other data" in again.out) == (0, True)
    assert report(2, "--json").json["differs"] is True
    assert report(3, "--key", "k").status == report(3, "--key", "k").status == 0
    wrong = report(4, "--key", "k")
    assert (wrong.status, "with other data" in wrong.err) == (3, True)
    assert len(texts(shop)) == 2
