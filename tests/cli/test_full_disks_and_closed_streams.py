"""A disk that is full, a stream that is closed, names that steer a terminal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import readykit
from badkit import SEND, well_told
from clikit import PEOPLE, Project, Ran


def on_a_full_disk(project: Project, kilobytes: int, *arguments: str) -> Ran:
    """The command where no file may grow above a size: what is too much fails as it does on a full disk."""
    with readykit.Forked(
        ["badkit:without_room", str(kilobytes), *arguments],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as done:
        out, err = done.communicate(timeout=120)
    return Ran(done.returncode, out, err)


MANY = "mobile,first_name\n" + "".join(f"0791112{n:04d},P{n}\n" for n in range(5000))


@pytest.mark.skipif(not readykit.CAN_FORK, reason="no processes can be forked here")
def test_a_full_disk_stops_the_plan_and_the_same_command_works_when_there_is_room(project: Project):
    project.starter(people=MANY)
    full = on_a_full_disk(project, 100, *SEND)
    assert full.status == 8
    assert "is full" in full.err
    well_told(full)
    assert project.outbox() == []
    assert project.run(*SEND).status == 0
    assert len(project.outbox()) == 5000


@pytest.mark.skipif(not readykit.CAN_FORK, reason="no processes can be forked here")
def test_a_full_disk_while_messages_leave_stops_the_run_and_nobody_is_lost_or_sent_twice(project: Project):
    """What was in flight when nothing could be recorded any more shows as unknown; the others go later."""
    project.starter(people=MANY)
    plan = project.run("plan", "sale.yaml", "--json").json["plan"]
    size = (project.folder / ".a2pcli" / "ledger.db").stat().st_size // 1024
    full = on_a_full_disk(project, size + 100, "send", "--plan", plan)
    assert full.status == 8
    assert "is full" in full.err
    well_told(full)
    retried = [line for line in full.err.splitlines() if "retrying" in line]
    assert retried
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z the ledger failed", line) for line in retried)
    before = [one["to"] for one in project.outbox()]
    assert 0 < len(before) < 5000
    later = project.run("send", "--plan", plan, "--json")
    states = later.json["states"]
    after = [one["to"] for one in project.outbox()]
    assert len(set(after)) == len(after)
    assert states["accepted"] + states.get("unknown", 0) == 5000
    assert later.status == (4 if states.get("unknown") else 0)


@pytest.mark.skipif(not readykit.CAN_FORK, reason="no processes can be forked here")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_result_that_does_not_fit_on_the_disk_is_not_left_half(project: Project, kind: str):
    project.starter(people=MANY)
    assert project.run("plan", "sale.yaml").status == 0
    done = on_a_full_disk(project, 64, "report", "--out", f"rows.{kind}")
    assert done.status == 8
    assert f"rows.{kind}: cannot write" in done.err
    assert "free some space" in done.err
    well_told(done)
    assert list(project.folder.glob("rows*")) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("plan", "sale.yaml"),
        ("plan", "sale.yaml", "--json"),
        ("report", "--csv", "-"),
        ("count", "hi"),
    ],
    ids=" ".join,
)
def test_output_that_cannot_be_written_is_said(project: Project, arguments: tuple[str, ...]):
    project.starter().run("plan", "sale.yaml")
    with Path("/dev/full").open("w") as full:
        done = readykit.run(*arguments, cwd=project.folder, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 8
    assert done.stderr.endswith(
        "the output: no space left on device (free some space, then run the same command again)\n"
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell here")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_reason_to_fail(project: Project, closed: str):
    project.starter()
    command = f"exec {sys.executable} -m a2pcli send sale.yaml --yes {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=project.folder, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert len(project.outbox()) == 3


def test_names_that_steer_the_terminal_are_shown_not_obeyed(project: Project):
    people = PEOPLE + "07911123499,\x1b[2J\x1b]0;owned\x07\u202eEve,gold\n"
    shown = project.starter(people=people).run("preview", "sale.yaml", "--contact", "07911123499")
    assert "␛[2J␛]0;owned" in shown.out
    assert not set("\x1b\x07\u202e") & set(shown.out)
