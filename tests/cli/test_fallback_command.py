"""``fallback:`` of a campaign: the next channel is tried where the earlier attempt has ended, and never both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orderkit
import pytest
from clikit import Project

GATEWAYS = """\
  mail:
    type: simulator
    latency: {{median: 0, p95: 0}}
    receipts: {{file: mail.jsonl, undelivered: 0, silent: 100%}}
    mix: {{{mix}}}
    {more}
  text: {{type: outbox, file: texts.jsonl}}
"""


def shop_of(folder: Path, mix: str = "permanent: 100%", more: str = "", people: int = 3) -> Project:
    project = Project(folder)
    files = orderkit.files_of(GATEWAYS.format(mix=mix, more=more), people)
    for name, text in {**files, "order.yaml": orderkit.CAMPAIGN}.items():
        project.write(name, text)
    project.run("ledger", "create")
    return project


def change(shop: Project, old: str, new: str) -> None:
    text = (shop.folder / "order.yaml").read_text()
    assert old in text
    shop.write("order.yaml", text.replace(old, new))


def texts(shop: Project) -> list[dict[str, Any]]:
    file = shop.folder / "texts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_who_is_refused_by_the_first_channel_gets_the_message_by_the_next(tmp_path: Path) -> None:
    """In the same run, with the text, sender and price of that channel; and once, however often it is called."""
    shop = shop_of(tmp_path)
    ran = shop.run("send", "order.yaml", "--yes", "--json")
    assert ran.status == 0
    assert [(one["to"], one["sender"], one["body"]) for one in texts(shop)] == [
        (f"+447400{n:06}", "ACME", f"Hello P{n}, your order is on its way") for n in range(3)
    ]
    run = shop.run("runs", "--json").json["runs"][0]["run"]
    shop.run("send", "order.yaml", "--yes")
    shop.run("send", "--plan", run, "--yes")
    assert len(texts(shop)) == 3
    report = shop.run("report", run, "--json").json
    assert report["states"] == {"accepted": 3}
    assert report["cost"] == {"GBP": "0.12"}
    assert shop.run("ledger", "check").status == 0


@pytest.mark.parametrize("mix", ["unknown: 100%", "opted_out: 100%"])
def test_what_may_have_left_and_who_opted_out_with_the_provider_are_not_followed(
    tmp_path: Path, mix: str
) -> None:
    shop = shop_of(tmp_path, mix)
    shop.run("send", "order.yaml", "--yes")
    assert texts(shop) == []


def test_without_fallback_nobody_is_tried_by_a_second_channel(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    change(shop, "fallback: {when: [rejected, undelivered]}\n", "")
    shown = shop.run("send", "order.yaml", "--yes")
    assert texts(shop) == []
    assert "none: each person is tried by one channel" in shown.out


def test_a_receipt_that_it_was_not_delivered_lets_the_next_send_go_on_by_the_other_channel(
    tmp_path: Path,
) -> None:
    """The finished run is paused by it; an opt-out in between is heeded."""
    shop = shop_of(tmp_path, "temporary: 0%")
    assert shop.run("send", "order.yaml", "--yes").status == 0
    assert texts(shop) == []
    run = shop.run("runs", "--json").json["runs"][0]["run"]
    lines = [
        json.dumps({"reference": f"{run}-00000{n}", "state": "undelivered", "at": "2026-01-01T00:00:00Z"})
        for n in (1, 2)
    ]
    shop.write("receipts.jsonl", "\n".join(lines) + "\n")
    assert shop.run("receipts", "import", "receipts.jsonl", "--gateway", "mail").status == 0
    assert shop.run("runs", "--json").json["runs"][0]["state"] == "paused"
    shop.run("optout", "add", "+447400000001")
    assert shop.run("send", "order.yaml", "--yes").status == 0
    assert [one["to"] for one in texts(shop)] == ["+447400000000"]
    report = shop.run("report", run, "--json").json
    assert report["states"] == {"accepted": 2, "skipped": 1}
    assert report["excluded"] == {"opted-out": 1}


def test_a_late_receipt_that_it_was_delivered_takes_the_waiting_attempt_back(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    shop.run("send", "order.yaml", "--yes")
    run = shop.run("runs", "--json").json["runs"][0]["run"]
    for state in ("undelivered", "delivered"):
        line = {"reference": f"{run}-000001", "state": state, "at": "2026-01-01T00:00:00Z"}
        shop.write("receipts.jsonl", json.dumps(line) + "\n")
        shop.run("receipts", "import", "receipts.jsonl", "--gateway", "mail")
    shop.run("send", "order.yaml", "--yes")
    assert texts(shop) == []


def test_who_got_both_is_counted_and_told_and_never_hidden(tmp_path: Path) -> None:
    """A provider that says "not delivered", and delivers it after the next channel went."""
    shop = shop_of(tmp_path, "temporary: 0%")
    shop.run("send", "order.yaml", "--yes")
    run = shop.run("runs", "--json").json["runs"][0]["run"]
    for state in ("undelivered", "delivered"):
        line = {"reference": f"{run}-000001", "state": state, "at": "2026-01-01T00:00:00Z"}
        shop.write("receipts.jsonl", json.dumps(line) + "\n")
        shop.run("receipts", "import", "receipts.jsonl", "--gateway", "mail")
        shop.run("send", "order.yaml", "--yes")
    assert len(texts(shop)) == 1
    report = shop.run("report", run, "--json").json
    assert report["got_both"] == 1
    assert [(one["channel"], one["attempt"], one["states"]) for one in report["attempts_by_channel"]] == [
        ("email", 1, {"accepted": 3}),
        ("sms", 2, {"accepted": 1}),
    ]
    assert report["rows"] == sum(report["states"].values()) == 3
    assert "1 person may have got both" in shop.run("report", run).out
    explained = shop.run("explain", "p0@example.org").out
    assert "tried by email first: the campaign's first choice" in explained
    assert "the person may have got both" in " ".join(explained.split())
    assert "Subject:" not in explained  # the SMS has none
    waits = " ".join(shop.run("explain", "p1@example.org").out.split())
    assert "then by sms, if the gateway refuses it or if a receipt says that it was not delivered" in waits


def test_a_run_that_may_fall_back_later_says_so_and_can_be_cancelled(tmp_path: Path) -> None:
    """Through a gateway that can take messages back."""
    shop = shop_of(tmp_path, "temporary: 0%", "revocations: {}")
    settings = (shop.folder / "a2pcli.yaml").read_text()
    shop.write("a2pcli.yaml", settings.replace("silent: 100%", "silent: 100%, delay: 9999, live: true"))
    change(shop, "[rejected, undelivered]", "[rejected, undelivered], after: 30 min")
    ran = shop.run("send", "order.yaml", "--yes")
    assert "3 messages may go by the next channel if not delivered by then" in ran.out + ran.err
    run = shop.run("runs", "--json").json["runs"][0]["run"]
    cancelled = shop.run("cancel", run, "--yes")
    assert "3 messages will not go by another channel" in cancelled.out + cancelled.err
    assert shop.run("runs", "--json").json["runs"][0]["state"] == "cancelled"


def test_a_time_to_fall_back_is_told_to_be_of_no_use_where_the_gateway_cannot_end_messages(
    tmp_path: Path,
) -> None:
    shop = shop_of(tmp_path)
    change(shop, "[rejected, undelivered]", "[rejected, undelivered], after: 30 min")
    checked = shop.run("check", "order.yaml")
    assert "gateway 'mail' can neither take messages back nor let them expire" in checked.err
    plan = shop.run("plan", "order.yaml", "--json").json
    assert "fallback-after" in [one["code"] for one in plan["warnings"]]


def test_the_plan_says_the_most_that_it_can_cost_and_the_budget_is_compared_with_it(tmp_path: Path) -> None:
    shop = shop_of(tmp_path)
    plan = shop.run("plan", "order.yaml", "--json").json
    assert (plan["cost"], plan["most"]) == ({"GBP": "0.003"}, {"GBP": "0.123"})
    assert shop.run("plan", "order.yaml", "--max-cost", "0.10 GBP").status == 6
    change(shop, "[rejected, undelivered]", "[rejected]")  # who is refused costs nothing
    assert shop.run("plan", "order.yaml", "--json").json["most"] == {"GBP": "0.12"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  sms: {gateway: text, sender: ACME}\n", "", "'fallback' needs a second channel"),
        ("[rejected, undelivered]", "[]", "'fallback' would never happen"),
        ("[rejected, undelivered]", "[sometimes]", "sometimes"),
        ("[rejected, undelivered]", "[rejected], after: 5 s", "'5 s' is not a duration"),
        ("[rejected, undelivered]", "[rejected], after: 90 h", "'90 h' is too long"),
    ],
)
def test_what_is_wrong_with_fallback_is_told_at_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    shop = shop_of(tmp_path)
    change(shop, old, new)
    ran = shop.run("check", "order.yaml")
    assert ran.status == 3
    assert message in ran.err


def test_erasing_and_exporting_a_person_takes_in_what_would_be_tried_next(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    shop.run("plan", "order.yaml")
    exported = shop.run("people", "export", "+447400000001", "--json", A2PCLI_ERASURE_KEY="k" * 64)
    assert "p1@example.org" in exported.out
    assert shop.run("people", "erase", "p1@example.org", "--yes", A2PCLI_ERASURE_KEY="k" * 64).status == 0
    stored = b"".join(
        path.read_bytes() for path in (shop.folder / ".a2pcli").glob("ledger.db*") if path.is_file()
    )
    assert b"+447400000001" not in stored
    assert shop.run("ledger", "check").status == 0


@pytest.mark.parametrize(("after", "is_told"), [("12 h", True), ("10 h", False)])
def test_a_time_to_fall_back_that_is_longer_than_the_provider_keeps_a_message_is_told_at_its_line(
    tmp_path: Path, after: str, is_told: bool
) -> None:
    """Twilio gives up on a message after ten hours at most."""
    shop = shop_of(tmp_path)
    settings = (shop.folder / "a2pcli.yaml").read_text()
    line = "  text: {type: outbox, file: texts.jsonl}\n"
    assert line in settings
    sid = "AC" + "0" * 32
    twilio = f"  text: {{type: twilio, account_sid: {sid}, auth_token: '${{TOKEN}}'}}\n"
    shop.write("a2pcli.yaml", settings.replace(line, twilio))
    mail, text = (
        "  email: {gateway: mail, sender: shop@example.com}\n",
        "  sms: {gateway: text, sender: ACME}\n",
    )
    change(shop, mail + text, text + mail)
    change(shop, "[rejected, undelivered]", f"[rejected, undelivered], after: {after}")
    checked = shop.run("check", "order.yaml", TOKEN="t0ken")
    told = "gateway 'text' gives up on a message after 10 h at most, before 'after' has passed"
    assert (told in checked.err) == is_told, checked.err
    where = next((one for one in checked.err.splitlines() if told in one), "order.yaml:8:")
    assert "order.yaml:8:" in where
