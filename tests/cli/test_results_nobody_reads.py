"""What was done is done: that its result finds no reader changes no exit status, and nothing advises to do it again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import readykit
from clikit import Project

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@contextmanager
def nobody_reads(reader: str) -> Iterator[IO[str]]:
    """A stdout on a full disk, or a pipe whose reader is gone."""
    if reader == "full":
        with Path("/dev/full").open("w") as full:
            yield full
        return
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        yield gone


def asked(project: Project, arguments: tuple[str, ...]) -> list[str]:
    plan = project.starter().run("plan", "sale.yaml", "--json").json["plan"]
    return [plan if word == "PLAN" else word for word in arguments]


@pytest.mark.parametrize("reader", ["full", "gone"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "--plan", "PLAN", "--json"),
        ("send", "sale.yaml", "--test-to", "+447911123499", "--yes", "--json"),
        ("gateways", "test", "outbox", "--to", "+447911123499", "--yes"),
        ("cancel", "PLAN", "--yes", "--json"),
        ("people", "erase", "+447911123456", "--yes"),
    ],
    ids=["send", "test message", "gateway test", "cancel", "erase"],
)
def test_that_nobody_reads_the_result_changes_nothing_about_what_was_done(
    project: Project, arguments: tuple[str, ...], reader: str
):
    """The status tells of the messages, not of the screen."""
    words = asked(project, arguments)
    with nobody_reads(reader) as output:
        done = readykit.run(*words, cwd=project.folder, stdout=output, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert "the result could not be shown" in done.stderr
    assert "same command again" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("send", "--plan", "PLAN", "--json"), 0), (("send", "sale.yaml", "--json"), 6)],
    ids=["sent", "refused"],
)
def test_the_status_is_the_same_whether_python_writes_at_once_or_at_the_end(
    project: Project, arguments: tuple[str, ...], status: int
):
    """What stays in the interpreter's buffer is tried once more as it ends, and would make the status 120."""
    words = asked(project, arguments)
    environ: dict[str, Any] = {key: text for key, text in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with nobody_reads("full") as output:
        done = subprocess.run(
            [sys.executable, "-m", "a2pcli", *words],
            cwd=project.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == status, done.stderr
    assert "Exception ignored" not in done.stderr
    assert len(project.outbox()) == (0 if status else 3)
