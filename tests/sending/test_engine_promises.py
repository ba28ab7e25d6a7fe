"""What the sender promises, over a real ledger, on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sendkit import (
    ACCEPTED,
    START_MS,
    UNKNOWN,
    ScriptedGateway,
    not_sent,
    number_of,
    plan_run,
    rejected,
    send_in_no_time,
    states,
)

from a2pcli.errors import GatewayUnusable, InvalidInput, LedgerError
from a2pcli.ledger.records import RunState, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, Progress, Rate, SendOptions
from a2pcli.sending.stop import StopRequest

DOWN = not_sent(Cause.UNREACHABLE, "ECONNREFUSED")


def test_everybody_gets_the_message_once_and_the_run_is_finished(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 1000), ScriptedGateway(seconds=0.01)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert sorted(gateway.numbers) == [number_of(row) for row in range(1, 1001)]
    assert result.ended is Ended.FINISHED
    assert result.progress.accepted == result.progress.done == 1000
    assert result.progress.spend == {"GBP": 40_000_000_000}
    assert states(ledger, run) == {"accepted": 1000}
    assert ledger.run(run.id).state == RunState.FINISHED
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


# -- errors of one message --------------------------------------------------------------------------


def test_temporary_errors_are_tried_again_with_growing_waits_and_then_taken(ledger: Ledger) -> None:
    tries: list[float] = []

    def answer(message: Message, _n: int) -> Outcome:
        if message.to != number_of(5):
            return ACCEPTED
        tries.append(gateway.times[-1] if gateway.times else 0.0)
        return ACCEPTED if len(tries) == 4 else not_sent(Cause.TEMPORARY, "503")

    gateway = ScriptedGateway(answer)
    run = plan_run(ledger, 10)
    result, seconds = send_in_no_time(ledger, run, gateway)
    assert states(ledger, run) == {"accepted": 10}
    assert result.ended is Ended.FINISHED
    assert gateway.numbers.count(number_of(5)) == 4
    assert 0.5 + 1 + 2 <= seconds <= 1 + 2 + 4 + 1


def test_one_message_that_is_never_taken_stays_planned_and_does_not_hold_the_run(ledger: Ledger) -> None:
    gateway = ScriptedGateway(
        lambda m, _n: not_sent(Cause.TEMPORARY, "30003") if m.to == number_of(2) else ACCEPTED
    )
    run = plan_run(ledger, 4)
    result, seconds = send_in_no_time(ledger, run, gateway, SendOptions(max_attempts=3))
    assert gateway.numbers.count(number_of(2)) == 3
    assert states(ledger, run) == {"accepted": 3, "planned": 1}
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert result.reason.message == "gateway test did not take 1 message, and says to try again later: 30003"
    assert result.progress.errors_by_code == {"30003": 3}
    assert seconds < 10
    later = ScriptedGateway()
    send_in_no_time(ledger, ledger.run(run.id), later)
    assert later.numbers == [number_of(2)]
    assert states(ledger, run) == {"accepted": 4}


def test_a_message_that_was_not_taken_is_tried_again_while_others_are_sent(ledger: Ledger) -> None:
    """Past the tries for which a run waits: here the others take long enough for it."""
    gateway = ScriptedGateway(
        lambda m, _n: (
            not_sent(Cause.TEMPORARY) if m.to == number_of(1) and gateway.times[-1] < 200 else ACCEPTED
        )
    )
    run = plan_run(ledger, 400)
    result, _ = send_in_no_time(
        ledger, run, gateway, SendOptions(rate=Rate(1, "messages"), max_attempts=2, backoff_max=60)
    )
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 400}


@pytest.mark.parametrize("rows", [1, 20, 1000])
@pytest.mark.parametrize("pause", [None, 1.0])
def test_an_outage_in_which_the_gateway_says_try_later_loses_nobody(
    ledger: Ledger, rows: int, pause: float | None
) -> None:
    """Ten minutes of "not now": the run pauses with everybody planned; then each gets it once."""
    gateway = ScriptedGateway(lambda _m, _n: not_sent(Cause.TEMPORARY, "503", pause), seconds=0.05)
    run = plan_run(ledger, rows)
    result, seconds = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.PAUSED
    assert states(ledger, run) == {"planned": rows}
    assert 15 < seconds < 120
    assert len(gateway.got) < 30, "it is not hammered meanwhile"
    later = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.run(run.id), later)
    assert result.ended is Ended.FINISHED
    assert sorted(later.numbers) == [number_of(row) for row in range(1, rows + 1)]


@pytest.mark.parametrize("batch", [1, 100])
def test_a_few_that_are_never_taken_keep_nobody_else_from_getting_it_call_after_call(
    ledger: Ledger, batch: int
) -> None:
    """One in twenty; the first call ends in the middle, and the next begins with those that were tried before."""

    def answer(message: Message, n: int) -> Outcome:
        if n == 500:
            stop.drain()
        return not_sent(Cause.TEMPORARY, "503") if int(message.to[-4:]) % 20 == 0 else ACCEPTED

    run = plan_run(ledger, 1000)
    stop = StopRequest()
    send_in_no_time(ledger, run, ScriptedGateway(answer, seconds=0.1, batch=batch), stop=stop)
    assert states(ledger, run)["accepted"] < 700
    result, _ = send_in_no_time(ledger, run, ScriptedGateway(answer, seconds=0.1, batch=batch))
    assert result.ended is Ended.PAUSED
    assert states(ledger, run) == {"accepted": 950, "planned": 50}


def test_those_who_were_tried_least_go_first_when_a_run_goes_on(ledger: Ledger) -> None:
    """An outage in the middle: forty were tried, half of them will never be taken. The other half gets it."""
    bad = {number_of(row) for row in range(1, 21)}
    run = plan_run(ledger, 40)
    send_in_no_time(ledger, run, ScriptedGateway(lambda _m, _n: not_sent(Cause.TEMPORARY)))
    for _ in range(4):
        gateway = ScriptedGateway(lambda m, _n: not_sent(Cause.TEMPORARY) if m.to in bad else ACCEPTED)
        result, _ = send_in_no_time(ledger, ledger.run(run.id), gateway)
        assert result.ended is Ended.PAUSED
    assert states(ledger, run) == {"accepted": 20, "planned": 20}


@pytest.mark.parametrize("outcome", [UNKNOWN, rejected(Cause.PERMANENT), rejected(Cause.CONTENT)])
def test_unknown_and_permanent_outcomes_are_never_tried_again(ledger: Ledger, outcome: Outcome) -> None:
    gateway = ScriptedGateway(lambda _m, n: outcome if n % 7 == 3 else ACCEPTED)
    run = plan_run(ledger, 70)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert len(gateway.got) == len(set(gateway.numbers)) == 70
    assert states(ledger, run) == {"accepted": 60, str(outcome.verdict): 10}
    assert result.ended is Ended.FINISHED


def test_an_opt_out_told_by_the_gateway_is_suppressed_for_its_sender_only(ledger: Ledger) -> None:
    gateway = ScriptedGateway(
        lambda m, _n: rejected(Cause.OPTED_OUT, "21610") if m.to == number_of(3) else ACCEPTED
    )
    run = plan_run(ledger, 5, sender="ACME")
    send_in_no_time(ledger, run, gateway)
    (entry,) = ledger.suppressions_of(number_of(3))
    assert (entry.scope, entry.scope_value, entry.source) == ("sender", "ACME", "gateway test")
    assert states(ledger, run) == {"accepted": 4, "rejected": 1}
    again = plan_run(ledger, 5, campaign="next", sender="ACME")
    other = plan_run(ledger, 5, campaign="other", sender="Others")
    send_in_no_time(ledger, again, ScriptedGateway())
    send_in_no_time(ledger, other, ScriptedGateway())
    assert states(ledger, again) == {"accepted": 4, "skipped": 1}
    assert states(ledger, other) == {"accepted": 5}


def test_an_opt_out_told_by_the_gateway_without_a_known_sender_is_recorded_for_the_gateway(
    ledger: Ledger,
) -> None:
    gateway = ScriptedGateway(lambda _m, n: rejected(Cause.OPTED_OUT) if n == 0 else ACCEPTED)
    run = plan_run(ledger, 3, sender=None)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.FINISHED
    (entry,) = ledger.suppressions_of(number_of(1))
    assert entry.scope == "sender"


def test_a_refused_country_is_refused_whole_and_the_others_go_on(ledger: Ledger) -> None:
    gateway = ScriptedGateway(
        lambda m, _n: rejected(Cause.COUNTRY, "21408") if m.country == "US" else ACCEPTED, seconds=0.05
    )
    run = plan_run(ledger, 900, countries=("GB", "US", "FR"))
    result, _ = send_in_no_time(ledger, run, gateway)
    found = states(ledger, run)
    assert result.ended is Ended.FINISHED
    assert found["accepted"] == 600
    assert found["rejected"] + found["skipped"] == 300
    assert found["rejected"] < 60
    assert set(ledger.totals(run).by_reason) == {"country-refused"}
    assert "submitting" not in found


def test_suppressions_added_while_the_run_is_on_are_honoured(ledger: Ledger) -> None:
    late = number_of(90)

    def answer(_message: Message, n: int) -> Outcome:
        if n == 10:
            ledger.suppress(late, source="test")
        return ACCEPTED

    gateway = ScriptedGateway(answer)
    run = plan_run(ledger, 100)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(rate=Rate(50, "messages")))
    assert late not in gateway.numbers
    assert states(ledger, run) == {"accepted": 99, "skipped": 1}
    assert result.progress.skipped == 1


# -- gateways that break their word -----------------------------------------------------------------


def test_one_message_that_makes_the_gateway_raise_is_unknown_and_the_run_goes_on(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = ScriptedGateway(lambda m, _n: ValueError(f"bad {m.to}") if m.to == number_of(7) else ACCEPTED)
    run = plan_run(ledger, 50)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 49, "unknown": 1}
    assert ledger.totals(run).by_code["unknown"] == {"ValueError": 1}
    assert "ValueError" in caplog.text
    assert number_of(7) not in caplog.text


def test_a_gateway_that_raises_for_everything_pauses_the_run_after_a_few(ledger: Ledger) -> None:
    gateway = ScriptedGateway(lambda _m, _n: RuntimeError("no"))
    run = plan_run(ledger, 1000)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.PAUSED
    found = states(ledger, run)
    assert found["unknown"] <= 15
    assert found["planned"] == 1000 - found["unknown"]


@pytest.mark.parametrize(
    "answers", [[], [ACCEPTED] * 3, [ACCEPTED] * 5, None, "four", ["a", "b", "c", "d"], 4]
)
def test_answers_that_cannot_be_told_apart_are_unknown(ledger: Ledger, answers: object) -> None:
    class Wrong(ScriptedGateway):
        async def submit(self, batch: object) -> object:  # type: ignore[override]
            return answers if len(batch) == 4 else [ACCEPTED] * len(batch)  # type: ignore[arg-type]

    run = plan_run(ledger, 40)
    result, _ = send_in_no_time(ledger, run, Wrong(batch=4, concurrency=1))
    found = states(ledger, run)
    assert result.ended in (Ended.FINISHED, Ended.PAUSED)
    assert found["unknown"] >= 4
    assert found["unknown"] % 4 == 0
    assert "submitting" not in found


def test_a_gateway_that_never_answers_costs_a_deadline_and_an_unknown(ledger: Ledger) -> None:
    gateway = ScriptedGateway(lambda m, _n: None if m.to == number_of(4) else ACCEPTED)
    run = plan_run(ledger, 20)
    result, seconds = send_in_no_time(ledger, run, gateway, SendOptions(submit_deadline=60))
    assert states(ledger, run) == {"accepted": 19, "unknown": 1}
    assert result.ended is Ended.FINISHED
    assert 60 <= seconds <= 61


# -- gateways in trouble ----------------------------------------------------------------------------


def test_a_gateway_down_from_the_start_leaves_everything_planned_and_a_later_send_completes_it(
    ledger: Ledger,
) -> None:
    gateway = ScriptedGateway(lambda _m, _n: DOWN)
    run = plan_run(ledger, 500)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert states(ledger, run) == {"planned": 500}
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert result.reason.code == "gateway-down"
    assert "ECONNREFUSED" in result.reason.message
    assert ledger.run(run.id).state == RunState.PAUSED
    assert len(gateway.got) <= 10

    later = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.run(run.id), later)
    assert result.ended is Ended.FINISHED
    assert sorted(later.numbers) == [number_of(row) for row in range(1, 501)]
    assert states(ledger, run) == {"accepted": 500}


def test_a_gateway_that_comes_back_within_the_waits_goes_on_by_itself(ledger: Ledger) -> None:
    def answer(_message: Message, _n: int) -> Outcome:
        return DOWN if 0.5 < gateway.times[-1] < 6 else ACCEPTED

    gateway = ScriptedGateway(answer, seconds=0.1)
    run = plan_run(ledger, 2000)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(concurrency=50))
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 2000}


def test_a_gateway_that_cannot_be_opened_pauses_the_run_untouched(ledger: Ledger) -> None:
    class Shut(ScriptedGateway):
        async def open(self) -> None:
            raise GatewayUnusable("no such file")

    run = plan_run(ledger, 5)
    result, _ = send_in_no_time(ledger, run, Shut())
    assert result.ended is Ended.PAUSED
    assert states(ledger, run) == {"planned": 5}
    assert ledger.run(run.id).state_reason == "no such file"


def test_a_gateway_whose_settings_cannot_work_leaves_the_run_as_it_was(ledger: Ledger) -> None:
    class Wrong(ScriptedGateway):
        async def open(self) -> None:
            raise InvalidInput("bad url")

    run = plan_run(ledger, 5)
    with pytest.raises(InvalidInput):
        send_in_no_time(ledger, run, Wrong())
    assert ledger.run(run.id).state == RunState.PLANNED


@pytest.mark.parametrize("cause", [Cause.ACCOUNT, Cause.SENDER, Cause.CREDIT])
@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.NOT_SENT])
def test_account_sender_and_credit_errors_stop_at_once_and_leave_the_rest_planned(
    ledger: Ledger, cause: Cause, verdict: Verdict
) -> None:
    stop_it = Outcome(verdict, cause=cause, code="20003", detail="Authenticate")
    gateway = ScriptedGateway(lambda _m, n: stop_it if n >= 200 else ACCEPTED, seconds=0.1)
    run = plan_run(ledger, 1000)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(concurrency=20))
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert result.reason.code == f"gateway-{cause}"
    assert "20003" in result.reason.message
    assert states(ledger, run) == {"accepted": 200, "planned": 800}
    assert len(gateway.got) <= 220

    later = ScriptedGateway()
    send_in_no_time(ledger, run, later)
    assert states(ledger, run) == {"accepted": 1000}
    assert not set(later.numbers) & set(gateway.numbers[:200])


def test_a_wrong_password_costs_one_request(ledger: Ledger) -> None:
    gateway = ScriptedGateway(lambda _m, _n: rejected(Cause.ACCOUNT, "401"), seconds=0.1)
    run = plan_run(ledger, 1000)
    send_in_no_time(ledger, run, gateway)
    assert len(gateway.got) == 1


def test_retry_after_makes_everybody_wait_and_nobody_is_lost(ledger: Ledger) -> None:
    refusals: list[float] = []

    def answer(_message: Message, _n: int) -> Outcome:
        now = gateway.times[-1]
        if not refusals or (not held(now) and now > 40 and len(refusals) < 40):
            refusals.append(now)
        if held(now) and now > refusals[0]:
            early.append(now)
        return not_sent(Cause.RATE, "429", retry_after=10) if refusals[-1] == now else ACCEPTED

    def held(now: float) -> bool:
        return any(0 < now - then < 10 - 1e-6 for then in refusals)

    early: list[float] = []
    gateway = ScriptedGateway(answer)
    run = plan_run(ledger, 50)
    result, seconds = send_in_no_time(ledger, run, gateway, SendOptions(rate=Rate(10, "messages")))
    assert early == []
    assert seconds > 10
    assert states(ledger, run) == {"accepted": 50}
    assert result.ended is Ended.FINISHED


def test_while_everybody_waits_no_row_stays_claimed(ledger: Ledger) -> None:
    found: list[int] = []

    def look(progress: Progress) -> None:
        if progress.state == "holding":
            found.append(states(ledger, run).get("submitting", 0))

    gateway = ScriptedGateway(
        lambda _m, n: not_sent(Cause.RATE, "429", retry_after=30) if n == 100 else ACCEPTED
    )
    run = plan_run(ledger, 400)
    send_in_no_time(ledger, run, gateway, on_progress=look)
    assert found
    assert found[-1] == 0


def test_a_wait_that_is_too_long_pauses_the_run(ledger: Ledger) -> None:
    gateway = ScriptedGateway(
        lambda _m, n: not_sent(Cause.RATE, "429", retry_after=3600) if n == 50 else ACCEPTED
    )
    run = plan_run(ledger, 400)
    result, seconds = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert result.reason.code == "gateway-wait"
    assert seconds < 5
    found = states(ledger, run)
    assert found["accepted"] + found["planned"] == 400


def test_a_gateway_that_only_answers_too_fast_pauses_the_run_in_the_end_and_rejects_nobody(
    ledger: Ledger,
) -> None:
    gateway = ScriptedGateway(lambda _m, _n: not_sent(Cause.RATE, "429"))
    run = plan_run(ledger, 30)
    result, seconds = send_in_no_time(ledger, run, gateway, SendOptions(longest_silence=20))
    assert result.ended is Ended.PAUSED
    assert result.reason is not None
    assert result.reason.code == "gateway-rate"
    assert states(ledger, run) == {"planned": 30}
    assert 20 <= seconds < 40
    assert len(gateway.got) < 10 * 30, "it is not hammered meanwhile"


def test_rate_answers_never_use_up_attempts(ledger: Ledger) -> None:
    gateway = ScriptedGateway(lambda _m, n: not_sent(Cause.RATE, "429", 1) if n < 12 else ACCEPTED)
    run = plan_run(ledger, 1)
    send_in_no_time(ledger, run, gateway, SendOptions(max_attempts=2))
    assert states(ledger, run) == {"accepted": 1}
    (rows,) = ledger.rows(run)
    assert rows[0]["attempts"] == 1


@pytest.mark.parametrize("asked", [float("nan"), float("inf"), -5.0, 1e300])
def test_a_senseless_retry_after_breaks_nothing(ledger: Ledger, asked: float) -> None:
    gateway = ScriptedGateway(
        lambda _m, n: (
            not_sent((Cause.RATE, Cause.TEMPORARY)[n % 2], "429", asked) if n in (20, 31) else ACCEPTED
        )
    )
    run = plan_run(ledger, 60)
    result, _ = send_in_no_time(ledger, run, gateway)
    found = states(ledger, run)
    assert found["accepted"] + found.get("planned", 0) == 60
    assert result.ended is (Ended.PAUSED if asked > 0 else Ended.FINISHED)


def test_a_gateway_that_cannot_send_the_runs_channel_is_refused(ledger: Ledger) -> None:
    run, gateway = plan_run(ledger, 3, channel="mms"), ScriptedGateway()
    with pytest.raises(InvalidInput, match="cannot send mms"):
        send_in_no_time(ledger, run, gateway)
    assert ledger.run(run.id).state == RunState.PLANNED


# -- budget and hours -------------------------------------------------------------------------------


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
    assert ledger.run(run.id).state == RunState.FINISHED


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
    assert ledger.run(run.id).state == RunState.PAUSED
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
            ledger.cancel(run)
        return ACCEPTED

    run = plan_run(ledger, 1000)
    result, _ = send_in_no_time(
        ledger, run, ScriptedGateway(answer, seconds=0.1), SendOptions(concurrency=10)
    )
    assert result.ended is Ended.INTERRUPTED
    assert ledger.run(run.id).state == RunState.CANCELLED
    found = states(ledger, run)
    assert found["accepted"] + found["cancelled"] == 1000
    assert found["cancelled"] > 850


# -- the ledger in trouble --------------------------------------------------------------------------


class Failing:
    """Makes ``Ledger.exchange`` fail for a while, before or after its transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int, last: int) -> None:
        self.calls, real = 0, Ledger.exchange

        def exchange(
            ledger: Ledger, run: object, settled: list[Settled], want: int, now: int, known: object
        ) -> object:
            self.calls += 1
            if first <= self.calls <= last:
                raise LedgerError("the disk is full")
            return real(ledger, run, settled, want, now, known)  # type: ignore[arg-type]

        monkeypatch.setattr(Ledger, "exchange", exchange)


def test_a_ledger_that_fails_for_a_moment_costs_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    Failing(monkeypatch, 4, 6)
    run, gateway = plan_run(ledger, 300), ScriptedGateway(seconds=0.05)
    result, _ = send_in_no_time(ledger, run, gateway)
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 300}
    assert len(gateway.got) == 300


def test_a_ledger_that_stays_broken_stops_the_sending_with_its_error(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, gateway = plan_run(ledger, 1000), ScriptedGateway(seconds=0.05)
    with monkeypatch.context() as patch:
        Failing(patch, 8, 10**9)
        with pytest.raises(LedgerError) as caught:
            send_in_no_time(ledger, run, gateway)
    assert "the disk is full" in str(caught.value)
    assert "unknown" in str(caught.value)
    lost = states(ledger, run)["submitting"]
    assert len(gateway.got) <= states(ledger, run).get("accepted", 0) + lost
    assert gateway.closed == 1

    again = ScriptedGateway()
    send_in_no_time(ledger, run, again)
    found = states(ledger, run)
    assert found == {"accepted": 1000 - lost, "unknown": lost}
    assert not set(again.numbers) & set(gateway.numbers)


def test_a_failure_of_the_last_commit_before_the_end_is_recovered_by_the_final_try(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five failures in a row end the sending; the last try, after what was in flight came home, records it."""
    Failing(monkeypatch, 8, 12)
    run, gateway = plan_run(ledger, 1000), ScriptedGateway(seconds=0.05)
    with pytest.raises(LedgerError):
        send_in_no_time(ledger, run, gateway)
    found = states(ledger, run)
    assert found == {"accepted": len(gateway.got), "planned": 1000 - len(gateway.got)}


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
    assert ledger.run(run.id).state == RunState.PAUSED
