"""Erasing one person from the outbox, killed at any moment: nobody else's record is lost, doubled or torn."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import message

from a2pcli.gateways.outbox import OutboxGateway
from a2pcli.gateways.outbox_forget import forget_in_outbox
from a2pcli.gateways.outbox_lines import locked

ANN = "+12025550199"
SENDING = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from gatewaykit import message
from a2pcli.gateways.outbox import OutboxGateway
async def whole():
    made = OutboxGateway("outbox", {"folder": Path(sys.argv[1]), "file": "out.jsonl"})
    await made.open()
    number = 1_000_000
    while True:
        outcomes = await made.submit([message(number + i) for i in range(20)])
        assert {str(one.verdict) for one in outcomes} == {"accepted"}
        number += 20
        print(number, flush=True)
        await asyncio.sleep(0.01)
asyncio.run(whole())
"""


def record(number: int, to: str) -> str:
    body = f"Hello {number} " + "x" * (number % 300)
    return json.dumps({"reference": f"rold0000-{number:06d}", "to": to, "body": body, "at": "x"})


def filled(path: Path, count: int) -> None:
    """Every hundredth message is to a person of their own."""
    numbers = [
        f"+12025551{number // 100:03d}" if number % 100 == 0 else "+12025550100" for number in range(count)
    ]
    path.write_text("".join(record(number, to) + "\n" for number, to in enumerate(numbers)), encoding="utf-8")


def references(path: Path) -> list[str]:
    return [json.loads(line)["reference"] for line in path.read_bytes().splitlines()]


def test_a_kill_at_any_moment_harms_nobody_elses_record(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    filled(path, 4000)
    here = str(Path(__file__).parent)
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDING, str(tmp_path), here], stdout=subprocess.PIPE, text=True
    )
    assert sender.stdout is not None
    sent = [int(sender.stdout.readline())]
    chance = random.Random(14)
    erased = [f"+12025551{one:03d}" for one in range(20)]
    for _ in range(14):
        eraser = multiprocessing.get_context("fork").Process(
            target=lambda: [forget_in_outbox(path, number) for number in chance.sample(erased, 4)]
        )
        eraser.start()
        eraser.join(chance.uniform(0.001, 0.15))
        eraser.kill()
        eraser.join()
    for number in erased:
        forget_in_outbox(path, number)
    sender.send_signal(signal.SIGKILL)
    sent += [int(line) for line in sender.stdout.read().split()]
    sender.wait()
    lines = path.read_bytes().splitlines(keepends=True)
    if not lines[-1].endswith(b"\n"):
        lines.pop()  # the sender was killed too
    found = [json.loads(line)["reference"] for line in lines]
    accepted = {f"r7k2m9qd-{number:06d}" for number in range(1_000_000, sent[-1])}
    old = {f"rold0000-{number:06d}" for number in range(4000)}
    assert len(found) == len(set(found))
    assert (old | accepted) - set(found) == set()
    assert not any(number in path.read_text("utf-8") for number in erased)
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_sender_that_waited_for_the_lock_writes_into_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(record(1, ANN) + "\n")

    async def whole() -> Any:
        made = OutboxGateway("outbox", {"folder": tmp_path, "file": "out.jsonl"})
        await made.open()
        with path.open("r+b") as old, locked(old.fileno(), 5):
            task = asyncio.create_task(made.submit([message(2)]))
            await asyncio.sleep(0.2)
            new = tmp_path / "new"
            new.write_text(record(1, "x") + "\n")
            new.replace(path)
        outcome = (await task)[0]
        await made.close()
        return outcome

    assert asyncio.run(whole()).verdict == "accepted"
    assert references(path) == ["rold0000-000001", "r7k2m9qd-000002"]


def test_two_people_erased_at_once_are_both_gone(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    filled(path, 3000)
    numbers = [f"+12025551{one:03d}" for one in range(6)]
    threads = [threading.Thread(target=forget_in_outbox, args=(path, number)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(number in path.read_text("utf-8") for number in numbers)
    assert references(path) == [f"rold0000-{number:06d}" for number in range(3000)]


def test_what_an_older_version_was_killed_at_is_taken_up(tmp_path: Path) -> None:
    """It wrote over the file itself; the whole copy lay beside it."""
    path = tmp_path / "out.jsonl"
    lines = [record(number, ANN if number == 2 else "+12025550100") + "\n" for number in range(5)]
    (tmp_path / "out.jsonl.part").write_text("".join(lines))
    path.write_text("".join(lines)[:-90])
    assert forget_in_outbox(path, ANN) == 1
    said = [json.loads(line) for line in path.read_bytes().splitlines()]
    whole = [one["reference"] for one in said if not one.get("torn")]
    assert sorted(whole) == [f"rold0000-{number:06d}" for number in range(5)]
    assert ANN not in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_draft_that_a_kill_left_is_dropped_by_the_next_sender(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text(record(1, ANN) + "\n")
    (tmp_path / "out.jsonl.new").write_text(record(1, ANN)[:30])
    made = OutboxGateway("outbox", {"folder": tmp_path, "file": "out.jsonl"})
    asyncio.run(made.open())
    asyncio.run(made.close())
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.skipif(os.name == "nt", reason="no symbolic links")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text(record(1, ANN) + "\n")
    link = tmp_path / "out.jsonl"
    link.symlink_to("real.jsonl")
    assert forget_in_outbox(link, ANN) == 1
    assert link.is_symlink()
    assert ANN not in link.read_text()
