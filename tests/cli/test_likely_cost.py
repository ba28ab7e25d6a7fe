"""The likely cost of a plan with fallbacks: from results that the ledger has, else from the campaign's own share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clikit import Project
from test_fallback_command import change, shop_of

from a2pcli.cli.screens.channels import cost_rows


def plan(shop: Project) -> dict[str, Any]:
    found: dict[str, Any] = shop.run("plan", "order.yaml", "--occurrence", "next", "--json").json
    return found


def sent_before(shop: Project, *, undelivered: int = 0, delivered: int = 0) -> str:
    """Send the campaign without fallback, with receipts for the first rows; gives the run."""
    text = (shop.folder / "order.yaml").read_text()
    change(shop, "fallback: {when: [rejected, undelivered]}\n", "")
    shop.run("send", "order.yaml", "--yes", "--occurrence", "before")
    run = str(shop.run("runs", "--json").json["runs"][0]["run"])
    told = ["undelivered"] * undelivered + ["delivered"] * delivered
    lines = [
        json.dumps({"reference": f"{run}-{n:06}", "state": state, "at": "2026-01-01T00:00:00Z"})
        for n, state in enumerate(told, 1)
    ]
    shop.write("receipts.jsonl", "\n".join(lines) + "\n")
    if told:
        assert shop.run("receipts", "import", "receipts.jsonl", "--gateway", "mail").status == 0
    shop.write("order.yaml", text)
    return run


def shown(shop: Project) -> str:
    return " ".join(shop.run("plan", "order.yaml", "--occurrence", "text").out.split())


def test_results_of_the_same_channel_and_gateway_say_what_is_likely(tmp_path: Path) -> None:
    """200 emails: 30 were undelivered, 150 delivered, 20 say nothing. Each email costs 0.001 GBP, each SMS 0.04."""
    shop = shop_of(tmp_path, "permanent: 0%", people=200)
    sent_before(shop, undelivered=30, delivered=150)
    found = plan(shop)
    assert (found["cost"], found["likely"], found["most"]) == (
        {"GBP": "0.20"},
        {"GBP": "1.40"},
        {"GBP": "8.20"},
    )
    (basis,) = found["likely_from"]
    assert (basis["channel"], basis["gateway"], basis["share"], basis["basis"]) == (
        "email",
        "mail",
        0.15,
        "results",
    )
    assert (basis["messages"], basis["receipts"]) == (200, 180)
    text = shown(shop)
    assert "likely 1.40 GBP: 15% of 200 messages by email via mail needed another channel (20" in text
    assert "at most 8.20 GBP, if everybody falls back" in text
    report = (
        shop.run("send", "order.yaml", "--occurrence", "text", "--yes") and shop.run("report", "--json").json
    )
    assert report["planned_cost"] == {key: found[key] for key in ("cost", "likely", "most")}
    assert "cost planned 0.20 GBP, likely 1.40 GBP, at most 8.20 GBP" in " ".join(
        shop.run("report").out.split()
    )


def test_what_the_gateway_rejects_costs_nothing(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "permanent: 100%", people=100)
    sent_before(shop)
    change(shop, "[rejected, undelivered]", "[rejected]")
    found = plan(shop)
    assert found["likely"] == found["most"] == {"GBP": "4.00"}


@pytest.mark.parametrize("people", [0, 50, 120])
def test_without_enough_results_the_plan_says_so_and_gives_the_most_alone(
    tmp_path: Path, people: int
) -> None:
    """None at all, fewer than a hundred, and many of which no receipt tells."""
    shop = shop_of(tmp_path, "permanent: 0%", people=people or 3)
    if people:
        sent_before(shop)
    found = plan(shop)
    assert found["likely"] is None
    assert found["most"]
    why = {
        0: "no results of the last 90 days by email via mail",
        50: "only 50 results of the last 90 days by email via mail",
        120: "no delivery receipts of the 120 messages by email via mail in the last 90 days",
    }[people]
    assert f"likely not known: {why} 'fallback: expected: 20%'" in shown(shop)


def test_the_campaign_may_say_what_share_to_expect(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "permanent: 0%", people=100)
    change(shop, "undelivered]}", "undelivered], expected: 20%}")
    found = plan(shop)
    assert found["likely"] == {"GBP": "0.90"}
    text = shown(shop)
    assert "likely 0.90 GBP: 20% need another channel after email, as the campaign says; no results" in text


@pytest.mark.parametrize("share", ["120%", "a fifth", "-1", "yes", "1.2"])
def test_what_is_no_share_is_told_at_its_place(tmp_path: Path, share: str) -> None:
    shop = shop_of(tmp_path)
    change(shop, "undelivered]}", f"undelivered], expected: {share}}}")
    done = shop.run("check", "order.yaml")
    assert done.status == 3
    assert "order.yaml:8:" in done.err
    assert "share" in done.err


def test_fallbacks_without_a_price_stand_with_the_most_that_they_are_missing_from() -> None:
    channels = [{"channel": "email", "fallbacks": 4}]
    summary = {"channels": channels, "most": {"GBP": 10**9}, "unpriced_fallbacks": 4, "likely": None}
    rows = list(cost_rows({**summary, "likely_from": []}))
    assert rows[0] == ("at most", "1.00 GBP, if everybody falls back")
    assert rows[1] == ("", "and 4 fallbacks at an unknown price")
    (only,) = cost_rows({**summary, "most": {}})
    assert only == ("at most", "4 fallbacks at an unknown price")
