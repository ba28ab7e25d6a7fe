"""Budgets, hours, expiry, drains and hard stops: what ends a run before its last message."""

from __future__ import annotations

from sendkit import (
    ACCEPTED,
    START_MS,
    ScriptedGateway,
    plan_run,
    rejected,
    send_in_no_time,
    states,
)

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.ledger.records import RunState
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.options import Ended, Rate, SendOptions
from a2pcli.sending.stop import StopRequest


def test_the_budget_is_kept_to_the_message_even_with_a_hundred_in_flight(ledger: Ledger) -> None:
    gateway = ScriptedGateway(seconds=0.1)
    run = plan_run(ledger, 500, cost=40_000_000)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(max_cost={"GBP": 40_000_000 * 123 + 5}))
    assert result.ended is Ended.OVER_BUDGET
    assert states(ledger, run) == {"accepted": 123, "planned": 377}
    assert result.reason is not None
    assert "4.920000005 GBP" in result.reason.message


def test_rejected_messages_give_their_money_back_and_earlier_sessions_count(ledger: Ledger) -> None:
    options = SendOptions(max_cost={"GBP": 40_000_000 * 60})
    gateway = ScriptedGateway(lambda _m, n: rejected(Cause.PERMANENT) if n % 2 else ACCEPTED, seconds=0.1)
    run = plan_run(ledger, 200)
    send_in_no_time(ledger, run, gateway, options)
    assert states(ledger, run)["accepted"] == 60
    result, _ = send_in_no_time(ledger, run, ScriptedGateway(), options)
    assert result.ended is Ended.OVER_BUDGET
    assert states(ledger, run)["accepted"] == 60


def test_what_a_receipt_shows_to_have_been_sent_after_all_counts_against_the_budget(ledger: Ledger) -> None:
    """The gateway refuses the first twenty, and while the run is sent its receipts say that they arrived."""

    def answer(_message: Message, n: int) -> Outcome:
        if n == 40:
            told = [
                Receipt(1, None, one.reference, "delivered", Delivery.DELIVERED, None, None)
                for one in gateway.got[:20]
            ]
            ledger.receipts.add(told, "test", "receipts.csv")
        return rejected(Cause.PERMANENT) if n < 20 else ACCEPTED

    gateway = ScriptedGateway(answer, seconds=0.1, concurrency=5)
    run = plan_run(ledger, 200)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(max_cost={"GBP": 40_000_000 * 60}))
    assert result.ended is Ended.OVER_BUDGET
    assert states(ledger, run)["accepted"] == 60


def test_a_batch_does_not_overrun_the_budget(ledger: Ledger) -> None:
    run = plan_run(ledger, 500)
    send_in_no_time(
        ledger,
        run,
        ScriptedGateway(batch=100, concurrency=3),
        SendOptions(max_cost={"GBP": 40_000_000 * 250}),
    )
    assert states(ledger, run) == {"accepted": 250, "planned": 250}


def test_before_its_hour_nothing_leaves_and_the_run_waits(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 5, not_before=START_MS + 3_600_000), ScriptedGateway()
    result, _ = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.WAITING
    assert gateway.got == []
    assert states(ledger, run) == {"planned": 5}
    assert result.reason is not None
    assert "2027-01-15" in result.reason.message


def test_what_has_not_left_when_the_run_expires_never_leaves(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 100, expires_at=START_MS + 5_000), ScriptedGateway()
    result, seconds = send_in_no_time(ledger, run, gateway, SendOptions(rate=Rate(10, "messages")))
    assert result.ended is Ended.EXPIRED
    assert seconds < 6
    assert max(gateway.times) < 5
    found = states(ledger, run)
    assert found["accepted"] + found["expired"] == 100
    assert 49 <= found["accepted"] <= 51
    assert ledger.runs.get(run.id).state == RunState.FINISHED


def test_an_expired_run_sends_nothing(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 5, expires_at=START_MS - 1), ScriptedGateway()
    result, _ = send_in_no_time(ledger, run, gateway)
    assert (result.ended, gateway.got) == (Ended.EXPIRED, [])
    assert states(ledger, run) == {"expired": 5}


# -- stopping ---------------------------------------------------------------------------------------


def test_a_drain_waits_for_what_is_in_flight_and_leaves_the_rest_planned(ledger: Ledger) -> None:
    stop = StopRequest()

    def answer(_message: Message, n: int) -> Outcome:
        if n == 60:
            stop.drain()
        return ACCEPTED

    gateway = ScriptedGateway(answer, seconds=2.0)
    run = plan_run(ledger, 500)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(concurrency=10), stop=stop)
    assert result.ended is Ended.INTERRUPTED
    found = states(ledger, run)
    assert found == {"accepted": len(gateway.got), "planned": 500 - len(gateway.got)}
    assert len(gateway.got) <= 71
    assert ledger.runs.get(run.id).state == RunState.PAUSED
    assert result.reason is not None
    assert f"a2pcli send --plan {run.id}" in (result.reason.hint or "")


def test_a_hard_stop_makes_what_is_in_flight_unknown_at_once(ledger: Ledger) -> None:
    stop = StopRequest()

    def answer(_message: Message, n: int) -> Outcome | None:
        if n == 60:
            stop.press()
            stop.press()
        return ACCEPTED if n < 55 else None

    gateway = ScriptedGateway(answer)
    run = plan_run(ledger, 500)
    result, seconds = send_in_no_time(ledger, run, gateway, SendOptions(concurrency=10), stop=stop)
    assert result.ended is Ended.INTERRUPTED
    found = states(ledger, run)
    assert found == {"accepted": 55, "unknown": len(gateway.got) - 55, "planned": 500 - len(gateway.got)}
    assert seconds < 1


def test_a_drain_that_takes_too_long_lets_go(ledger: Ledger) -> None:
    stop = StopRequest()

    def answer(_message: Message, n: int) -> Outcome | None:
        if n == 60:
            stop.drain()
        return ACCEPTED if n < 55 else None

    run = plan_run(ledger, 500)
    options = SendOptions(concurrency=10, drain_deadline=5)
    result, seconds = send_in_no_time(ledger, run, ScriptedGateway(answer), options, stop=stop)
    assert result.ended is Ended.INTERRUPTED
    assert 5 <= seconds <= 6
    assert states(ledger, run)["unknown"] > 0
    assert "submitting" not in states(ledger, run)


def test_a_run_cancelled_by_another_command_stops_and_stays_cancelled(ledger: Ledger) -> None:
    def answer(_message: Message, n: int) -> Outcome:
        if n == 100:
            ledger.runs.cancel(run)
        return ACCEPTED

    run = plan_run(ledger, 1000)
    result, _ = send_in_no_time(
        ledger, run, ScriptedGateway(answer, seconds=0.1), SendOptions(concurrency=10)
    )
    assert result.ended is Ended.INTERRUPTED
    assert ledger.runs.get(run.id).state == RunState.CANCELLED
    found = states(ledger, run)
    assert found["accepted"] + found["cancelled"] == 1000
    assert found["cancelled"] > 850
