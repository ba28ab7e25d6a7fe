"""Providers are told for how long to try a message that another channel comes after: the shorter time counts."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from provider_blocks import documented

from a2pcli.errors import A2PError
from a2pcli.gateways.http.gateway import DeclarativeHttpGateway
from a2pcli.gateways.providers.common import validity_of
from a2pcli.gateways.registry import create
from a2pcli.gateways.settings import read_block
from a2pcli.gateways.smpp.settings import SmppBlock
from a2pcli.gateways.smpp.writing import Writer
from a2pcli.messages import Message

MESSAGE = Message(1, "r2345678-000001", "+447400000001", "Hello", sender="ACME")


@pytest.mark.parametrize(
    ("ours", "wanted", "told"), [(None, None, None), (600, None, 600), (600, 60, 60), (9, 600, 9)]
)
def test_the_shorter_time_counts(ours: int | None, wanted: int | None, told: int | None) -> None:
    assert validity_of(ours, replace(MESSAGE, validity=wanted)) == told


@pytest.mark.parametrize("name", sorted(documented()))
def test_a_gateway_that_says_it_lets_messages_expire_writes_the_time_into_the_request(
    name: str, tmp_path: Path
) -> None:
    """Whatever the provider calls it: the request for a message with a time is another one."""
    block = {key: value for key, value in documented()[name].items() if key not in ("validity", "ttl")}
    try:
        gateway = create(name, {"type": name, **block, "folder": tmp_path})
    except A2PError:
        pytest.skip("its library is not installed")
    provider = getattr(gateway, "provider", None)
    if not gateway.capabilities.expires or provider is None or "sms" not in gateway.capabilities.channels:
        pytest.skip("it cannot tell the provider a time")
    without, with_time = (provider.request([replace(MESSAGE, validity=seconds)]) for seconds in (None, 1_800))
    said = (with_time.body.decode(), str(with_time.headers), with_time.url)
    assert said != (without.body.decode(), str(without.headers), without.url)
    assert any(word in "".join(said) for word in ("1800", "1800000", "30"))


def test_smpp_tells_the_operator_the_shorter_time() -> None:
    """As a relative time (SMPP 3.4, 7.1.1), in the body of the message and of each of its parts."""
    for ours, wanted, said in (
        (None, 1_800, b"000000003000000R"),
        (60, 1_800, b"000000000100000R"),
        (None, None, None),
    ):
        block = {"host": "smsc.example", "system_id": "a", "password": "b"}
        settings = {"type": "smpp", **block, **({"validity": ours} if ours else {})}
        writer = Writer(read_block(SmppBlock, "g", settings))
        for text in ("Hello", "Hello " * 40):
            for part in writer.parts(replace(MESSAGE, body=text, parts=9, validity=wanted)):
                assert (said in part) if said else (b"000R" not in part)


class _Provider(BaseHTTPRequestHandler):
    """Takes back what was not delivered: of references ending in 1."""

    asked: ClassVar[list[str]] = []

    def do_DELETE(self) -> None:
        self.asked.append(f"{self.command} {self.path} {self.headers['Authorization']}")
        kind = self.path[-1]
        status, answer = {"1": (200, {"cancelled": True}), "2": (409, {"cancelled": False})}.get(
            kind, (500, {})
        )
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def test_a_declared_gateway_takes_messages_back_as_its_settings_say() -> None:
    """A clear yes, a clear no, and an answer that says neither, which is asked again; so is no answer at all."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = DeclarativeHttpGateway(
        "g",
        {
            "type": "http",
            "url": f"http://127.0.0.1:{server.server_port}/send",
            "auth": {"bearer": "secret"},
            "revoke": {
                "url": f"http://127.0.0.1:{server.server_port}/messages/{{{{ to_digits }}}}/{{{{ reference }}}}",
                "response": {"success": {"where": {"cancelled": "true"}}},
                "refused": {"status": "409"},
            },
        },
    )
    assert (made.capabilities.revokes, made.capabilities.expires) == (True, False)

    async def ask() -> list[bool | None]:
        await made.open()
        try:
            found = [await made.revoke("+447400000001", f"r2345678-00000{n}") for n in (1, 2, 3)]
            server.shutdown()
            server.server_close()
            return [*found, await made.revoke("+447400000001", "r2345678-000001")]
        finally:
            await made.close()

    assert asyncio.run(ask()) == [True, False, None, None]
    assert _Provider.asked[0] == "DELETE /messages/447400000001/r2345678-000001 Bearer secret"


def test_a_declared_gateway_lets_messages_expire_where_its_request_says_the_time() -> None:
    block = {"type": "http", "url": "https://api.example/send"}
    body = {"to": "{{ to }}", "ttl": "{{ validity }}", "minutes": "{{ validity_minutes }}"}
    made = DeclarativeHttpGateway("g", {**block, "json": body})
    assert made.capabilities.expires
    said = [json.loads(made.provider.request([replace(MESSAGE, validity=one)]).body) for one in (1_830, None)]
    assert said == [{"to": "+447400000001", "ttl": 1_830, "minutes": 31}, {"to": "+447400000001"}]
    plain = DeclarativeHttpGateway("g", {**block, "json": {"to": "{{ to }}", "note": "validity"}})
    assert not plain.capabilities.expires


def test_a_request_that_would_prove_nothing_is_no_way_to_take_messages_back() -> None:
    block = {"type": "http", "url": "https://api.example/send"}
    with pytest.raises(A2PError, match="name what proves that the message was taken back"):
        DeclarativeHttpGateway("g", {**block, "revoke": {"url": "https://api.example/{{ reference }}"}})
