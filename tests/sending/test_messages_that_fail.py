"""What becomes of a message that its gateway refuses, or about which it breaks its word."""

from __future__ import annotations

import pytest
from sendkit import (
    ACCEPTED,
    UNKNOWN,
    ScriptedGateway,
    not_sent,
    number_of,
    plan_run,
    rejected,
    send_in_no_time,
    states,
)

from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.options import Ended, Rate, SendOptions
from a2pcli.sending.stop import StopRequest


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
    assert result.reason.message == "gateway test did not accept 1 message and asks to try again later: 30003"
    assert result.progress.errors_by_code == {"30003": 3}
    assert seconds < 10
    later = ScriptedGateway()
    send_in_no_time(ledger, ledger.runs.get(run.id), later)
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
    result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), later)
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
        result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), gateway)
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
    (entry,) = ledger.optouts.of(number_of(3))
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
    (entry,) = ledger.optouts.of(number_of(1))
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
    assert set(ledger.runs.totals(run).by_reason) == {"country-refused"}
    assert "submitting" not in found


def test_suppressions_added_while_the_run_is_on_are_honoured(ledger: Ledger) -> None:
    late = number_of(90)

    def answer(_message: Message, n: int) -> Outcome:
        if n == 10:
            ledger.optouts.add(late, source="test")
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
    assert ledger.runs.totals(run).by_code["unknown"] == {"ValueError": 1}
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
