"""Requests and answers over real sockets: what was sent is known, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable
from typing import Any

import pytest
from gatewaykit import Counterpart, Received, dribble, drop, flood, hang, raw, reply, reset
from wirekit import ENGINES, post, run, send
from wirekit import _no_proxies as _no_proxies
from wirekit import make as make

from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine import httpx_engine
from a2pcli.gateways.engine.protocol import MAX_BODY, Engine, MaybeSent
from a2pcli.gateways.engine.wire import WireEngine


def test_a_request_arrives_as_it_was_written(make: Callable[[], Engine]) -> None:
    with Counterpart(reply(201, {"ok": True}, {"X-Two": "a"})) as there:
        request = HttpRequest("POST", there.url + "/a?b=c", {"X-Key": "é", "Content-Type": "a/b"}, b"body", 5)
        (response,) = send(make, request)
    assert isinstance(response, HttpResponse)
    assert (response.status, response.body, response.headers["x-two"]) == (201, b'{"ok": true}', "a")
    (received,) = there.received
    assert (received.method, received.target, received.body) == ("POST", "/a?b=c", b"body")
    assert received.headers["x-key"].encode("latin-1").decode() == "é"
    assert received.headers["content-type"] == "a/b"
    assert received.headers["host"] == f"127.0.0.1:{there.port}"
    assert received.headers["content-length"] == "4"


ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\n\r\nabc",
    "old": b"HTTP/1.0 200 OK\r\n\r\nabc",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"abc"),
}


@pytest.mark.parametrize("answer", list(ANSWERS))
def test_every_way_to_write_an_answer_is_read(make: Callable[[], Engine], answer: str) -> None:
    with Counterpart(raw(ANSWERS[answer])) as there:
        (response,) = send(make, post(there.url))
    assert isinstance(response, HttpResponse)
    assert (response.status, response.body) == (200, b"abc")


def test_connections_are_used_again() -> None:
    with Counterpart(reply()) as there:
        ends = send(ENGINES["wire"], *[post(there.url)] * 5)
    assert all(isinstance(end, HttpResponse) for end in ends)
    assert (len(there.received), there.connections) == (5, 1)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
@pytest.mark.parametrize("ending", [drop, reset])
@pytest.mark.parametrize("before", [0, 1])
def test_a_request_that_was_read_is_never_sent_again(
    make: Callable[[], Engine], method: str, ending: Any, before: int
) -> None:
    """On a new connection and on one that was used before: one request arrives, and nobody claims to know."""

    answered = 0

    async def answer(received: Received, writer: asyncio.StreamWriter) -> bool:
        nonlocal answered
        answered += 1
        act = reply() if answered <= before else ending
        return bool(await act(received, writer))

    with Counterpart(answer) as there:
        *fine, last = send(make, *[post(there.url, method=method)] * (before + 1))
    assert all(isinstance(end, HttpResponse) for end in fine)
    assert isinstance(last, MaybeSent)
    assert len(there.received) == before + 1


FAILURES = {
    "hang": (hang, "timeout"),
    "dribble": (dribble, "timeout"),
    "cut body": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), "dropped"),
    "cut chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"), "dropped"),
    "cut headers": (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "dropped"),
    "half a status": (raw(b"HTTP/1"), "dropped"),
    "interim only": (raw(b"HTTP/1.1 100 Continue\r\n\r\n"), "dropped"),
    "no http": (raw(b"\x00\xff SSH-2.0-x\r\n\r\n"), "garbled"),
    "two lengths": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "garbled"),
    "upgrade": (raw(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", keep=True), "garbled"),
    "endless headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000), "garbled"),
}


def patience(failure: str) -> float:
    """Short where it must run out; elsewhere long, for a machine that is busy with other things."""
    return 0.3 if failure in ("hang", "dribble") else 30.0


@pytest.mark.parametrize("failure", list(FAILURES))
def test_what_fails_after_the_request_left_may_have_been_sent(failure: str) -> None:
    answer, code = FAILURES[failure]
    with Counterpart(answer) as there:
        (end,) = send(ENGINES["wire"], post(there.url, seconds=patience(failure)))
    assert isinstance(end, MaybeSent)
    assert end.code == code
    assert len(there.received) == 1


@pytest.mark.parametrize("failure", list(FAILURES))
def test_httpx_knows_the_same_failures(failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if failure == "dribble":
        monkeypatch.setattr(httpx_engine, "CONNECT_TIMEOUT", 1.0)
    with Counterpart(FAILURES[failure][0]) as there:
        (end,) = send(ENGINES["httpx"], post(there.url, seconds=patience(failure)))
    assert isinstance(end, MaybeSent)
    assert len(there.received) == 1


def test_a_huge_answer_is_cut_off_and_its_status_kept(make: Callable[[], Engine]) -> None:
    with Counterpart(flood) as there:
        (end,) = send(make, post(there.url))
    assert isinstance(end, HttpResponse)
    assert (end.status, len(end.body)) == (200, MAX_BODY)


def test_redirects_are_not_followed(make: Callable[[], Engine]) -> None:
    with Counterpart(reply(307, {}, {"Location": "/elsewhere"})) as there:
        (end,) = send(make, post(there.url))
    assert isinstance(end, HttpResponse)
    assert end.status == 307
    assert len(there.received) == 1


def test_a_connection_that_the_server_closed_while_idle_costs_nothing(make: Callable[[], Engine]) -> None:
    """The end of a connection that came in while it was idle is seen before it is used again."""
    with Counterpart(reply(), idle=0.05) as there:

        async def work(engine: Engine) -> list[int]:
            statuses = []
            for _ in range(4):
                statuses.append((await engine.send(post(there.url))).status)
                while there.closed < there.connections:  # noqa: ASYNC110 (another thread closes)
                    await asyncio.sleep(0.01)
            return statuses

        assert run(make, work) == [201] * 4
    assert (len(there.received), there.connections) == (4, 4)


def test_a_server_that_closes_after_each_answer_without_saying_so_costs_nothing() -> None:
    """The end may be on its way when the connection is wanted again; here it has arrived."""

    async def work(engine: Engine) -> list[int]:
        statuses = []
        for _ in range(30):
            statuses.append((await engine.send(post(there.url))).status)
            # Lets the server close, while nothing on this side looks at the socket.
            while there.closed < there.connections:
                threading.Event().wait(0.001)
        return statuses

    with Counterpart(reply(keep=False)) as there:
        assert run(ENGINES["wire"], work) == [201] * 30
    assert len(there.received) == 30


def test_a_connection_that_the_server_will_close_is_not_used_again(make: Callable[[], Engine]) -> None:
    with Counterpart(reply(headers={"Connection": "close"})) as there:
        assert all(isinstance(end, HttpResponse) for end in send(make, *[post(there.url)] * 2))
    assert there.connections == 2


@pytest.mark.parametrize("said", ["timeout=1", "timeout=1, max=100"])
def test_the_servers_own_idle_limit_is_kept(said: str) -> None:
    """``Keep-Alive: timeout=1`` leaves no safe time, so the connection is not used again."""
    with Counterpart(reply(headers={"Keep-Alive": said})) as there:
        send(ENGINES["wire"], post(there.url), post(there.url))
    assert there.connections == 2


def test_the_answer_of_a_cancelled_request_is_nobody_elses() -> None:
    async def slow(received: Received, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.2 if received.body == b"slow" else 0)
        return await reply(200, received.body)(received, writer)

    async def work(engine: Engine) -> bytes:
        task = asyncio.create_task(engine.send(post(there.url, b"slow")))
        await there.heard()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.2)
        return (await engine.send(post(there.url, b"next"))).body

    with Counterpart(slow) as there:
        assert run(ENGINES["wire"], work) == b"next"


def test_no_more_connections_than_allowed_and_waiting_ends() -> None:
    async def work(engine: Engine) -> list[Any]:
        requests = [engine.send(post(there.url, seconds=1)) for _ in range(5)]
        return await asyncio.gather(*requests, return_exceptions=True)

    with Counterpart(hang) as there:
        ends = run(lambda: WireEngine(2), work)
    assert there.connections == 2
    assert sorted(type(end).__name__ for end in ends).count("MaybeSent") >= 2
    assert {end.code for end in ends} <= {"timeout", "busy"}


def test_closing_ends_what_is_under_way() -> None:
    async def work(engine: Engine) -> Any:
        task = asyncio.create_task(engine.send(post(there.url)))
        await there.heard()
        await engine.close()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    with Counterpart(hang) as there:
        assert isinstance(run(ENGINES["wire"], work), MaybeSent)
