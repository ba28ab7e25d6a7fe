"""A provider on this machine: an HTTP/1.1 server that remembers what it received, and answers as told.

In a test: ``with Loopback(answer) as server``, on a thread. As a program, for tests that kill the sender:
``python loopback.py SLOWEST_MS SEED [mixed]`` prints its port; ``GET /taken`` tells what it took (answered 201), and
from whom.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Reply:
    """An answer; ``after`` seconds pass first. ``drop`` hangs up without one."""

    status: int = 201
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    drop: bool = False


@dataclass(frozen=True)
class Receipt:
    """A request that came in whole: when (``time.monotonic``), and what."""

    at: float
    reference: str
    to: str
    parts: int


Answer = Callable[[Receipt, int], Reply]
"""From a receipt and how many came before it."""


def accept(_receipt: Receipt, n: int) -> Reply:
    return Reply(body={"id": f"m{n}"})


class Provider:
    """The server's behaviour, on whatever loop runs it."""

    def __init__(self, answer: Answer = accept) -> None:
        self.answer = answer
        self.received: list[Receipt] = []
        self.taken: list[str] = []
        self.by: dict[str, str] = {}
        """Which sender each came from, where they say so."""
        self.most_at_once = self._at_once = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, port: int = 0) -> asyncio.Server:
        return await asyncio.start_server(self._connection, "127.0.0.1", port, reuse_address=True)

    def hang_up(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def gone(self) -> None:
        """Until every connection's task has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if lines[0].startswith("GET /taken"):
            reply = Reply(200, {"taken": self.taken, "by": self.by})
        else:
            reply = await self._reply(json.loads(body))
        if reply.drop:
            writer.transport.abort()
            return False
        payload = json.dumps(reply.body).encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        writer.write(
            f"HTTP/1.1 {reply.status} x\r\nContent-Type: application/json\r\n{extra}"
            f"Content-Length: {len(payload)}\r\n\r\n".encode()
            + payload
        )
        await writer.drain()
        return True

    async def _reply(self, data: dict[str, Any]) -> Reply:
        """The answer to a message, or to a batch: as the first of the batch is answered, with an item for each."""
        batch = data.get("messages", [data])
        replies = []
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            for one in batch:
                receipt = Receipt(time.monotonic(), one["reference"], one["to"], int(one.get("parts", 1)))
                self.received.append(receipt)
                replies.append(self.answer(receipt, len(self.received) - 1))
                if replies[-1].status == 201:
                    self.taken.append(receipt.to)
                    if "by" in one:
                        self.by[receipt.to] = one["by"]
            await asyncio.sleep(replies[0].after)
        finally:
            self._at_once -= 1
        if "messages" in data:
            replies[0].body = {"messages": [reply.body for reply in replies]}
        return replies[0]


class Loopback:
    """A provider on a thread of the test's process."""

    def __init__(self, answer: Answer = accept) -> None:
        self.provider = Provider(answer)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def received(self) -> list[Receipt]:
        return self.provider.received

    @property
    def numbers(self) -> list[str]:
        return [one.to for one in self.received]

    def start(self) -> None:
        self._server = self._on_loop(self.provider.serve(self.port))
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Down: connections are reset, new ones refused."""

        async def stop() -> None:
            if self._server is not None:
                self._server.close()
            self.provider.hang_up()

        self._on_loop(stop())

    def stop_soon(self) -> None:
        """From within an answer."""
        assert self._server is not None
        self._server.close()
        self._loop.call_soon(self.provider.hang_up)

    def start_in(self, seconds: float) -> None:
        """From within an answer: up again, after so long."""
        self._loop.call_later(seconds, lambda: self._loop.create_task(self._restart()))

    async def _restart(self) -> None:
        self._server = await self.provider.serve(self.port)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._on_loop(self.provider.gone())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def gateway_block(port: int, **more: Any) -> dict[str, Any]:
    """The declarative HTTP gateway for this provider; with ``batch``, so many messages go in one request."""
    fields = {"to": "{{ to }}", "text": "{{ body }}", "reference": "{{ reference }}", "parts": "{{ parts }}"}
    batches = more.get("batch", 1) > 1
    return {
        "type": "http",
        "url": f"http://127.0.0.1:{port}/messages",
        "json": {"messages": {"each": fields}} if batches else fields,
        "response": {"items": "messages", "id": "id"} if batches else {"id": "id"},
        **more,
    }


def mixed(receipt: Receipt, tries: int) -> Reply:
    """All that can happen to a message, by its number's last digits; ``tries`` is which try of it this is."""
    digits = int(receipt.to[-2:])
    if digits == 44:
        return Reply(drop=True)  # taken, and nobody told
    if digits == 66:
        return Reply(451)
    if digits % 20 == 3:
        return Reply(410)
    if digits % 20 == 7:
        return Reply(400)
    if digits % 20 == 9 and tries == 1:
        return Reply(503)
    return Reply(body={"id": receipt.reference})


MIXED_STATUSES = {"410": "opted-out", "400": "permanent", "451": "country", "503": "temporary"}


async def _program(slowest_ms: float, seed: int, is_mixed: bool) -> None:
    chance = random.Random(seed)
    tries: Counter[str] = Counter()

    def answer(receipt: Receipt, _n: int) -> Reply:
        tries[receipt.reference] += 1
        reply = (
            mixed(receipt, tries[receipt.reference]) if is_mixed else Reply(body={"id": receipt.reference})
        )
        reply.after = chance.random() * slowest_ms / 1000
        return reply

    server = await Provider(answer).serve()
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_program(float(sys.argv[1]), int(sys.argv[2]), "mixed" in sys.argv[3:]))
