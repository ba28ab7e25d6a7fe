"""A real SQLite that is full or locked, in the middle of a run; and a gateway that cannot be stopped."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sendkit import ACCEPTED, ScriptedGateway, open_ledger, plan_run, send, send_in_no_time, states
from sqlalchemy import event

from a2pcli.errors import LedgerError
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, Outcome
from a2pcli.sending.options import Ended, SendOptions
from a2pcli.sending.stop import StopRequest


def test_a_full_disk_stops_the_sending_and_nobody_is_lost_or_messaged_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself says that the disk is full; with room again, a later send goes on."""
    monkeypatch.setattr("a2pcli.sending.insisting.LEDGER_PAUSES", (0.01, 0.05))
    monkeypatch.setattr("a2pcli.sending.timing.LEDGER_PAUSES", (0.01, 0.05))
    with open_ledger(tmp_path) as ledger:
        run = plan_run(ledger, 2000)
    gateway = ScriptedGateway(seconds=0.01)
    with open_ledger(tmp_path) as small:

        @event.listens_for(small.engine, "connect")
        def _no_room(driver: sqlite3.Connection, _record: object) -> None:
            pages = driver.execute("PRAGMA page_count").fetchone()[0]
            driver.execute(f"PRAGMA max_page_count = {pages + 3}")

        small.engine.dispose()
        with pytest.raises(LedgerError) as caught:
            send(small, run, gateway, SendOptions(drain_deadline=2))
    assert "full" in str(caught.value)
    with open_ledger(tmp_path) as ledger:
        open_rows = states(ledger, run).get("submitting", 0)
        assert len(gateway.got) < 2000
        later = ScriptedGateway()
        result = send(ledger, ledger.runs.get(run.id), later)
        assert result.ended is Ended.FINISHED
        assert not set(later.numbers) & set(gateway.numbers)
        assert states(ledger, run) == {
            "accepted": 2000 - open_rows,
            **({"unknown": open_rows} if open_rows else {}),
        }


def test_another_program_that_holds_the_ledger_for_a_while_only_delays(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "ledger.db"), busy_seconds=0.1) as ledger:
        run = plan_run(ledger, 300)
        held = threading.Event()

        def hold() -> None:
            other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(0.8)
            other.execute("ROLLBACK")
            other.close()

        thread = threading.Thread(target=hold)

        def answer(_message: Message, n: int) -> Outcome:
            if n == 50:
                thread.start()
                held.wait(5)
            return ACCEPTED

        gateway = ScriptedGateway(answer, seconds=0.01)
        result = send(ledger, run, gateway)
        thread.join()
        assert result.ended is Ended.FINISHED
        assert states(ledger, run) == {"accepted": 300}
        assert len(gateway.got) == 300


class Unstoppable(ScriptedGateway):
    """Swallows the first two cancellations of the submits that hang."""

    def __init__(self, hangs: set[int]) -> None:
        super().__init__(seconds=0.05)
        self.hangs = hangs

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        hang = len(self.got) in self.hangs
        outcomes = await super().submit(batch)
        for _ in range(2 if hang else 0):
            try:
                await asyncio.sleep(100_000)
            except asyncio.CancelledError:
                continue
        if hang:
            await asyncio.sleep(100_000)
        return outcomes


def test_a_submit_that_cannot_even_be_cancelled_is_left_behind_as_unknown(ledger: Ledger) -> None:
    run = plan_run(ledger, 100)
    result, _ = send_in_no_time(ledger, run, Unstoppable({30}), SendOptions(submit_deadline=60))
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 99, "unknown": 1}
    assert result.seconds < 70


def test_a_hard_stop_does_not_wait_for_a_gateway_that_cannot_be_stopped(ledger: Ledger) -> None:
    stop = StopRequest()
    gateway = Unstoppable({30})
    real = gateway.answer

    def answer(message: Message, n: int) -> object:
        if n == 60:
            stop.press()
            stop.press()
        return real(message, n)

    gateway.answer = answer  # type: ignore[assignment]
    run = plan_run(ledger, 1000)
    result, _ = send_in_no_time(ledger, run, gateway, stop=stop)
    assert result.ended is Ended.INTERRUPTED
    assert result.seconds < 10
    assert "submitting" not in states(ledger, run)
