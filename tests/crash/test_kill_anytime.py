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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SENDING = Path(__file__).parents[1] / "sending"
if str(SENDING) not in sys.path:
    sys.path.insert(0, str(SENDING))

from loopback import gateway_block  # noqa: E402
from sendkit import number_of, open_ledger, plan_run, states  # noqa: E402

from a2pcli.ledger.records import Run  # noqa: E402
from a2pcli.ledger.store import Ledger  # noqa: E402

CONCURRENCY = 20
MOST_UNCERTAIN = 4 * CONCURRENCY
"""In flight, claimed ahead, and answered but not yet written: what one kill may leave unknown."""


@dataclass
class Provider:
    """``loopback.py`` in a process of its own: it survives every kill."""

    slowest_ms: int = 15
    process: subprocess.Popen[str] = field(init=False)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, str(SENDING / "loopback.py"), str(self.slowest_ms), "7"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def received(self) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/received") as answer:
            return [to for _reference, to in json.load(answer)["received"]]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@dataclass
class Zygote:
    """Forks senders; see ``zygote.py``."""

    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._read()

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def start(self, **plan: Any) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(plan) + "\n")
        self.process.stdin.flush()
        return int(self._read())

    def ended(self) -> int:
        """0 finished; -9 killed."""
        return int(self._read())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


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
        """One sender, killed at a boundary or after so many seconds; True if it finished first."""
        pid = self.zygote.start(
            ledger=self.ledger.name,
            run=self.run.id,
            block=gateway_block(self.provider.port),
            options=self.options,
            kill=kill,
        )
        if after is not None:
            time.sleep(after)
            os.kill(pid, signal.SIGKILL)  # not reaped before we read how it ended: the pid is still its own
        status = self.zygote.ended()
        assert status in (0, -signal.SIGKILL)
        self.kills += status != 0
        self._must_hold_now()
        return status == 0

    def finish(self) -> None:
        assert self.sender()
        self._must_hold_in_the_end()

    def _must_hold_now(self) -> None:
        found = states(self.ledger, self.run)
        assert sum(found.values()) == self.count
        assert found.get("submitting", 0) <= self.most_uncertain
        self.uncertain += found.get("submitting", 0)
        assert found.get("unknown", 0) <= self.uncertain

    def _must_hold_in_the_end(self) -> None:
        by_state: dict[str, set[str]] = {"accepted": set(), "unknown": set()}
        for chunk in self.ledger.rows(self.run):
            for row in chunk:
                by_state.setdefault(row["state"], set()).add(row["address"])
        assert set(by_state) == {"accepted", "unknown"}
        everybody = {number_of(row) for row in range(1, self.count + 1)}
        received = self.provider.received()
        assert [number for number, times in Counter(received).items() if times > 1] == []
        assert by_state["accepted"] | by_state["unknown"] == everybody
        assert by_state["accepted"] <= set(received)
        assert set(received) <= by_state["accepted"] | by_state["unknown"]
        assert len(by_state["unknown"]) <= self.uncertain


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
    run = plan_run(ledger, count)
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
    crash.finish()


def test_killed_at_random_moments(ledger: Ledger, provider: Provider, zygote: Zygote) -> None:
    crash = crash_of(ledger, provider, zygote, 3000)
    chance = random.Random(11)
    while crash.kills < 12 and not crash.sender(after=chance.uniform(0.05, 0.35)):
        pass
    crash.finish()
    assert crash.kills >= 5


def test_at_a_slow_pace_a_kill_leaves_one_or_two_uncertain(
    ledger: Ledger, provider: Provider, zygote: Zygote
) -> None:
    crash = crash_of(ledger, provider, zygote, 60, rate=4, most_uncertain=3)
    for _ in range(4):
        crash.sender(after=0.7)
    assert crash.kills == 4
    crash.options = {"concurrency": CONCURRENCY}
    crash.finish()


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
    crash = crash_of(ledger, provider, zygote, 12_000)
    chance = random.Random(seed)
    while crash.kills < 50 and not crash.sender(after=chance.choice((0.03, 0.1, 0.3, 0.6)) * chance.random()):
        pass
    crash.finish()
    assert crash.kills >= 35
