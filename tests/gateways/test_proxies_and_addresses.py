"""Proxies, names with several addresses, and bytes that no server should send."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress

import pytest
from gatewaykit import Counterpart, reply, trusted
from hypothesis import given, settings
from hypothesis import strategies as st
from wirekit import ENGINES, free_port, post, send
from wirekit import _no_proxies as _no_proxies

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.dialing import Dialer, Route
from a2pcli.gateways.engine.protocol import MaybeSent, NotSent
from a2pcli.gateways.engine.wire import WireEngine


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
