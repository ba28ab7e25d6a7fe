"""One sender a run: a lock that ends with its process, and with nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledgerkit import Make

from a2pcli.errors import ExitStatus, RunBusy
from a2pcli.ledger.lock import live_sender, sender_lock
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger

HOLD = """
import sys, time
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.store import Ledger
with Ledger.open(sys.argv[1]) as ledger, sender_lock(ledger, ledger.runs.get(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_sends(url: str, run: Run) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, url, run.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_second_sender_is_told_who_the_first_is(make: Make, ledger: Ledger, url: str) -> None:
    run = make.plan(1)
    with another_process_sends(url, run) as process:
        with pytest.raises(RunBusy) as caught, sender_lock(ledger, run):
            pass
        assert caught.value.exit_status == ExitStatus.BUSY
        assert f"process {process.pid} on " in str(caught.value)
        assert run.id in str(caught.value)
        assert live_sender(ledger, run) is not None


def test_another_run_is_not_held(make: Make, ledger: Ledger, url: str) -> None:
    run, other = make.plan(1), make.plan(1)
    with another_process_sends(url, run), sender_lock(ledger, other):
        pass


def test_the_lock_ends_with_a_killed_process(make: Make, ledger: Ledger, url: str) -> None:
    run = make.plan(1)
    with another_process_sends(url, run) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        for _ in range(100):  # a server notices a moment later
            try:
                with sender_lock(ledger, run):
                    break
            except RunBusy:
                signal.sigtimedwait([], 0.05)
        else:
            pytest.fail("the lock of a killed process still holds")
    assert live_sender(ledger, run) is None


def test_the_lock_is_free_again_after_its_block_and_after_an_error(make: Make, ledger: Ledger) -> None:
    run = make.plan(1)
    for _ in range(2):
        with pytest.raises(KeyError), sender_lock(ledger, run):
            raise KeyError
    assert live_sender(ledger, run) is None


def test_one_process_cannot_hold_a_run_twice(make: Make, ledger: Ledger, url: str) -> None:
    run = make.plan(1)
    with (
        Ledger.open(url) as other,
        sender_lock(ledger, run),
        pytest.raises(RunBusy, match=f"process {os.getpid()} on "),
        sender_lock(other, run),
    ):
        pass


def test_a_planner_that_was_killed_half_way_leaves_nothing_behind(url: str) -> None:
    script = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from ledgerkit import *
ledger = Ledger.open(sys.argv[1])
run = Make(ledger).begun()
ledger.plans.add_rows(run, PlannedRows(accepted(range(50))))
print(run.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, url, folder], capture_output=True, text=True, check=False
    )
    with Ledger.open(url) as ledger:
        dead = ledger.runs.get(done.stdout.strip())
        assert dead.state == "planning"
        for _ in range(100):
            Make(ledger).plan(3)
            if ledger.runs.get(dead.id).state == "discarded":
                break
        assert ledger.runs.get(dead.id).state == "discarded"
        assert sum(len(chunk) for chunk in ledger.messages.rows(dead)) == 0
