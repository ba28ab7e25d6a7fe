"""Fallbacks, and what becomes of people's data: erased while the next channel waits, encrypted, past retention."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orderkit
import pytest
from clikit import Project

GATEWAYS = """\
  mail: {type: simulator, latency: {median: 0, p95: 0}, mix: {permanent: 100%}}
  text: TEXT
"""
DOWN = "{type: simulator, account_stops_after: 0, latency: {median: 0, p95: 0}}"
UP = "{type: simulator, latency: {median: 0, p95: 0}, receipts: {file: texts.jsonl, silent: 100%}}"
DAY = 86_400_000
KEY = {"A2PCLI_LEDGER_KEY": "ab" * 32}


def shop_of(folder: Path, **key: str) -> Project:
    """A shop whose emails are all refused, and whose next channel is out of credit."""
    shop = Project(folder)
    for name, text in {**orderkit.files_of(GATEWAYS, 3), "order.yaml": orderkit.CAMPAIGN}.items():
        shop.write(name, text)
    settle(shop, DOWN)
    shop.run("ledger", "create", **key)
    return shop


def settle(shop: Project, text: str) -> None:
    shop.write("a2pcli.yaml", orderkit.SETTINGS + GATEWAYS.replace("TEXT", text))


def send(shop: Project, **key: str) -> Any:
    return shop.run("send", "order.yaml", "--yes", "--json", **key)


def texts(shop: Project) -> str:
    file = shop.folder / "texts.jsonl"
    return file.read_text() if file.exists() else ""


def stored(shop: Project) -> bytes:
    return b"".join(path.read_bytes() for path in (shop.folder / ".a2pcli").rglob("*") if path.is_file())


def attempts(shop: Project, **key: str) -> list[list[Any]]:
    asked = "SELECT attempt, channel, state, count(*) AS n FROM attempts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    return list(shop.run("ledger", "query", asked, "--json", **key).json["rows"])


@pytest.fixture(params=[{}, KEY], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param:
        pytest.importorskip("sqlcipher3", reason="pip install 'a2pcli[encryption]'")
    return dict(request.param)


def test_who_is_erased_while_the_next_channel_waits_gets_nothing_by_it(
    tmp_path: Path, key: dict[str, str]
) -> None:
    shop = shop_of(tmp_path, **key)
    assert send(shop, **key).status == 5
    assert [2, "sms", "planned", 3] in attempts(shop, **key)
    assert shop.run("people", "erase", "p1@example.org", "--yes", **key).status == 0
    settle(shop, UP)
    done = send(shop, **key)
    assert done.status == 0, done.err
    assert [n for n in (1, 2, 3) if f"-{n:06}" in texts(shop)] == [1, 3]  # rows of the file
    for name in (b"+447400000001", b"p1@example.org", b"Hello P1"):
        assert name not in stored(shop)
    assert shop.run("ledger", "check", **key).status == 0
    report = shop.run("report", done.json["run"], "--json", **key).json
    assert report["rows"] == 3
    assert shop.run("explain", "+447400000001", **key).status in (0, 1)


def test_an_encrypted_ledger_keeps_a_chain_of_channels_to_itself(tmp_path: Path) -> None:
    pytest.importorskip("sqlcipher3", reason="pip install 'a2pcli[encryption]'")
    shop = shop_of(tmp_path, **KEY)
    assert send(shop, **KEY).status == 5
    settle(shop, UP)
    done = send(shop, **KEY)
    assert (done.status, done.json["states"]) == (0, {"accepted": 3})
    for name in (b"4740000000", b"example.org", b"your order", b"SQLite format"):
        assert name not in stored(shop)
    assert shop.run("ledger", "check", **KEY).status == 0
    exported = shop.run("people", "export", "p1@example.org", "--json", **KEY)
    assert "+447400000001" in exported.out


@pytest.mark.parametrize("way", ["encrypt", "decrypt"])
def test_a_ledger_may_be_encrypted_and_decrypted_while_the_next_channel_waits(
    tmp_path: Path, way: str
) -> None:
    pytest.importorskip("sqlcipher3", reason="pip install 'a2pcli[encryption]'")
    before, after = ({}, KEY) if way == "encrypt" else (KEY, {})
    shop = shop_of(tmp_path, **before)
    assert send(shop, **before).status == 5
    assert shop.run("ledger", way, **KEY).status == 0
    settle(shop, UP)
    done = send(shop, **after)
    assert (done.status, done.json["states"]) == (0, {"accepted": 3}), done.err
    assert len(texts(shop).splitlines()) == 3
    assert shop.run("ledger", "check", **after).status == 0
    assert [3, "sms", "accepted", 3] not in attempts(shop, **after)


def test_retention_removes_people_with_all_their_attempts_and_leaves_alone_who_still_waits(
    tmp_path: Path,
) -> None:
    shop = shop_of(tmp_path)
    assert send(shop).status == 5
    settle(shop, DOWN + "\nretention: {default: 1 day}")
    assert shop.run("prune", "--yes").status == 0
    assert [2, "sms", "planned", 3] in attempts(shop)
    settle(shop, UP + "\nretention: {default: 1 day}")
    done = send(shop)
    assert done.json["states"] == {"accepted": 3}
    with sqlite3.connect(shop.folder / ".a2pcli" / "ledger.db") as ledger:
        for column in ("created_at", "planned_at", "started_at", "finished_at"):
            ledger.execute(f"UPDATE runs SET {column} = {column} - ?", (500 * DAY,))
        ledger.execute("UPDATE contacted SET at = at - ?", (500 * DAY,))
    ledger.close()
    pruned = shop.run("prune", "--yes", "--json").json
    assert [one["what"] for one in pruned["runs"]] == ["people"]
    for name in (b"+4474000000", b"example.org", b"your order"):
        assert name not in stored(shop)
    assert shop.run("report", done.json["run"], "--json").json["states"] == {"accepted": 3}
    assert shop.run("ledger", "check").status == 0
