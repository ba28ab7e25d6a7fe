"""``/readyz`` tells the truth: a disk that is full, a file that is gone, another schema; and when that is over."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import sys
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from answerkit import ANN, kannel, says, wait
from clikit import Project
from listenkit import Listener, listener, query

from a2pcli.actions import readiness
from a2pcli.errors import LedgerError
from a2pcli.listening.ready import Ready


def readyz(heard: Listener) -> tuple[int, str]:
    got = httpx.get(f"{heard.url}/readyz", timeout=30)
    return got.status_code, got.text.strip()


def most(heard: Listener, size: int) -> None:
    """Let the listener's files grow up to this size only, as on a full disk."""
    _, hard = resource.prlimit(heard.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(heard.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_full_disk_is_told_and_that_it_works_again(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings("")) as heard:
        assert readyz(heard) == (200, "ready")
        assert says(heard, ANN, "hello", id="before") == 200
        most(heard, (project.folder / ".a2pcli/ledger.db-wal").stat().st_size)
        assert says(heard, ANN, "stop", id="full") == 503
        assert wait(lambda: readyz(heard)[0] == 503)
        assert readyz(heard)[1] in (
            "the disk of the ledger is full",
            "the disk of the ledger failed, or is full",
        )
        assert "ready again" not in heard.said()
        most(heard, resource.RLIM_INFINITY)
        assert wait(lambda: "ready again after" in heard.said()), "by itself, though nobody asks"
        assert readyz(heard) == (200, "ready")
        assert says(heard, ANN, "stop", id="full") == 200
        assert [one["kind"] for one in query(project, "SELECT kind FROM replies ORDER BY received_at")] == [
            "none", "stop",
        ]  # fmt: skip
        assert heard.said().count("not ready, requests are answered with 503") == 1


def test_whatever_cannot_be_stored_makes_the_listener_look_until_it_can(tmp_path: Path) -> None:
    """Nobody calls and nobody asks: an answer that was to be sent, an event, a link met the full disk."""
    from a2pcli.ledger.store import Ledger

    told, answers = list[str](), [readiness.NotReady("the disk is full", "detail")] * 2
    met: list[LedgerError] = []
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        ledger.troubled = met.append

        def fill() -> None:
            with ledger.transaction(), ledger.writing() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 1")
                for name in range(3_000):
                    connection.exec_driver_sql("INSERT INTO about VALUES (?, ?)", (str(name), "x" * 100))

        with pytest.raises(LedgerError):
            fill()
    assert {one.problems[0].code for one in met} == {"ledger-disk-full"}
    assert readiness.is_of_ledger(met[0])

    async def run() -> None:
        over = asyncio.Event()

        def tell(sentence: str) -> None:
            told.append(sentence)
            if sentence.startswith("ready again"):
                over.set()

        ready = Ready(lambda: answers.pop() if answers else None, tell)
        task = asyncio.create_task(ready.watch())
        ready.failed()
        await asyncio.wait_for(over.wait(), 30)
        task.cancel()

    asyncio.run(run())
    assert told[0] == "not ready, requests are answered with 503: detail"
    assert told[1].startswith("ready again after")
    assert told[2:] == []


def test_a_trouble_that_is_over_at_once_is_not_told_as_one(tmp_path: Path) -> None:
    async def run() -> list[str]:
        told: list[str] = []
        ready = Ready(lambda: None, told.append)
        ready.failed()
        await ready.look()
        return told

    assert asyncio.run(run()) == []


def test_a_schema_that_another_version_made_is_told(project: Project) -> None:
    with kannel() as provider, listener(project.folder, settings=provider.settings("")) as heard:
        with sqlite3.connect(project.folder / ".a2pcli/ledger.db") as ledger:
            ledger.execute("UPDATE a2pcli_revision SET version_num = '9999'")
        assert wait(lambda: readyz(heard)[0] == 503)
        assert readyz(heard)[1] == "the ledger has the schema of another version of a2pcli"
        assert "knows schemas up to" in heard.said()


def test_too_little_room_is_told_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from a2pcli.ledger.store import Ledger

    usage = shutil.disk_usage(tmp_path)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        assert readiness.why_not_ready(ledger) is None
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3_200_000))
        found = readiness.why_not_ready(ledger, writes=False)
    assert found is not None
    assert found.public == "the disk of the ledger has 3.2 MB free, and 10 MB are needed"
    assert str(tmp_path) not in found.public
    assert str(tmp_path) in found.detail
