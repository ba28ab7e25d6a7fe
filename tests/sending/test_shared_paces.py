"""A pace belongs to an account: runs that share one keep it together, and a sender that is gone does not hold it up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from sendkit import (
    START_MS,
    ScriptedGateway,
    VirtualLoop,
    open_ledger,
    plan_run,
    send_in_no_time,
    states,
)

from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, Rate, SendOptions, SendResult
from a2pcli.sending.stop import StopRequest

SLOW = "+14155550101"


class Timed(ScriptedGateway):
    """All messages of several gateways, with the moment each came, in one list."""

    def __init__(self, all_times: list[float], **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]
        self.times = all_times


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[list[Ledger]]:
    """One ledger, opened three times."""
    opened = [open_ledger(tmp_path) for _ in range(3)]
    yield opened
    for one in opened:
        one.close()


def send_together(
    ledgers: Sequence[Ledger],
    runs: Sequence[Run],
    gateways: Sequence[ScriptedGateway],
    options: Sequence[SendOptions],
) -> list[SendResult]:
    """Several senders at once, on one clock that jumps."""
    loop = VirtualLoop()
    clock = lambda: START_MS + int(loop.time() * 1000)  # noqa: E731

    async def all_of_them() -> list[SendResult]:
        return await asyncio.gather(
            *[
                send_run(
                    ledger, run, gateway, option, stop=StopRequest(), on_progress=lambda _p: None, clock=clock
                )
                for ledger, run, gateway, option in zip(ledgers, runs, gateways, options, strict=True)
            ]
        )

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(all_of_them())


def at(rate: float, unit: str = "messages", key: str = "gateway prov") -> SendOptions:
    return SendOptions(rate=Rate(rate, unit), shared=[SharedPace(key, rate, unit)])  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "count"), [(3, 30), (50, 300), (0.2, 6)])
@pytest.mark.parametrize("senders", [2, 3])
def test_runs_that_share_a_pace_keep_it_together(
    ledgers: list[Ledger], rate: float, count: int, senders: int
) -> None:
    times: list[float] = []
    runs = [plan_run(ledgers[0], count, campaign=f"c{n}") for n in range(senders)]
    gateways = [Timed(times) for _ in runs]
    results = send_together(ledgers[:senders], runs, gateways, [at(rate)] * senders)
    assert {one.ended for one in results} == {Ended.FINISHED}
    assert len(times) == senders * count
    times.sort()
    window = max(1.0, 2 / rate)
    for first in times:
        inside = sum(first <= time < first + window - 1e-6 for time in times)
        assert inside <= rate * window * 1.1 + 1
    assert times[-1] - times[0] == pytest.approx((senders * count - 1) / rate, rel=0.15)
    thirds = [[n for n, one in enumerate(gateways) if len(one.got)] for _ in runs]
    assert all(len(one) == senders for one in thirds), "each gets its share"


def test_a_pace_in_parts_is_shared_in_parts(ledgers: list[Ledger]) -> None:
    times: list[float] = []
    runs = [plan_run(ledgers[0], 30, campaign=f"c{n}", parts=(1, 3)) for n in range(2)]
    send_together(ledgers[:2], runs, [Timed(times), Timed(times)], [at(10, "parts")] * 2)
    assert max(times) - min(times) == pytest.approx(2 * 60 / 10, rel=0.15)


@pytest.mark.parametrize("batch", [10, 100])
def test_batches_keep_a_shared_pace(ledgers: list[Ledger], batch: int) -> None:
    times: list[float] = []
    runs = [plan_run(ledgers[0], 200, campaign=f"c{n}") for n in range(2)]
    send_together(ledgers[:2], runs, [Timed(times, batch=batch), Timed(times, batch=batch)], [at(40)] * 2)
    assert max(times) - min(times) == pytest.approx(400 / 40, rel=0.15)


def test_a_senders_pace_is_its_own_over_all_runs(ledgers: list[Ledger]) -> None:
    sending = {"sender_rates": {SLOW: {"per_second": 2, "unit": "messages"}}}
    runs = [
        plan_run(ledgers[0], 20, campaign=f"c{n}", sender=None, senders=(SLOW, "ACME"), sending=sending)
        for n in range(2)
    ]
    gateways = [ScriptedGateway(), ScriptedGateway()]
    options = SendOptions(shared=[SharedPace(f"sender {SLOW}", 2, "messages", SLOW)])
    send_together(ledgers[:2], runs, gateways, [options] * 2)
    slow = sorted(
        time
        for one in gateways
        for message, time in zip(one.got, one.times, strict=True)
        if message.sender == SLOW
    )
    assert len(slow) == 20
    assert all(later - earlier > 0.45 for earlier, later in pairwise(slow))
    others = [
        time for one in gateways for m, time in zip(one.got, one.times, strict=True) if m.sender == "ACME"
    ]
    assert max(others) < max(slow) / 2, "who has no pace does not wait"


def test_paces_of_different_accounts_do_not_touch_each_other(ledgers: list[Ledger]) -> None:
    times: list[float] = []
    runs = [plan_run(ledgers[0], 30, campaign=f"c{n}") for n in range(2)]
    options = [at(3, key="gateway a"), at(3, key="gateway b")]
    send_together(ledgers[:2], runs, [Timed(times), Timed(times)], options)
    assert max(times) - min(times) == pytest.approx(29 / 3, rel=0.1)


def test_one_sender_alone_is_as_fast_as_the_pace(ledger: Ledger) -> None:
    gateway = ScriptedGateway(seconds=0.05)
    run = plan_run(ledger, 500)
    result, seconds = send_in_no_time(ledger, run, gateway, at(100))
    assert states(ledger, run) == {"accepted": 500}
    assert seconds == pytest.approx(5, rel=0.1), result


@pytest.mark.parametrize("ahead", [-3600.0, 0.4, 59.0, 3 * 86_400.0, 3.2e8])
def test_what_a_killed_sender_or_a_wrong_clock_left_does_not_hold_the_pace_for_long(
    ledger: Ledger, ahead: float
) -> None:
    from sqlalchemy import text

    run = plan_run(ledger, 20)
    ledger.attempts.share_paces(run, at(10).shared)
    with ledger.engine.begin() as connection:
        later = int((START_MS / 1000 + ahead) * 1_000_000)
        connection.execute(text("UPDATE paces SET next_at = :at"), {"at": later})
    result, seconds = send_in_no_time(ledger, run, ScriptedGateway(), at(10))
    assert result.ended is Ended.FINISHED
    assert seconds < max(0.0, ahead if ahead < 60 else 0.0) + 3


def test_a_pace_that_others_use_up_ends_no_run_early(ledgers: list[Ledger]) -> None:
    """A short run beside a long one: it gets its turns, and both end with everybody reached."""
    times: list[float] = []
    runs = [plan_run(ledgers[0], 100, campaign="long"), plan_run(ledgers[0], 5, campaign="short")]
    gateways = [Timed(times), Timed(times)]
    send_together(ledgers[:2], runs, gateways, [at(5)] * 2)
    assert [states(ledgers[0], run) for run in runs] == [{"accepted": 100}, {"accepted": 5}]


def test_in_a_run_of_several_gateways_a_message_takes_one_slot_of_the_campaigns_pace(
    ledger: Ledger, tmp_path: Path
) -> None:
    from a2pcli.actions.send_options import send_options
    from a2pcli.actions.send_watcher import SendRequest
    from a2pcli.config.load import load_settings

    (tmp_path / "a2pcli.yaml").write_text(
        "gateways:\n  one: {type: simulator, seed: 1, rate: 50/s}\n  two: {type: simulator, seed: 2, rate: 90/s}\n"
    )
    channels = {"sms": {"gateway": "one"}, "email": {"gateway": "two"}}
    rate = {"per_second": 20.0, "unit": "messages"}
    run = plan_run(ledger, 1, gateway="one", sending={"channels": channels, "rate": rate})
    shared = send_options(run, {}, load_settings(tmp_path), SendRequest()).shared
    assert sorted(one.per_second for one in shared) == [20.0, 50.0, 90.0]
