"""``HttpGateway``: whatever a provider or an engine does, one outcome a message, never better than what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest
from gatewaykit import message, messages

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.engine.httpx_engine import HttpxEngine
from a2pcli.gateways.engine.protocol import Engine, MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.transport import HttpGateway
from a2pcli.messages import Message, Outcome, Verdict

ACCEPTED = Outcome(Verdict.ACCEPTED, "m1")


class Provider:
    """As little as a provider can be; each part can be made to fail."""

    def __init__(self, **fails: Any) -> None:
        self.name = "p"
        self.capabilities = Capabilities(frozenset({"sms"}), batch=10, concurrency=2)
        self._fails = fails

    def _do(self, what: str, result: Any) -> Any:
        failure = self._fails.get(what, result)
        if isinstance(failure, Exception):
            raise failure
        return failure

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        return self._do("request", HttpRequest("POST", "http://127.0.0.1:9/"))

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        return self._do("read", [ACCEPTED] * len(batch))

    def lookup_request(self, reference: str) -> HttpRequest | None:
        return self._do("lookup_request", HttpRequest("GET", f"http://127.0.0.1:9/{reference}"))

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        return self._do("read_lookup", ACCEPTED)

    def check_request(self) -> HttpRequest | None:
        return self._do("check_request", HttpRequest("GET", "http://127.0.0.1:9/"))

    def read_check(self, response: HttpResponse) -> Health:
        return self._do("read_check", Health(True, "fine"))


class Fixed:
    """An engine with one answer, or one failure."""

    def __init__(self, end: HttpResponse | Exception) -> None:
        self.end = end
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest, leaving: object = None) -> HttpResponse:
        self.sent.append(request)
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    async def close(self) -> None:
        pass


OK = HttpResponse(200, {}, b"{}")


def run(
    provider: Provider, engine: Engine, count: int = 3
) -> tuple[Sequence[Outcome], Mapping[str, Outcome], Health]:
    async def whole() -> tuple[Sequence[Outcome], Mapping[str, Outcome], Health]:
        gateway = HttpGateway(provider, engine=lambda: engine)
        await gateway.open()
        try:
            return (
                await gateway.submit(messages(count)),
                await gateway.lookup(["a", "b"]),
                await gateway.check(),
            )
        finally:
            await gateway.close()

    return asyncio.run(whole())


def test_when_all_is_well() -> None:
    outcomes, told, health = run(Provider(), Fixed(OK))
    assert list(outcomes) == [ACCEPTED] * 3
    assert told == {"a": ACCEPTED, "b": ACCEPTED}
    assert health.ok


ENGINE_FAILURES = {
    "not sent": (NotSent("dns", "no name"), "not_sent", "unreachable", "dns"),
    "maybe sent": (MaybeSent("timeout", "no answer"), "unknown", "ambiguous", "timeout"),
    "unsendable": (Unsendable("a header cannot hold this"), "rejected", "content", "unsendable"),
    "anything else": (RuntimeError("+12025550143"), "unknown", "ambiguous", "RuntimeError"),
}


@pytest.mark.parametrize("case", list(ENGINE_FAILURES))
def test_failures_on_the_wire_are_sorted_once(case: str) -> None:
    failure, verdict, cause, code = ENGINE_FAILURES[case]
    outcomes, told, health = run(Provider(), Fixed(failure), count=1)
    assert [(one.verdict, one.cause, one.code) for one in outcomes] == [(verdict, cause, code)]
    assert all("+1202" not in str(one.detail) for one in outcomes)
    assert told == {}
    assert not health.ok
    assert "+1202" not in health.detail


def test_a_request_that_a_provider_cannot_write_was_not_sent() -> None:
    engine = Fixed(OK)
    outcomes, _, _ = run(Provider(request=UnicodeEncodeError("utf-8", "secret", 0, 1, "x")), engine)
    assert {(one.verdict, one.cause) for one in outcomes} == {("not_sent", "batch")}
    assert all(request.method == "GET" for request in engine.sent)
    alone, _, _ = run(Provider(request=UnicodeEncodeError("utf-8", "secret", 0, 1, "x")), engine, count=1)
    assert (alone[0].verdict, alone[0].cause) == ("rejected", "content")


def test_one_message_that_cannot_be_sent_rejects_no_other() -> None:
    outcomes, _, _ = run(Provider(), Fixed(Unsendable("a header cannot hold this")))
    assert {(one.verdict, one.cause) for one in outcomes} == {("not_sent", "batch")}


@pytest.mark.parametrize("read", [RuntimeError("x"), [], [ACCEPTED] * 2, [ACCEPTED] * 4])
def test_an_answer_that_a_provider_cannot_read_is_unknown_for_all(read: Any) -> None:
    """The request left: a defect in reading the answer must not make it look as if it had not."""
    outcomes, _, _ = run(Provider(read=read), Fixed(OK))
    assert [one.verdict for one in outcomes] == ["unknown"] * 3


@pytest.mark.parametrize("part", ["lookup_request", "read_lookup"])
@pytest.mark.parametrize("result", [RuntimeError("x"), None])
def test_a_lookup_that_fails_tells_nothing(part: str, result: Any) -> None:
    _, told, _ = run(Provider(**{part: result}), Fixed(OK))
    assert told == {}


def test_a_check_that_cannot_be_read_has_failed() -> None:
    _, _, health = run(Provider(read_check=RuntimeError("x")), Fixed(OK))
    assert not health.ok
    _, _, none = run(Provider(check_request=None), Fixed(OK))
    assert none.ok


def test_after_closing_nothing_is_sent() -> None:
    async def whole() -> Outcome:
        gateway = HttpGateway(Provider(), engine=lambda: Fixed(OK))
        await gateway.open()
        await gateway.close()
        return (await gateway.submit([message()]))[0]

    assert asyncio.run(whole()).verdict is Verdict.NOT_SENT


def test_a_provider_can_be_tested_with_httpx_mock_transport() -> None:
    """What docs promise to those who write a provider."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    async def whole() -> Sequence[Outcome]:
        engine = HttpxEngine(2, transport=httpx.MockTransport(answer))
        gateway = HttpGateway(Provider(), engine=lambda: engine)
        await gateway.open()
        try:
            return await gateway.submit([message()])
        finally:
            await gateway.close()

    assert list(asyncio.run(whole())) == [ACCEPTED]
    assert asked[0].method == "POST"
