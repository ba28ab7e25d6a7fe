"""What the tests of sending share: a planned run in a real ledger, gateways that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from jumping import VirtualLoop as VirtualLoop

from a2pcli.gateways.base import Capabilities, Health
from a2pcli.ledger.records import AcceptedRows, NewRun, PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Progress, SendOptions, SendResult
from a2pcli.sending.stop import StopRequest

ACCEPTED = Outcome(Verdict.ACCEPTED)


def number_of(row: int) -> str:
    return f"+4477{row:08d}"


def plan_run(
    ledger: Ledger,
    count: int,
    *,
    campaign: str = "spring-sale",
    sender: str | None = "ACME",
    countries: Sequence[str] = ("GB",),
    parts: Sequence[int] = (1,),
    senders: Sequence[str | None] = (None,),
    cost: int | None = 40_000_000,
    gateway: str = "test",
    chunk: int | None = None,
    route: str | None = None,
    summary: Mapping[str, object] = MappingProxyType({}),
    **more: object,
) -> Run:
    """A planned run of ``count`` messages, to +447700000001 and so on; ``chunk`` rows in each chunk of its plan."""
    occasion = ledger.plans.occasion(campaign, "once")
    new = NewRun(campaign=campaign, occasion=occasion, gateway=gateway, sender=sender, **more)  # type: ignore[arg-type]
    run = ledger.plans.begin(new)
    for first in range(1, count + 1, chunk or count or 1):
        rows = list(range(first, min(first + (chunk or count), count + 1)))
        accepted = AcceptedRows(
            row=rows,
            line=[row + 1 for row in rows],
            address=[number_of(row) for row in rows],
            person=[int(number_of(row)[1:]) for row in rows],
            body=[f"Hello {row}" for row in rows],
            country=[countries[row % len(countries)] for row in rows],
            encoding="GSM-7",
            units=8,
            parts=[parts[row % len(parts)] for row in rows],
            sender=[senders[row % len(senders)] for row in rows],
            cost=cost,
            currency="GBP" if cost is not None else None,
            route=route,
        )
        ledger.plans.add_rows(run, PlannedRows(accepted=accepted))
    return ledger.plans.finish(run, digest="0" * 64, rows_read=count, summary=dict(summary))


Answer = Outcome | BaseException | None


class ScriptedGateway:
    """Answers as ``answer(message, n)`` says (n counts all messages from 0); remembers what it was given."""

    def __init__(
        self,
        answer: Callable[[Message, int], Answer] = lambda _message, _n: ACCEPTED,
        *,
        seconds: float = 0.0,
        batch: int = 1,
        concurrency: int = 100,
        durable_lookup: bool = False,
    ) -> None:
        self.name = "test"
        self.capabilities = Capabilities(
            frozenset({"sms"}), batch=batch, concurrency=concurrency, durable_lookup=durable_lookup
        )
        self.answer = answer
        self.seconds = seconds
        self.got: list[Message] = []
        self.batches: list[int] = []
        self.times: list[float] = []
        self.flying = self.most_flying = 0
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        now = asyncio.get_running_loop().time()
        self.batches.append(len(batch))
        self.flying += len(batch)
        self.most_flying = max(self.flying, self.most_flying)
        outcomes = []
        try:
            for message in batch:
                n = len(self.got)
                self.got.append(message)
                self.times.append(now)
                outcome = self.answer(message, n)
                if isinstance(outcome, BaseException):
                    raise outcome
                if outcome is None:
                    await asyncio.Event().wait()
                outcomes.append(outcome)
            await asyncio.sleep(self.seconds)
        finally:
            self.flying -= len(batch)
        return outcomes  # type: ignore[return-value]

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        return {}

    async def check(self) -> Health:
        return Health(True, "test")

    @property
    def numbers(self) -> list[str]:
        return [message.to for message in self.got]


def not_sent(cause: Cause, code: str = "x", retry_after: float | None = None) -> Outcome:
    return Outcome(Verdict.NOT_SENT, cause=cause, code=code, retry_after=retry_after)


def rejected(cause: Cause, code: str = "x") -> Outcome:
    return Outcome(Verdict.REJECTED, cause=cause, code=code)


UNKNOWN = Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS, code="timeout")


def states(ledger: Ledger, run: Run) -> dict[str, int]:
    return dict(ledger.runs.totals(run).by_state)


def open_ledger(folder: Path) -> Ledger:
    return Ledger.open(str(folder / "ledger.db"))


def send(
    ledger: Ledger,
    run: Run,
    gateway: object,
    options: SendOptions | None = None,
    *,
    stop: StopRequest | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    **more: object,
) -> SendResult:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(
            send_run(
                ledger,
                run,
                gateway,  # type: ignore[arg-type]
                options or SendOptions(),
                stop=stop or StopRequest(),
                on_progress=on_progress,
                **more,  # type: ignore[arg-type]
            )
        )


START_MS = 1_800_000_000_000


def send_in_no_time(
    ledger: Ledger, run: Run, gateway: object, options: SendOptions | None = None, **more: object
) -> tuple[SendResult, float]:
    """The result, and the seconds it would have taken."""
    loop = VirtualLoop()
    clock = lambda: START_MS + int(loop.time() * 1000)  # noqa: E731
    result = send(ledger, run, gateway, options, loop=lambda: loop, clock=clock, **more)  # type: ignore[arg-type]
    return result, loop.time()
