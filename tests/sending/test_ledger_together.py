"""What uses the ledger from an event loop is done together, and each hears of its own trouble alone."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from a2pcli.errors import UsageError
from a2pcli.ledger.store import Ledger
from a2pcli.sending.together import Together


def test_what_waits_is_stored_in_one_transaction_and_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    with Ledger.open_with(str(tmp_path / "ledger.db"), None) as ledger:
        together, tried = Together(ledger), list[str]()

        def add(name: str) -> str:
            tried.append(name)
            ledger.audit.add(f"test.{name}")
            if name == "bad":
                raise UsageError()
            return name

        async def run() -> list[object]:
            calls = [together.call(lambda name=name: add(name)) for name in ("first", "a", "bad", "b")]
            return await asyncio.gather(*calls, return_exceptions=True)

        found = asyncio.run(run())
        together.close()
        assert [one if isinstance(one, str) else type(one) for one in found] == [
            "first",
            "a",
            UsageError,
            "b",
        ]
        stored = [one.action for one in ledger.audit.entries()]
        assert sorted(stored) == ["test.a", "test.b", "test.bad", "test.first"]
        assert ledger.audit.verify().sound


def test_a_thread_that_writes_all_the_time_lets_others_write(tmp_path: Path) -> None:
    with Ledger.open_with(str(tmp_path / "ledger.db"), None) as ledger:
        is_over, waits = threading.Event(), list[float]()

        def busy() -> None:
            while not is_over.is_set():
                with ledger.transaction():
                    ledger.audit.add("test.busy")
                    time.sleep(0.02)
                time.sleep(0.001)

        thread = threading.Thread(target=busy)
        thread.start()
        for _ in range(20):
            began = time.monotonic()
            ledger.audit.add("test.other")
            waits.append(time.monotonic() - began)
        is_over.set()
        thread.join()
        took = len([one for one in ledger.audit.entries() if one.action == "test.busy"])
        assert took <= 20 * 4, f"{took} transactions of the other thread while this one made 20"
