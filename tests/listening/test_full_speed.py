"""A sender and a listener on one ledger, on SQLite and PostgreSQL: nothing is lost, or there twice, or fails."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
sys.path.insert(0, str(Path(__file__).parents[1]))

import readykit
from clikit import PEOPLE, Project
from listenkit import ENVIRON, SECRET, SETTINGS, killed_under_load, listener, query
from postgreskit import running_postgres

CLIENTS = 12


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, project: Project) -> Iterator[str]:
    """Where the ledger is, as the settings have it."""
    if request.param == "sqlite":
        yield ".a2pcli/ledger.db"
        return
    with running_postgres() as server:
        yield server.get_uri()


def together(project: Project, ledger: str, many: int, at_least: float) -> None:
    """Send ``many`` messages, and receive two receipts of each meanwhile, for ``at_least`` seconds."""
    rows = "".join(f"+4474001{row:05d},P{row},gold\n" for row in range(many))
    project.starter(people=PEOPLE.splitlines()[0] + "\n" + rows)
    project.write("a2pcli.yaml", f"{SETTINGS}rates: rates.csv\nledger: '{ledger}'\n")
    project.run("ledger", "create", **ENVIRON)
    with listener(project.folder, "--ledger", ledger, settings=None) as heard:
        environ = {**os.environ, **ENVIRON}
        sender = readykit.begin(
            "send", "sale.yaml", "--yes", cwd=project.folder, env=environ, stderr=subprocess.PIPE, text=True
        )
        while not (runs := project.run("runs", "--json", **ENVIRON).json["runs"]):
            assert sender.poll() is None, sender.communicate()
            time.sleep(0.1)
        (run,) = runs
        until, answers, extra = time.monotonic() + at_least, list[int](), list[int]()

        def load(part: int) -> None:
            with httpx.Client(timeout=60) as client:
                base = f"{heard.url}/callbacks/kannel/{SECRET}?reference={run['run']}"
                for row in range(part + 1, many + 1, CLIENTS):
                    for status in ("8", "1"):
                        answers.append(client.get(f"{base}-{row:06d}&status={status}&id=i{row}").status_code)
                while time.monotonic() < until:  # what comes twice, until the time is over
                    row = len(extra) % many + 1
                    extra.append(client.get(f"{base}-{row:06d}&status=1&id=i{row}").status_code)

        threads = [threading.Thread(target=load, args=(part,)) for part in range(CLIENTS)]
        for one in threads:
            one.start()
        _, said = sender.communicate(timeout=600)
        for one in threads:
            one.join()
        assert sender.returncode == 0, said
        assert set(answers) | set(extra) == {200}
        assert heard.stop() == 0, heard.said()
        assert "not stored" not in heard.said()
    found = query(project, "SELECT delivery, count(*) AS n FROM messages GROUP BY delivery")
    assert found == [{"delivery": "delivered", "n": many}]
    assert query(project, "SELECT count(*) AS n FROM receipts") == [{"n": 2 * many}]
    assert project.run("ledger", "check", **ENVIRON).status == 0


def test_a_sender_and_a_listener_share_a_ledger_on_postgresql(project: Project) -> None:
    with running_postgres() as server:
        together(project, server.get_uri(), 200, 0)


@pytest.mark.slow
def test_a_sender_and_a_listener_share_a_ledger_at_full_speed_for_a_minute(
    project: Project, ledger: str
) -> None:
    together(project, ledger, 20_000, 60)


@pytest.mark.slow
def test_a_listener_on_postgresql_that_is_killed_has_every_acknowledged_receipt_once(
    project: Project,
) -> None:
    with running_postgres() as server:
        ledger = server.get_uri()
        project.write("a2pcli.yaml", f"{SETTINGS}ledger: '{ledger}'\n")
        project.run("ledger", "create", **ENVIRON)
        with listener(project.folder, "--ledger", ledger, settings=None) as heard:
            acknowledged = killed_under_load(heard, 200)
        stored = [str(one["gateway_id"]) for one in query(project, "SELECT gateway_id FROM receipts")]
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))
