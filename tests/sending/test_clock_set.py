"""The machine's clock is set while a run is sent, or was wrong when it was: nobody waits for it, and it is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sendkit import (
    ACCEPTED,
    START_MS,
    ScriptedGateway,
    VirtualLoop,
    not_sent,
    number_of,
    open_ledger,
    plan_run,
    send,
    states,
)
from test_peoples_hours import NOON, clocks, plan

from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.options import Ended, Rate, SendOptions, SendResult
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.timing import SteadyClock

DAY = 86_400_000
SLOWLY = SendOptions(rate=Rate(2, "messages"))


def send_by(
    ledger: Ledger,
    run: Run,
    gateway: ScriptedGateway,
    wall: Callable[[float], int],
    options: SendOptions = SLOWLY,
    **more: object,
) -> tuple[SendResult, float]:
    """Send while the machine's clock shows ``wall(seconds since the start)``."""
    loop = VirtualLoop()
    clock = SteadyClock(lambda: wall(loop.time()), loop.time)
    result = send(ledger, run, gateway, options, loop=lambda: loop, clock=clock, **more)  # type: ignore[arg-type]
    return result, loop.time()


def jumping(days: float, after: float = 5.0, start: int = START_MS) -> Callable[[float], int]:
    return lambda passed: start + int(passed * 1000) + (int(days * DAY) if passed > after else 0)


@pytest.mark.parametrize("days", [-3, 3650, -0.01])
def test_without_hours_a_run_goes_on_by_the_time_that_really_passed(
    ledger: Ledger, days: float, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(message: Message, n: int) -> Outcome:
        return not_sent(Cause.TEMPORARY, "503") if n in (8, 12, 15) else ACCEPTED

    run = plan_run(ledger, 40)
    result, seconds = send_by(ledger, run, ScriptedGateway(answer), jumping(days))
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 40}
    assert seconds < 60
    assert caplog.text.count("the clock of this machine was set") == 1


@pytest.mark.parametrize("days", [-3, 3650])
def test_where_hours_depend_on_it_nothing_more_leaves_and_it_is_said(tmp_path: Path, days: float) -> None:
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 40, clocks(("Europe/London",)))
        gateway = ScriptedGateway()
        result, seconds = send_by(ledger, run, gateway, jumping(days, start=NOON))
        assert result.ended is Ended.PAUSED
        assert result.reason is not None
        assert result.reason.code == "clock-set"
        assert seconds < 7
        assert states(ledger, run) == {"accepted": len(gateway.got), "planned": 40 - len(gateway.got)}


def test_a_time_servers_correction_is_no_matter(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 40, clocks(("Europe/London",)))
        result, _ = send_by(ledger, run, ScriptedGateway(), jumping(-0.001, start=NOON))
        assert result.ended is Ended.FINISHED


@pytest.mark.parametrize("days", [3, 3650])
def test_what_a_sender_with_a_clock_ahead_left_behind_goes_at_once_with_the_right_one(
    tmp_path: Path, days: int
) -> None:
    """Released, held for hours and put back for another try, all by a machine that thought it was later."""
    stop = StopRequest()

    def answer(message: Message, n: int) -> Outcome:
        if n == 6:
            stop.drain()
        return not_sent(Cause.TEMPORARY, "503", 60.0) if n == 3 else ACCEPTED

    with open_ledger(tmp_path) as ledger:
        made = clocks(("Europe/London", "America/Los_Angeles"))
        run = plan(ledger, 40, made)
        early = NOON + days * DAY  # 13:00 in London, 05:00 in Los Angeles
        send_by(
            ledger, run, ScriptedGateway(answer, seconds=0.5), lambda passed: early + int(passed * 1000),
            SendOptions(), stop=stop,
        )  # fmt: skip
        assert ledger.runs.totals(run, early).held
        evening = NOON + 4 * 3_600_000  # 17:00 and 09:00
        gateway = ScriptedGateway()
        result, seconds = send_by(
            ledger,
            ledger.runs.get(run.id),
            gateway,
            lambda passed: evening + int(passed * 1000),
            SendOptions(),
        )
        assert result.ended is Ended.FINISHED
        assert states(ledger, run) == {"accepted": 40}
        assert seconds < 10


def test_what_is_put_back_does_not_wait_longer_after_the_clock_went_back(ledger: Ledger) -> None:
    run = plan_run(ledger, 3)
    send_by(
        ledger, run, ScriptedGateway(lambda _m, _n: not_sent(Cause.UNREACHABLE)),
        lambda passed: START_MS + 3 * DAY + int(passed * 1000),
    )  # fmt: skip
    gateway = ScriptedGateway()
    result, seconds = send_by(ledger, ledger.runs.get(run.id), gateway, jumping(0))
    assert result.ended is Ended.FINISHED
    assert sorted(gateway.numbers) == [number_of(row) for row in (1, 2, 3)]
    assert seconds < 5
