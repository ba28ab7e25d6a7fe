"""A ledger that version 0.1.0 made goes on: it is sent, reported and erased from, with all that was in it.

``ledger_0_1_0.sql`` is one such ledger, as sqlite3's ``.dump`` writes it.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledgerkit import ACCEPTED, settle, states
from test_erasing_people import KEY, files_with

from a2pcli.errors import LedgerUnavailable
from a2pcli.ledger import erased, migrate, processes
from a2pcli.ledger.database import connect, ledger_url
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger

OLD = Path(__file__).parent / "ledger_0_1_0.sql"

COUNTS = {
    "spring-sale": {"accepted": 8, "skipped": 2},
    "held": {"planned": 7, "skipped": 3},
    "broken": {"accepted": 1, "planned": 3, "rejected": 1, "submitting": 1, "unknown": 1, "skipped": 3},
    "planned": {"planned": 7, "skipped": 3},
    "codes": {"planned": 7, "skipped": 3},
}


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NIGHT, MORNING = moment("2026-11-28 03:00"), moment("2026-11-28 08:30")


def old_file(folder: Path) -> Path:
    path = folder / "ledger.db"
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text("utf-8"))
    connection.close()
    path.chmod(0o600)
    return path


def on_server(url: str, path: Path) -> None:
    """The same ledger on PostgreSQL, made by the migrations of then."""
    engine = connect(ledger_url(url), busy_seconds=5)
    source = sqlite3.connect(path)
    with engine.begin() as connection:
        migrate.upgrade(connection, "0004")
        there = sa.MetaData()
        there.reflect(connection)
        for table in there.sorted_tables:
            names = [column.name for column in table.columns]
            rows = source.execute(f'SELECT {", ".join(names)} FROM "{table.name}"').fetchall()
            if table.name in ("about", migrate.VERSION_TABLE):
                connection.execute(table.delete())
            if rows:
                connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])
            for name in names if rows else ():
                sequence = sa.text("SELECT pg_get_serial_sequence(:table, :name)")
                if connection.execute(sequence, {"table": table.name, "name": name}).scalar():
                    connection.exec_driver_sql(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', '{name}'), max({name}))"
                        f" FROM {table.name}"
                    )
    source.close()
    engine.dispose()


@cache
def upgraded_file() -> bytes:
    """The ledger's file after this version opened it."""
    with tempfile.TemporaryDirectory() as folder:
        path = old_file(Path(folder))
        Ledger.open(str(path)).close()
        return path.read_bytes()


@pytest.fixture
def old(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The ledger, opened by this version."""
    monkeypatch.setenv(erased.KEY_VARIABLE, KEY)
    if "://" in url:
        on_server(url, old_file(tmp_path))
    else:
        Path(url).write_bytes(upgraded_file())
        Path(url).chmod(0o600)
    with Ledger.open(url) as ledger:
        yield ledger


def run_of(ledger: Ledger, campaign: str) -> Run:
    (run,) = ledger.runs.all(campaign=campaign)
    return run


def test_everything_is_counted_as_it_was(old: Ledger) -> None:
    assert {run.campaign: dict(old.runs.totals(run).by_state) for run in old.runs.all()} == COUNTS
    assert {run.campaign: states(old, run) for run in old.runs.all()} == COUNTS


def test_every_text_and_reason_is_there(old: Ledger) -> None:
    rows = [row for some in old.messages.rows(run_of(old, "planned")) for row in some]
    assert [row["line"] for row in rows] == list(range(2, 12))
    assert rows[0]["body"] == "Hi Ann 10, 20% off until Sunday. Reply STOP to opt out"
    assert [row["reason"] for row in rows if row["state"] == "skipped"] == [
        "erased",
        "invalid-number",
        "duplicate",
    ]
    assert rows[8]["cell"] == "not a number"
    assert len(old.messages.history("+447911123410")) == 10
    assert [
        event.kind
        for event in old.messages.history("+447911123410", run=run_of(old, "spring-sale"))[0].events
    ]


def test_a_plan_is_sent_as_it_was_made(old: Ledger) -> None:
    run = run_of(old, "planned")
    old.plans.verify(run)
    old.attempts.start(run, MORNING)
    claimed = (
        old.attempts.exchange(run, [], 5, MORNING).claimed
        + old.attempts.exchange(run, [], 5, MORNING).claimed
    )
    assert [one.message.to[-2:] for one in claimed] == ["10", "11", "13", "14", "15", "16", "17"]
    assert {one.message.body[:7] for one in claimed} == {"Hi Ann "}
    settle(old, run, [one.message.id for one in claimed], ACCEPTED)
    assert states(old, run) == {"accepted": 7, "skipped": 3}


def test_who_was_held_goes_when_the_hour_comes(old: Ledger) -> None:
    run = run_of(old, "held")
    old.plans.verify(run)
    old.attempts.start(run, NIGHT)
    assert old.attempts.exchange(run, [], 10, NIGHT).claimed == []
    assert [(one.messages, one.until) for one in old.runs.waiting(run, NIGHT)] == [
        (7, moment("2026-11-28 08:00"))
    ]
    assert len(old.attempts.exchange(run, [], 10, MORNING).claimed) == 7


def test_what_a_killed_sender_left_is_unknown_and_the_rest_goes_on(old: Ledger) -> None:
    run = run_of(old, "broken")
    assert old.attempts.start(run, MORNING) == 1
    found = old.attempts.exchange(run, [], 10, MORNING)
    assert (len(found.claimed), found.left) == (3, 0)
    assert states(old, run)["unknown"] == 2


def test_a_one_time_code_goes_when_it_is_settled(old: Ledger) -> None:
    run = run_of(old, "codes")
    old.attempts.start(run, MORNING)
    claimed = old.attempts.exchange(run, [], 10, MORNING).claimed
    settle(old, run, [one.message.id for one in claimed], ACCEPTED)
    assert not any(row["body"] for some in old.messages.rows(run, states=["accepted"]) for row in some)


def test_nobody_who_got_the_message_is_planned_again(old: Ledger) -> None:
    assert len(old.messages.reached(run_of(old, "spring-sale").occasion)) == 7  # one of the eight is erased
    assert len(old.messages.recipients(["spring-sale"]).drop_null()) == 7


def test_a_person_is_erased_from_it_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(erased.KEY_VARIABLE, KEY)
    path = old_file(tmp_path)
    needles = (b"7911123413", b"Ann 13")
    assert files_with(tmp_path, *needles)
    with Ledger.open(str(path)) as ledger:
        for run in ledger.runs.all():
            ledger.attempts.start(run, NIGHT)
        receipt = ledger.people.erase(Person("+447911123413"))
        ledger.rewrite()
        assert receipt.changed["messages"] == 5
        assert dict(ledger.runs.totals(run_of(ledger, "spring-sale")).by_state) == COUNTS["spring-sale"]
    assert files_with(tmp_path, *needles) == []


CONVERT = """
import os, signal, sys
import sqlalchemy as sa
from a2pcli.ledger.store import Ledger

@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def kill(connection, cursor, sql, *more):
    if sql.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Ledger.open(sys.argv[1])
"""


@pytest.mark.parametrize(
    "at", ["INSERT INTO audit", "CREATE TABLE attempts", "INSERT INTO attempts", "DROP TABLE", "CREATE INDEX"]
)
def test_a_conversion_that_is_killed_leaves_the_old_ledger_whole(tmp_path: Path, at: str) -> None:
    path = old_file(tmp_path)
    before = list(sqlite3.connect(path).iterdump())
    at = "\nCREATE TABLE attempts" if at == "CREATE TABLE attempts" else at
    at = "\nDROP TABLE" if at == "DROP TABLE" else at
    done = subprocess.run([sys.executable, "-c", CONVERT, str(path), at], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(sqlite3.connect(path).iterdump()) == before
    with Ledger.open(str(path)) as ledger:
        assert {run.campaign: dict(ledger.runs.totals(run).by_state) for run in ledger.runs.all()} == COUNTS


def test_it_is_not_converted_while_the_old_version_sends(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        proof = processes._proof(other.pid)
        connection = sqlite3.connect(path)
        connection.execute(
            "INSERT INTO senders VALUES (2, 1, ?, ?, ?, 0, ?)",
            (other.pid, processes.myself().host, proof, 1000 * int(datetime.now(UTC).timestamp())),
        )
        connection.commit()
        connection.close()
        with pytest.raises(LedgerUnavailable, match="an earlier version is sending run 2"):
            Ledger.open(str(path))
        os.kill(other.pid, signal.SIGKILL)
    with Ledger.open(str(path)) as ledger:
        assert len(ledger.runs.all()) == 5
