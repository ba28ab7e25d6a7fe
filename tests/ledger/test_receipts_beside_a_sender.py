"""Receipts are imported into a ledger on PostgreSQL while a sender is at work on the same run."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from ledgerkit import NOW, Make, claim
from test_receipts import receipt

from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import RunState, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import Outcome, State, Verdict

PEOPLE, PACE = 20_000, 200


def _import(url: str, ids: list[str], part: int, parts: int, start_line: Any) -> None:
    """Import the receipts of every message, in small files, round and round: before, while and after it is sent."""
    with Ledger.open(url) as ledger:
        start_line.wait(60)
        for start in range(0, len(ids), 1_000):
            mine = ids[start : start + 1_000][part::parts]
            for status in ("sent", "delivered"):
                before = ledger.receipts.newest()
                ledger.receipts.add([receipt(id, status) for id in mine], "", f"file {part}", NOW)
                ledger.receipts.match_again(before, NOW)
            ledger.receipts.keep_totals()


@pytest.mark.slow
def test_every_receipt_and_every_answer_is_kept_while_both_are_written(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        run = Make(ledger).plan(PEOPLE)
        ids = [f"SM{row}" for row in range(1, PEOPLE + 1)]
        spawn = multiprocessing.get_context("spawn")
        line = spawn.Barrier(3)
        importers = [
            spawn.Process(target=_import, args=(postgres_url, ids, part, 2, line)) for part in range(2)
        ]
        with sender_lock(ledger, run):
            ledger.attempts.start(run, NOW)
            for importer in importers:
                importer.start()
            line.wait(60)
            seen: list[int] = []
            while claimed := claim(ledger, run, want=PACE):
                seen += claimed
                answers = [Outcome(Verdict.ACCEPTED, gateway_id=f"SM{id % ROWS_PER_RUN}") for id in claimed]
                settled = [Settled(id, one, State.ACCEPTED) for id, one in zip(claimed, answers, strict=True)]
                ledger.attempts.exchange(run, settled, 0, NOW)
            assert any(importer.is_alive() for importer in importers), "they were at work at the same time"
            ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
        for importer in importers:
            importer.join(300)
        assert [importer.exitcode for importer in importers] == [0, 0]
        # What came before its message was known is matched by the next import, as always.
        before = ledger.receipts.newest()
        ledger.receipts.match_again(before, NOW)
        ledger.receipts.keep_totals()
        assert len(seen) == len(set(seen)) == PEOPLE
        totals = ledger.runs.totals(ledger.runs.get(run.id))
        assert totals.by_state == {"accepted": PEOPLE}
        assert [tuple(one) for one in totals.deliveries] == [("delivered", None, None, PEOPLE)]
        assert ledger.check().findings == []
