"""A sender that is really killed, at any moment: what it was given is kept, and nobody is given out twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time

import pytest
from ledgerkit import ACCEPTED, NOW, Make, states

from a2pcli.ledger.records import Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9")


def send(url: str, run: Run, told: int) -> None:
    """Claim and settle until there is no more, telling each id once its commit has come back."""
    with Ledger.open(url) as ledger:
        ledger.attempts.start(run, NOW)
        settled: list[Settled] = []
        while True:
            found = ledger.attempts.exchange(run, settled, 5, NOW)
            lines = [f"settled {one.message_id}" for one in settled]
            lines += [f"claimed {one.message.id}" for one in found.claimed]
            os.write(told, ("\n".join(lines) + "\n").encode())
            if not found.claimed:
                break
            settled = [Settled(one.message.id, ACCEPTED, State.ACCEPTED) for one in found.claimed]


def send_and_kill(url: str, run: Run, delay: float | None) -> list[tuple[str, int]]:
    """What a sender told before it was killed, ``delay`` seconds after its first word; None lets it end."""
    reading, writing = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=send, args=(url, run, writing))
    process.start()
    os.close(writing)
    text = os.read(reading, 65536)
    if delay is not None:
        time.sleep(delay)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    while more := os.read(reading, 65536):
        text += more
    os.close(reading)
    process.join()
    # A last line without its end was being written when the process was killed.
    lines = text.decode().rpartition("\n")[0].split("\n")
    return [(word, int(id)) for word, id in (line.split() for line in lines if line)]


def kill_again_and_again(url: str, kills: int, rows: int) -> None:
    """Kill ``kills`` senders of a run, then let one finish, checking the ledger after each."""
    with Ledger.open(url) as ledger:
        run = Make(ledger).plan(rows)
    chance = random.Random(kills)
    claimed: list[int] = []
    settled: set[int] = set()
    for turn in range(kills + 1):
        delay = chance.uniform(0, 0.03) if turn < kills else None
        for word, id in send_and_kill(url, run, delay):
            claimed.append(id) if word == "claimed" else settled.add(id)
        with Ledger.open(url) as ledger:
            state = {row["id"]: row["state"] for chunk in ledger.messages.rows(run) for row in chunk}
        assert len(state) == rows
        assert [id for id in claimed if state[id] == "planned"] == []
        assert [id for id in settled if state[id] != "accepted"] == []
    assert len(claimed) == len(set(claimed))
    with Ledger.open(url) as ledger:
        counted = states(ledger, run)
    assert counted["accepted"] + counted.get("unknown", 0) == rows
    assert counted["accepted"] >= len(settled)


def test_a_killed_sender_loses_nothing_and_nothing_goes_out_twice(url: str) -> None:
    kill_again_and_again(url, kills=6, rows=600)


@pytest.mark.slow
def test_a_sender_killed_a_hundred_times_loses_nothing(url: str) -> None:
    kill_again_and_again(url, kills=100, rows=6_000)
