"""Who got a message by an attempt that had ended is counted once, and stays counted when retention removes the rows."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from clikit import Project
from test_fallback_command import change, shop_of
from test_prune_commands import aged


def told(shop: Project, gateway: str, **states: str) -> None:
    """Import one receipt for each reference."""
    lines = (
        json.dumps({"reference": reference.replace("_", "-"), "state": state, "at": "2026-01-01T00:00:00Z"})
        for reference, state in states.items()
    )
    shop.write("receipts.jsonl", "\n".join(lines) + "\n")
    assert shop.run("receipts", "import", "receipts.jsonl", "--gateway", gateway).status == 0


@pytest.fixture
def both(tmp_path: Path) -> tuple[Project, str]:
    """Three people whose email arrived after it had been reported as undelivered: one got the SMS too, of one nobody
    knows, and one's SMS was not delivered."""
    shop = shop_of(tmp_path, "temporary: 0%", people=4)
    shop.run("send", "order.yaml", "--yes")
    run = str(shop.run("runs", "--json").json["runs"][0]["run"])
    told(shop, "mail", **{f"{run}_00000{n}": "undelivered" for n in (1, 2, 3)})
    shop.run("send", "order.yaml", "--yes")
    told(shop, "text", **{f"{run}_000001_2": "delivered", f"{run}_000003_2": "undelivered"})
    told(shop, "mail", **{f"{run}_00000{n}": "delivered" for n in (1, 2, 3, 4)})
    return shop, run


def counted(shop: Project, run: str) -> dict[str, Any]:
    report = shop.run("report", run, "--json").json
    names = (
        "got_both",
        "may_have_got_both",
        "arrived_earlier",
        "attempts_by_channel",
        "states",
        "planned_cost",
    )
    return {name: report[name] for name in names}


def test_each_person_is_told_of_once_and_in_clear_words(both: tuple[Project, str]) -> None:
    shop, run = both
    found = counted(shop, run)
    assert (found["got_both"], found["may_have_got_both"], found["arrived_earlier"]) == (2, 1, 2)
    text = " ".join(shop.run("report", run).out.split())
    assert "1 person got both: the provider delivered" in text
    assert "1 more person may have got both: the provider delivered" in text
    assert "no receipt says whether the later one arrived as well" in text
    assert "1 person got the message by an earlier attempt alone, as a late receipt says" in text
    assert "the person got both" in shop.run("explain", "p0@example.org").out
    assert "the person may have got both" in " ".join(shop.run("explain", "p1@example.org").out.split())
    assert "got both" not in shop.run("explain", "p2@example.org").out


def test_the_counts_by_channel_stay_when_the_people_are_removed(both: tuple[Project, str]) -> None:
    shop, run = both
    with (shop.folder / "a2pcli.yaml").open("a") as settings:
        settings.write("retention: {default: 1 year}\n")
    before = counted(shop, run)
    assert before["attempts_by_channel"]
    aged(shop, 500)
    pruned = shop.run("prune", "--yes", "--json").json
    assert [one["what"] for one in pruned["runs"]] == ["people"]
    assert counted(shop, run) == before
    assert shop.run("ledger", "check").status == 0


def falling(shop: Project) -> int:
    with sqlite3.connect(shop.folder / ".a2pcli" / "ledger.db") as ledger:
        return int(ledger.execute("SELECT count(*) FROM falling").fetchone()[0])


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[Project, str]:
    """A run whose emails may be followed by an SMS in half an hour."""
    shop = shop_of(tmp_path, "temporary: 0%", "revocations: {}")
    settings = (shop.folder / "a2pcli.yaml").read_text()
    shop.write("a2pcli.yaml", settings.replace("silent: 100%", "silent: 100%, delay: 9999, live: true"))
    change(shop, "[rejected, undelivered]", "[rejected, undelivered], after: 30 min")
    shop.run("send", "order.yaml", "--yes")
    assert falling(shop) == 3
    return shop, str(shop.run("runs", "--json").json["runs"][0]["run"])


def test_nothing_is_left_to_be_followed_of_a_cancelled_run_or_an_erased_person(
    waiting: tuple[Project, str],
) -> None:
    shop, run = waiting
    erased = shop.run("people", "erase", "p1@example.org", "--yes", A2PCLI_ERASURE_KEY="k" * 64)
    assert erased.status == 0
    assert falling(shop) == 2
    assert shop.run("ledger", "check").status == 0
    assert "2 messages will not go by another channel" in shop.run("cancel", run, "--yes").err
    assert falling(shop) == 0
    assert shop.run("ledger", "check").status == 0


def test_ledger_check_finds_what_waits_to_be_followed_and_is_no_attempt(waiting: tuple[Project, str]) -> None:
    shop, _ = waiting
    with sqlite3.connect(shop.folder / ".a2pcli" / "ledger.db") as ledger:
        ledger.execute(
            "UPDATE falling SET attempt = attempt + 1000 WHERE attempt = (SELECT max(attempt) FROM falling)"
        )
    checked = shop.run("ledger", "check")
    assert checked.status != 0
    said = " ".join((checked.out + checked.err).split())
    assert "1 attempt is to be followed by another channel, which no gateway has answered" in said


def test_messages_without_a_known_price_are_not_said_to_cost_nothing(tmp_path: Path) -> None:
    """The mail has no price, the text has one."""
    shop = shop_of(tmp_path)
    rates = (shop.folder / "rates.csv").read_text().splitlines()
    shop.write("rates.csv", "\n".join(one for one in rates if "email" not in one) + "\n")
    change(shop, "[rejected, undelivered]", "[undelivered]")
    with_price = (shop.folder / "a2pcli.yaml").read_text()
    shop.write("a2pcli.yaml", with_price.replace("permanent: 100%", "temporary: 0%"))
    shop.run("send", "order.yaml", "--yes")
    (emails,) = shop.run("report", "--json").json["attempts_by_channel"]
    assert (emails["cost"], emails["unpriced"]) == ({}, 3)
    text = " ".join(shop.run("report").out.split())
    assert "cost planned 3 unpriced, at most 0.12 GBP + 3 unpriced" in text
    assert "email 1 3 0 0 0 0 0 3 unpriced" in text
