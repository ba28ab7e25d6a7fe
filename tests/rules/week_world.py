"""A generated world in which a2pcli works for some weeks: people, campaigns, a cron, opt-outs and consents at any time.

The planner, the ledger and the sender are the real ones; the gateway is an object that answers as gateways do, and
the time is that of an event loop whose clock jumps. Everything that happens is written to ``World.log`` in the
order it happened, for the oracle to judge.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jumping import VirtualLoop
from week_campaigns import campaigns, write
from week_facts import DAY, HOUR, MINUTE, TICK, Event, utc
from week_people import People
from week_rules import Campaign

from a2pcli.config.load import load_campaign, load_settings, occurrence_of, parse_rate
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.planning.plan import make_plan
from a2pcli.planning.prepare import Choices, prepare
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import SendOptions
from a2pcli.sending.stop import StopRequest

SPEED = 60
"""Seconds of the world in a second of the loop: a run of an hour goes round the sender's loop a thousand times."""

ACCEPTED = Outcome(Verdict.ACCEPTED)


# ----------------------------------------------------------------------------------------------------- the world


class Gateway:
    """Answers mostly yes, after a while; while it has a message, things happen to people."""

    def __init__(self, world: World, campaign: Campaign, occurrence: str) -> None:
        self.name = "outbox"
        self.capabilities = Capabilities(frozenset({"sms"}), batch=world.rng.choice([1, 1, 4]), concurrency=4)
        self._world, self._campaign, self._occurrence = world, campaign, occurrence

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        world, rng = self._world, self._world.rng
        outcomes = [self._outcome() for _ in batch]
        for message, outcome in zip(batch, outcomes, strict=True):
            run, row = message.reference.rsplit("-", 1)
            world.note(
                "leave",
                campaign=self._campaign.name,
                occurrence=self._occurrence,
                run=run,
                row=int(row),
                number=message.to,
                sender=message.sender,
                verdict=str(outcome.verdict),
            )
        if rng.random() < world.unrest:
            world.people.something_happens(self._campaign)
        await asyncio.sleep(rng.choice([0.02, 0.1, 0.5]))
        for message, outcome in zip(batch, outcomes, strict=True):
            if outcome.cause is Cause.OPTED_OUT:
                sender = message.sender or "gateway outbox"
                world.note("refused", number=message.to, scope="sender", value=sender, until=None)
        return outcomes

    def _outcome(self) -> Outcome:
        chance = self._world.rng.random()
        if chance < 0.04:
            return Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY, code="busy")
        if chance < 0.06:
            return Outcome(Verdict.REJECTED, cause=Cause.PERMANENT, code="gone")
        if chance < 0.08:
            return Outcome(Verdict.REJECTED, cause=Cause.OPTED_OUT, code="21610")
        if chance < 0.10:
            return Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code="timeout")
        return ACCEPTED

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        return {}

    async def check(self) -> Health:
        return Health(True, "fine")


class Noting:
    """Takes everything, and notes when."""

    name = "outbox"
    capabilities = Capabilities(frozenset({"sms"}), batch=1, concurrency=50)

    def __init__(self, left: dict[str, int], now: Callable[[], int]) -> None:
        self._left, self._now = left, now

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self._left |= {message.to: self._now() for message in batch}
        return [ACCEPTED] * len(batch)

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        return {}

    async def check(self) -> Health:
        return Health(True, "fine")


@dataclass
class World:
    """A project folder, a ledger and an operator whose cron calls ``send`` for each campaign every few hours."""

    folder: Path
    ledger: Ledger
    campaigns: list[Campaign]
    start: int
    days: float
    rng: random.Random
    every: int = 4 * HOUR
    unrest: float = 0.25
    slip: int = 0
    """Milliseconds by which the sender's clock is wrong: for the test that the oracle finds it."""
    log: list[Event] = field(default_factory=list)
    sends: int = 0
    _busy: set[str] = field(default_factory=set)
    _ids: dict[int, tuple[str, str, str, int]] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self.people = People(self)

    def now(self) -> int:
        """UTC milliseconds in the world."""
        assert self._loop is not None
        return self.start + int(self._loop.time() * 1000 * SPEED)

    def note(self, kind: str, at: int | None = None, **data: Any) -> None:
        self.log.append(Event(kind, self.now() if at is None else at, data))

    def live(self) -> list[Event]:
        """All days, from first to last; gives the log."""
        write(self.folder, self.campaigns)
        self._settings = load_settings(self.folder)
        self._loaded = {one.name: load_campaign(self.folder / f"{one.name}.yaml") for one in self.campaigns}
        self._listen()
        random.seed(self.rng.random())  # the sender's jitter
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            self._loop = runner.get_loop()
            runner.run(self._live())
        return self.log

    def send_once(self, campaign: Campaign, moment: int) -> dict[str, int]:
        """Plan and send at a moment, in an occurrence of its own; gives when each number's message left."""
        loaded, settings = load_campaign(self.folder / f"{campaign.name}.yaml"), load_settings(self.folder)
        today = datetime.fromtimestamp(moment / 1000, UTC).date()
        choices = Choices(today=today, occurrence=str(moment), now=moment)
        plan = make_plan(prepare(loaded, settings, self.ledger, choices), self.ledger, rate=None)
        left: dict[str, int] = {}
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()

            def now() -> int:
                return moment + int(loop.time() * 1000)

            gateway = Noting(left, now)
            more = {"stop": StopRequest(), "on_progress": lambda _progress: None, "clock": now}
            runner.run(send_run(self.ledger, plan.run, gateway, SendOptions(), **more))
        return left

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            for campaign in self.campaigns:
                group.create_task(self._cron(group, campaign))
            group.create_task(self._life())

    async def _until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, (moment - self.now()) / 1000 / SPEED))

    async def _life(self) -> None:
        """Things that happen to people at any hour."""
        end = self.start + self.days * DAY
        while self.now() < end:
            await self._until(self.now() + self.rng.expovariate(1 / (40 * MINUTE)))
            self.people.something_happens(self.rng.choice(self.campaigns))

    # -- the operator -------------------------------------------------------------------------------------------

    async def _cron(self, group: asyncio.TaskGroup, campaign: Campaign) -> None:
        """Call ``send`` every few hours, at odd minutes, and now and then just before the hour."""
        end = self.start + self.days * DAY
        moment = float(self.start + self.rng.randrange(0, self.every))
        while moment < end:
            if self.rng.random() < 0.3:
                moment = moment // HOUR * HOUR + HOUR - self.rng.choice([1, 1000, 20_000, 5 * MINUTE])
            await self._until(moment)
            sent = self._call(campaign)
            if sent is not None:
                group.create_task(self._send(campaign, *sent))
            moment += self.every * self.rng.uniform(0.7, 1.3)

    def _call(self, campaign: Campaign) -> tuple[Any, str] | None:
        """What ``a2pcli send CAMPAIGN --yes`` does first: go on with the open run, else plan."""
        loaded, now = self._loaded[campaign.name], self.now()
        today = datetime.fromtimestamp(now / 1000, UTC).date()
        occurrence = occurrence_of(loaded.campaign, today)
        self.note("call", campaign=campaign.name, occurrence=occurrence)
        run = self.ledger.runs.unfinished(self.ledger.plans.occasion(campaign.name, occurrence))
        if run is not None and run.id in self._busy:
            return None
        if run is not None and (campaign.unknown_zone or not self._waits_for_ever(run)):
            return run, occurrence
        ready = prepare(loaded, self._settings, self.ledger, Choices(today=today, now=now))
        plan = make_plan(ready, self.ledger, rate=parse_rate("2/s"))
        rows = [
            {"row": number, "state": str(row["state"]), "reason": row["reason"], "rule": row["rule"]}
            for number, row in enumerate(self._rows(plan.run), start=1)
        ]
        self.note("plan", campaign=campaign.name, occurrence=occurrence, run=plan.run.id, rows=rows)
        nowhere = plan.summary["clock"]["unknown_zone"] if run is not None and plan.summary["clock"] else 0
        if plan.recipients > nowhere:
            return plan.run, occurrence
        self.ledger.plans.discard(plan.run)
        return None if run is None else (run, occurrence)

    def _waits_for_ever(self, run: Any) -> bool:
        """Whether all that a run has left is of unknown time zones: whoever can go is then planned anew."""
        waiting = self.ledger.runs.waiting(run, self.now())
        left = self.ledger.runs.totals(run).count("planned", "submitting")
        return left > 0 and left == sum(one.messages for one in waiting if one.reason == "unknown-zone")

    def _rows(self, run: Any, at: int | None = None) -> list[Mapping[str, Any]]:
        moment = self.now() if at is None else at
        return [row for chunk in self.ledger.messages.rows(run, now=moment) for row in chunk]

    def _last_look(self, run: Any) -> int:
        """When the sender looked last, where it ended right after it: who is held is what it saw. Else now."""
        asked = next((one.at for one in reversed(self.log) if one.kind == "asked" and one.run == run.id), 0)
        return asked if self.now() - asked <= TICK else self.now()

    async def _send(self, campaign: Campaign, run: Any, occurrence: str) -> None:
        self._busy.add(run.id)
        self.sends += 1
        before = [row["state"] for row in self._rows(run)]
        tried = set()
        try:
            result = await send_run(
                self.ledger,
                self.ledger.runs.get(run.id),
                Gateway(self, campaign, occurrence),
                SendOptions(rate=parse_rate(self.rng.choice(["2/s", "30/s"])), wait=campaign.wait),
                stop=StopRequest(),
                on_progress=lambda _progress: None,
                clock=lambda: self.now() + self.slip,
            )
        finally:
            self._busy.discard(run.id)
        tried = {event.row for event in self.log if event.kind == "claim" and event.run == run.id}
        self._note_end(campaign, run, occurrence, str(result.ended), before, tried)

    def _note_end(
        self, campaign: Campaign, run: Any, occurrence: str, ended: str, before: list[str], tried: set[int]
    ) -> None:
        rows = []
        where = {"campaign": campaign.name, "occurrence": occurrence, "run": run.id}
        for number, row in enumerate(self._rows(run, self._last_look(run)), start=1):
            state = str(row["state"])
            if state in ("skipped", "expired") and before[number - 1] == "planned":
                asked = self._asked(run.id, row["settled_at"])
                reason = row["reason"]
                self.note(
                    "skip",
                    row["settled_at"],
                    **where,
                    row=number,
                    reason=reason,
                    rule=row["rule"],
                    asked=asked,
                )
            kept = {key: row[key] for key in ("reason", "rule", "due_at")}
            rows.append({"row": number, "state": state, "tried": number in tried, **kept})
        totals = dict(self.ledger.runs.totals(run).by_state)
        self.note("end", **where, ended=ended, rows=rows, totals=totals)

    def _asked(self, run: str, at: int) -> int:
        """Where in the log the ledger was asked for this run's messages at this moment, with what it answered."""
        for place in range(len(self.log) - 1, -1, -1):
            event = self.log[place]
            if event.kind == "asked" and event.run == run and event.at == at:
                place += 1
                while place < len(self.log) and self.log[place].kind in ("settled", "claim"):
                    place += 1
                return place
        return len(self.log)

    # -- the ledger, listened to --------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Write down what the sender asks of the ledger, and what it tells it."""
        ledger, exchange, release = self.ledger, self.ledger.attempts.exchange, self.ledger.attempts.release

        def heard_exchange(run: Any, settled: Any, want: int, now: int, *more: Any) -> Any:
            self.note("asked", now - self.slip, run=run.id)
            answer = exchange(run, settled, want, now, *more)
            for one in settled:
                self._settled(one.message_id, str(one.state))
            for one in answer.claimed:
                message = one.message
                row = int(message.reference.rsplit("-", 1)[1])
                occurrence = next(
                    e.occurrence for e in reversed(self.log) if e.kind == "plan" and e.run == run.id
                )
                self._ids[message.id] = (run.id, run.campaign, occurrence, row)
                about = {"campaign": run.campaign, "occurrence": occurrence, "run": run.id, "row": row}
                self.note("claim", now - self.slip, **about, number=message.to)
            return answer

        def heard_release(run: Any, ids: Sequence[int]) -> None:
            release(run, ids)
            for id in ids:
                self._settled(id, "planned")

        ledger.attempts.exchange = heard_exchange  # type: ignore[method-assign]
        ledger.attempts.release = heard_release  # type: ignore[method-assign]

    def _settled(self, id: int, state: str) -> None:
        run, campaign, occurrence, row = self._ids[id]
        self.note("settled", run=run, campaign=campaign, occurrence=occurrence, row=row, state=state)


def world(folder: Path, ledger: Ledger, seed: int, start: str, days: float, size: int, **more: Any) -> World:
    """A generated world that begins at ``start`` (UTC, ``2026-03-06``)."""
    rng = random.Random(f"{start} {seed}")
    begin = utc(datetime.fromisoformat(start))
    return World(folder, ledger, campaigns(rng, begin, days, size), begin, days, rng, **more)
