"""A gateway that is down, wants everybody to wait or will not have the account: nobody is lost."""

from __future__ import annotations

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

from a2pcli.errors import GatewayUnusable, InvalidInput
from a2pcli.ledger.records import RunState
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.sending.options import BreakerOptions, Ended, Progress, Rate, SendOptions

DOWN = not_sent(Cause.UNREACHABLE, "ECONNREFUSED")


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
    assert ledger.runs.get(run.id).state == RunState.PAUSED
    assert len(gateway.got) <= 10

    later = ScriptedGateway()
    result, _ = send_in_no_time(ledger, ledger.runs.get(run.id), later)
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
    assert ledger.runs.get(run.id).state_reason == "no such file"


def test_a_gateway_whose_settings_cannot_work_leaves_the_run_as_it_was(ledger: Ledger) -> None:
    class Wrong(ScriptedGateway):
        async def open(self) -> None:
            raise InvalidInput("bad url")

    run = plan_run(ledger, 5)
    with pytest.raises(InvalidInput):
        send_in_no_time(ledger, run, Wrong())
    assert ledger.runs.get(run.id).state == RunState.PLANNED


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
    (rows,) = ledger.messages.rows(run)
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
    assert ledger.runs.get(run.id).state == RunState.PLANNED


def test_a_long_retry_after_of_a_gateway_that_is_down_is_waited_for_without_asking_the_ledger_meanwhile(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The breaker would try after a second, the gateway asked for a minute: nothing is claimed until then."""
    transactions = 0
    honest = ledger.attempts.exchange

    def counted(*given: object) -> object:
        nonlocal transactions
        transactions += 1
        assert transactions < 1000
        return honest(*given)  # type: ignore[arg-type]

    def answer(_message: Message, _n: int) -> Outcome:
        return ACCEPTED if gateway.times[-1] > 60 else not_sent(Cause.TEMPORARY, "503", retry_after=60.0)

    monkeypatch.setattr(ledger.attempts, "exchange", counted)
    gateway = ScriptedGateway(answer, seconds=0.05)
    run = plan_run(ledger, 50)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(breaker=BreakerOptions(failing=1)))
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 50}
