"""Sending through days and nights: what is open goes, what is not waits, and nobody is messaged out of hours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sendkit import (
    ACCEPTED,
    UNKNOWN,
    ScriptedGateway,
    VirtualLoop,
    not_sent,
    number_of,
    open_ledger,
    send,
    states,
)

from a2pcli.config.hours import parse_spans
from a2pcli.config.values import Rate
from a2pcli.ledger.clocks import RunClock
from a2pcli.ledger.records import AcceptedRows, NewRun, PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.rules.clock import Clock
from a2pcli.rules.windows import Window
from a2pcli.sending.options import BreakerOptions, Ended, Progress, SendOptions, SendResult
from a2pcli.sending.stop import StopRequest

ZONES = ("America/New_York", "America/Los_Angeles", "Europe/London", "Australia/Sydney")
EIGHT_TO_NINE = Window("test-hours", (parse_spans("08:00-21:00"),) * 7)


def at(text: str) -> int:
    """A moment in UTC milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = at("2027-06-15 12:00")


def clocks(zones: Sequence[str] = ZONES, **more: datetime) -> dict[int, RunClock]:
    return {
        place: RunClock(Clock((zone,) if zone else (), (EIGHT_TO_NINE,), **more))
        for place, zone in enumerate(zones, 1)
    }


def plan(
    ledger: Ledger, count: int, made: dict[int, RunClock], *, campaign: str = "spring", **more: object
) -> Run:
    """``count`` messages; the clocks take turns."""
    occasion = ledger.plans.occasion(campaign, "once")
    run = ledger.plans.begin(NewRun(campaign, occasion, "test", purpose="marketing", **more))  # type: ignore[arg-type]
    rows = list(range(1, count + 1))
    numbers = [number_of(row) for row in rows]
    accepted = AcceptedRows(
        row=rows,
        line=rows,
        address=numbers,
        person=[int(number[1:]) for number in numbers],
        body=[f"Hello {row}" for row in rows],
        clock=[row % len(made) + 1 for row in rows],
    )
    ledger.plans.add_rows(run, PlannedRows(accepted=accepted))
    return ledger.plans.finish(run, digest="0" * 64, rows_read=count, summary={}, clocks=made)


class Watching(ScriptedGateway):
    """Remembers when it got each message, by the wall clock of the test."""

    def __init__(self, *, seconds: float = 0.0, concurrency: int = 100) -> None:
        super().__init__(self._note, seconds=seconds, concurrency=concurrency)
        self.at: dict[str, int] = {}
        self.now = lambda: 0
        self.first: Outcome | None = None

    def _note(self, message: Message, _n: int) -> Outcome:
        if self.first is not None:
            answer, self.first = self.first, None
            return answer
        assert message.to not in self.at, "nobody gets it twice"
        self.at[message.to] = self.now()
        return ACCEPTED


def run_through(
    ledger: Ledger,
    run: Run,
    gateway: Watching,
    start: int,
    options: SendOptions | None = None,
    **more: object,
) -> SendResult:
    """Send on a clock that jumps wherever nothing happens."""
    loop = VirtualLoop()
    gateway.now = lambda: start + int(loop.time() * 1000)
    return send(ledger, run, gateway, options, loop=lambda: loop, clock=gateway.now, **more)  # type: ignore[arg-type]


def hours_of(gateway: Watching, run: Run, made: dict[int, RunClock]) -> None:
    """Everybody who got it got it between eight and nine in the evening of their own."""
    assert gateway.at
    for number, moment in gateway.at.items():
        row = int(number[5:])
        (zone,) = made[row % len(made) + 1].clock.zones
        there = datetime.fromtimestamp(moment / 1000, ZoneInfo(zone))
        assert 8 <= there.hour < 21, (number, there)


def test_what_is_open_goes_and_the_rest_is_told_to_wait(tmp_path: Path) -> None:
    made = clocks()
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 40, made)
        gateway = Watching()
        result = run_through(ledger, run, gateway, NOON)
        assert result.ended is Ended.WAITING
        assert result.reason is not None
        assert (
            result.reason.message
            == "20 messages wait for the person's hours, the first until 2027-06-15 15:00 UTC"
        )
        assert states(ledger, run) == {"accepted": 20, "planned": 20}
        assert ledger.runs.get(run.id).state == "paused"
        hours_of(gateway, run, made)


def test_each_call_sends_what_has_opened_since_until_nothing_is_left(tmp_path: Path) -> None:
    """As cron would call it, every two hours through a day and a night."""
    made = clocks()
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 40, made)
        gateway = Watching()
        endings = [run_through(ledger, run, gateway, NOON + 7_200_000 * n).ended for n in range(13)]
        assert endings[0] is Ended.WAITING
        assert endings[-1] is Ended.FINISHED
        assert len(gateway.at) == 40
        hours_of(gateway, run, made)


def test_with_wait_one_call_stays_until_the_last_window_has_opened(tmp_path: Path) -> None:
    made = clocks()
    seen: list[Progress] = []
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 40, made)
        gateway = Watching()
        result = run_through(ledger, run, gateway, NOON, SendOptions(wait=True), on_progress=seen.append)
        assert result.ended is Ended.FINISHED
        assert states(ledger, run) == {"accepted": 40}
        hours_of(gateway, run, made)
    waits = {one.waits_until for one in seen if one.state == "waiting"}
    assert waits == {at("2027-06-15 15:00"), at("2027-06-15 22:00")}


def test_a_slow_run_stops_at_nine_for_those_whose_day_is_over(tmp_path: Path) -> None:
    """Paced over midnight: New York closes first, Chicago goes on, and both end the next day."""
    made = clocks(("America/New_York", "America/Chicago"))
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 60, made)
        gateway = Watching()
        start = at("2027-06-16 00:40")  # 20:40 and 19:40
        options = SendOptions(rate=Rate(1 / 150, "messages"), wait=True)
        assert run_through(ledger, run, gateway, start, options).ended is Ended.FINISHED
        hours_of(gateway, run, made)
        by_zone = {1: set(), 2: set()}  # type: dict[int, set[int]]
        for number, moment in gateway.at.items():
            by_zone[int(number[5:]) % 2 + 1].add(moment)
        closed, later, opens = (at(f"2027-06-16 {hour}:00") for hour in ("01", "02", "12"))
        assert max(one for one in by_zone[1] if one < opens) < closed
        assert any(closed < one < later for one in by_zone[2])
        assert max(one for one in by_zone[2] if one < opens) < later
        assert all(max(zone) > opens for zone in by_zone.values())


def test_a_message_that_was_claimed_in_time_does_not_leave_too_late(tmp_path: Path) -> None:
    """The gateway takes 40 s for each and has one connection: what waits behind it at nine goes back."""
    made = clocks(("America/New_York",))
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 10, made)
        gateway = Watching(seconds=40.0, concurrency=1)
        result = run_through(ledger, run, gateway, at("2027-06-16 00:58:30"), SendOptions(concurrency=1))
        assert result.ended is Ended.WAITING
        hours_of(gateway, run, made)
        assert len(gateway.at) == 3
        assert states(ledger, run) == {"accepted": 3, "planned": 7}
        assert ledger.runs.totals(run, at("2027-06-16 02:00")).held == {"quiet-hours": 7}


class BeforeAndAfter(Watching):
    """Before the opening each answer takes long; afterwards it comes at once."""

    def __init__(self, opens: int, seconds: float) -> None:
        super().__init__()
        self.opens, self.slow = opens, seconds

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.seconds = self.slow if self.now() < self.opens else 0.05
        return await super().submit(batch)


@pytest.mark.parametrize("wait", [False, True])
def test_whose_hours_begin_while_answers_are_outstanding_is_messaged_in_the_same_call(
    tmp_path: Path, wait: bool
) -> None:
    """The pace leaves nothing to claim just when the last answer arrives: no reason to end."""
    made = clocks(("Europe/London", "America/Los_Angeles"))
    opens = at("2027-06-15 15:00")
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 8, made)
        gateway = BeforeAndAfter(opens, seconds=1.8)
        options = SendOptions(rate=Rate(1, "messages"), wait=wait)
        result = run_through(ledger, run, gateway, opens - 5200, options)
        assert (result.ended, result.reason) == (Ended.FINISHED, None)
        assert set(states(ledger, run)) == {"accepted"}
        hours_of(gateway, run, made)


class TroubledBefore(Watching):
    """Before the opening, accepts five and loses ten; the answer to the last of these takes until after it."""

    def __init__(self, opens: int) -> None:
        super().__init__()
        self.opens = opens

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        nth, is_before = len(self.got), self.now() < self.opens
        self.seconds = 0.01 if not is_before or nth < 5 else 4.0 if nth == 5 else 1.0
        answers = await super().submit(batch)
        return [UNKNOWN] * len(answers) if is_before and nth > 5 else answers


def test_whose_hours_begin_while_the_gateway_is_given_time_is_messaged_when_it_answers_again(
    tmp_path: Path,
) -> None:
    made = clocks(("Europe/London", "America/Los_Angeles"))
    opens = at("2027-06-15 15:00")
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 32, made)
        gateway = TroubledBefore(opens)
        options = SendOptions(breaker=BreakerOptions(waits=(30.0, 30.0)))
        result = run_through(ledger, run, gateway, opens - 3000, options)
        assert states(ledger, run) == {"accepted": 22, "unknown": 10}
        assert (result.ended, result.reason) == (Ended.FINISHED, None)
        hours_of(gateway, run, made)


def test_a_retry_waits_for_the_morning_where_its_backoff_ends_in_the_night(tmp_path: Path) -> None:
    made = clocks(("America/New_York",))
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 1, made)
        gateway = Watching()
        gateway.first = not_sent(Cause.TEMPORARY, retry_after=200.0)
        start = at("2027-06-16 00:58:00")
        assert run_through(ledger, run, gateway, start).ended is Ended.WAITING
        later = at("2027-06-16 01:05:00")
        assert run_through(ledger, run, gateway, later, SendOptions(wait=True)).ended is Ended.FINISHED
        assert list(gateway.at.values()) == [pytest.approx(at("2027-06-16 12:00"), abs=1000)]


def test_an_unknown_zone_is_held_and_said_and_does_not_keep_wait_up(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 4, clocks(("", "Europe/London")))
        result = run_through(ledger, run, Watching(), NOON, SendOptions(wait=True))
        assert result.ended is Ended.WAITING
        assert result.reason is not None
        assert result.reason.message == "2 messages are held because the time zone is not known"
        assert "timezone column" in (result.reason.hint or "")
        assert states(ledger, run) == {"accepted": 2, "planned": 2}


def test_what_expires_in_each_persons_time_never_goes_and_the_run_is_finished(tmp_path: Path) -> None:
    made = clocks(("America/New_York", "Europe/London"), expires=datetime(2027, 6, 15, 13, 0))
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 10, made)  # it is 13:00 in London, 08:00 in New York
        result = run_through(ledger, run, Watching(), NOON)
        assert result.ended is Ended.FINISHED
        assert states(ledger, run) == {"accepted": 5, "expired": 5}
        assert result.progress.left == 0


def test_wait_stays_for_the_campaigns_own_start(tmp_path: Path) -> None:
    start = NOON + 3_600_000
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 4, clocks(("Europe/London",)), not_before=start)
        assert run_through(ledger, run, Watching(), NOON).ended is Ended.WAITING
        gateway = Watching()
        assert run_through(ledger, run, gateway, NOON, SendOptions(wait=True)).ended is Ended.FINISHED
        assert min(gateway.at.values()) >= start


def test_ctrl_c_ends_a_wait_at_once_and_the_run_goes_on_later(tmp_path: Path) -> None:
    stop = StopRequest()

    def press(progress: Progress) -> None:
        if progress.state == "waiting":
            stop.press()

    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 4, clocks(("America/Los_Angeles",)))
        gateway = Watching()
        loop = VirtualLoop()
        gateway.now = lambda: NOON + int(loop.time() * 1000)
        result = send(
            ledger, run, gateway, SendOptions(wait=True), loop=lambda: loop, clock=gateway.now, stop=stop,
            on_progress=press,
        )  # fmt: skip
        assert result.ended is Ended.INTERRUPTED
        assert loop.time() < 60
        later = run_through(ledger, run, gateway, at("2027-06-15 15:00"))
        assert later.ended is Ended.FINISHED
        assert len(gateway.at) == 4


def test_a_waiting_sender_notices_that_the_run_was_cancelled(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger, Ledger.open(str(tmp_path / "ledger.db")) as other:
        run = plan(ledger, 4, clocks(("America/Los_Angeles",)))
        cancelled = []

        def cancel(progress: Progress) -> None:
            if progress.state == "waiting" and not cancelled:
                cancelled.append(other.runs.cancel(run))

        gateway = Watching()
        result = run_through(ledger, run, gateway, NOON, SendOptions(wait=True), on_progress=cancel)
        assert result.ended is Ended.INTERRUPTED
        assert cancelled == [4]
        assert gateway.at == {}
        assert states(ledger, run) == {"cancelled": 4}


def test_a_sender_killed_while_it_waits_leaves_everything_to_the_next(tmp_path: Path) -> None:
    """The kill is a task cancelled without a chance to write; the next sender starts from the file alone."""
    made = clocks()
    gateway = Watching()
    with open_ledger(tmp_path) as ledger:
        run = plan(ledger, 40, made)

        def die(progress: Progress) -> None:
            if progress.state == "waiting":
                raise KeyboardInterrupt

        with pytest.raises((KeyboardInterrupt, asyncio.CancelledError)):
            run_through(ledger, run, gateway, NOON, SendOptions(wait=True), on_progress=die)
    with open_ledger(tmp_path) as ledger:
        run = ledger.runs.get(run.id)
        assert run_through(ledger, run, gateway, NOON, SendOptions(wait=True)).ended is Ended.FINISHED
        assert states(ledger, run) == {"accepted": 40}
        assert len(gateway.at) == 40
        hours_of(gateway, run, made)
