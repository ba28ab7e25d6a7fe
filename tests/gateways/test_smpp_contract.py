"""The SMPP gateway passes the contract, with an operator that works and with those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

from smsc import Answer, Smsc, Submitted, pdu

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.registry import create
from a2pcli.gateways.testing import GatewayContract


def smpp_block(port: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "smpp",
        "host": "127.0.0.1",
        "port": str(port),
        "system_id": "campaigns",
        "password": "s3cret",
        "timeout": "0.12",
        **more,
    }


def _every_second(one: Submitted) -> Answer:
    return Answer(id=f"m{one.number}") if one.number % 2 else Answer(status=0x58)


OPERATORS: dict[str, dict[str, Any]] = {
    "accepts": {},
    "throttles": {"answer": lambda _one: Answer(status=0x58)},
    "is full": {"answer": lambda _one: Answer(status=0x14)},
    "takes every second part": {"answer": _every_second},
    "refuses numbers": {"answer": lambda _one: Answer(status=0x0B)},
    "says what nobody knows": {"answer": lambda _one: Answer(status=0x04FF)},
    "answers with a generic_nack": {"answer": lambda _one: Answer(status=0x03, nack=True)},
    "never answers": {"answer": lambda _one: Answer(silent=True)},
    "hangs up": {"answer": lambda _one: Answer(drop=True)},
    "answers nonsense": {"answer": lambda _one: Answer(raw=b"SSH-2.0 +12025550143\r\n" * 4)},
    "answers a huge length": {"answer": lambda _one: Answer(raw=b"\xff\xff\xff\xf0" + bytes(12))},
    "answers others": {"answer": lambda one: Answer(id="x", sequence=one.sequence + 5_000)},
    "wants to end": {"answer": lambda _one: Answer(raw=pdu(0x6, 1))},
    "gives no id": {"answer": lambda _one: Answer(id="")},
    "knows another password": {"password": "other"},
    "does not answer the bind": {"bind_silent": True},
    "hangs up at once": {"hang_up_at_once": True},
}


class TestSmpp(GatewayContract):
    secrets = ("s3cret",)

    @pytest.fixture(autouse=True, params=list(OPERATORS))
    def _operator(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr("a2pcli.gateways.smpp.gateway.REST_WITHIN", 0.2)
        monkeypatch.setattr("a2pcli.gateways.smpp.gateway.REST_PAUSES", (0.05,))
        monkeypatch.setattr("a2pcli.gateways.smpp.link.SOONEST", 0.02)
        monkeypatch.setattr("a2pcli.gateways.smpp.session.BYE", 0.02)
        with Smsc(**OPERATORS[request.param]) as self.there:
            yield

    def make(self, folder: Path) -> Gateway:
        return create("operator", smpp_block(self.there.port, folder=folder))


class TestNobodyThere(GatewayContract):
    secrets = ("s3cret",)

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("a2pcli.gateways.smpp.link.SOONEST", 0.02)

    def make(self, folder: Path) -> Gateway:
        return create("operator", smpp_block(9, folder=folder))
