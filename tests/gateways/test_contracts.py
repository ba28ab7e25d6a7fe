"""Every gateway passes the contract, against counterparts that work and that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import Act, Counterpart, Received, drop, flood, hang, raw, reply, reset
from provider_blocks import SECRETS, documented

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.console import ConsoleGateway
from a2pcli.gateways.outbox import OutboxGateway
from a2pcli.gateways.registry import create
from a2pcli.gateways.simulator import SimulatorGateway
from a2pcli.gateways.testing import GatewayContract

ECHO = "a text that quotes +12025550143 and Dear Zebedee, your balance is 4711 and s3cret"

COUNTERPARTS: dict[str, Act] = {
    "accepts": reply(201, {"sid": "SM1", "id": "m1", "status": "queued", "messages": [{"status": "0"}]}),
    "refuses": reply(
        400, {"code": 21211, "message": ECHO, "errors": [{"code": ECHO}], "messages": [{"status": ECHO}]}
    ),
    "slows down": reply(429, {"message": ECHO}, {"Retry-After": "3"}),
    "knows nobody": reply(401, {"message": ECHO}),
    "breaks": reply(500, ECHO.encode()),
    "answers nonsense": raw(b"\x00\xffSSH-2.0 " + ECHO.encode() + b"\r\n\r\n"),
    "answers html": reply(200, b"<html>" + ECHO.encode()),
    "hangs": hang,
    "drops": drop,
    "resets": reset,
    "floods": flood,
    "redirects": reply(302, {}, {"Location": "http://elsewhere.example/"}),
}


class TestOutbox(GatewayContract):
    def make(self, folder: Path) -> Gateway:
        return OutboxGateway("outbox", {"folder": folder})


class TestConsole(GatewayContract):
    def make(self, folder: Path) -> Gateway:
        return ConsoleGateway("console", {})


class TestSimulator(GatewayContract):
    def make(self, folder: Path) -> Gateway:
        return SimulatorGateway(
            "simulator",
            {
                "folder": folder,
                "batch": "10",
                "latency": {"median": "0", "p95": "0"},
                "mix": {"temporary": "20%", "rate_limited": "20%", "unknown": "20%", "permanent": "20%"},
                "receipts": {"file": "receipts.jsonl"},
            },
        )


class HttpContract(GatewayContract):
    """With a counterpart that behaves in one of many ways."""

    there: Counterpart

    @pytest.fixture(autouse=True, params=list(COUNTERPARTS))
    def _counterpart(self, request: pytest.FixtureRequest) -> Iterator[None]:
        with Counterpart(COUNTERPARTS[request.param]) as self.there:
            yield


class TestTwilio(HttpContract):
    secrets = ("s3cret",)

    def make(self, folder: Path) -> Gateway:
        settings = {
            "type": "twilio",
            "account_sid": "AC" + "0" * 32,
            "auth_token": "s3cret",
            "timeout": "0.05",
        }
        return create("tw", {**settings, "base_url": self.there.url, "concurrency": "8"})


class TestDeclared(HttpContract):
    secrets = ("s3cret",)

    def make(self, folder: Path) -> Gateway:
        return create(
            "g",
            {
                "type": "http",
                "url": self.there.url + "/send",
                "auth": {"bearer": "s3cret"},
                "headers": {"X-Sender": "{{ sender }}"},
                "json": {"to": "{{ to }}", "text": "{{ body }}", "from": "{{ sender }}"},
                "response": {"id": "id", "code": "errors.0.code"},
                "check": {"url": self.there.url + "/balance"},
                "lookup": {"url": self.there.url + "/{{ reference }}", "response": {"reference": "ref"}},
                "timeout": "0.05",
                "concurrency": "8",
            },
        )


class TestDeclaredBatch(HttpContract):
    secrets = tuple(SECRETS.values())

    def make(self, folder: Path) -> Gateway:
        block: dict[str, Any] = documented()["infobip-http"]
        for call in (block, block["lookup"], block["check"]):
            call["url"] = call["url"].replace("https://example.api.infobip.com", self.there.url)
        return create("infobip-http", {**block, "timeout": "0.05", "concurrency": "8"})


def test_the_contract_notices_what_it_should(tmp_path: Path) -> None:
    """A gateway that breaks a promise fails; else the contract would prove nothing."""

    class Wrong(ConsoleGateway):
        async def submit(self, batch: Any) -> Any:
            outcomes = list(await super().submit(batch))
            return outcomes[1:] if len(batch) > 1 else outcomes

    class Checks(GatewayContract):
        def make(self, folder: Path) -> Gateway:
            return Wrong("wrong", {})

    with pytest.raises(AssertionError):
        Checks().test_one_outcome_for_each_message_in_order(tmp_path)


def test_an_answer_for_every_message_over_a_flaky_line(tmp_path: Path) -> None:
    """300 messages, 30 at once, over a counterpart that does something else each time: each counted once."""
    acts: list[Callable[..., Any]] = [
        reply(),
        drop,
        reply(500, {}),
        reply(),
        raw(b"HTTP/1.1 2"),
        reply(429, {}),
        reset,
    ]

    async def answer(received: Received, writer: asyncio.StreamWriter) -> bool:
        return bool(await acts[len(there.received) % len(acts)](received, writer))

    async def whole() -> list[str]:
        gateway = create(
            "g", {"type": "http", "url": there.url, "json": {"r": "{{ reference }}"}, "concurrency": "30"}
        )
        await gateway.open()
        sent = TestConsole().messages(300)
        ends = await asyncio.gather(*[gateway.submit([one]) for one in sent])
        await gateway.close()
        return [str(end[0].verdict) for end in ends]

    with Counterpart(answer) as there:
        verdicts = asyncio.run(whole())
    arrived = [received.json["r"] for received in there.received]
    assert len(arrived) == len(set(arrived)) == 300
    assert len(verdicts) == 300
    assert verdicts.count("accepted") >= 80
