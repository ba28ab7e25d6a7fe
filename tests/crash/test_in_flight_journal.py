"""What a killed sender never handed over is sent; what may have left is unknown. Never the other way round."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import readykit
from sqlalchemy import text
from test_kill_anytime import MIXED_STATUSES, Provider, Zygote, gateway_block, number_of, plan_run, states

from a2pcli.ledger.erasure import Person
from a2pcli.ledger.holds import LAPSES_AFTER
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger


@pytest.fixture
def zygote() -> Zygote:
    return Zygote()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return str(request.getfixturevalue("server").get_uri())


@dataclass
class Killed:
    """A run whose sender was killed, with its open claims."""

    ledger: Ledger
    run: Run
    zygote: Zygote

    def sender(self, claims: int = 10, left: int = 4, **more: Any) -> None:
        pid = self.zygote.start(
            ledger=self.ledger.url.render_as_string(False), run=self.run.id, claims=claims, left=left, **more
        )
        assert self.zygote.ended() == -signal.SIGKILL
        while self.has_session(pid):
            time.sleep(0.01)

    def has_session(self, pid: int) -> bool:
        """Whether the server has yet to notice that this process is gone."""
        if self.ledger.url.get_backend_name() == "sqlite":
            return False
        query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE :of")
        with self.ledger.engine.connect() as connection:
            return bool(connection.execute(query, {"of": f"a2pcli {pid}@%"}).scalar())

    @property
    def journals(self) -> list[Path]:
        if self.ledger.url.get_backend_name() == "sqlite":
            folder = Path(f"{self.ledger.name}-locks")
        else:
            folder = Path(os.environ["XDG_STATE_HOME"]) / "a2pcli" / "in-flight"
        return list(folder.glob(f"{self.run.id}.*.in-flight"))

    @property
    def journal(self) -> Path:
        (found,) = self.journals
        return found

    def change(self, at: int, number: int) -> None:
        with self.journal.open("r+b") as file:
            file.seek(at)
            file.write(struct.pack("<Q", number))

    def in_senders(self, change: str) -> None:
        with self.ledger.engine.begin() as connection:
            connection.execute(
                text(f"UPDATE senders SET {change} WHERE run = :run"), {"run": self.run.number}
            )

    def take_over(self) -> dict[str, int]:
        with sender_lock(self.ledger, self.run):
            pass
        return states(self.ledger, self.run)


def killed(url: str, zygote: Zygote, rows: int = 30) -> Iterator[Killed]:
    with Ledger.open(url) as ledger:
        yield Killed(ledger, plan_run(ledger, rows, campaign=f"killed-{time.time_ns()}"), zygote)


@pytest.fixture
def run(url: str, zygote: Zygote) -> Iterator[Killed]:
    yield from killed(url, zygote)


@pytest.fixture
def on_sqlite(tmp_path: Path, zygote: Zygote) -> Iterator[Killed]:
    yield from killed(str(tmp_path / "ledger.db"), zygote)


UNTOLD = {"planned": 20, "unknown": 10}
"""States of thirty messages, ten of them claimed, where nobody can tell which of those left."""


def test_what_was_claimed_and_never_left_is_planned_again_as_if_it_had_not_been_claimed(run: Killed) -> None:
    run.sender(settled=3)
    assert run.take_over() == {"accepted": 3, "planned": 23, "unknown": 4}
    rows = [row for chunk in run.ledger.messages.rows(run.run) for row in chunk]
    assert [row["attempts"] for row in rows if row["state"] == "planned"] == [0] * 23
    assert [row["address"] for row in rows if row["state"] == "unknown"] == [
        number_of(n) for n in (4, 5, 6, 7)
    ]
    assert run.journals == []


def test_the_journal_is_for_its_owner_alone_and_holds_no_number(run: Killed) -> None:
    run.sender()
    assert run.journal.stat().st_mode & 0o777 == 0o600
    assert number_of(1).strip("+").encode() not in run.journal.read_bytes()


def test_without_its_journal_all_that_was_claimed_is_unknown(run: Killed) -> None:
    run.sender()
    run.journal.unlink()
    assert run.take_over() == UNTOLD


@pytest.mark.parametrize("full", ["disk", "later"])
def test_a_full_disk_leaves_all_that_was_claimed_unknown(run: Killed, full: str) -> None:
    run.sender(full=full)
    assert run.take_over() == UNTOLD


@pytest.mark.parametrize("ahead", [-1, -2, 2, 3])
def test_a_journal_and_a_ledger_of_different_moments_are_not_believed(run: Killed, ahead: int) -> None:
    """A backup of either of them was brought back."""
    run.sender()
    run.in_senders(f"beat = beat + {ahead}")
    assert run.take_over() == UNTOLD


def test_a_kill_between_a_commit_and_its_note_is_believed(run: Killed) -> None:
    run.sender()
    run.in_senders("beat = beat + 1")
    assert run.take_over() == {"planned": 26, "unknown": 4}


@pytest.mark.parametrize("change", ["process = 'another-boot/pid:[1]/5'", "token = token + 1"])
def test_the_journal_of_another_boot_or_another_hold_is_not_believed(run: Killed, change: str) -> None:
    run.sender()
    silent = f"seen_at = seen_at - {int((LAPSES_AFTER + 1) * 1000)}"
    run.in_senders(f"{change}, {silent}")
    assert run.take_over() == UNTOLD


def test_a_copy_of_the_journal_is_not_believed(on_sqlite: Killed) -> None:
    on_sqlite.sender()
    journal = on_sqlite.journal
    shutil.copy2(journal, copy := journal.with_suffix(".copy"))
    copy.replace(journal)
    assert on_sqlite.take_over() == UNTOLD


@pytest.mark.parametrize("size", [0, 100, 256, 260, 261])
def test_a_journal_that_was_cut_short_is_not_believed(on_sqlite: Killed, size: int) -> None:
    on_sqlite.sender()
    os.truncate(on_sqlite.journal, size)
    assert on_sqlite.take_over() == UNTOLD


def test_more_messages_in_flight_than_slots_get_more_slots(tmp_path: Path, zygote: Zygote) -> None:
    for many in killed(str(tmp_path / "ledger.db"), zygote, rows=3000):
        many.sender(claims=2900, left=2500)
        assert many.take_over() == {"planned": 500, "unknown": 2500}


def test_a_message_that_never_left_is_cancelled_with_its_run(run: Killed) -> None:
    run.sender()
    with sender_lock(run.ledger, run.run):
        assert run.ledger.runs.cancel(run.run, alone=True) == 26
    assert states(run.ledger, run.run) == {"cancelled": 26, "unknown": 4}


def test_a_person_who_is_erased_after_the_kill_is_never_sent_what_had_not_left(on_sqlite: Killed) -> None:
    on_sqlite.sender()
    number = number_of(8)
    on_sqlite.ledger.people.erase(Person(number, (number,)))
    assert on_sqlite.take_over() == {"planned": 25, "unknown": 4, "skipped": 1}


def test_a_decision_is_about_what_may_have_left_and_the_rest_is_told(on_sqlite: Killed) -> None:
    on_sqlite.sender()
    command = ["reconcile", on_sqlite.run.id, "--ledger", on_sqlite.ledger.name]
    done = readykit.run(*command, "--as", "sent", "--yes", "--json", capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert (told["found"], told["accepted"], told["never_left"], told["unknown"]) == (4, 4, 6, 0)
    assert states(on_sqlite.ledger, on_sqlite.run) == {"accepted": 4, "planned": 26}


def test_a_sender_that_ends_leaves_no_journal(tmp_path: Path, zygote: Zygote) -> None:
    provider = Provider(slowest_ms=1)
    try:
        for one in killed(str(tmp_path / "ledger.db"), zygote):
            zygote.start(
                ledger=one.ledger.name,
                run=one.run.id,
                block=gateway_block(provider.port),
                options={},
                kill=None,
            )
            assert zygote.ended() == 0
            assert one.journals == []
    finally:
        provider.close()


# -- kills at random moments, with a provider that counts ------------------------------------------------


@dataclass
class Tried:
    """What many kills left."""

    unknown: int = 0
    never_arrived: int = 0
    planned_again: int = 0


def kill_at_random(url: str, zygote: Zygote, kills: int, *, concurrency: int, **block: Any) -> Tried:
    """Kill senders of one run; nothing that arrived may be planned again, and in the end nobody has it twice."""
    provider, chance, tried = Provider(), random.Random(kills), Tried()
    described = gateway_block(provider.port, statuses=MIXED_STATUSES, **block)
    try:
        for killed_run in killed(url, zygote, rows=1000 * kills):
            ledger, run = killed_run.ledger, killed_run.run
            for _ in range(kills):
                before = len(provider.taken())
                pid = zygote.start(
                    ledger=ledger.url.render_as_string(False),
                    run=run.id,
                    block=described,
                    options={"concurrency": concurrency},
                    kill=None,
                )
                until = time.monotonic() + 20
                while len(provider.taken()) == before and time.monotonic() < until:
                    time.sleep(0.002)
                time.sleep(chance.choice((0.01, 0.05, 0.2)) * chance.random())
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                if zygote.ended() == 0:  # it had sent everything before it was killed
                    break
                _look(killed_run, provider, tried)
            assert [number for number, times in Counter(provider.taken()).items() if times > 1] == []
    finally:
        provider.close()
    print(tried)
    return tried


def _look(killed_run: Killed, provider: Provider, tried: Tried) -> None:
    ledger, run = killed_run.ledger, killed_run.run

    def numbers(state: str) -> set[str]:
        return {row["address"] for chunk in ledger.messages.rows(run, states=[state]) for row in chunk}

    # A server may still be busy with the last commit, so what was claimed may yet become accepted.
    claimed, before = numbers("submitting"), numbers("unknown")
    with sender_lock(ledger, run):
        pass
    taken = _all_taken(provider)
    unknown, planned = numbers("unknown") - before, numbers("planned")
    assert not planned & taken
    assert not numbers("submitting")
    tried.unknown += len(unknown)
    tried.never_arrived += len(unknown - taken)
    tried.planned_again += len(claimed & planned)


def _all_taken(provider: Provider) -> set[str]:
    """What the provider took, once it has read all that was sent."""
    taken: set[str] = set()
    while len(taken) != len(taken := set(provider.taken())):
        time.sleep(0.05)
    return taken


WAYS = {
    "wire": {"concurrency": 20},
    "wire in batches": {"concurrency": 4, "batch": 16},
    "httpx": {"concurrency": 20, "engine": "httpx"},
    "httpx in batches": {"concurrency": 4, "engine": "httpx", "batch": 16},
}


@pytest.mark.parametrize("way", ["wire", "httpx in batches"])
def test_a_few_kills_plan_nothing_again_that_arrived(tmp_path: Path, zygote: Zygote, way: str) -> None:
    tried = kill_at_random(str(tmp_path / "ledger.db"), zygote, 4, **WAYS[way])
    assert tried.unknown


@pytest.mark.slow
def test_of_what_many_kills_leave_unknown_at_most_a_tenth_never_arrived(url: str, zygote: Zygote) -> None:
    every = {name: kill_at_random(url, zygote, 30, **way) for name, way in WAYS.items()}
    for chosen in (every.values(), [every["wire"], every["wire in batches"]]):
        assert sum(one.never_arrived for one in chosen) <= sum(one.unknown for one in chosen) / 10
    assert all(one.planned_again for one in every.values())
