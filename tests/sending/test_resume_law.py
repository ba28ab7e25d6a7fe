"""Resuming after any prefix ends as an uninterrupted run does."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sendkit import (
    ACCEPTED,
    UNKNOWN,
    ScriptedGateway,
    not_sent,
    open_ledger,
    plan_run,
    rejected,
    send_in_no_time,
)
from sqlalchemy import text

from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.options import BreakerOptions, Ended, SendOptions
from a2pcli.sending.stop import StopRequest

COUNT = 60
TIMES = ("due_at", "claimed_at", "settled_at")


class Fated(ScriptedGateway):
    """What becomes of a message hangs on its number and on how often it was tried, on nothing else."""

    def __init__(self, tries: Counter[str], stop: StopRequest, stop_at: int | None) -> None:
        super().__init__(self._fate, seconds=0.01)
        self._tries, self._stop, self._stop_at = tries, stop, stop_at

    def _fate(self, message: Message, n: int) -> Outcome:
        if n == self._stop_at:
            self._stop.drain()
        self._tries[message.to] += 1
        fate = int(message.to[-2:]) % 10
        if fate == 3:
            return rejected(Cause.PERMANENT, "30006")
        if fate == 5:
            return UNKNOWN
        if fate == 7 and self._tries[message.to] < 6:
            return not_sent(Cause.TEMPORARY, "503")
        if fate == 9 and self._tries[message.to] < 3:
            return not_sent(Cause.TEMPORARY, "30001")
        return ACCEPTED


def rows_and_events(
    ledger: Ledger, run: Run
) -> tuple[list[dict[str, Any]], dict[int, list[tuple[str, str]]]]:
    """Everything the ledger knows of the messages, but for the times."""
    rows = [
        {name: value for name, value in row.items() if name not in TIMES}
        for chunk in ledger.messages.rows(run)
        for row in chunk
    ]
    events: dict[int, list[tuple[str, str]]] = {}
    with ledger.engine.connect() as connection:
        query = text("SELECT message, kind, code FROM events WHERE message IS NOT NULL ORDER BY number")
        for message, kind, code in connection.execute(query):
            events.setdefault(message, []).append((kind, code))
    return rows, events


def sent_with_stops(stops: list[int], concurrency: int) -> Any:
    with tempfile.TemporaryDirectory() as folder, open_ledger(Path(folder)) as ledger:
        run = plan_run(ledger, COUNT)
        tries: Counter[str] = Counter()
        for stop_at in [*stops, None]:
            stop = StopRequest()
            gateway = Fated(tries, stop, stop_at)
            options = SendOptions(
                concurrency=concurrency, max_attempts=7, breaker=BreakerOptions(failing=10_000)
            )
            result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), gateway, options, stop=stop)
        assert result.ended is Ended.FINISHED
        return rows_and_events(ledger, run), tries


UNINTERRUPTED: list[Any] = []


STOPS = st.lists(st.integers(0, COUNT), max_size=4)


def law(stops: list[int], concurrency: int) -> None:
    if not UNINTERRUPTED:
        UNINTERRUPTED.append(sent_with_stops([], 10))
    assert sent_with_stops(stops, concurrency) == UNINTERRUPTED[0]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STOPS, st.sampled_from([1, 7, 100]))
def test_resuming_after_a_prefix_equals_an_uninterrupted_run(stops: list[int], concurrency: int) -> None:
    law(stops, concurrency)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STOPS, st.sampled_from([1, 7, 100]))
def test_resuming_after_any_prefix_equals_an_uninterrupted_run(stops: list[int], concurrency: int) -> None:
    law(stops, concurrency)
