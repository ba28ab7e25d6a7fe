"""A run is sent: to everybody once, at its pace, in full batches, and progress adds up."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sendkit import (
    ACCEPTED,
    ScriptedGateway,
    not_sent,
    number_of,
    plan_run,
    rejected,
    send_in_no_time,
    states,
)

from a2pcli.ledger.records import RunState
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, Progress, Rate, SendOptions
from a2pcli.sending.stop import StopRequest


def test_everybody_gets_the_message_once_and_the_run_is_finished(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 1000), ScriptedGateway(seconds=0.01)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert sorted(gateway.numbers) == [number_of(row) for row in range(1, 1001)]
    assert result.ended is Ended.FINISHED
    assert result.progress.accepted == result.progress.done == 1000
    assert result.progress.spend == {"GBP": 40_000_000_000}
    assert states(ledger, run) == {"accepted": 1000}
    assert ledger.runs.get(run.id).state == RunState.FINISHED
    assert gateway.closed == 1


def test_sending_a_finished_run_again_sends_nothing(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 20), ScriptedGateway()
    send_in_no_time(ledger, run, gateway)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert len(gateway.got) == 20
    assert result.ended is Ended.FINISHED
    assert result.progress.accepted == 20


def test_no_more_submits_are_in_flight_than_asked_for_nor_than_the_gateway_can(ledger: Ledger) -> None:
    gateway = ScriptedGateway(seconds=1.0)
    send_in_no_time(ledger, plan_run(ledger, 200), gateway, SendOptions(concurrency=20))
    assert gateway.most_flying == 20
    gateway = ScriptedGateway(seconds=1.0, concurrency=7)
    send_in_no_time(ledger, plan_run(ledger, 200, campaign="b"), gateway, SendOptions(concurrency=20))
    assert gateway.most_flying == 7


def test_claims_are_few_and_late(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 2 a second never more than two rows are open, so a kill makes at most two unknown."""
    run = plan_run(ledger, 30)
    most = 0

    def look(_progress: Progress) -> None:
        nonlocal most
        most = max(most, states(ledger, run).get("submitting", 0))

    monkeypatch.setattr("a2pcli.sending.display.SHOW_EVERY", 0.0)
    options = SendOptions(rate=Rate(2, "messages"))
    _, seconds = send_in_no_time(ledger, run, ScriptedGateway(seconds=0.2), options, on_progress=look)
    assert most <= 2
    assert seconds == pytest.approx(29 / 2 + 0.2, abs=0.3)


def test_the_pace_holds_in_every_second_from_the_first(ledger: Ledger) -> None:
    gateway = ScriptedGateway(seconds=0.3)
    send_in_no_time(ledger, plan_run(ledger, 200), gateway, SendOptions(rate=Rate(20, "messages")))
    first = gateway.times[0]
    by_second = [sum(s <= time - first < s + 1 - 1e-6 for time in gateway.times) for s in range(9)]
    assert 10 <= by_second[0] <= 20  # the breaker opens the tap slowly
    assert all(19 <= count <= 21 for count in by_second[1:])


def test_a_pace_in_parts_counts_parts(ledger: Ledger) -> None:
    gateway = ScriptedGateway()
    run = plan_run(ledger, 100, parts=(1, 3))
    _, seconds = send_in_no_time(ledger, run, gateway, SendOptions(rate=Rate(20, "parts")))
    assert seconds == pytest.approx(200 / 20, abs=0.5)


def test_a_gateway_that_takes_batches_gets_full_ones(ledger: Ledger) -> None:
    gateway = ScriptedGateway(batch=100, concurrency=2, seconds=0.05)
    send_in_no_time(ledger, plan_run(ledger, 2000), gateway)
    assert sum(gateway.batches) == 2000
    assert max(gateway.batches) == 100
    assert len(gateway.batches) < 45


def test_a_paced_gateway_that_takes_batches_gets_them_small_enough_for_the_pace(ledger: Ledger) -> None:
    gateway = ScriptedGateway(batch=500)
    _, seconds = send_in_no_time(
        ledger, plan_run(ledger, 100), gateway, SendOptions(rate=Rate(20, "messages"))
    )
    assert max(gateway.batches) <= 10
    assert seconds == pytest.approx(5, abs=0.6)


# -- progress ---------------------------------------------------------------------------------------


def test_progress_adds_up_at_every_moment(ledger: Ledger) -> None:
    seen: list[Progress] = []
    tried: Counter[int] = Counter()

    def answer(message: Message, _n: int) -> Outcome:
        tried[message.id] += 1
        if message.id % 4 == 2 and tried[message.id] == 1:
            return not_sent(Cause.TEMPORARY)
        return rejected(Cause.PERMANENT) if message.id % 4 == 3 else ACCEPTED

    gateway = ScriptedGateway(answer, seconds=0.2)
    run = plan_run(ledger, 400)
    send_in_no_time(ledger, run, gateway, SendOptions(rate=Rate(50, "messages")), on_progress=seen.append)
    assert len(seen) > 20
    for one in seen:
        assert one.accepted + one.rejected + one.unknown + one.skipped == one.done
        assert one.total == 400
        assert one.eta is None or one.eta >= 0
    assert seen[-1].state == "finished"
    assert seen[-1].total == 400
    (half, *_) = [one for one in seen if one.done > 200]
    assert half.rate == pytest.approx(40, rel=0.5)


def test_a_display_that_fails_does_not_end_the_run(ledger: Ledger) -> None:
    def broken(_progress: Progress) -> None:
        raise BrokenPipeError

    run = plan_run(ledger, 200)
    result, _ = send_in_no_time(
        ledger, run, ScriptedGateway(), SendOptions(rate=Rate(50, "messages")), on_progress=broken
    )
    assert result.ended is Ended.FINISHED


def test_a_sender_that_is_cancelled_records_what_it_can(ledger: Ledger) -> None:
    """As ``asyncio`` does it where no signal handler was installed."""

    def answer(_message: Message, n: int) -> Outcome:
        if n == 100:
            enough.set()
        return ACCEPTED

    enough = asyncio.Event()
    run, gateway = plan_run(ledger, 500), ScriptedGateway(answer, seconds=0.2)

    async def cancelled() -> None:
        sending = asyncio.create_task(
            send_run(
                ledger,
                run,
                gateway,  # type: ignore[arg-type]
                SendOptions(concurrency=20),
                stop=StopRequest(),
                on_progress=lambda _progress: None,
            )
        )
        await enough.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(cancelled())
    found = states(ledger, run)
    assert set(found) == {"accepted", "unknown", "planned"}
    assert found["accepted"] + found["unknown"] == len(gateway.got)
    assert found["unknown"] <= 20
    assert gateway.closed == 1
    assert ledger.runs.get(run.id).state == RunState.PAUSED
