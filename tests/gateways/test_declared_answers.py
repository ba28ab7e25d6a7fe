"""How answers are read, blocks that cannot work, and the whole against a counterpart."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from declaredkit import MADE, URL, gateway, read, short
from gatewaykit import Counterpart, Received, drop, message, messages, reply
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import HttpResponse
from a2pcli.messages import Outcome, Verdict


def test_conditions_and_tables() -> None:
    made = gateway(
        response={
            "success": {"status": "200, 202", "where": {"$.state[0]": ["ok", "queued"]}, "absent": ["error"]},
            "code": "error.code",
            "retry_after": "error.wait",
        },
        errors={"E1": "rate", "E2": "accepted"},
        statuses={"422": "permanent", "202": "temporary"},
    )
    assert short(read(made, 200, {"state": ["ok"]})[0]) == ("accepted", "none", None, None)
    assert short(read(made, 200, {"state": ["lost"]})[0]) == ("rejected", "content", "200", None)
    assert short(read(made, 200, {"state": ["ok"], "error": {"code": "x"}})[0])[:3] == (
        "rejected",
        "content",
        "x",
    )
    assert short(read(made, 201, {"state": ["ok"]})[0])[0] == "unknown"
    slow = read(made, 200, {"error": {"code": "E1", "wait": 12.5}})[0]
    assert (slow.verdict, slow.cause, slow.retry_after) == ("not_sent", "rate", 13.0)
    assert short(read(made, 409, {"error": {"code": "E2"}})[0])[0] == "accepted"
    assert short(read(made, 422, {})[0])[:2] == ("rejected", "permanent")
    assert short(read(made, 202, {"state": ["ok"]})[0])[:2] == ("not_sent", "temporary")
    assert read(made, 429, {}, {"retry-after": "3"})[0].retry_after == 3.0


def test_without_anything_to_read_a_2xx_is_a_yes() -> None:
    assert short(read(gateway(), 204, b"")[0]) == ("accepted", "none", None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "status", "id", "messageId", "message-id", "groupName", "errors", "code"]
            ),
            inner,
        )
    ),
    max_leaves=15,
)


@given(
    name=st.sampled_from(list(MADE)),
    status=st.integers(100, 999),
    body=st.binary(max_size=80) | JSON.map(lambda data: json.dumps(data).encode()) | st.just(b"[" * 5000),
    count=st.integers(1, 3),
)
def test_nothing_a_provider_says_raises_or_loses_an_outcome(
    name: str, status: int, body: bytes, count: int
) -> None:
    made = MADE[name]
    response = HttpResponse(status, {}, body)
    outcomes = made.provider.read(messages(count), response)
    assert len(outcomes) == count
    assert all(isinstance(one, Outcome) for one in outcomes)
    made.provider.read_check(response)
    made.provider.read_lookup("r", response)


def test_what_a_provider_says_is_not_repeated() -> None:
    """A code that is a number or a text that is the message does not get into reports."""
    made = gateway(response={"success": {"where": {"ok": "true"}}, "code": "code", "id": "id"})
    for code in (
        "+12025550143",
        "12025550143",
        12025550143,
        "Hello there",
        "x" * 500,
        True,
        10**400,
        1e9,
    ):
        outcome = read(made, 400, {"ok": False, "code": code})[0]
        assert outcome.code == "400"
    assert read(made, 200, {"ok": True, "id": "a\nb"})[0].verdict is Verdict.UNKNOWN


BAD_BLOCKS: dict[str, tuple[dict[str, Any], str]] = {
    "no url": ({"url": ""}, "gateways.g.url: must start with https:// and the name of the host"),
    "host from a message": ({"url": "https://{{ body }}.example/"}, "gateways.g.url: must start with"),
    "port from a message": ({"url": "https://a.example:{{ parts }}/"}, "gateways.g.url: must start with"),
    "unknown name": ({"json": {"a": "{{ phone }}"}}, "gateways.g.json: the template names 'phone'"),
    "near name": ({"form": {"a": "{{ refrence }}"}}, "gateways.g.form.a: the template names 'refrence', which there is"
                  " not (did you mean 'reference'?)"),
    "broken template": ({"text": "{{ to"}, "gateways.g.text: the template cannot be read"),
    "unknown filter": ({"xml": "{{ to|shout }}"}, "gateways.g.xml: the template cannot be read: No filter named"),
    "two bodies": ({"json": {}, "form": {}}, "gateways.g: give one of json, form, xml, text"),
    "get with a body": ({"method": "GET", "json": {}}, "gateways.g: a GET has no body"),
    "method": ({"method": "DELETE"}, "gateways.g.method: "),
    "unknown key": ({"jsom": {}}, "gateways.g.jsom: unknown key (did you mean 'json'?)"),
    "unknown inner key": ({"response": {"succes": {}}}, "gateways.g.response.succes: unknown key"),
    "status": ({"response": {"success": {"status": "2xx"}}}, "gateways.g.response.success.status: HTTP statuses"),
    "path": ({"response": {"id": "a..b"}}, "gateways.g.response.id: a path"),
    "pattern": ({"response": {"pattern": "("}}, "gateways.g.response.pattern: the pattern cannot be read"),
    "pattern without a name": ({"response": {"pattern": "x"}}, "gateways.g.response.pattern: the pattern needs"),
    "cause": ({"errors": {"1": "permnent"}}, "gateways.g.errors.1: no such cause (did you mean 'permanent'?)"),
    "table": ({"codes": "nokia"}, "gateways.g.codes: the tables are africastalking, aws, aws_sms, bandwidth, bird"),
    "two ways to sign in": ({"auth": {"bearer": "x", "query": {"name": "a", "value": "b"}}}, "gateways.g.auth: give"),
    "no way to sign in": ({"auth": {}}, "gateways.g.auth: give one of"),
    "batch without each": ({"batch": "5", "json": {}}, "gateways.g: a batch needs json with a list under"),
    "batch without items": ({"batch": "5", "json": {"each": {}}}, "gateways.g: a batch needs response.items"),
    "each without batch": ({"json": {"each": {}}}, "gateways.g: `each` in json needs batch"),
    "lookup that proves nothing": (
        {"lookup": {"url": URL, "missing": {"status": "404"}}}, "gateways.g.lookup: name what proves"
    ),
    "idempotent batch": (
        {"batch": "5", "json": {"each": {}}, "response": {"items": "m"}, "idempotent": "true"},
        "gateways.g: a batch cannot be idempotent",
    ),
    "credentials in the url": ({"url": "https://u:s3cret@a.example/"}, "gateways.g.url: the URL must not hold"),
    "timeout": ({"timeout": "0"}, "gateways.g.timeout: "),
    "rate": ({"rate": "quick"}, "gateways.g.rate: 'quick' is not a rate"),
    "secret in a template": ({"json": {"a": "s3cret{{ s3cret }"}}, "gateways.g.json: the template cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(BAD_BLOCKS))
def test_blocks_that_cannot_work(case: str) -> None:
    block, wanted = BAD_BLOCKS[case]
    with pytest.raises(InvalidInput) as caught:
        gateway(**block)
    text = "\n".join(str(problem) for problem in caught.value.problems)
    assert wanted in text
    assert "s3cret" not in text


# The whole


def test_the_whole_against_a_counterpart() -> None:
    async def answer(received: Received, writer: asyncio.StreamWriter) -> bool:
        number = int(received.json["ref"][-6:])
        acts = {2: reply(429, {}, {"Retry-After": "2"}), 3: drop}
        return bool(await acts.get(number, reply(201, {"id": number}))(received, writer))

    async def whole(url: str) -> list[Outcome]:
        made = gateway(
            url=url + "/send", json={"ref": "{{ reference }}", "to": "{{ to }}"}, response={"id": "id"}
        )
        await made.open()
        try:
            return [(await made.submit([one]))[0] for one in messages(4)]
        finally:
            await made.close()

    with Counterpart(answer) as there:
        outcomes = asyncio.run(whole(there.url))
    assert [one.verdict for one in outcomes] == ["accepted", "not_sent", "unknown", "accepted"]
    assert outcomes[1].retry_after == 2.0
    assert [one.gateway_id for one in outcomes] == ["1", None, None, "4"]
    assert len(there.received) == 4


def idempotent_submit(acts: list[Any]) -> tuple[Outcome, list[Received]]:
    """One message through a gateway with an idempotency key; the counterpart acts in turn."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> bool:
        return bool(await acts[min(len(there.received), len(acts)) - 1](received, writer))

    async def whole() -> Outcome:
        made = gateway(
            url=there.url,
            json={"to": "{{ to }}"},
            response={"id": "id"},
            idempotency_header="Idempotency-Key",
        )
        assert made.capabilities.idempotent
        await made.open()
        try:
            return (await made.submit([message()]))[0]
        finally:
            await made.close()

    with Counterpart(answer) as there:
        return asyncio.run(whole()), there.received


def test_an_idempotency_key_allows_the_same_request_again() -> None:
    outcome, received = idempotent_submit([drop, reply(502), reply(201, {"id": "x"})])
    assert (outcome.verdict, outcome.gateway_id) == ("accepted", "x")
    assert [one.headers["idempotency-key"] for one in received] == ["r7k2m9qd-000001"] * 3
    assert len({one.body for one in received}) == 1


def test_what_stays_unclear_with_a_key_is_unknown() -> None:
    outcome, received = idempotent_submit([drop])
    assert outcome.verdict is Verdict.UNKNOWN
    assert len(received) == 3


def test_a_later_refusal_does_not_make_an_unclear_request_certain() -> None:
    """The first try may have been taken; that a second was turned away says nothing about it."""
    outcome, received = idempotent_submit([drop, reply(429)])
    assert outcome.verdict is Verdict.UNKNOWN
    assert len(received) == 3
