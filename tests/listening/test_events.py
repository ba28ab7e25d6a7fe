"""Events that other systems report: each becomes one message to the one it is about, by the rules of campaigns."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from answerkit import Kannel, kannel, wait
from clikit import Project
from listenkit import Listener, listener

TOKEN, SHOP = "0123456789abcdef-shop", "hush-hush-hush"
CAMPAIGN = """\
name: order-paid
objective: Tell people that their order was paid
purpose: transactional
contacts: sample.csv
gateway: kannel
sender: Shop
message: "Hi {{ first_name }}, order {{ order }} is paid."
"""
PARCELS = """\
name: parcels
objective: Tell people what was shipped
purpose: transactional
contacts: parcels.csv
gateway: kannel
sender: Shop
limits: {parts: 255}
message: "{{ event_count }} parcels: {{ events }}"
"""
EVENTS = """\
events:
  order-paid:
    campaign: order_paid.yaml
    key: id
    time: at
    expires: 1 h
    only: "status != 'draft'"
    map:
      phone: customer.phone
      first_name: "{{ customer.name.split(' ')[0] }}"
      order: id
  parcel:
    campaign: parcels.yaml
    key: id
    digest: {every: 4 s, key: shop, join: "+"}
    map: {phone: phone, events: "{{ id }}"}
  alarm:
    campaign: order_paid.yaml
    key: id
    cap: {most: 2 per 1 h, per: device}
    map: {phone: phone, first_name: device, order: id}
  shop:
    campaign: order_paid.yaml
    source: shopify
    secret: ${SHOP_SECRET}
"""


def write(folder: Path, gateway: Kannel, more: str = "") -> None:
    settings = gateway.settings("", more) + (
        "  per_address: 5/s\n  proxies: [127.0.0.1]\n  tokens:\n"
        "    shop: {secret: \"${SHOP_TOKEN}\", scopes: [events], rate: 5000/s}\n"
    )  # fmt: skip
    (folder / "a2pcli.yaml").write_text(settings)
    (folder / ".env").write_text(f"SHOP_TOKEN={TOKEN}\nSHOP_SECRET={SHOP}\n")
    (folder / "order_paid.yaml").write_text(CAMPAIGN)
    (folder / "parcels.yaml").write_text(PARCELS)
    (folder / "sample.csv").write_text("phone,first_name,order\n07911123456,Ann,7\n")
    (folder / "parcels.csv").write_text("phone,event_count,events\n07911123456,2,a\n")
    (folder / "events.yaml").write_text(EVENTS)


def order(id: int | str, phone: str = "07911 123456", **more: Any) -> dict[str, Any]:
    return {"id": id, "customer": {"phone": phone, "name": "Ann Lee"}, **more}


def now() -> float:
    """Seconds, by the clock of the commands that tests run."""
    return time.time_ns() / 1e9


def rows(folder: Path, sql: str) -> list[Any]:
    with sqlite3.connect(folder / ".a2pcli/ledger.db") as connection:
        return connection.execute(sql).fetchall()


class Running:
    """A listener with its gateway."""

    def __init__(self, heard: Listener, gateway: Kannel) -> None:
        self.heard, self.gateway, self.folder = heard, gateway, heard.folder

    def post(self, name: str, data: Any, query: str = "?wait=15", **headers: str) -> httpx.Response:
        url = f"{self.heard.url}/events/{name}{query}"
        given = {"authorization": f"Bearer {TOKEN}", "x-forwarded-for": "203.0.113.7"}
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        return httpx.post(url, json=data, headers=given, timeout=60)

    def texts(self, holding: str) -> list[tuple[str | None, str, str]]:
        return [one for one in self.gateway.got if holding in one[2]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("events")
    with kannel() as gateway:
        write(folder, gateway)
        with listener(folder, settings=None) as heard:
            yield Running(heard, gateway)


def test_an_event_becomes_a_message_to_the_person(running: Running) -> None:
    answer = running.post("order-paid", order("first"))
    assert (answer.status_code, answer.json()["state"], answer.json()["message"]) == (200, "sent", "accepted")
    assert running.texts("first") == [("Shop", "+447911123456", "Hi Ann, order first is paid.")]


def test_a_message_leaves_within_a_second(running: Running) -> None:
    """Of five, the usual one."""
    took = []
    for number in range(5):
        began = time.monotonic()
        assert running.post("order-paid", order(f"soon{number}"), "").status_code == 202
        assert wait(lambda number=number: running.texts(f"order soon{number} "))
        took.append(time.monotonic() - began)
    assert sorted(took)[2] < 1.0, took


def test_the_same_key_causes_one_message_however_often_it_comes(running: Running) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: running.post("order-paid", order("once")), range(16)))
    codes = {answer.json()["event"] for answer in answers}
    assert len(codes) == 1
    assert sum(answer.json()["is_new"] for answer in answers) == 1
    named = [
        running.post("order-paid", order(name), idempotency_key="the same")
        for name in ("named", "named", "other")
    ]
    assert [answer.status_code for answer in named] == [200, 200, 409]
    assert [answer.json()["event"] for answer in named[:1]] == [named[1].json()["event"]]
    assert "with other data" in named[2].json()["message"]
    assert len(running.texts("once")) == 1
    assert len(running.texts("named")) == 1


def test_who_opted_out_gets_nothing_and_the_reason_is_said(running: Running) -> None:
    project = Project(running.folder)
    assert project.run("optout", "add", "07911123499").status == 0
    answer = running.post("order-paid", order("refused", "07911123499")).json()
    assert (answer["state"], answer["reason"]) == ("excluded", "opted-out")
    unread = running.post("order-paid", order("unread", "0791")).json()
    assert (unread["state"], unread["reason"]) == ("excluded", "invalid-number")
    assert running.texts("refused") == running.texts("unread") == []


def test_an_event_that_is_too_old_or_not_wanted_causes_nothing(running: Running) -> None:
    late = running.post("order-paid", order("late", at=now() - 3700)).json()
    soon = running.post("order-paid", order("soon", at=now() - 3000)).json()
    draft = running.post("order-paid", order("draft", status="draft")).json()
    assert (late["state"], soon["state"], draft["state"]) == ("expired", "sent", "ignored")
    assert running.texts("late") == running.texts("draft") == []


def test_a_dry_run_shows_the_message_and_stores_nothing(running: Running) -> None:
    shown = running.post("order-paid", order("dry"), "?dry_run=1").json()
    assert (shown["text"], shown["to"], shown["parts"]) == ("Hi Ann, order dry is paid.", "+4479…56", 1)
    assert running.post("order-paid", order("dry")).json()["is_new"] is True


def test_what_is_wrong_with_an_event_is_said_and_it_is_not_stored(running: Running) -> None:
    wrong = running.post("order-paid", {"id": "odd", "customer": {"phone": {"a": 1}}, "at": "soon"})
    assert wrong.status_code == 400
    assert [one["message"].partition(":")[0] for one in wrong.json()["problems"]] == ["map", "map", "time"]
    assert running.post("alarm", {"device": "door"}).json()["message"] == "key: the event has none"
    assert running.post("order-paid", order("x"), "?wait=many").status_code == 400
    assert running.post("orders", {}).status_code == 404
    assert running.post("order-paid", order("x"), authorization="Bearer wrong").status_code == 401


def test_a_cap_holds_for_each_device(running: Running) -> None:
    def alarm(id: str, device: str) -> str:
        found = running.post("alarm", {"id": id, "device": device, "phone": "07911123456"}).json()
        return found["reason"] or found["state"]

    assert [alarm(f"d1-{one}", "boiler") for one in range(4)] == ["sent", "sent", "event-cap", "event-cap"]
    assert alarm("d2-0", "door") == "sent"


def test_a_provider_is_known_by_its_signature(running: Running) -> None:
    body = json.dumps(
        {"id": 5, "phone": None, "name": "#1001", "customer": {"first_name": "Zoë", "phone": "+447911123456"}}
    ).encode()
    made = base64.b64encode(hmac.new(SHOP.encode(), body, hashlib.sha256).digest()).decode()
    url = f"{running.heard.url}/events/shop"
    for signature, status in ((made, 202), (made, 202), ("x" + made, 401), (None, 401)):
        headers = {} if signature is None else {"X-Shopify-Hmac-Sha256": signature}
        assert httpx.post(url, content=body, headers=headers, timeout=60).status_code == status
    assert wait(lambda: running.texts("#1001"))
    assert [text for _, _, text in running.texts("#1001")] == ["Hi Zoë, order #1001 is paid."]


def test_a_token_is_limited_by_its_own_rate_and_not_by_its_address(running: Running) -> None:
    """``per_address`` is 5 a second in these settings."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: running.post("order-paid", order(n, status="draft"), ""), range(120)))
    assert {answer.status_code for answer in found} == {200}


@pytest.fixture
def shop(project: Project) -> Project:
    with kannel() as gateway:
        write(project.folder, gateway)
    project.write("order_paid.yaml", CAMPAIGN.replace("kannel", "outbox"))
    project.write("parcels.yaml", PARCELS.replace("kannel", "outbox"))
    return project


def trigger(project: Project, name: str, data: Any, *more: str) -> Any:
    return project.run("trigger", name, "--data", json.dumps(data), *more)


def test_the_command_sends_once_and_says_to_whom(shop: Project) -> None:
    ran = trigger(shop, "order-paid", order("7"))
    assert (ran.status, "accepted" in ran.out, "+4479…56" in ran.out) == (0, True, True)
    again = trigger(shop, "order-paid", order("7"), "--json")
    assert (again.status, again.json["is_new"], again.json["message"]["state"]) == (0, False, "accepted")
    assert rows(shop.folder, "SELECT count(*) FROM answers") == [(1,)]


def test_the_command_reads_standard_input_and_a_dry_run_makes_no_ledger(shop: Project) -> None:
    ran = shop.run(
        "trigger", "order-paid", "--data", "-", "--dry-run", "--json", stdin=json.dumps(order("8"))
    )
    assert (ran.status, ran.json["state"], ran.json["text"]) == (0, "sent", "Hi Ann, order 8 is paid.")
    assert not (shop.folder / ".a2pcli/ledger.db").exists()


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "standard input is empty"),
        ("{", "standard input is not JSON"),
        ("[1]", "an event is a JSON object"),
    ],
)
def test_what_is_wrong_with_standard_input_is_said(shop: Project, stdin: str, said: str) -> None:
    ran = shop.run("trigger", "order-paid", "--data", "-", stdin=stdin)
    assert (ran.status in (2, 3), said in ran.err) == (True, True), ran.err


def test_outside_of_the_campaigns_hours_an_event_waits(shop: Project) -> None:
    day = time.strftime("%a", time.gmtime(now() + 3 * 86_400)).lower()
    shop.write(
        "order_paid.yaml",
        CAMPAIGN.replace("kannel", "outbox") + f"schedule: {{days: [{day}], timezone: UTC}}\n",
    )
    ran = trigger(shop, "order-paid", order("9"), "--json")
    assert (ran.status, ran.json["state"], ran.json["reason"]) == (4, "expired", "quiet-hours")
    shop.write("events.yaml", EVENTS.replace("expires: 1 h", "expires: 7 days"))
    ran = trigger(shop, "order-paid", order("10"), "--json")
    assert (ran.status, ran.json["state"], ran.json["reason"]) == (0, "waiting", "quiet-hours")
    assert rows(shop.folder, "SELECT count(*) FROM answers") == [(0,)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("purpose: transactional", "purpose: marketing"), "is a marketing campaign; events send transactional ones"),
        (("phone: customer.phone", "mobile: customer.phone"), "`map` needs the column `phone`"),
        (("key: id\n    time", "key: 'id[['\n    time"), "not a JMESPath expression"),
        (("first_name: \"{{ customer", "first_name: \"{{ customer |"), "not a Jinja text"),
        (("map: {phone: phone, events: \"{{ id }}\"}", "map: {phone: phone}"), "a digest needs a column `events`"),
        (("    secret: ${SHOP_SECRET}\n", ""), "`secret` must say where its secret is"),
        (("expires: 1 h", "expires: soon"), "is not a time from 1 s to 31 days"),
    ],
)  # fmt: skip
def test_each_problem_of_the_file_is_said_at_its_place(
    shop: Project, change: tuple[str, str], said: str
) -> None:
    name = "order_paid.yaml" if change[0].startswith("purpose") else "events.yaml"
    text = (shop.folder / name).read_text()
    assert change[0] in text
    shop.write(name, text.replace(*change))
    ran = trigger(shop, "order-paid", order("1"))
    assert (ran.status, said in ran.err) == (3, True), ran.err
    assert "events.yaml:" in ran.err
    assert "Traceback" not in ran.err
