"""Nobody holds a connection to the listener open without sending requests, and no head is endless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from a2pcli.listening import server, wire

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers at once, without waiting for the body, as where no such gateway is."""
    await asyncio.sleep(0.3 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


def talk(work: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]) -> Any:
    """What comes of talking to a listener whose limit is a fifth of a second."""

    async def run() -> Any:
        with server.bound("127.0.0.1", 0) as listening:
            made = server._Server(server._config(app))
            serving = asyncio.create_task(made.serve(sockets=[listening]))
            try:
                reader, writer = await asyncio.open_connection(*listening.getsockname())
                return await asyncio.wait_for(work(reader, writer), 10)
            finally:
                made.should_exit = made.force_exit = True
                await serving

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SLOWEST", 0.2)


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", HEAD[:-2], HEAD + b"abc"],
    ids=["nothing", "a part of a line", "a head without its end", "a part of a body"],
)
def test_a_connection_on_which_no_request_is_completed_is_closed(said: bytes) -> None:
    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(said)
        return await reader.read()

    assert talk(work).count(b"HTTP/1.1 ") == said.endswith(b"abc")


@pytest.mark.parametrize(
    ("request_", "then"),
    [(GET, b"\r\n"), (HEAD, b"abcde")],
    ids=["line ends", "the body of what was answered already"],
)
def test_bytes_that_begin_no_request_keep_no_connection_open(request_: bytes, then: bytes) -> None:
    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request_)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(then)
        return await reader.read()

    assert talk(work) == b""


def test_an_answer_that_takes_longer_than_a_request_may_is_waited_for() -> None:
    """Also by a client that sends line ends after its request, as old ones do."""

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GET)
        return await reader.readuntil(b"\r\n\r\n")

    assert talk(work).startswith(b"HTTP/1.1 404")


def test_a_head_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SLOWEST", 60)

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(b"GET / HTTP/1.1\r\n")
        sent = 0
        with suppress(OSError):
            while sent < 4 * wire.LARGEST_HEAD:
                writer.write(b"X-%d: %b\r\n" % (sent, b"y" * 1000))
                await writer.drain()
                sent += 1000
                await asyncio.sleep(0)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        return sent

    assert talk(work) >= wire.LARGEST_HEAD
