"""Every provider of ours keeps the contract of a gateway, and tells the truth about whatever its provider does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from gatewaykit import Act, Counterpart, Received, drop, flood, hang, messages, raw, reply, reset
from providerkit import CASES, gateway, service_account

from a2pcli.gateways.base import Gateway
from a2pcli.gateways.engine import transport
from a2pcli.gateways.engine.dialing import Dialer
from a2pcli.gateways.testing import GatewayContract
from a2pcli.messages import Outcome

ECHO = "a text that quotes +12025550143 and Dear Zebedee, your balance is 4711 and s3cret"
PATIENT = "20"
"""Seconds to wait for an answer that does come, however busy the machine is."""

BRIEF = "0.05"
"""Seconds to wait for an answer that never comes."""

HOSTS = {"kannel": "url", "vonage": "messages_url"}


def at(name: str, url: str, timeout: str = PATIENT) -> Any:
    """The provider's gateway, all of whose addresses lead to the counterpart."""
    of_all = {"timeout": timeout, "concurrency": "8"}
    more = {HOSTS[name]: url} if name in HOSTS else {}
    if name == "rbm":
        more["service_account_key"] = service_account()
    return gateway(name, {**of_all, **({} if name == "kannel" else {"base_url": url}), **more})


async def taken_by_rbm(received: Received, writer: asyncio.StreamWriter) -> bool:
    """RBM repeats the id of the message in its name."""
    id = parse_qs(urlsplit(received.target).query).get("messageId", ["none"])[0]
    return await reply(200, {"name": f"phones/+12025550143/agentMessages/{id}"})(received, writer)


def taken(name: str) -> Act:
    """The provider's own yes, as its cases have it."""
    if name == "rbm":
        return taken_by_rbm
    status, body, *_ = next(
        case for case in CASES[name]["answers"].values() if isinstance(case, list) and case[2] == "accepted"
    )
    return reply(status, body.encode() if isinstance(body, str) else body)


@pytest.fixture(scope="module")
def there() -> Iterator[Counterpart]:
    with Counterpart(hang) as there:
        yield there


@pytest.mark.parametrize("name", list(CASES))
class TestEveryProvider(GatewayContract):
    """With its provider's own yes, and a no that quotes what nobody must see."""

    secrets = ("s3cret",)

    @pytest.fixture(autouse=True, params=["takes", "refuses"])
    def _counterpart(self, request: pytest.FixtureRequest, name: str, there: Counterpart) -> None:
        self.name, self.there = name, there
        refuses = reply(
            400, {"code": ECHO, "error": ECHO, "errors": [{"code": ECHO}], "title": ECHO, "type": ECHO}
        )
        there.answer = taken(name) if request.param == "takes" else refuses

    def make(self, folder: Path) -> Gateway:
        return at(self.name, self.there.url)  # type: ignore[no-any-return]

    def test_it_is_a_gateway(self, tmp_path: Path, name: str) -> None:
        super().test_it_is_a_gateway(tmp_path)

    def test_one_outcome_for_each_message_in_order(self, tmp_path: Path, name: str) -> None:
        super().test_one_outcome_for_each_message_in_order(tmp_path)

    def test_odd_messages_raise_nothing(self, tmp_path: Path, name: str) -> None:
        super().test_odd_messages_raise_nothing(tmp_path)

    def test_outcomes_keep_secrets(self, tmp_path: Path, name: str) -> None:
        super().test_outcomes_keep_secrets(tmp_path)

    def test_closing_is_harmless(self, tmp_path: Path, name: str) -> None:
        super().test_closing_is_harmless(tmp_path)

    def test_many_submits_at_once(self, tmp_path: Path, name: str) -> None:
        super().test_many_submits_at_once(tmp_path)

    def test_lookup_tells_only_what_it_was_asked(self, tmp_path: Path, name: str) -> None:
        super().test_lookup_tells_only_what_it_was_asked(tmp_path)

    def test_check_says_a_sentence(self, tmp_path: Path, name: str) -> None:
        super().test_check_says_a_sentence(tmp_path)


UTF_16 = '{"error": "unlesbar"}'.encode("utf-16")

TROUBLE: dict[str, tuple[Act, str]] = {
    "credentials": (reply(401, {"message": ECHO}), "not_sent account"),
    "not allowed": (reply(403, {"message": ECHO}), "not_sent account"),
    "no credit": (reply(402, {}), "not_sent credit"),
    "wrong address": (reply(404, b"<html>"), "not_sent account"),
    "slow down": (reply(429, {"message": ECHO}), "not_sent rate"),
    "slow down for three seconds": (reply(429, {}, {"Retry-After": "3"}), "not_sent rate"),
    "slow down until a date": (reply(429, b"", {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}), "not_sent rate"),
    "slow down for parts of seconds": (reply(429, {}, {"Retry-After": "250 ms"}), "not_sent rate"),
    "slow down for nonsense": (reply(429, {}, {"Retry-After": "soon"}), "not_sent rate"),
    "overloaded, and until when": (reply(503, b"", {"Retry-After": "1"}), "not_sent temporary"),
    "overloaded": (reply(503, {"message": ECHO}), "unknown ambiguous"),
    "broken": (reply(500, ECHO.encode()), "unknown ambiguous"),
    "a bad gateway": (reply(502, b"<html>"), "unknown ambiguous"),
    "a page": (reply(200, b"<html>" + ECHO.encode(), {"Content-Type": "text/html"}), "unknown ambiguous"),
    "another character set": (reply(200, UTF_16, {"Content-Type": "text/x; charset=latin-1"}), "unknown ambiguous"),
    "nothing": (reply(204, b""), "unknown ambiguous"),
    "a list of nothing": (reply(200, []), "unknown ambiguous"),
    "elsewhere": (reply(302, {}, {"Location": "http://elsewhere.example/"}), "not_sent account"),
    "a huge answer": (flood, "unknown ambiguous"),
    "no HTTP": (raw(b"\x00\xffSSH-2.0\r\n\r\n"), "unknown ambiguous"),
    "no answer": (hang, "unknown ambiguous"),
    "hangs up": (drop, "unknown ambiguous"),
    "resets": (reset, "unknown ambiguous"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_trouble_is_told_as_what_it_is(
    name: str, there: Counterpart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message, and a batch of three: none is taken for sent, and nothing unclear for not sent."""
    monkeypatch.setattr(transport, "REPEATS", 0)  # an idempotency key allows more tries, after a pause
    # Connecting is not part of the trouble: it may take longer than the answer that never comes.
    monkeypatch.setattr(transport, "Dialer", lambda *, timeout, tls: Dialer(tls=tls))

    async def all_of_it() -> dict[str, list[Outcome]]:
        found = {}
        for trouble, (act, _) in TROUBLE.items():
            there.answer = act
            made = at(name, there.url, BRIEF if act is hang else PATIENT)
            await made.open()
            try:
                found[trouble] = list(await made.submit(messages(1)))
                found[trouble] += await made.submit(messages(min(3, made.capabilities.batch)))
            finally:
                await made.close()
        return found

    found = asyncio.run(all_of_it())
    for trouble, (_, wanted) in TROUBLE.items():
        told = {f"{one.verdict} {one.cause}" for one in found[trouble]}
        assert told == {wanted}, trouble
        for one in found[trouble]:
            assert "2025550143" not in f"{one.code}{one.detail}"
            assert "s3cret" not in f"{one.code}{one.detail}"
            assert (one.retry_after is not None) == (trouble in WAITS), trouble


WAITS = {
    "slow down for three seconds", "slow down until a date", "slow down for parts of seconds",
    "overloaded, and until when",
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_a_provider_that_is_not_there_got_nothing(name: str) -> None:
    async def run() -> list[Outcome]:
        made = at(name, "http://127.0.0.1:9")
        await made.open()
        try:
            return list(await made.submit(messages(1)))
        finally:
            await made.close()

    (outcome,) = asyncio.run(run())
    assert (outcome.verdict, outcome.cause) == ("not_sent", "unreachable")
