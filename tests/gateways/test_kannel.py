"""The gateway for Kannel against Kannel itself: what the operator gets, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import kannelkit
import pytest
from gatewaykit import Counterpart, message, reply

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.gateways.base import Health
from a2pcli.gateways.callbacks import CallbackRequest, Reply
from a2pcli.gateways.registry import create
from a2pcli.messages import Message, Outcome

pytestmark = pytest.mark.skipif(not kannelkit.is_installed(), reason=kannelkit.NEEDS)


class Setup:
    def __init__(self, kannel: kannelkit.Kannel, callbacks: Counterpart) -> None:
        self.kannel, self.callbacks = kannel, callbacks

    def gateway(self, **more: Any) -> Any:
        settings = {"url": self.kannel.url, "username": "alice", "password": "s3cret", "sender": "ACME"}
        return create("kannel", {**settings, "status_callback": self.callbacks.url + "/k?shop=a%20b", **more})

    def submit(self, messages: Sequence[Message], **more: Any) -> list[Outcome]:
        async def run() -> list[Outcome]:
            gateway = self.gateway(**more)
            await gateway.open()
            try:
                return [(await gateway.submit([one]))[0] for one in messages]
            finally:
                await gateway.close()

        return asyncio.run(run())

    def check(self, **more: Any) -> Health:
        async def run() -> Health:
            gateway = self.gateway(**more)
            await gateway.open()
            try:
                return await gateway.check()
            finally:
                await gateway.close()

        return asyncio.run(run())

    def came_back(self) -> tuple[list[Receipt], list[Reply]]:
        receipts, replies = [], []
        for one in list(self.callbacks.received):
            request = CallbackRequest(one.method, self.callbacks.url + one.target, one.headers, one.body)
            found = self.gateway().provider.read_callback(request)
            receipts += found.receipts
            replies += found.replies
        return receipts, replies


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder: Path = tmp_path_factory.mktemp("kannel")
    with Counterpart(reply(200, b"")) as callbacks, kannelkit.running(folder, callbacks.url) as kannel:
        yield Setup(kannel, callbacks)


def test_the_operator_gets_the_text_and_a_receipt_finds_its_message(there: Setup) -> None:
    sent = [
        message(11, "Hello & <b>100%</b>"),
        message(12, "Привет 😀"),
        message(13, "x" * 300),
        message(14, "v", sender="+447700900001"),
    ]
    outcomes = there.submit(sent, validity="3600", account="shop")
    assert [str(one.verdict) for one in outcomes] == ["accepted"] * 4
    references = {one.reference for one in sent}

    def arrived() -> bool:
        receipts, _ = there.came_back()
        return references <= {one.reference for one in receipts if one.delivery is Delivery.DELIVERED}

    kannelkit.until(arrived)
    told = "\n".join(there.kannel.sent())
    assert "[from:ACME] [to:+12025550143]" in told
    assert "[msg:19:Hello & <b>100%</b>]" in told
    assert "[msg:18:" + "Привет 😀".encode("utf-16-be").hex().upper() + "]" in told
    there.kannel.say("+12025550143 12345 text hello")  # fakesmsc looks at what it got when it is given a line
    kannelkit.until(lambda: there.kannel.parts() == 2)  # 300 characters
    assert "[from:+447700900001]" in told
    receipts, _ = there.came_back()
    assert {one.delivery for one in receipts if one.reference == sent[0].reference} == {
        Delivery.SENT, Delivery.DELIVERED,
    }  # fmt: skip
    assert all(one.at for one in receipts)


def test_a_person_writes_back(there: Setup) -> None:
    said = 0

    def is_heard() -> bool:
        nonlocal said
        said += 1
        if said % 20 == 1:  # an operator that was not connected yet lost what was said
            there.kannel.say("+12025550143 12345 text STOP")
        return any(one.body == "STOP" for one in there.came_back()[1])

    kannelkit.until(is_heard)
    reply_ = next(one for one in there.came_back()[1] if one.body == "STOP")
    assert (reply_.sender, reply_.to) == ("+12025550143", "12345")
    assert reply_.gateway_id
    assert reply_.at


def test_what_kannel_refuses(there: Setup) -> None:
    before = len(there.kannel.sent())
    (wrong,) = there.submit([message(21)], password="wrong")
    (nobody,) = there.submit([message(22, to="abc")])
    (unsigned,) = there.submit([message(23)], sender=None)
    assert (wrong.verdict, wrong.cause, wrong.code) == ("not_sent", "account", "authorization")
    assert (nobody.verdict, nobody.cause, nobody.code) == ("rejected", "permanent", "denied")
    assert (unsigned.verdict, unsigned.cause, unsigned.code) == ("not_sent", "sender", "sender")
    assert len(there.kannel.sent()) == before


def test_a_check_sends_nothing(there: Setup) -> None:
    before = len(there.kannel.sent())
    assert there.check().ok
    refused = there.check(password="wrong")
    assert not refused.ok
    assert "password" in refused.detail
    assert not there.check(url=there.kannel.url + "x").ok
    assert len(there.kannel.sent()) == before
