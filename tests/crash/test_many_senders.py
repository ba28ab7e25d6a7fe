"""Several senders of one run on PostgreSQL, killed at random: everybody once, unknown only what a killed one had."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from postgreskit import running_postgres
from sqlalchemy import text
from test_kill_anytime import MIXED_STATUSES, Provider, Zygote, gateway_block, number_of, plan_run, states

from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger

CONCURRENCY = 10
SENDERS = 4
MOST_UNCERTAIN = 4 * CONCURRENCY
"""Of one kill: what is in flight, and answered but not yet written."""


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def zygotes() -> list[Zygote]:
    return [Zygote() for _ in range(SENDERS)]


@dataclass
class Sender:
    """A place for one sender at a time."""

    zygote: Zygote
    pid: int = 0
    name: str = ""
    ended: list[int] = field(default_factory=list)

    def poll(self) -> None:
        """Learn whether its process has ended by itself."""
        if self.pid and self.zygote.process.poll() is not None:
            self._end()

    def kill(self) -> bool:
        """Kill its process; False where it ended before."""
        os.kill(self.pid, signal.SIGKILL)
        return self._end() == -signal.SIGKILL

    def _end(self) -> int:
        self.ended.append(self.zygote.ended())
        self.pid = 0
        return self.ended[-1]


@dataclass
class Many:
    """A run that several senders send, and are killed at."""

    ledger: Ledger
    run: Run
    provider: Provider
    senders: list[Sender]
    options: dict[str, Any] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)
    names: int = 0

    def start(self, sender: Sender) -> None:
        self.names += 1
        sender.name = f"sender {self.names}"
        block = gateway_block(self.provider.port, statuses=MIXED_STATUSES)
        block["json"] = {**block["json"], "by": sender.name}
        sender.pid = sender.zygote.start(
            ledger=self.ledger.url.render_as_string(False),
            run=self.run.id,
            block=block,
            options={"concurrency": CONCURRENCY, **self.options},
            kill=None,
        )

    def go(self, kills: int, chance: random.Random) -> None:
        """Let them send, kill so many of them, start others in their place, and wait until the run is finished."""
        for sender in self.senders:
            self.start(sender)
        until = time.monotonic() + 600
        while self.state != "finished":
            assert time.monotonic() < until, (self.state, states(self.ledger, self.run))
            time.sleep(chance.choice((0.02, 0.1, 0.3)) * chance.random())
            for sender in self.senders:
                sender.poll()
            if len(self.killed) < kills:
                self.kill_one(chance)
            resting = [sender for sender in self.senders if not sender.pid]
            if resting and (len(resting) == SENDERS or chance.random() < 0.5):
                self.start(chance.choice(resting))
        while any(sender.pid for sender in self.senders):
            assert time.monotonic() < until
            time.sleep(0.01)
            for sender in self.senders:
                sender.poll()

    def kill_one(self, chance: random.Random) -> None:
        """Kill a sender that has sent something; every tenth may be one that only begins."""
        at_work = set(self.taken()["by"].values())
        early = len(self.killed) % 10 == 9
        alive = [sender for sender in self.senders if sender.pid and (early or sender.name in at_work)]
        if alive and (chosen := chance.choice(alive)).kill():
            self.killed.add(chosen.name)

    @property
    def state(self) -> str:
        return self.ledger.runs.get(self.run.id).state

    def taken(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.provider.port}/taken") as answer:
            return dict(json.load(answer))

    def must_hold(self, count: int) -> dict[str, set[str]]:
        """Everybody is accounted for, nobody has it twice, and what is unknown a killed sender had."""
        found: dict[str, set[str]] = {"accepted": set(), "unknown": set()}
        for chunk in self.ledger.messages.rows(self.run):
            for row in chunk:
                found.setdefault(row["state"], set()).add(row["address"])
        told = self.taken()
        taken, by = set(told["taken"]), told["by"]
        assert [number for number, times in Counter(told["taken"]).items() if times > 1] == []
        assert set.union(*found.values()) == {number_of(row) for row in range(1, count + 1)}
        assert set(found) <= {"accepted", "unknown"}
        assert found["accepted"] <= taken <= found["accepted"] | found["unknown"]
        assert {by[number] for number in found["unknown"] & taken} <= self.killed
        assert len(found["unknown"]) <= MOST_UNCERTAIN * len(self.killed)
        ends = Counter(status for sender in self.senders for status in sender.ended)
        assert set(ends) <= {0, 7, -signal.SIGKILL}, ends
        with self.ledger.engine.connect() as connection:
            for table in ("senders", "leases"):
                rows = f"SELECT count(*) FROM {table} WHERE run = {self.run.number}"
                assert connection.execute(text(rows)).scalar() == 0
        never = len(found["unknown"] - taken)
        shares = Counter(by.values())
        print(
            f"{len(self.killed)} kills, {len(found['unknown'])} unknown ({never} never arrived),"
            f" {len(shares)} senders had a share, ends {dict(ends)}"
        )
        return found


def many(server: Any, zygotes: list[Zygote], count: int, chunk: int, slowest_ms: int) -> Iterator[Many]:
    provider = Provider(slowest_ms=slowest_ms)
    try:
        with Ledger.open(server.get_uri()) as ledger:
            run = plan_run(ledger, count, campaign=f"many-{time.time_ns()}", chunk=chunk)
            yield Many(ledger, run, provider, [Sender(one) for one in zygotes])
    finally:
        provider.close()


def test_several_senders_share_a_run_and_all_of_them_end_when_it_is_finished(
    server: Any, zygotes: list[Zygote]
) -> None:
    for shared in many(server, zygotes, 500, chunk=50, slowest_ms=150):
        shared.go(0, random.Random(1))
        found = shared.must_hold(500)
        assert len(found["accepted"]) == 500
        assert len(set(shared.taken()["by"].values())) > 1


def test_a_few_kills_among_several_senders_send_nothing_twice(server: Any, zygotes: list[Zygote]) -> None:
    for shared in many(server, zygotes, 700, chunk=50, slowest_ms=200):
        shared.go(3, random.Random(3))
        assert shared.must_hold(700)["accepted"]
        assert shared.killed


@pytest.mark.slow
def test_a_hundred_kills_among_four_senders_send_nothing_twice(server: Any, zygotes: list[Zygote]) -> None:
    for shared in many(server, zygotes, 20_000, chunk=200, slowest_ms=60):
        shared.go(100, random.Random(100))
        shared.must_hold(20_000)
        assert len(shared.killed) == 100
