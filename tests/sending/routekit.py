"""Two providers on this machine and a run that goes by a route through both, on a clock of its own."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jumping import SocketLoop
from sendkit import START_MS, plan_run

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.by_channel import GatewayByChannel
from a2pcli.gateways.registry import create
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.records import Run
from a2pcli.ledger.route_legs import Leg, MessageRoute
from a2pcli.ledger.store import Ledger
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import SendOptions, SendResult
from a2pcli.sending.stop import StopRequest


@dataclass(frozen=True)
class Way:
    """How a provider answers: whether it takes the message, and what it does then. ``body`` may be of bytes."""

    takes: bool = True
    status: int = 201
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    after: float = 0.05
    drops: bool = False
    refuses: bool = False


WELL = Way()
ILL: dict[str, Way] = {
    "503": Way(takes=False, status=503),
    "503 after it took the message": Way(status=503),
    "503 with Retry-After": Way(takes=False, status=503, headers={"Retry-After": "20"}),
    "no connection": Way(takes=False, refuses=True),
    "no answer": Way(after=10_000),
    "garbage": Way(body=b"\x00\xff<<not json"),
    "reset": Way(drops=True),
    "slow": Way(after=4.5),
    "429 with Retry-After": Way(takes=False, status=429, headers={"Retry-After": "7"}),
    "401": Way(takes=False, status=401),
    "redirect": Way(takes=False, status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "huge body": Way(body=b'{"id": "' + b"x" * 3_000_000 + b'"}'),
    "rejects everything": Way(takes=False, status=400),
    "half of a batch": Way(body=b'{"messages": [{"id": "1"}]}'),
}


class Provider:
    """An HTTP server on the loop of the test. ``way`` says how it answers at a moment of the loop's clock."""

    def __init__(self, name: str, way: Callable[[float], Way] = lambda _now: WELL, batch: int = 1) -> None:
        self.name, self.way, self.batch = name, way, batch
        self.took: list[tuple[float, str]] = []
        self.statuses: dict[str, str] = {}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._begins: asyncio.Task[None] | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def begin(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]
        self._watch()

    def _watch(self) -> None:
        """Refuse connections while the way is to."""
        loop = asyncio.get_running_loop()
        refuses = self.way(loop.time()).refuses
        if refuses and self._server is not None:
            self._server.close()
            self._server = None
            for writer in list(self._writers):
                writer.transport.abort()
        elif not refuses and self._server is None:
            self._begins = loop.create_task(self.begin())
            return
        loop.call_later(0.5, self._watch)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answer(reader, writer):
                pass
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        data = json.loads(await reader.readexactly(length))
        now = asyncio.get_running_loop().time()
        way = self.way(now)
        messages = data.get("messages", [data])
        if way.takes:
            self.took += [(now, one["to"]) for one in messages]
        await asyncio.sleep(way.after)
        if way.drops:
            writer.transport.abort()
            return False
        ids = [{"id": f"{self.name}{len(self.took)}-{at}"} for at in range(len(messages))]
        good = {"messages": ids} if "messages" in data else ids[0]
        body = json.dumps(good).encode() if way.body is None else way.body
        headers = "".join(f"{name}: {value}\r\n" for name, value in (way.headers or {}).items())
        writer.write(
            f"HTTP/1.1 {way.status} x\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        return True

    def gateway(self) -> Gateway:
        fields = {"to": "{{ to }}", "text": "{{ body }}", "reference": "{{ reference }}"}
        block: dict[str, Any] = {"type": "http", "url": f"http://127.0.0.1:{self.port}/", "timeout": "5"}
        block |= {"statuses": self.statuses} if self.statuses else {}
        if self.batch > 1:
            batches = {"json": {"messages": {"each": fields}}, "response": {"items": "messages", "id": "id"}}
            return create(self.name, block | batches | {"batch": self.batch})
        return create(self.name, block | {"json": fields, "response": {"id": "id"}})


def routed_run(
    ledger: Ledger,
    count: int,
    names: str = "ab",
    costs: tuple[int | None, ...] = (40_000_000, 50_000_000),
    **more: Any,
) -> Run:
    """A plan of ``count`` messages that go by these gateways in order, each name a letter."""
    legs = tuple(
        Leg(name, cost, None if cost is None else "GBP") for name, cost in zip(names, costs, strict=True)
    )
    rules = {"other": {"by": "order", "gateways": list(names)}}
    sending = {"routes": {"sms": {"name": "main", "gateways": list(names), "rules": rules}}}
    recipients = {name: {"recipients": count if name == names[0] else 0} for name in names}
    return plan_run(
        ledger,
        count,
        gateway=names[0],
        cost=costs[0],
        route=MessageRoute("other", "order", legs).text(),
        sending=sending,
        summary={"routes": {"sms": {"gateways": recipients}}},
        **more,
    )


def send_through(
    ledger: Ledger, run: Run, providers: list[Provider], per_second: float, **more: Any
) -> tuple[SendResult, float]:
    """The result, and the seconds that it would have taken."""
    loop = SocketLoop()

    async def work() -> SendResult:
        for one in providers:
            await one.begin()
        gateways = [one.gateway() for one in providers]
        options = SendOptions(shared=[SharedPace("campaign", per_second, "messages")], **more)
        return await send_run(
            ledger,
            run,
            GatewayByChannel({"sms": gateways[0]}, gateways),
            options,
            stop=StopRequest(),
            on_progress=lambda _progress: None,
            clock=lambda: START_MS + int(loop.time() * 1000),
        )

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(work())
    return result, loop.time()


def judged(ledger: Ledger, run: Run, providers: list[Provider], count: int) -> Counter[str]:
    """The rows by state, after: nobody got two, and whoever got one is accepted or unknown."""
    rows = [row for some in ledger.messages.rows(run) for row in some]
    assert len(rows) == count
    took = Counter(number for one in providers for _, number in one.took)
    assert not [number for number, times in took.items() if times > 1]
    states = {row["address"]: row["state"] for row in rows}
    assert {states[number] for number in took} <= {"accepted", "unknown"}
    by = {number: one.name for one in providers for _, number in one.took}
    for row in rows:
        if row["state"] == "accepted":
            assert by[row["address"]] == (row["gateway"] or run.gateway)
    return Counter(states.values())


def share_of(one: Provider, other: Provider, start: float, end: float) -> float:
    """The part of the messages taken between two moments that one of two providers took."""
    mine, others = (sum(start <= at < end for at, _ in each.took) for each in (one, other))
    return mine / max(1, mine + others)


def switches(ledger: Ledger, run: Run) -> list[str]:
    return [event.detail or "" for event in ledger.runs.events(run) if event.kind == "route"]
