"""What a server says beyond its answers is never taken for an answer, and one that hangs up costs no message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gatewaykit import Act, Counterpart, Received, drop, raw, reply, until
from wirekit import ENGINES, post, run, send

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.habits import IDLE, TRIED_AGAIN_AFTER, Habits
from a2pcli.gateways.engine.protocol import Engine, MaybeSent, NotSent
from a2pcli.gateways.engine.wire import WireEngine

SPARE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nspare"


def answer_to(received: Received) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(received.body), received.body)


def with_spares(after: float, every: int = 1) -> Act:
    """Answers with the body it got, and once in ``every`` times says more, so many seconds later."""
    count = 0

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        nonlocal count
        count += 1
        says_more = count % every == 0
        if after == 0 and says_more:
            writer.write(answer_to(received) + SPARE)
            return True
        writer.write(answer_to(received))
        await writer.drain()
        if says_more:
            await asyncio.sleep(after)
            writer.write(SPARE)
        return True

    return act


def many(count: int, at_once: int, url: str) -> Callable[[Engine], Awaitable[list[Any]]]:
    """Sends so many requests, each with a body of its own; the bodies with what came back."""

    async def work(engine: Engine) -> list[Any]:
        bodies = iter([b"m%d" % number for number in range(count)])
        ends: list[Any] = []

        async def worker() -> None:
            for body in bodies:
                try:
                    ends.append((body, await engine.send(post(url, body))))
                except MaybeSent as error:
                    ends.append((body, error))

        await asyncio.gather(*[worker() for _ in range(at_once)])
        return ends

    return work


@pytest.mark.parametrize("engine", list(ENGINES))
@pytest.mark.parametrize(("after", "every"), [(0, 1), (0, 7), (0.002, 1), (0.01, 1), (0.02, 1)])
def test_no_message_gets_an_answer_that_is_not_its_own(engine: str, after: float, every: int) -> None:
    with Counterpart(with_spares(after, every)) as there:
        ends = run(ENGINES[engine], many(60, 6, there.url))
    assert len(ends) == 60
    assert [end.body for body, end in ends if isinstance(end, HttpResponse) and end.body != body] == []
    assert len(there.received) == 60


def test_a_server_that_once_said_too_much_gets_a_connection_for_each_request() -> None:
    with Counterpart(with_spares(0, every=5)) as there:
        ends = run(ENGINES["wire"], many(25, 1, there.url))
    doubted = [end.code for _, end in ends if not isinstance(end, HttpResponse)]
    assert doubted == ["extra"] * 5
    assert there.connections == 1 + 20
    assert there.received[6].headers["connection"] == "close"


CHUNK = b"1\r\na\r\n0\r\n\r\n"

ODD = {
    "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naxyz",
    "a length that is too short": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{'id': 4}",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
    "304 with a body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc",
    "chunks and more": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP",
    "more after close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nabc",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    + CHUNK,
    "chunks and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"
    + CHUNK,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
    "interim with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\na" + SPARE,
    "an answer after an answer": b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" + SPARE,
}


@pytest.mark.parametrize("case", list(ODD))
def test_an_answer_whose_end_is_not_plain_is_not_believed(case: str) -> None:
    with Counterpart(raw(ODD[case], keep=True)) as there:
        ends = send(ENGINES["wire"], post(there.url), post(there.url))
    assert [type(end) for end in ends] == [MaybeSent, MaybeSent]
    assert there.connections == 2


@pytest.mark.parametrize("rest", [b"\r\n", b"\r\n\r\n"])
def test_line_ends_after_an_answer_spoil_nothing(rest: bytes) -> None:
    with Counterpart(raw(SPARE + rest, keep=True)) as there:
        ends = send(ENGINES["wire"], post(there.url), post(there.url))
    assert [end.body for end in ends if isinstance(end, HttpResponse)] == [b"spare", b"spare"]


def test_an_answer_that_came_while_nothing_was_asked_is_nobodys() -> None:
    """It lies in the idle connection when the next request goes."""

    written: list[bytes] = []

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        def more() -> None:
            writer.write(SPARE)
            written.append(received.body)

        writer.write(answer_to(received))
        asyncio.get_running_loop().call_later(0.1, more)
        return True

    async def work(engine: Engine) -> list[bytes]:
        bodies = []
        for number in range(3):
            bodies.append((await engine.send(post(there.url, b"m%d" % number))).body)
            await until(lambda: len(written) >= len(bodies))
            await asyncio.sleep(0.05)
        return bodies

    with Counterpart(act) as there:
        assert run(ENGINES["wire"], work) == [b"m0", b"m1", b"m2"]
    assert there.connections == 3


def test_an_answer_before_the_request_was_written_is_not_believed() -> None:
    async def work() -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(10)
            writer.write(SPARE)
            await asyncio.sleep(1)

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=16)
        engine = WireEngine(1)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        (end,) = await asyncio.gather(engine.send(post(url, b"x" * 50_000_000)), return_exceptions=True)
        await engine.close()
        server.close()
        return end

    end = asyncio.run(work())
    assert isinstance(end, MaybeSent)
    assert end.code == "early"


@pytest.mark.parametrize("words", [SPARE, b"220 mail.example ESMTP\r\n", b""])
def test_nothing_is_sent_to_a_server_that_speaks_or_hangs_up_first(words: bytes) -> None:
    async def work() -> Any:
        said = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(words)
            writer.close()
            said.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        engine = WireEngine(1)
        original = engine._dialer.dial

        async def dial(*details: Any) -> Any:
            connection = await original(*details)
            await said.wait()
            await asyncio.sleep(0.05)
            return connection

        engine._dialer.dial = dial  # type: ignore[method-assign]
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        (end,) = await asyncio.gather(engine.send(post(url)), return_exceptions=True)
        await engine.close()
        server.close()
        return end

    assert isinstance(asyncio.run(work()), NotSent)


def test_an_old_answer_without_a_length_is_not_taken_for_the_next() -> None:
    """204 has no length. The connection is used again, and the server hangs up without an answer."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        if received.on_connection > 1:
            return await drop(received, writer)
        return await raw(b"HTTP/1.1 204 No Content\r\n\r\n", keep=True)(received, writer)

    with Counterpart(act) as there:
        first, second = send(ENGINES["wire"], post(there.url), post(there.url))
    assert isinstance(first, HttpResponse)
    assert isinstance(second, MaybeSent)


# Servers that hang up


def hanging_up(after: float) -> Act:
    """Answers as if the connection stayed open, and closes it."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> bool:
        await reply()(received, writer)
        await asyncio.sleep(after)
        return False

    return act


@pytest.mark.parametrize("after", [0.0, 0.001, 0.01])
def test_a_server_that_hangs_up_after_each_answer_costs_no_message(after: float) -> None:
    with Counterpart(hanging_up(after)) as there:
        ends = run(ENGINES["wire"], many(200, 20, there.url))
    assert [end for _, end in ends if not isinstance(end, HttpResponse)] == []
    assert len(there.received) == 200


def test_a_server_that_hangs_up_later_is_learnt_from_the_first_message_it_costs() -> None:
    with Counterpart(hanging_up(0.05)) as there:

        async def work(engine: Engine) -> list[Any]:
            ends: list[Any] = []
            for _ in range(12):
                try:
                    ends.append(await engine.send(post(there.url)))
                except MaybeSent as error:
                    ends.append(error)
            return ends

        ends = run(ENGINES["wire"], work)
    assert len([end for end in ends if isinstance(end, MaybeSent)]) <= 1


def test_a_hang_up_is_remembered_for_a_minute() -> None:
    habits = Habits()
    assert habits.idle(0.0) == IDLE
    habits.hung_up(1.0, 0.0)
    assert habits.idle(1.0) == 0.5
    habits.hung_up(0.05, 2.0)
    assert habits.idle(2.0) == 0.0
    assert habits.idle(2.0 + TRIED_AGAIN_AFTER) == IDLE


def test_saying_too_much_is_never_forgotten() -> None:
    habits = Habits()
    habits.is_out_of_step = True
    assert habits.idle(10 * TRIED_AGAIN_AFTER) == 0.0
