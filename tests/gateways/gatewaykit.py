"""A counterpart on the loopback interface that does what providers and networks do, and counts.

It speaks raw HTTP/1.1 on its own thread, so that it can also do what no HTTP server would.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2pcli.messages import Message

CERTIFICATE = Path(__file__).with_name("loopback.pem")


@dataclass(frozen=True)
class Received:
    """A request as it arrived. ``on_connection`` counts from 1 on its connection."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    on_connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Act = Callable[[Received, asyncio.StreamWriter], Awaitable[bool]]
"""Answers a request; True keeps the connection."""


def reply(
    status: int = 201, body: Any = None, headers: dict[str, str] | None = None, keep: bool = True
) -> Act:
    """A whole, proper answer."""
    data = body if isinstance(body, bytes) else json.dumps({"id": "m1"} if body is None else body).encode()

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}"]
        lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await writer.drain()
        return keep

    return act


def raw(data: bytes, keep: bool = False) -> Act:
    """Any bytes, then the connection is closed (or kept)."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        return keep

    return act


async def drop(received: Received, writer: asyncio.StreamWriter) -> bool:
    """Reads the request and closes without a word."""
    return False


async def reset(received: Received, writer: asyncio.StreamWriter) -> bool:
    """Reads the request and resets the connection."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


async def hang(received: Received, writer: asyncio.StreamWriter) -> bool:
    """Reads the request and never answers."""
    await asyncio.sleep(3600)
    return False


async def dribble(received: Received, writer: asyncio.StreamWriter) -> bool:
    """Answers one byte at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(received: Received, writer: asyncio.StreamWriter) -> bool:
    """Answers ten megabytes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
    with suppress(ConnectionError):
        for _ in range(100):
            writer.write(b"x" * 100_000)
            await writer.drain()
    return False


async def until(true: Callable[[], bool]) -> None:
    """Look again and again, for another thread may make it true."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


class Counterpart:
    """``with Counterpart(reply(201)) as there: … there.url``. ``answer`` may be changed at any time."""

    def __init__(self, answer: Act, *, tls: bool = False, idle: float | None = None) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.connections = 0
        self.closed = 0
        self._tls = tls
        self._idle = idle
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Counterpart:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    async def heard(self, count: int = 1) -> None:
        """Until so many requests have come in."""
        await until(lambda: len(self.received) >= count)

    def __exit__(self, *details: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        context = None
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()
            self.closed += 1

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        while True:
            async with asyncio.timeout(self._idle if count else None):
                head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").rstrip().split("\r\n")
            method, target, _ = first.split(" ")
            headers = {
                key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            count += 1
            received = Received(method, target, headers, body, count)
            self.received.append(received)
            if not await self.answer(received, writer):
                return


def message(number: int = 1, body: str = "Hello", **more: Any) -> Message:
    return Message(number, f"r7k2m9qd-{number:06d}", more.pop("to", "+12025550143"), body, **more)


def messages(count: int) -> list[Message]:
    return [message(number) for number in range(1, count + 1)]


def trusted() -> ssl.SSLContext:
    """Trusts the counterpart's certificate and no other."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))
