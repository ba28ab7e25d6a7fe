"""The gateway for Jasmin against Jasmin itself, with an operator behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import jasminkit
import pytest
from gatewaykit import Counterpart, message, reply
from kannelkit import until

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Health
from a2pcli.gateways.callbacks import CallbackRequest, Reply
from a2pcli.gateways.registry import create
from a2pcli.messages import Message, Outcome

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not jasminkit.is_installed(), reason=jasminkit.NEEDS)]


def test_jasmin_takes_delivers_and_tells(tmp_path: Path) -> None:
    with (
        Counterpart(reply(200, b"ACK/Jasmin")) as callbacks,
        jasminkit.running(tmp_path, callbacks.url) as (url, operator),
    ):

        def gateway(**more: Any) -> Any:
            settings = {"username": "alice", "password": "s3cret", "sender": "ACME", "base_url": url}
            return create("jasmin", {**settings, "status_callback": callbacks.url + "/j?shop=a%20b", **more})

        async def submit(one: Message, **more: Any) -> tuple[Outcome, Health]:
            made = gateway(**more)
            await made.open()
            try:
                return (await made.submit([one]))[0], await made.check()
            finally:
                await made.close()

        def came_back() -> tuple[list[Receipt], list[Reply]]:
            receipts, replies = list[Receipt](), list[Reply]()
            for one in list(callbacks.received):
                request = CallbackRequest(one.method, callbacks.url + one.target, one.headers, one.body)
                found = gateway().provider.read_callback(request)
                receipts += found.receipts
                replies += found.replies
            return receipts, replies

        sent = [message(1, "Hello & 100% €"), message(2, "Привет 😀"), message(3, "x" * 300)]
        outcomes = [asyncio.run(submit(one, validity="600"))[0] for one in sent]
        assert all(one.verdict == "accepted" and one.gateway_id for one in outcomes)
        refused, _ = asyncio.run(submit(message(4, to="+12025550199")))
        assert refused.verdict == "accepted"  # by Jasmin; the operator will not have it
        wrong, health = asyncio.run(submit(message(5), password="wrong"))
        assert (wrong.verdict, wrong.cause, wrong.code) == ("not_sent", "account", "authentication")
        assert not health.ok
        invalid, health = asyncio.run(submit(message(6, to="abc")))
        assert (invalid.verdict, invalid.cause) == ("rejected", "content")
        assert health.ok

        def told() -> dict[str | None, set[str]]:
            found: dict[str | None, set[str]] = {}
            for one in came_back()[0]:
                found.setdefault(one.reference, set()).add(str(one.delivery))
            return found

        until(
            lambda: len(told()) == 4 and all({"sent", "delivered"} <= told()[one.reference] for one in sent),
            30,
        )
        assert told()["r7k2m9qd-000004"] == {"rejected"}
        until(lambda: any(one.body == "STOP" and one.to == "12345" for one in came_back()[1]), 30)
        texts = [(source, coding, text) for source, _, coding, text in operator.taken]
        assert texts[:2] == [
            ("ACME", 0, b"Hello & 100% \x1be"),  # GSM-7: the euro sign is an escape and an e
            ("ACME", 8, "Привет 😀".encode("utf-16-be")),
        ]
        assert sum(text.count(b"x") for _, _, text in texts) == 300
