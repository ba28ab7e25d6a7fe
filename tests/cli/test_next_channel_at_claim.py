"""What changes between the plan and the moment at which a message would leave: who may not go by the first channel any
more goes by the next, if nothing is against that, and by none after a no to everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clikit import Project
from test_fallback_command import change, shop_of, texts

KEY = "k" * 64


def planned(shop: Project) -> str:
    """Plan the campaign; gives the run."""
    return str(shop.run("plan", "order.yaml", "--json").json["plan"])


def mails(shop: Project) -> int:
    """How many emails the simulated provider took."""
    file = shop.folder / "mail.jsonl"
    return (
        sum('"state": "accepted"' in line for line in file.read_text().splitlines()) if file.exists() else 0
    )


def after_sending(shop: Project, run: str) -> dict[str, Any]:
    """Send the plan; gives its report, once the ledger is found to be right."""
    ran = shop.run("send", "--plan", run, "--yes", A2PCLI_ERASURE_KEY=KEY)
    assert ran.status == 0, ran.err
    assert shop.run("ledger", "check").status == 0
    report: dict[str, Any] = shop.run("report", run, "--json").json
    assert sum(report["states"].values()) == report["rows"] == 3
    return report


def test_who_left_the_first_channel_since_the_plan_goes_by_the_next_once(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    run = planned(shop)
    shop.run("optout", "add", "p1@example.org", "--scope", "channel=email")
    report = after_sending(shop, run)
    assert [one["to"] for one in texts(shop)] == ["+447400000001"]
    assert report["states"] == {"accepted": 3}
    assert report["cost"] == {"GBP": "0.042"}
    assert [(one["channel"], one["attempt"], one["states"]) for one in report["attempts_by_channel"]] == [
        ("email", 1, {"accepted": 2, "skipped": 1}),
        ("sms", 2, {"accepted": 1}),
    ]
    after_sending(shop, run)
    assert (mails(shop), len(texts(shop))) == (2, 1)
    told = " ".join(shop.run("explain", "p1@example.org").out.split())
    assert "attempt 2: sms by text" in told
    assert "on the suppression list" in told


@pytest.mark.parametrize(
    "no",
    [
        ("p1@example.org",),
        ("+447400000001",),
        ("p1@example.org", "--scope", "channel=email", "+447400000001"),
    ],
    ids=["by the first address", "by the other address", "to both channels"],
)
def test_a_no_to_everything_or_to_each_channel_stops_all_of_them(tmp_path: Path, no: tuple[str, ...]) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    run = planned(shop)
    if len(no) > 3:
        shop.run("optout", "add", *no[:3])
        shop.run("optout", "add", no[3], "--scope", "channel=sms")
    else:
        shop.run("optout", "add", *no)
    report = after_sending(shop, run)
    assert (mails(shop), texts(shop)) == (2, [])
    assert report["excluded"] == {"opted-out": 1}


def test_without_fallback_who_left_the_channel_is_skipped(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    change(shop, "fallback: {when: [rejected, undelivered]}\n", "")
    run = planned(shop)
    shop.run("optout", "add", "p1@example.org", "--scope", "channel=email")
    assert after_sending(shop, run)["excluded"] == {"opted-out": 1}
    assert texts(shop) == []


def test_who_takes_consent_for_one_channel_back_goes_by_the_other(tmp_path: Path) -> None:
    """Taken back for both, by neither."""
    shop = shop_of(tmp_path, "temporary: 0%")
    change(shop, "purpose: transactional", "purpose: marketing\nconsent: required")
    change(shop, 'is on its way"\nemail', 'is on its way. Reply STOP to opt out"\nemail')
    for n in range(3):
        for one in (f"p{n}@example.org", f"+44740000000{n}"):
            given = shop.run("consent", "record", one, "--source", "form", "--given-at", "2026-01-01")
            assert given.status == 0, given.err
    run = planned(shop)
    assert shop.run("consent", "revoke", "p1@example.org", "--channel", "email").status == 0
    assert shop.run("consent", "revoke", "p2@example.org", "--channel", "email").status == 0
    assert shop.run("consent", "revoke", "+447400000002", "--channel", "sms").status == 0
    report = after_sending(shop, run)
    assert [one["to"] for one in texts(shop)] == ["+447400000001"]
    assert report["states"] == {"accepted": 2, "skipped": 1}
    assert report["excluded"] == {"no-consent": 1}


def test_who_was_erased_since_the_plan_gets_nothing_by_any_channel(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    run = planned(shop)
    assert shop.run("people", "erase", "p1@example.org", "--yes", A2PCLI_ERASURE_KEY=KEY).status == 0
    after_sending(shop, run)
    assert (mails(shop), texts(shop)) == (2, [])


def test_a_cap_of_the_person_holds_for_all_channels(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "temporary: 0%")
    change(shop, "purpose: transactional", "purpose: marketing")
    change(shop, 'is on its way"\nemail', 'is on its way. Reply STOP to opt out"\nemail')
    (shop.folder / "a2pcli.yaml").open("a").write("frequency: 1 per 7 days\n")
    runs = [planned(shop)]
    runs.append(str(shop.run("plan", "order.yaml", "--occurrence", "again", "--json").json["plan"]))
    after_sending(shop, runs[0])
    report = after_sending(shop, runs[1])
    assert (mails(shop), texts(shop)) == (3, [])
    assert report["excluded"] == {"capped": 3}


def test_an_optout_that_comes_while_the_next_channel_waits_stops_it(tmp_path: Path) -> None:
    """By whichever address, and for that channel alone, too."""
    shop = shop_of(tmp_path, "temporary: 0%")
    run = planned(shop)
    after_sending(shop, run)
    lines = [
        json.dumps({"reference": f"{run}-00000{n}", "state": "undelivered", "at": "2026-01-01T00:00:00Z"})
        for n in (1, 2, 3)
    ]
    shop.write("receipts.jsonl", "\n".join(lines) + "\n")
    assert shop.run("receipts", "import", "receipts.jsonl", "--gateway", "mail").status == 0
    shop.run("optout", "add", "p0@example.org")
    shop.run("optout", "add", "+447400000001", "--scope", "channel=sms")
    shop.run("optout", "add", "p2@example.org", "--scope", "channel=email")
    report = after_sending(shop, run)
    assert [one["to"] for one in texts(shop)] == ["+447400000002"]
    assert report["states"] == {"accepted": 1, "skipped": 2}


@pytest.mark.parametrize("fallback", [True, False])
def test_a_country_that_one_channel_may_not_send_to_stops_that_channel_alone(
    tmp_path: Path, fallback: bool
) -> None:
    """The others of the country, whose first choice is the other channel, get their message all the same."""
    shop = shop_of(tmp_path, "country: 100%", people=60)
    if not fallback:
        change(shop, "fallback: {when: [rejected, undelivered]}\n", "")
    lines = (shop.folder / "people.csv").read_text().splitlines()
    chosen = [f"{line},{'sms' if n % 2 else ''}" for n, line in enumerate(lines[1:])]
    shop.write("people.csv", "\n".join([f"{lines[0]},preferred_channel", *chosen]) + "\n")
    assert shop.run("send", "order.yaml", "--yes").status == (0 if fallback else 4)
    report = shop.run("report", "--json").json
    assert len(texts(shop)) == (60 if fallback else 30)
    assert report["states"] == ({"accepted": 60} if fallback else {"accepted": 30, "rejected": 30})
    assert mails(shop) == 0
    assert shop.run("ledger", "check").status == 0
    told = " ".join(shop.run("explain", "p58@example.org").out.split())
    assert "simulated: not to this country" in told
