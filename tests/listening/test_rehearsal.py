"""The whole loop on one machine: a simulated provider calls the listener, which stores, confirms and suppresses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from clikit import Project

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "rehearsal.py"


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import rehearsal as found  # type: ignore[import-not-found]

    monkeypatch.setattr(found, "PEOPLE", 100)
    return found


def rows(project: Project, sql: str) -> list[list[Any]]:
    ran = project.run("ledger", "query", sql, "--json")
    assert ran.status == 0, ran.err
    return list(ran.json["rows"])


def test_every_accepted_message_has_its_receipt_once_and_nobody_who_said_stop_gets_another(
    tmp_path: Path, rehearsal: ModuleType
) -> None:
    folder = tmp_path / "rehearsal"
    rehearsal.make_project(folder)
    project = Project(folder)
    said_stop = []
    with rehearsal.listener(folder):
        for campaign in ("first.yaml", "second.yaml"):
            rehearsal.run(folder, "send", campaign, "--yes", quiet=True)
            rehearsal.wait_for_answers(folder)
            said_stop.append(
                {one["number"] for one in project.run("optout", "list", "--json").json["suppressions"]}
            )
    sent = [json.loads(line) for line in (folder / ".a2pcli/receipts.jsonl").read_text().splitlines()]
    final = {one["gateway_id"]: one["state"] for one in sent if one["state"] != "accepted"}
    messages = rows(project, "SELECT a.gateway_id, m.address, r.campaign FROM attempts a"
                    " JOIN messages m ON m.run = a.run AND m.row = a.row JOIN runs r ON r.run = a.run"
                    " WHERE a.state = 'accepted'")  # fmt: skip
    told = rows(project, "SELECT gateway_id, delivery FROM receipts WHERE run IS NOT NULL")
    assert Counter(one for one, _ in told) == Counter(one for one, _, _ in messages)
    assert dict(told) == {one: final[one] for one, _ in told}
    first, second = (
        {address for _, address, campaign in messages if campaign == name}
        for name in ("spring-news", "summer-news")
    )
    assert len(first) == 100
    assert said_stop[0]
    assert second == first - said_stop[0], "everybody but those who said STOP"
    stops = rows(project, "SELECT address, state FROM answers WHERE kind = 'stop'")
    assert sorted(address for address, _ in stops) == sorted(said_stop[1]), "one confirmation each"
    assert {state for _, state in stops} == {"accepted"}


def test_a_rehearsal_that_is_interrupted_leaves_nothing_running(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(tmp_path / "r")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "a2pcli send" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 130, rest
    finally:
        process.kill()
    assert "Stopped. Nothing is left running." in rest
    assert "Traceback" not in rest
    assert str(tmp_path) not in _running()


@pytest.mark.slow
def test_the_rehearsal_of_make_demo_tells_the_whole_loop(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "r")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    steps = (
        "listen --port",
        "send first.yaml",
        "report",
        "optout list",
        "ledger query",
        "inbox list",
        "plan second.yaml",
    )
    places = [ran.stdout.find(f"$ a2pcli {step}") for step in steps]
    assert places == sorted(places)
    assert -1 not in places
    assert "simulated delivery" in ran.stdout
    assert "opted-out" in ran.stdout
    assert "stopped; stored 200 receipts" in ran.stdout


def _running() -> str:
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            found.append(f"{(one / 'cwd').readlink()} {(one / 'cmdline').read_bytes()!r}")
        except OSError:
            continue
    return "\n".join(found)
