"""The whole loop on one machine: a simulated provider calls the listener, which stores, confirms and suppresses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import readykit
from clikit import Project

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "rehearsal.py"


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import rehearsal as found  # type: ignore[import-not-found]

    monkeypatch.setattr(found, "PEOPLE", 100)
    monkeypatch.setattr(found, "command", lambda *arguments: arguments)
    begun = SimpleNamespace(Popen=begin, run=run, TimeoutExpired=subprocess.TimeoutExpired)
    monkeypatch.setattr(found, "subprocess", begun)
    for limit in ("STARTS_WITHIN", "ANSWERS_WITHIN", "STOPS_WITHIN"):
        monkeypatch.setattr(found, limit, 120.0)  # others may work on this machine
    return found


def begin(arguments: tuple[str, ...], **how: Any) -> subprocess.Popen[Any]:
    """The listener, begun at once."""
    return readykit.begin(*arguments, **how)


def run(arguments: tuple[str, ...], *, check: bool, **how: Any) -> subprocess.CompletedProcess[Any]:
    assert not check
    return readykit.run(*arguments, **how)


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


SURVEY = """\
title: The fair
questions:
  score: {ask: "From 0 to 10, how likely are you to recommend us?", kind: scale, from: 0, to: 10}
  again: {ask: "Will you come again? YES or NO", kind: choice, options: [yes, no]}
"""
CAMPAIGN = """\
name: fair-survey
objective: Ask how the fair was
purpose: transactional
contacts: contacts.csv
survey: fair
"""
ANSWERS = """\
      answers:
        - {asked: "how likely", texts: ["9", "10", "3"]}
        - {asked: "come again", texts: ["Yes", "no"]}
"""


def test_simulated_people_answer_every_question_of_a_survey(tmp_path: Path, rehearsal: ModuleType) -> None:
    folder = tmp_path / "rehearsal"
    rehearsal.make_project(folder)
    settings = folder / "a2pcli.yaml"
    typed = settings.read_text().replace("undelivered: 3%", "undelivered: 0")
    kept = [line for line in typed.splitlines() if "stop:" not in line and "help:" not in line]
    settings.write_text("\n".join(line for line in kept if "other:" not in line) + "\n" + ANSWERS)
    (folder / "surveys").mkdir()
    (folder / "surveys/fair.yaml").write_text(SURVEY)
    (folder / "survey.yaml").write_text(CAMPAIGN)
    (folder / "contacts.csv").write_text(
        "first_name,phone\n" + "".join(f"Ann,0770090000{at}\n" for at in range(10))
    )
    project = Project(folder)
    with rehearsal.listener(folder):
        rehearsal.run(folder, "send", "survey.yaml", "--yes", quiet=True)
        arrived = rows(
            project, "SELECT COUNT(*) FROM receipts WHERE run IS NOT NULL AND delivery = 'delivered'"
        )[0][0]
        until = time.monotonic() + 120
        while time.monotonic() < until:
            answered = rows(project, "SELECT COUNT(*) FROM replies")[0][0]
            if answered >= 2 * arrived:
                break
            time.sleep(0.3)
    found = project.run("survey", "results", "fair", "--json")
    assert found.status == 0, found.err
    assert found.out.count('"late": false') == 20
    assert arrived == 10
    assert answered == 2 * arrived, found.out


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
    stored = re.search(r"stopped; stored (\d+) receipts", ran.stdout)
    assert stored is not None
    assert int(stored[1]) >= 200, "those of the campaign, and of what was answered to replies"


def _running() -> str:
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            found.append(f"{(one / 'cwd').readlink()} {(one / 'cmdline').read_bytes()!r}")
        except OSError:
            continue
    return "\n".join(found)
