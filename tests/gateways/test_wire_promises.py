"""What the engines promise about a request: it leaves once or not at all, and it is known which."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from gatewaykit import Counterpart, Received, dribble, drop, flood, hang, raw, reply, reset, trusted
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.gateways import httpx_engine
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.dialing import Dialer, Route, not_sent
from a2pcli.gateways.http_engine import MAX_BODY, Engine, MaybeSent, NotSent, Unsendable, WireError
from a2pcli.gateways.httpx_engine import HttpxEngine
from a2pcli.gateways.wire import WireEngine

ENGINES: dict[str, Callable[[], Engine]] = {"wire": lambda: WireEngine(20), "httpx": lambda: HttpxEngine(20)}


@pytest.fixture(params=list(ENGINES))
def make(request: pytest.FixtureRequest) -> Callable[[], Engine]:
    return ENGINES[request.param]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def post(url: str, body: bytes = b"x", seconds: float = 5.0, method: str = "POST") -> HttpRequest:
    return HttpRequest(method, url, {"Content-Type": "text/plain"}, b"" if method == "GET" else body, seconds)


def run(make: Callable[[], Engine], work: Callable[[Engine], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        engine = make()
        try:
            return await work(engine)
        finally:
            await engine.close()
            await engine.close()

    return asyncio.run(whole())


def send(make: Callable[[], Engine], *requests: HttpRequest) -> list[HttpResponse | WireError]:
    """The answers or failures, one after the other."""

    async def work(engine: Engine) -> list[HttpResponse | WireError]:
        ends: list[HttpResponse | WireError] = []
        for request in requests:
            try:
                ends.append(await engine.send(request))
            except WireError as error:
                ends.append(error)
        return ends

    result: list[HttpResponse | WireError] = run(make, work)
    return result


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
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.2)
        return (await engine.send(post(there.url, b"next"))).body

    with Counterpart(slow) as there:
        assert run(ENGINES["wire"], work) == b"next"


def test_no_more_connections_than_allowed_and_waiting_ends() -> None:
    async def work(engine: Engine) -> list[Any]:
        requests = [engine.send(post(there.url, seconds=0.3)) for _ in range(5)]
        return await asyncio.gather(*requests, return_exceptions=True)

    with Counterpart(hang) as there:
        ends = run(lambda: WireEngine(2), work)
    assert there.connections == 2
    assert sorted(type(end).__name__ for end in ends).count("MaybeSent") >= 2
    assert {end.code for end in ends} <= {"timeout", "busy"}


def test_closing_ends_what_is_under_way() -> None:
    async def work(engine: Engine) -> Any:
        task = asyncio.create_task(engine.send(post(there.url)))
        await asyncio.sleep(0.1)
        await engine.close()
        return (await asyncio.gather(task, return_exceptions=True))[0]

    with Counterpart(hang) as there:
        assert isinstance(run(ENGINES["wire"], work), MaybeSent)


# Before the first byte


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_refused_connection_sent_nothing(make: Callable[[], Engine]) -> None:
    (end,) = send(make, post(f"http://127.0.0.1:{free_port()}/"))
    assert isinstance(end, NotSent)


def test_a_name_without_an_address_sent_nothing(
    make: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*details: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    (end,) = send(make, post("http://provider.example/"))
    assert isinstance(end, NotSent)


def test_a_server_that_does_not_accept_sent_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        (end,) = send(lambda: WireEngine(2, dialer=Dialer(timeout=0.3)), post(url))
        for filler in fillers:
            filler.close()
    assert isinstance(end, NotSent)
    assert end.code == "connect-timeout"


def test_tls_is_verified(make: Callable[[], Engine]) -> None:
    with Counterpart(reply(), tls=True) as there:
        (end,) = send(make, post(there.url))
    assert isinstance(end, NotSent)
    assert not there.received


def test_tls_works_where_it_is_trusted() -> None:
    with Counterpart(reply(), tls=True) as there:
        ends = send(lambda: WireEngine(2, tls=trusted()), post(there.url), post(there.url))
    assert all(isinstance(end, HttpResponse) for end in ends)
    assert (len(there.received), there.connections) == (2, 1)


@pytest.mark.parametrize("engine", list(ENGINES))
def test_tls_to_a_server_without_it_sent_nothing(engine: str) -> None:
    quick = {"wire": lambda: WireEngine(2, dialer=Dialer(timeout=0.3)), "httpx": ENGINES["httpx"]}
    with Counterpart(reply()) as there:
        (end,) = send(quick[engine], post(there.url.replace("http:", "https:"), seconds=0.3))
    assert isinstance(end, NotSent)
    assert not there.received


def test_a_tls_handshake_that_hangs_sent_nothing() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        (end,) = send(lambda: WireEngine(2, dialer=Dialer(timeout=0.3)), post(url))
    assert isinstance(end, NotSent)


def everything_under(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from everything_under(child)


@pytest.mark.parametrize("kind", sorted(set(everything_under(OSError)), key=lambda kind: kind.__name__))
def test_every_failure_to_connect_sent_nothing(kind: type[OSError], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised before there is a connection: the kinds of the operating system, DNS and TLS."""

    async def fails(self: Dialer, host: str, port: int) -> socket.socket:
        raise kind.__new__(kind, 5, "text that is not shown +12025550143")

    monkeypatch.setattr(Dialer, "_socket", fails)
    (end,) = send(ENGINES["wire"], post("http://127.0.0.1:9/"))
    assert isinstance(end, NotSent)
    assert end.code
    assert "+1202" not in end.detail


@pytest.mark.parametrize("kind", [*everything_under(OSError), RuntimeError, ValueError, ssl.SSLError])
def test_every_failure_after_connecting_may_have_sent(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody thought of must not be taken for certain knowledge."""

    def fails(self: Any, data: bytes) -> None:
        raise kind.__new__(kind, 5, "text")

    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write", fails)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        (end,) = send(ENGINES["wire"], post(f"http://127.0.0.1:{listener.getsockname()[1]}/"))
    assert isinstance(end, MaybeSent)


def test_every_exception_of_httpx_is_sorted() -> None:
    """A new version of httpx with a new exception fails here, not at a customer."""
    public = [
        kind
        for name in dir(httpx)
        if isinstance(kind := getattr(httpx, name), type) and issubclass(kind, Exception)
    ]
    sorted_in = {*httpx_engine.NOTHING_LEFT, *httpx_engine.SOMETHING_LEFT, *httpx_engine.NEVER_A_REQUEST}
    never_raised_by_sending = {
        httpx.HTTPStatusError,  # raise_for_status
        httpx.CookieConflict,  # reading cookies by name
        httpx.StreamError,  # misuse of a stream in our own code
        httpx.StreamConsumed,
        httpx.StreamClosed,
        httpx.RequestNotRead,
        httpx.ResponseNotRead,
    }
    groups = {
        kind for kind in public if any(other is not kind and issubclass(other, kind) for other in public)
    }
    assert set(public) - groups - never_raised_by_sending - sorted_in == set()


def test_an_unknown_exception_of_httpx_may_have_sent() -> None:
    class Unheard(httpx.TransportError):
        pass

    assert isinstance(httpx_engine.wire_error(Unheard("x")), MaybeSent)
    assert isinstance(not_sent(RuntimeError("x")), NotSent)


# Requests that cannot be written

UNSENDABLE = {
    "line break in a header": HttpRequest("POST", "http://127.0.0.1/", {"X-A": "a\r\nX-B: b"}),
    "bare newline in a header": HttpRequest("POST", "http://127.0.0.1/", {"X-A": "a\nb"}),
    "nul in a header": HttpRequest("POST", "http://127.0.0.1/", {"X-A": "a\0b"}),
    "no header name": HttpRequest("POST", "http://127.0.0.1/", {"X A": "a"}),
    "half a surrogate pair": HttpRequest("POST", "http://127.0.0.1/", {"X-A": "\ud83d"}),
    "no scheme": HttpRequest("POST", "127.0.0.1/x"),
    "another scheme": HttpRequest("POST", "file:///etc/passwd"),
    "no host": HttpRequest("POST", "http:///x"),
    "bad port": HttpRequest("POST", "http://127.0.0.1:99999/"),
    "credentials": HttpRequest("POST", "http://user:secret@127.0.0.1/"),
    "credentials and a bad port": HttpRequest("POST", "http://user:secret@127.0.0.1:secret/"),
    "credentials and an odd host": HttpRequest("POST", "http://user:secret@a\u2100b/"),
    "a host with a space": HttpRequest("POST", "http://exa mple/"),
}


@pytest.mark.parametrize("case", list(UNSENDABLE))
def test_a_request_that_cannot_be_written_is_told_apart(case: str) -> None:
    with pytest.raises(Unsendable) as caught:
        send(ENGINES["wire"], UNSENDABLE[case])
    assert "secret" not in str(caught.value)


def test_what_a_url_cannot_hold_is_percent_encoded() -> None:
    with Counterpart(reply()) as there:
        send(ENGINES["wire"], HttpRequest("GET", there.url + "/é b?q=ü x#gone"))
    assert there.received[0].target == "/%C3%A9%20b?q=%C3%BC%20x"


# Proxies


def test_a_proxy_is_told_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with Counterpart(reply()) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@127.0.0.1:{proxy.port}")
        (end,) = send(ENGINES["wire"], post("http://provider.example/send"))
    assert isinstance(end, HttpResponse)
    assert proxy.received[0].target == "http://provider.example/send"
    assert proxy.received[0].headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Counterpart(reply()) as there:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        (end,) = send(ENGINES["wire"], post(there.url))
    assert isinstance(end, HttpResponse)


def tunnel(answer: bytes, target: int) -> tuple[int, list[bytes]]:
    """A proxy that answers CONNECT and then passes bytes on; its port and what it was asked."""
    asked: list[bytes] = []
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(5)

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            asked.append(client.recv(65536))
            client.sendall(answer)
            if b" 200 " in answer:
                with socket.create_connection(("127.0.0.1", target)) as server:
                    threading.Thread(target=copy, args=(server, client), daemon=True).start()
                    copy(client, server)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], asked


def test_https_goes_through_a_proxys_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    with Counterpart(reply(), tls=True) as there:
        port, asked = tunnel(b"HTTP/1.1 200 Connection established\r\n\r\n", there.port)
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        (end,) = send(lambda: WireEngine(2, tls=trusted()), post("https://localhost:8443/x"))
    assert isinstance(end, HttpResponse)
    assert asked[0].startswith(b"CONNECT localhost:8443 HTTP/1.1\r\n")
    assert there.received[0].target == "/x"


def test_a_proxy_that_refuses_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    port, _ = tunnel(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", 0)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    (end,) = send(ENGINES["wire"], post("https://provider.example/"))
    assert isinstance(end, NotSent)
    assert end.code == "proxy-407"


def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each message it is certain that nothing left: nobody is rejected over a proxy."""
    monkeypatch.setenv("https_proxy", "socks5://user:s3cret@127.0.0.1:1080")
    (end,) = send(ENGINES["wire"], post("https://provider.example/"))
    assert isinstance(end, NotSent)
    assert "socks5" in end.detail
    assert "s3cret" not in end.detail


def test_several_addresses_are_tried_and_the_good_one_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with Counterpart(reply(headers={"Connection": "close"}, keep=False)) as there:

        async def addresses(self: Dialer, key: tuple[str, int]) -> list[str]:
            found = ["127.0.0.9", "127.0.0.1"]
            self._names[key] = (asyncio.get_running_loop().time() + 10, found)
            return found

        monkeypatch.setattr(Dialer, "_look_up", addresses)
        dialer = Dialer()
        ends = send(
            lambda: WireEngine(2, dialer=dialer), *[post(f"http://provider.example:{there.port}/")] * 2
        )
    assert all(isinstance(end, HttpResponse) for end in ends)
    assert dialer._names[("provider.example", there.port)][1][0] == "127.0.0.1"


def test_authority_leaves_out_what_goes_without_saying() -> None:
    assert Route(True, "a.example", 443).authority == "a.example"
    assert Route(False, "a.example", 8080).authority == "a.example:8080"
    assert Route(True, "::1", 443).authority == "[::1]"


HTTP_LIKE = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [
                b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"201 OK", b"100 Continue", b"\r\n", b"\r\n\r\n", b"\n",
                b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999999999999",
                b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: upgrade", b"Upgrade: h2c",
                b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"hello", b": x", b"\x00", b"\xff" * 20,
            ]
        ),
        max_size=25,
    ).map(b"".join),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(data=HTTP_LIKE, pieces=st.integers(1, 4))
def test_no_bytes_raise_anything_else_or_are_asked_for_twice(data: bytes, pieces: int) -> None:
    """Whatever a server answers: an answer or ``MaybeSent``, and one request."""
    size = max(1, len(data) // pieces)

    async def whole() -> int:
        count = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            await reader.readuntil(b"\r\n\r\nx")
            count += 1
            for at in range(0, len(data), size):
                writer.write(data[at : at + size])
                await asyncio.sleep(0)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        engine = WireEngine(1)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        (end,) = await asyncio.gather(engine.send(post(url)), return_exceptions=True)
        await engine.close()
        server.close()
        if isinstance(end, HttpResponse):
            assert 200 <= end.status <= 999
        else:
            assert isinstance(end, MaybeSent)
            assert end.code in ("dropped", "garbled")
        return count

    assert asyncio.run(whole()) == 1
