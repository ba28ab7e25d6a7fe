"""kill -9 at every boundary of the ledger and at random moments, against a real provider that counts."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import readykit

SENDING = Path(__file__).parents[1] / "sending"
if str(SENDING) not in sys.path:
    sys.path.insert(0, str(SENDING))

from loopback import MIXED_STATUSES, gateway_block  # noqa: E402
from sendkit import number_of, open_ledger, plan_run, states  # noqa: E402

from a2pcli.ledger.records import Run  # noqa: E402
from a2pcli.ledger.store import Ledger  # noqa: E402

CONCURRENCY = 20
MOST_UNCERTAIN = 10 * CONCURRENCY
"""Claimed ahead (at most eight times the concurrency), in flight, and answered but not yet written: what the ledger has
as submitting after a kill. What never left is taken back by the next sender: test_in_flight_journal."""


@dataclass
class Provider:
    """``loopback.py`` in a process of its own: it survives every kill."""

    slowest_ms: int = 15
    mixed: bool = False
    process: subprocess.Popen[str] = field(init=False)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, str(SENDING / "loopback.py"), str(self.slowest_ms), "7"]
        command += ["mixed"] if self.mixed else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def taken(self) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/taken") as answer:
            return list(json.load(answer)["taken"])

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Zygote:
    """Forks senders, one at a time; see ``killable.py``."""

    process: readykit.Forked

    def start(self, **plan: Any) -> int:
        self.process = readykit.Forked(
            ["killable:main", json.dumps(plan)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self.process.pid

    def ended(self) -> int:
        """0 finished; -9 killed."""
        return self.process.wait()


@pytest.fixture
def zygote() -> Zygote:
    return Zygote()


@dataclass
class Crash:
    """A run that is killed again and again, and what must hold after each kill and in the end."""

    ledger: Ledger
    run: Run
    provider: Provider
    zygote: Zygote
    count: int
    options: dict[str, Any]
    most_uncertain: int = MOST_UNCERTAIN
    kills: int = 0
    uncertain: int = 0

    def sender(self, kill: tuple[str, int] | None = None, after: float | None = None) -> bool:
        """One sender, killed at a boundary, or so many seconds after its first message; True if it finished first."""
        before = len(self.provider.taken())
        pid = self.zygote.start(
            ledger=self.ledger.name,
            run=self.run.id,
            block=gateway_block(self.provider.port, statuses=MIXED_STATUSES),
            options=self.options,
            kill=kill,
        )
        if after is not None:
            until = time.monotonic() + 20
            while len(self.provider.taken()) == before and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(after)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = self.zygote.ended()
        assert status in (0, -signal.SIGKILL)
        self.kills += status != 0
        self._must_hold_now()
        return status == 0

    def finish(self) -> dict[str, set[str]]:
        """Let the run end; the numbers by state."""
        assert self.sender()
        by_state = self._must_hold_in_the_end()
        counts = {state: len(numbers) for state, numbers in sorted(by_state.items())}
        print(f"{self.kills} kills, {self.uncertain} uncertain after them, in the end {counts}")
        return by_state

    def _must_hold_now(self) -> None:
        found = states(self.ledger, self.run)
        assert sum(found.values()) == self.count
        assert found.get("submitting", 0) <= self.most_uncertain
        self.uncertain += found.get("submitting", 0)

    def _must_hold_in_the_end(self) -> dict[str, set[str]]:
        by_state: dict[str, set[str]] = {"accepted": set(), "unknown": set()}
        for chunk in self.ledger.messages.rows(self.run):
            for row in chunk:
                by_state.setdefault(row["state"], set()).add(row["address"])
        accepted, unknown = by_state["accepted"], by_state["unknown"]
        taken = self.provider.taken()
        assert [number for number, times in Counter(taken).items() if times > 1] == []
        assert set.union(*by_state.values()) == {number_of(row) for row in range(1, self.count + 1)}
        assert accepted <= set(taken) <= accepted | unknown
        assert set(by_state) <= {"accepted", "unknown", "rejected", "skipped"}
        return by_state


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path) as opened:
        yield opened


def crash_of(ledger: Ledger, provider: Provider, zygote: Zygote, count: int, **options: Any) -> Crash:
    most = options.pop("most_uncertain", MOST_UNCERTAIN)
    run = plan_run(ledger, count, countries=("GB", "GB", "GB", "GB", "GB", "GB", "FR", "GB", "GB", "GB"))
    return Crash(ledger, run, provider, zygote, count, {"concurrency": CONCURRENCY, **options}, most)


def test_killed_at_the_first_boundaries_of_the_ledger(
    ledger: Ledger, provider: Provider, zygote: Zygote
) -> None:
    """Before a transaction, in it, and right after it: the first four of each."""
    crash = crash_of(ledger, provider, zygote, 1500)
    for boundary in ("begin", "commit", "after"):
        for nth in (1, 2, 3, 4):
            assert not crash.sender((boundary, nth))
    assert crash.kills == 12
    by_state = crash.finish()
    assert len(by_state["unknown"]) <= crash.uncertain


def test_killed_at_random_moments(ledger: Ledger, provider: Provider, zygote: Zygote) -> None:
    crash = crash_of(ledger, provider, zygote, 4000)
    chance = random.Random(11)
    while crash.kills < 6 and not crash.sender(after=chance.uniform(0, 0.2)):
        pass
    by_state = crash.finish()
    assert crash.kills
    assert len(by_state["unknown"]) <= crash.uncertain


def test_at_a_slow_pace_a_kill_leaves_one_or_two_uncertain(
    ledger: Ledger, provider: Provider, zygote: Zygote
) -> None:
    crash = crash_of(ledger, provider, zygote, 60, rate=4, most_uncertain=3)
    for seconds in (0.1, 0.4, 0.7):
        assert not crash.sender(after=seconds)
    crash.options = {"concurrency": CONCURRENCY}
    crash.finish()


def must_be_fair(crash: Crash, by_state: dict[str, set[str]]) -> None:
    """Of a mixed run: nobody is in a state that the provider's answers cannot have led to."""
    ending = {state: {int(number[-2:]) for number in numbers} for state, numbers in by_state.items()}
    assert {digits % 20 for digits in ending["rejected"] - {66}} <= {3, 7}
    assert {digits % 10 for digits in ending.get("skipped", set())} <= {6}  # only the refused country
    assert not {3, 7} & {digits % 20 for digits in ending["accepted"]}
    dropped = {number for number in by_state["unknown"] if number.endswith("44")}
    assert len(by_state["unknown"] - dropped) <= crash.uncertain
    opted_out = {number for number in by_state["rejected"] if int(number[-2:]) % 20 == 3}
    assert all(crash.ledger.optouts.of(number) for number in opted_out)


def test_killed_while_everything_happens(ledger: Ledger, zygote: Zygote) -> None:
    """Opt-outs, rejections, a refused country, temporary errors and dropped connections, and kills."""
    provider = Provider(mixed=True)
    try:
        crash = crash_of(ledger, provider, zygote, 1200, backoff_base=0.05)
        for boundary, nth in (("after", 3), ("commit", 5), ("begin", 7), ("after", 9)):
            crash.sender((boundary, nth))
        must_be_fair(crash, crash.finish())
        assert crash.kills == 4
    finally:
        provider.close()


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["begin", "commit", "after"])
def test_killed_at_every_boundary_while_everything_happens(
    ledger: Ledger, zygote: Zygote, boundary: str
) -> None:
    provider = Provider(mixed=True)
    try:
        crash = crash_of(ledger, provider, zygote, 4000, backoff_base=0.05)
        nth = 1
        while nth <= 30 and not crash.sender((boundary, nth)):
            nth += 1
        must_be_fair(crash, crash.finish())
        assert crash.kills >= 15
    finally:
        provider.close()


@pytest.mark.slow
@pytest.mark.parametrize("boundary", ["begin", "commit", "after"])
def test_killed_at_every_boundary_of_the_ledger(
    ledger: Ledger, provider: Provider, zygote: Zygote, boundary: str
) -> None:
    """The n-th boundary for n = 1, 2, 3, …, each in a sender of its own, until the run is through."""
    crash = crash_of(ledger, provider, zygote, 6000)
    nth = 1
    while nth <= 40 and not crash.sender((boundary, nth)):
        nth += 1
    assert crash.kills >= 20
    crash.finish()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_many_random_moments(ledger: Ledger, provider: Provider, zygote: Zygote, seed: int) -> None:
    crash = crash_of(ledger, provider, zygote, 20_000)
    chance = random.Random(seed)
    while crash.kills < 40 and not crash.sender(
        after=chance.choice((0.01, 0.05, 0.2, 0.4)) * chance.random()
    ):
        pass
    by_state = crash.finish()
    assert crash.kills >= 30
    assert len(by_state["unknown"]) <= crash.uncertain
