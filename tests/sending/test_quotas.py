"""Quotas belong to an account over all runs and processes: a provider that counts never refuses anything because of us,
and the plan knows when a run will be done."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from postgreskit import running_postgres
from sendkit import (
    ACCEPTED,
    START_MS,
    ScriptedGateway,
    VirtualLoop,
    not_sent,
    open_ledger,
    plan_run,
    rejected,
    send_in_no_time,
    states,
)

from a2pcli.config.quotas import Quota, parse_quota
from a2pcli.ledger.quota_values import SharedQuota, Usage
from a2pcli.ledger.quotas import begin, divided
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.planning.capacity import Load
from a2pcli.planning.estimate import estimate
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, Rate, SendOptions, SendResult
from a2pcli.sending.stop import StopRequest

HOUR = 3600.0
ACCOUNT = "account test"


class Counting(ScriptedGateway):
    """A provider that counts what comes in, and refuses what is over its caps. It may be slow before or after."""

    def __init__(self, *caps: Quota, before: float = 0.0, after: float = 0.01, batch: int = 1) -> None:
        super().__init__(batch=batch)
        self.caps, self.before, self.after = caps, before, after
        self.came: list[int] = []
        self.units = {unit: [0] for unit in ("messages", "parts")}  # summed up, by what came
        self.refused = 0

    def now(self) -> int:
        return START_MS + int(asyncio.get_running_loop().time() * 1000)

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        await asyncio.sleep(self.before)
        outcomes = [self._one(message) for message in batch]
        await asyncio.sleep(self.after)
        return outcomes

    def _one(self, message: Message) -> Outcome:
        now = self.now()
        for cap in self.caps:
            since = cap.begins(now)
            first = (bisect_left if cap.zone else bisect_right)(self.came, since)
            used = self.units[cap.unit][-1] - self.units[cap.unit][first]
            if used + cap.weight(message.parts) > cap.limit:
                self.refused += 1
                return not_sent(Cause.RATE, "429")
        self.came.append(now)
        self.units["messages"].append(self.units["messages"][-1] + 1)
        self.units["parts"].append(self.units["parts"][-1] + message.parts)
        self.got.append(message)
        return ACCEPTED


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[list[Ledger]]:
    opened = [open_ledger(tmp_path) for _ in range(3)]
    yield opened
    for one in opened:
        one.close()


def quotas(*texts: str) -> list[SharedQuota]:
    return [SharedQuota(ACCOUNT, parse_quota(text), "gateway test", gateways=("test",)) for text in texts]


def options(*texts: str, rate: float | None = None, **more: object) -> SendOptions:
    pace = None if rate is None else Rate(rate, "messages")
    return SendOptions(rate=pace, quotas=quotas(*texts), wait=True, **more)  # type: ignore[arg-type]


def caps(*texts: str) -> list[Quota]:
    return [parse_quota(text) for text in texts]


def together(
    ledgers: Sequence[Ledger], runs: Sequence[Run], gateway: ScriptedGateway, option: SendOptions
) -> tuple[list[SendResult], float]:
    loop = VirtualLoop()
    clock = lambda: START_MS + int(loop.time() * 1000)  # noqa: E731

    async def all_of_them() -> list[SendResult]:
        return await asyncio.gather(
            *[
                send_run(
                    one, run, gateway, option, stop=StopRequest(), on_progress=lambda _p: None, clock=clock
                )
                for one, run in zip(ledgers, runs, strict=True)
            ]
        )

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(all_of_them()), loop.time()


def predicted(ledger: Ledger, count: int, *texts: str, rate: float | None = None, parts: int = 1) -> float:
    """Seconds from the start to the end that a plan foresees."""
    usages: list[Usage] = [ledger.quotas.usage(one, START_MS) for one in quotas(*texts)]
    flows = Load(usages).flows({}, count, count * parts, START_MS)
    told = estimate([(None, count)], start=START_MS, ends=None, per_second=rate, limits=flows)
    assert told.finishes_at is not None
    return (told.finishes_at - START_MS) / 1000


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("texts", "rate", "count", "senders"),
    [
        (("60/min",), 10.0, 200, 1),
        (("60/min",), 10.0, 200, 2),
        (("60/min",), None, 150, 2),
        (("100/day in Pacific/Marquesas",), 2.0, 180, 2),  # midnight is an hour and a half after the start
        pytest.param(("40/min", "150/h"), 5.0, 320, 2, marks=SLOW),
        pytest.param(("50/min", "300/day"), 4.0, 700, 2, marks=SLOW),
        pytest.param(("120/24h",), 2.0, 300, 2, marks=SLOW),
        pytest.param(("100/day in America/New_York",), 2.0, 250, 2, marks=SLOW),
    ],
)
def test_a_provider_that_counts_refuses_nothing_and_the_end_is_as_planned(
    ledgers: list[Ledger], texts: tuple[str, ...], rate: float | None, count: int, senders: int
) -> None:
    gateway = Counting(*caps(*texts))
    foreseen = predicted(ledgers[0], count, *texts, rate=rate)
    runs = [plan_run(ledgers[0], count // senders, campaign=f"c{n}") for n in range(senders)]
    results, seconds = together(ledgers[:senders], runs, gateway, options(*texts, rate=rate))
    assert {one.ended for one in results} == {Ended.FINISHED}
    assert gateway.refused == 0
    assert len(gateway.came) == count // senders * senders
    assert seconds == pytest.approx(foreseen, rel=0.05, abs=2.0)


@pytest.mark.parametrize("slow", [(0.0, 20.0), (20.0, 0.0), (9.0, 9.0)])
def test_messages_on_their_way_count_until_they_are_answered(
    ledgers: list[Ledger], slow: tuple[float, float]
) -> None:
    gateway = Counting(*caps("30/min"), before=slow[0], after=slow[1])
    runs = [plan_run(ledgers[0], 45, campaign=f"c{n}") for n in range(2)]
    together(ledgers[:2], runs, gateway, options("30/min"))
    assert gateway.refused == 0
    assert len(gateway.came) == 90


@pytest.mark.slow
def test_messages_on_their_way_at_midnight_count_for_the_new_day(ledgers: list[Ledger]) -> None:
    day = "50/day in Pacific/Marquesas"
    gateway = Counting(*caps(day), before=20.0, after=20.0)
    runs = [plan_run(ledgers[0], 50, campaign=f"c{n}") for n in range(2)]
    together(ledgers[:2], runs, gateway, options(day, rate=1 / 120))
    assert gateway.refused == 0
    assert len(gateway.came) == 100


def test_parts_count_where_a_quota_is_in_parts(ledgers: list[Ledger]) -> None:
    gateway = Counting(*caps("30 parts/min"))
    run = plan_run(ledgers[0], 60, parts=(1, 3))
    together(ledgers[:1], [run], gateway, options("30 parts/min"))
    assert gateway.refused == 0
    assert states(ledgers[0], run) == {"accepted": 60}


def test_a_message_with_more_parts_than_a_quota_holds_up_nobody(ledger: Ledger) -> None:
    run = plan_run(ledger, 12, parts=(1, 1, 5))
    gateway = Counting(*caps("3 parts/min"))
    result, _ = send_in_no_time(ledger, run, gateway, options("3 parts/min"))
    assert states(ledger, run) == {"accepted": 8, "planned": 4}
    assert result.ended is Ended.WAITING
    assert result.reason is not None
    assert "4 messages have more parts than a quota allows" in result.reason.message
    gateway.caps = ()
    send_in_no_time(ledger, run, gateway, options("9 parts/min"))
    assert states(ledger, run) == {"accepted": 12}


def test_a_day_that_is_used_up_ends_the_run_until_the_next(ledger: Ledger) -> None:
    run = plan_run(ledger, 30)
    day = SendOptions(quotas=quotas("20/day"))
    gateway = Counting(*caps("20/day"))
    result, seconds = send_in_no_time(ledger, run, gateway, day)
    assert result.ended is Ended.WAITING
    assert result.reason is not None
    assert (
        result.reason.message
        == "10 messages wait until 2027-01-16 00:00 UTC (quota of 20/day of gateway test)"
    )
    assert f"--plan {run.id}" in (result.reason.hint or "")
    assert seconds < 60
    assert states(ledger, run) == {"accepted": 20, "planned": 10}
    other = plan_run(ledger, 5, campaign="other")
    assert send_in_no_time(ledger, other, gateway, day)[0].ended is Ended.WAITING
    assert states(ledger, other) == {"planned": 5}
    assert gateway.refused == 0


def test_what_was_sent_before_anybody_counted_counts(ledger: Ledger) -> None:
    gateway = Counting(*caps("20/day"))
    send_in_no_time(ledger, plan_run(ledger, 15), gateway, SendOptions())
    run = plan_run(ledger, 15, campaign="later")
    assert ledger.quotas.usage(quotas("20/day")[0], START_MS + 60_000).left(START_MS + 60_000) == 5
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(quotas=quotas("20/day")))
    assert result.ended is Ended.WAITING
    assert states(ledger, run) == {"accepted": 5, "planned": 10}
    assert gateway.refused == 0


def test_what_was_not_taken_uses_up_nothing(ledger: Ledger) -> None:
    answers = deque([not_sent(Cause.TEMPORARY)] * 10)
    gateway = ScriptedGateway(lambda _m, _n: answers.popleft() if answers else ACCEPTED)
    run = plan_run(ledger, 20)
    result, _ = send_in_no_time(ledger, run, gateway, SendOptions(quotas=quotas("20/day")))
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 20}


def test_a_senders_quota_holds_up_its_own_messages_alone(ledger: Ledger) -> None:
    run = plan_run(ledger, 40, sender=None, senders=("+14155550101", "ACME"))
    own = SharedQuota("sender 1", parse_quota("5/day"), "sender 1", "+14155550101", counts="+14155550101")
    result, seconds = send_in_no_time(ledger, run, ScriptedGateway(), SendOptions(quotas=[own]))
    assert result.ended is Ended.WAITING
    assert seconds < 60
    assert states(ledger, run) == {"accepted": 25, "planned": 15}
    assert result.reason is not None
    assert "15 messages wait for a quota, the first until 2027-01-16 00:00" in result.reason.message


def test_a_senders_quota_that_has_room_soon_is_waited_for(ledger: Ledger) -> None:
    """As one that binds every message is: nobody has to run the command again every minute."""
    run = plan_run(ledger, 40, sender=None, senders=("+14155550101", "ACME"))
    own = SharedQuota("sender 1", parse_quota("5/minute"), "sender 1", "+14155550101", counts="+14155550101")
    result, seconds = send_in_no_time(ledger, run, ScriptedGateway(), SendOptions(quotas=[own]))
    assert result.ended is Ended.FINISHED
    assert states(ledger, run) == {"accepted": 40}
    assert 180 <= seconds < 240


def test_a_killed_senders_messages_are_counted_once(ledger: Ledger) -> None:
    """What it had claimed and not settled is unknown, and counts; the next sender counts from the attempts."""
    lost = ScriptedGateway(lambda _m, n: RuntimeError("gone") if n >= 10 else ACCEPTED)
    run = plan_run(ledger, 30)
    send_in_no_time(ledger, run, lost, SendOptions(quotas=quotas("50/day"), concurrency=2))
    unknown = states(ledger, run).get("unknown", 0)
    usage = ledger.quotas.usage(quotas("50/day")[0], START_MS + 60_000)
    assert usage.used(START_MS + 60_000) == 10 + unknown
    assert Outcome(Verdict.UNKNOWN).verdict is Verdict.UNKNOWN


@pytest.mark.slow
def test_days_under_caps_of_a_minute_and_a_day(ledgers: list[Ledger]) -> None:
    texts = ("300/min", "3,000/day in Asia/Tokyo")
    gateway = Counting(*caps(*texts), batch=20)
    foreseen = predicted(ledgers[0], 8_000, *texts, rate=20.0)
    runs = [plan_run(ledgers[0], 4_000, campaign=f"c{n}", chunk=1000) for n in range(2)]
    results, seconds = together(ledgers[:2], runs, gateway, options(*texts, rate=20.0))
    assert {one.ended for one in results} == {Ended.FINISHED}
    assert gateway.refused == 0
    assert seconds == pytest.approx(foreseen, rel=0.05)


@pytest.mark.slow
def test_on_postgresql_too_senders_of_one_run_and_of_two_share_a_quota() -> None:
    with running_postgres() as server:
        opened = [Ledger.open(server.get_uri()) for _ in range(3)]
        try:
            gateway = Counting(*caps("40/min", "30 parts/30 s"))
            runs = [plan_run(opened[0], 60, campaign=f"c{n}", chunk=10) for n in range(2)]
            shared = options("40/min", "30 parts/30 s")
            together(opened, [*runs, runs[0]], gateway, shared)
            assert gateway.refused == 0
            assert [states(opened[0], run) for run in runs] == [{"accepted": 60}] * 2
        finally:
            for one in opened:
                one.close()


def test_what_a_killed_process_had_claimed_is_no_longer_in_flight_once_another_begins(ledger: Ledger) -> None:
    """A token that holds no run any more stands for nobody; the attempts know what became of its messages."""
    from sqlalchemy import insert, select

    from a2pcli.ledger.tables import quota_usage

    shared = quotas("20/day")
    with ledger.engine.begin() as connection:
        slot = shared[0].slot(START_MS)
        row = {"key": shared[0].key, "slot": slot, "sender": 4711, "used": 15}
        connection.execute(insert(quota_usage).values(row))
    assert ledger.quotas.usage(shared[0], START_MS).left(START_MS) == 5
    run = plan_run(ledger, 20)
    result, _ = send_in_no_time(ledger, run, ScriptedGateway(), SendOptions(quotas=shared))
    assert result.ended is Ended.FINISHED
    with ledger.engine.connect() as connection:
        rows = connection.execute(select(quota_usage.c.sender, quota_usage.c.used)).all()
    assert sum(used for _, used in rows) == 20
    assert {sender for sender, _ in rows} == {0}


def test_a_country_that_the_gateway_refused_uses_up_no_quota_afterwards(ledger: Ledger) -> None:
    """Of a run with several channels: messages rejected at the claim were never handed over."""
    gateway = ScriptedGateway(
        lambda message, _n: rejected(Cause.COUNTRY, "21408") if message.country == "US" else ACCEPTED,
        seconds=0.05,
    )
    channels = {name: {"gateway": "test", "sender": "ACME"} for name in ("sms", "email")}
    run = plan_run(ledger, 400, countries=("US", "GB"), channel="sms", sending={"channels": channels})
    gateway.capabilities = replace(gateway.capabilities, channels=frozenset(channels), concurrency=10)
    send_in_no_time(ledger, run, gateway, SendOptions(quotas=quotas("400/day")))
    assert states(ledger, run) == {"accepted": 200, "rejected": 200}
    handed_over = len(gateway.got)
    assert handed_over < 300
    (quota,) = quotas("400/day")
    assert ledger.quotas.usage(quota, START_MS + 60_000).used(START_MS + 60_000) == handed_over
    ledger.attempts.start(plan_run(ledger, 1, campaign="later"), START_MS)
    with ledger.writing() as connection:
        begin(connection, [quota], START_MS + 60_000)
    assert ledger.quotas.usage(quota, START_MS + 60_000).used(START_MS + 60_000) == handed_over


def test_what_is_divided_is_never_more_than_there_is_nor_than_anybody_wants() -> None:
    assert divided(10, {"a": 4, "b": 6}) == {"a": 4, "b": 6}
    assert divided(3, {"a": 5, "b": 5}) in ({"a": 2, "b": 1}, {"a": 1, "b": 2})
    assert divided(1, {"a": 1, "b": 200}) == {"a": 0, "b": 1}
    for total in range(1, 30):
        found = divided(total, wanted := {"a": 3, "b": 7, "c": 11})
        assert sum(found.values()) == min(total, 21)
        assert all(0 <= found[name] <= many for name, many in wanted.items())
