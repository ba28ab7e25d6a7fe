"""What follows from receipts: addresses that do not exist, opt-outs, bills; and from receipts that do not come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from clikit import Project
from listenkit import query

from a2pcli.ledger.records import now_ms

DAY = 86_400_000
SETTINGS = """\
region: GB
gateways:
  sim: {{type: simulator, receipts: {{file: r.jsonl, silent: 100%}}, latency: {{median: 0, p95: 0}}}}
  twin: {{type: twilio, account_sid: AC{zeros}, auth_token: t}}
{more}
"""
CAMPAIGN = """\
name: {name}
objective: test
purpose: transactional
channel: sms
gateway: sim
sender: Shop
contacts: people.csv
message: Hello
"""


@pytest.fixture
def sent(project: Project) -> Project:
    """A run of six messages that a simulated provider took."""
    set_up(project)
    numbers = "".join(f"+4474001{number:05d}\n" for number in range(1, 7))
    project.write("people.csv", "phone\n" + numbers)
    project.run("ledger", "create")
    assert project.run("send", "one.yaml", "--yes").status == 0
    return project


def set_up(project: Project, more: str = "") -> None:
    project.write("a2pcli.yaml", SETTINGS.format(zeros="0" * 32, more=more))
    for name in ("one", "two"):
        project.write(f"{name}.yaml", CAMPAIGN.format(name=name))


def run_id(project: Project) -> str:
    return str(project.run("runs", "--json").json["runs"][0]["run"])


def receive(project: Project, *rows: tuple[int, str, str, str, str], gateway: str = "sim") -> Any:
    """Import receipts: row, status, code, price, currency."""
    run = run_id(project)
    lines = [f"{run}-{row:06d},{status},{code},{price},{unit}\n" for row, status, code, price, unit in rows]
    project.write("receipts.csv", "reference,status,error code,price,price unit\n" + "".join(lines))
    done = project.run("receipts", "import", "receipts.csv", "--gateway", gateway, "--json")
    assert done.status == 0, done.err
    return done.json


def suppressed(project: Project) -> dict[str, tuple[str, str]]:
    found = project.run("optout", "list", "--json").json["suppressions"]
    return {one["number"][-1]: (one["scope"], one["reason"] or "") for one in found}


def test_an_address_that_does_not_exist_is_suppressed_for_its_channel_and_nobody_else_is(
    sent: Project,
) -> None:
    done = receive(
        sent,
        (1, "undelivered", "sim-invalid", "", ""),
        (2, "undelivered", "sim-unreachable", "", ""),
        (3, "recipient does not exist", "", "", ""),
        (4, "unsubscribed", "", "", ""),
        (5, "delivered", "", "", ""),
    )
    assert (done["invalid"], done["opted_out"]) == (2, 1)
    found = suppressed(sent)
    assert set(found) == {"1", "3", "4"}
    assert found["1"] == found["3"] == ("channel", "a receipt says that this address does not exist")
    plan = sent.run("plan", "two.yaml", "--json").json
    assert plan["recipients"] == 3, "without those two, and the one who left this sender"
    actions = [entry["action"] for entry in sent.run("audit", "list", "--all", "--json").json["entries"]]
    assert actions.count("optout.invalid") == 1
    again = receive(sent, (1, "undelivered", "sim-invalid", "", ""))
    assert again["invalid"] == 0


def test_a_message_that_arrived_keeps_its_address_and_a_setting_keeps_them_all(sent: Project) -> None:
    receive(sent, (1, "delivered", "", "", ""))
    assert receive(sent, (1, "undelivered", "sim-invalid", "", ""))["invalid"] == 0
    set_up(sent, "receipts: {invalid: keep}")
    assert receive(sent, (2, "undelivered", "sim-invalid", "", ""))["invalid"] == 0
    assert not suppressed(sent)


def test_whoever_writes_start_has_an_address_after_all(sent: Project) -> None:
    receive(sent, (1, "undelivered", "sim-invalid", "", ""))
    assert sent.run("optout", "reply", "+447400100001", "START").status == 0
    assert not suppressed(sent)


@pytest.mark.parametrize(
    ("provider", "code", "is_invalid"),
    [
        ("twilio", "30005", True), ("twilio", "30003", False), ("vonage", "3", True), ("vonage", "12", False),
        ("infobip", "EC_UNKNOWN_SUBSCRIBER", True), ("infobip", "EC_ABSENT_SUBSCRIBER", False),
        ("postmark", "HardBounce", True), ("postmark", "SoftBounce", False), ("smtp", "hard_bounce", True),
    ],
)  # fmt: skip
def test_codes_that_say_that_an_address_does_not_exist(provider: str, code: str, is_invalid: bool) -> None:
    from a2pcli.gateways.invalid_addresses import says_invalid

    assert says_invalid({"type": provider}, code, "undelivered") is is_invalid


def test_what_is_billed_is_shown_beside_the_estimate_and_by_the_newest_price(sent: Project) -> None:
    receive(sent, (1, "delivered", "", "-0.05", "GBP"), (2, "delivered", "", "0.04", "gbp"))
    receive(
        sent,
        (2, "delivered", "", "0.06", "GBP"),
        (3, "delivered", "", "0.10", "USD"),
        (4, "sent", "", "1", ""),
    )
    found = sent.run("report", "--json").json["billed"]
    assert [(one["currency"], one["messages"], one["billed"]) for one in found] == [
        ("GBP", 2, "0.11"), ("USD", 1, "0.10"),
    ]  # fmt: skip
    assert "0.11 GBP for 2 messages, as receipts say" in sent.run("report").out


def test_a_budget_counts_what_was_billed_instead_of_the_estimate(project: Project) -> None:
    from a2pcli.ledger.store import Ledger

    set_up(project, "rates: rates.csv")
    project.write("rates.csv", "gateway,channel,country,unit,price,currency\n*,sms,GB,part,0.04,GBP\n")
    project.write("people.csv", "phone\n" + "".join(f"+4474001{number:05d}\n" for number in range(1, 7)))
    project.run("ledger", "create")
    assert project.run("send", "one.yaml", "--yes", "--max-cost", "1 GBP").status == 0
    receive(project, (1, "delivered", "", "0.05", "GBP"))
    (billed,) = project.run("report", "--json").json["billed"]
    assert (billed["billed"], billed["estimated"]) == ("0.05", "0.04")
    with (
        Ledger.open(str(project.folder / ".a2pcli/ledger.db")) as ledger,
        ledger.engine.connect() as connection,
    ):
        amount = connection.exec_driver_sql("SELECT amount FROM spending WHERE currency = 'GBP'").scalar()
    assert amount == 250_000_000, "five estimates and a bill"


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    moment = now_ms() + int(days * DAY)
    monkeypatch.setattr("a2pcli.ledger.records.now_ms", lambda: moment)


def test_a_message_without_a_receipt_in_time_has_an_unknown_delivery_and_a_later_receipt_counts(
    sent: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(sent, (1, "delivered", "", "", ""), (2, "sent", "", "", ""))
    assert sent.run("report", "--json").json["delivery"]["unknown"] == 0
    later(monkeypatch, 3.1)
    found = sent.run("report", "--json").json["delivery"]
    assert (found["unknown"], found["sent"], found["no_receipt"], found["accepted"]) == (5, 1, 4, 6)
    assert "5 of these: delivery unknown" in sent.run("report").out
    receive(sent, (3, "delivered", "", "", ""))
    assert sent.run("report", "--json").json["delivery"]["unknown"] == 4


def test_how_long_a_receipt_is_waited_for_is_a_setting_of_the_channel(
    sent: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 3.1)
    assert sent.run("report", "--json").json["delivery"]["unknown"] == 6, (
        "although there is no receipt at all"
    )
    for wait, unknown in (
        ("{sms: 4 days}", 0),
        ("{sms: 12 h}", 6),
        ("{sms: forever}", 0),
        ("{email: 1 h}", 6),
    ):
        set_up(sent, f"receipts: {{wait: {wait}}}")
        assert sent.run("report", "--json").json["delivery"]["unknown"] == unknown, wait
    set_up(sent, "receipts: {wait: {smoke: 1 h}}")
    done = sent.run("plan", "two.yaml")
    assert done.status == 3
    assert "there is no channel 'smoke'" in done.err


def test_a_gateway_that_gives_no_receipts_leaves_nothing_unknown(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(project)
    project.write("people.csv", "phone\n+447400100001\n")
    text = (project.folder / "one.yaml").read_text().replace("gateway: sim", "gateway: outbox")
    project.write("one.yaml", text)
    project.run("ledger", "create")
    assert project.run("send", "one.yaml", "--yes").status == 0
    later(monkeypatch, 99)
    assert project.run("report", "--json").json["delivery"]["unknown"] == 0


def test_a_query_shows_the_price_of_a_receipt(sent: Project) -> None:
    receive(sent, (1, "delivered", "", "0.05", "GBP"))
    (row,) = query(sent, "SELECT price, currency FROM receipts WHERE price IS NOT NULL")
    assert row == {"price": "0.05", "currency": "GBP"}
