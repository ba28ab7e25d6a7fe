"""Failures to connect and requests that cannot be written: certainly nothing was sent."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from gatewaykit import Counterpart, reply, trusted
from wirekit import ENGINES, free_port, post, send
from wirekit import _no_proxies as _no_proxies
from wirekit import make as make

from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine import httpx_engine
from a2pcli.gateways.engine.dialing import Dialer, not_sent
from a2pcli.gateways.engine.protocol import Engine, MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.wire import WireEngine


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


def test_an_ip_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*details: Any, **more: Any) -> Any:
        raise AssertionError("looked up")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with Counterpart(reply()) as there:
        (end,) = send(ENGINES["wire"], post(there.url))
        assert isinstance(end, HttpResponse)
        (end,) = send(ENGINES["wire"], post(f"http://[::1]:{free_port()}/"))
        assert isinstance(end, NotSent)
        assert end.code in {"refused", "connect"}


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
