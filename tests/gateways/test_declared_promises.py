"""The declarative gateway: blocks to requests, answers to outcomes; the blocks are those of the documentation."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest
from gatewaykit import Counterpart, Received, drop, message, messages, reply
from hypothesis import given
from hypothesis import strategies as st
from provider_blocks import documented

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.http import DeclarativeHttpGateway
from a2pcli.gateways.registry import create
from a2pcli.messages import Message, Outcome, Verdict

BLOCKS = documented()
URL = "https://api.example.com/send"


def gateway(**block: Any) -> DeclarativeHttpGateway:
    return DeclarativeHttpGateway("g", {"type": "http", "url": URL, **block})


def of_docs(name: str, **more: Any) -> DeclarativeHttpGateway:
    made = create(name, {**BLOCKS[name], **more})
    assert isinstance(made, DeclarativeHttpGateway)
    return made


def read(
    made: DeclarativeHttpGateway,
    status: int,
    body: Any,
    headers: dict[str, str] | None = None,
    count: int = 1,
) -> list[Outcome]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(made.provider.read(messages(count), HttpResponse(status, headers or {}, data)))


def short(outcome: Outcome) -> tuple[str, str, str | None, str | None]:
    return outcome.verdict, outcome.cause, outcome.code, outcome.gateway_id


def test_every_block_of_the_documentation_can_be_used() -> None:
    assert len(BLOCKS) >= 9
    for name, block in BLOCKS.items():
        assert create(name, block).name == name


# The documented providers: request and answers


def test_vonage_request() -> None:
    request = of_docs("vonage", sender="ACME").provider.request([message(body="50% & +1 €")])
    assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == {
        "api_key": "vkey", "api_secret": "vsecret", "from": "ACME", "to": "12025550143", "text": "50% & +1 €",
        "type": "text", "client-ref": "r7k2m9qd-000001",
    }  # fmt: skip
    unicode = of_docs("vonage").provider.request([message(body="ж")])
    fields = dict(parse_qsl(unicode.body.decode()))
    assert fields["type"] == "unicode"
    assert "from" not in fields


VONAGE = {
    "taken": ({"messages": [{"status": "0", "message-id": "0C1"}]}, ("accepted", "none", None, "0C1")),
    "throttled": ({"messages": [{"status": "1", "error-text": "x"}]}, ("not_sent", "rate", "1", None)),
    "credentials": ({"messages": [{"status": "4"}]}, ("not_sent", "account", "4", None)),
    "barred": ({"messages": [{"status": "7"}]}, ("rejected", "permanent", "7", None)),
    "credit": ({"messages": [{"status": "9"}]}, ("not_sent", "credit", "9", None)),
    "failed inside": ({"messages": [{"status": "5"}]}, ("unknown", "ambiguous", "5", None)),
    "a number, not a text": (
        {"messages": [{"status": 0, "message-id": 17}]},
        ("accepted", "none", None, "17"),
    ),
    "a new code": ({"messages": [{"status": "77"}]}, ("rejected", "content", "77", None)),
    "no id": ({"messages": [{"status": "0"}]}, ("unknown", "ambiguous", "200", None)),
    "no messages": ({"messages": []}, ("unknown", "ambiguous", "200", None)),
    "not json": (b"<html>", ("unknown", "ambiguous", "200", None)),
}


@pytest.mark.parametrize("case", list(VONAGE))
def test_vonage_answers(case: str) -> None:
    body, wanted = VONAGE[case]
    assert short(read(of_docs("vonage"), 200, body)[0]) == wanted


def test_infobip_sends_a_batch_and_finds_each_answer_by_its_reference() -> None:
    made = of_docs("infobip", sender="ACME")
    assert made.capabilities.batch == 100
    request = made.provider.request(messages(2))
    assert request.headers["Authorization"] == "App ikey"
    assert json.loads(request.body) == {
        "messages": [
            {
                "sender": "ACME",
                "destinations": [{"to": "12025550143", "messageId": f"r7k2m9qd-00000{number}"}],
                "content": {"text": "Hello"},
            }
            for number in (1, 2)
        ]
    }
    pending = {"groupName": "PENDING", "id": 26}
    swapped = {
        "messages": [
            {"messageId": "r7k2m9qd-000002", "status": {"groupName": "REJECTED", "id": 52}},
            {"messageId": "r7k2m9qd-000001", "status": pending},
        ]
    }
    assert [short(one)[:3] for one in read(made, 200, swapped, count=2)] == [
        ("accepted", "none", None), ("rejected", "permanent", "52")
    ]  # fmt: skip
    lacking = {"messages": [{"messageId": "r7k2m9qd-000002", "status": pending}]}
    assert [one.verdict for one in read(made, 200, lacking, count=2)] == ["unknown", "accepted"]
    for odd in ({"messages": None}, {"messages": {}}, [], {"messages": [1, None, {}]}):
        assert [one.verdict for one in read(made, 200, odd, count=2)] == ["unknown", "unknown"]
    assert {one.cause for one in read(made, 401, {"requestError": {}}, count=2)} == {"account"}


def test_infobip_is_asked_by_reference() -> None:
    made = of_docs("infobip")
    request = made.provider.lookup_request("r7k2m9qd-000001")
    assert request is not None
    assert request.url == "https://example.api.infobip.com/sms/3/logs?messageId=r7k2m9qd-000001"

    def told(body: Any, status: int = 200) -> Outcome | None:
        return made.provider.read_lookup("r", HttpResponse(status, {}, json.dumps(body).encode()))

    there = told({"results": [{"messageId": "r", "status": {"id": 5}}]})
    assert told({"results": [{"messageId": "another", "status": {"id": 5}}]}) is None
    assert there is not None
    assert there.verdict is Verdict.ACCEPTED
    assert told({"results": []}) is None
    assert told({}, 500) is None
    assert not made.capabilities.durable_lookup


def test_a_lookup_with_missing_tells_for_sure() -> None:
    made = gateway(
        lookup={
            "url": "https://api.example.com/messages/{{ reference }}",
            "response": {"id": "id"},
            "missing": {"status": "404"},
        }
    )
    assert made.capabilities.durable_lookup

    def told(status: int, body: bytes) -> Outcome | None:
        return made.provider.read_lookup("r", HttpResponse(status, {}, body))

    assert told(404, b"") == told(404, b"{}")
    gone = told(404, b"")
    assert gone is not None
    assert gone.verdict is Verdict.NOT_SENT
    there = told(200, b'{"id": "x"}')
    assert there is not None
    assert (there.verdict, there.gateway_id) == (Verdict.ACCEPTED, "x")
    assert told(200, b"{}") is None
    assert told(401, b"{}") is None


BIRD = {
    "taken": (
        201,
        {"id": "e80", "recipients": {"items": [{"status": "sent"}]}},
        ("accepted", "none", None, "e80"),
    ),
    "another yes": (200, {"id": "e80"}, ("unknown", "ambiguous", "200", None)),
    "credit": (
        422,
        {"errors": [{"code": 25, "description": "+12025550143"}]},
        ("not_sent", "credit", "25", None),
    ),
    "access key": (401, {"errors": [{"code": 2}]}, ("not_sent", "account", "2", None)),
    "parameter": (422, {"errors": [{"code": 10}]}, ("rejected", "content", "10", None)),
    "unheard of": (422, {"errors": [{"code": 4242}]}, ("rejected", "content", "4242", None)),
    "inside": (500, {"errors": [{"code": 99}]}, ("unknown", "ambiguous", "99", None)),
    "slower": (429, {}, ("not_sent", "rate", "429", None)),
}


@pytest.mark.parametrize("case", list(BIRD))
def test_bird_answers(case: str) -> None:
    status, body, wanted = BIRD[case]
    assert short(read(of_docs("bird"), status, body)[0]) == wanted


def test_plain_query_api() -> None:
    made = of_docs("plain", sender="A B")
    request = made.provider.request([message(body="a&b=ü?#\n+")])
    assert (request.method, request.body) == ("GET", b"")
    assert dict(parse_qsl(urlsplit(request.url).query, strict_parsing=True)) == {
        "user": "user", "password": "p ss&word", "to": "12025550143", "from": "A B", "text": "a&b=ü?#\n+",
        "unicode": "0", "ref": "r7k2m9qd-000001",
    }  # fmt: skip
    unreadable = ("unknown", "ambiguous", "200", None)
    answers = {
        b"OK: 4711\n": ("accepted", "none", None, "4711"),
        b"ERR: 105": ("rejected", "permanent", "105", None),
        b"ERR:201 x": ("not_sent", "credit", "201", None),
        b"Moved": unreadable,
        b"": unreadable,
        b"\xff\xfe": unreadable,
    }
    for body, wanted in answers.items():
        assert short(read(made, 200, body)[0]) == wanted


HOSTILE = "</text><text>&amp; \" ' ]]> <!-- \x00\x0b \U0001f600 {{ 7*7 }}"


def test_xml_cannot_be_broken_out_of() -> None:
    request = of_docs("soapy").provider.request([message(body=HOSTILE)])
    tree = ElementTree.fromstring(request.body)
    assert [child.tag for child in tree] == ["to", "from", "text", "id"]
    assert tree.findtext("text") == HOSTILE.replace("\x00", "").replace("\x0b", "")
    assert request.headers["Idempotency-Key"] == "r7k2m9qd-000001"
    assert request.headers["Authorization"] == "Bearer xtoken"


# Templates


def json_of(data: Any, one: Message | None = None, **block: Any) -> Any:
    return json.loads(gateway(json=data, **block).provider.request([one or message()]).body)


def test_a_whole_placeholder_keeps_its_type_and_nothing_is_left_out() -> None:
    one = message(parts=3, media=("u1", "u2"), country="US")
    assert json_of(
        {
            "n": "{{ parts }}", "text": "{{ parts }} parts", "yes": "{{ true }}", "sum": "{{ parts + 1 }}",
            "media": "{{ media }}", "first": "{{ media[0] }}", "none": "{{ sender }}", "country": "{{country}}",
            "list": ["{{ to }}", "{{ sender }}"], "deep": {"a": {"none": "{{ sender }}"}}, "plain": "x",
            "two": "{{ to_digits }}{{ parts }}", "wide": "{{ unicode }}", "quoted": "{{ '}}' }}", "braces": "{a}",
        },
        one,
    ) == {
        "n": 3, "text": "3 parts", "yes": True, "sum": 4, "media": ["u1", "u2"], "first": "u1", "country": "US",
        "list": ["+12025550143"], "deep": {"a": {}}, "plain": "x", "two": "120255501433", "wide": False,
        "quoted": "}}", "braces": "{a}",
    }  # fmt: skip


PLACES = [
    gateway(json={"a": "{{ body }}", "b": "x{{ body }}"}),
    gateway(form={"a": "{{ body }}", "b": "1"}),
    gateway(url="https://a.example/{{ body }}/x", method="GET"),
]


@given(body=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_breaks_out_of_its_place(body: str) -> None:
    """The text arrives as it is, whether by JSON, form, query or URL."""
    one = message(body=body)
    as_json, as_form, as_url = (made.provider.request([one]) for made in PLACES)
    assert json.loads(as_json.body) == {"a": body, "b": "x" + body}
    assert parse_qsl(as_form.body.decode(), keep_blank_values=True) == [("a", body), ("b", "1")]
    url = as_url.url
    assert url.count("/") == 4
    assert urlsplit(url).query == urlsplit(url).fragment == ""


def test_a_text_is_never_a_template() -> None:
    assert json_of({"a": "{{ body }}"}, message(body="{{ 7 * 7 }}{% raw %}")) == {"a": "{{ 7 * 7 }}{% raw %}"}


def test_text_that_cannot_be_encoded_is_rejected() -> None:
    async def whole() -> Outcome:
        made = gateway(url="http://127.0.0.1:9/", json={"a": "{{ body }}"})
        await made.open()
        try:
            return (await made.submit([message(body="half \ud83d")]))[0]
        finally:
            await made.close()

    outcome = asyncio.run(whole())
    assert (outcome.verdict, outcome.cause) == ("rejected", "content")


def test_headers_and_every_way_to_sign_in() -> None:
    def headers(**block: Any) -> dict[str, str]:
        return dict(gateway(json={}, **block).provider.request([message()]).headers)

    assert headers(headers={"X-Ref": "{{ reference }}", "X-Fixed": "1"})["X-Ref"] == "r7k2m9qd-000001"
    basic = headers(auth={"basic": {"username": "ü", "password": "p:w"}})["Authorization"]
    assert base64.b64decode(basic.removeprefix("Basic ")).decode() == "ü:p:w"
    assert headers(auth={"bearer": "t"})["Authorization"] == "Bearer t"
    assert headers(auth={"header": {"name": "X-Key", "value": "k"}})["X-Key"] == "k"
    request = gateway(url=URL + "?v=2", auth={"query": {"name": "key", "value": "a b"}}).provider.request(
        [message()]
    )
    assert request.url == URL + "?v=2&key=a+b"


# Reading


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


MADE = {name: of_docs(name) for name in ("vonage", "infobip", "bird", "plain", "soapy")}


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
    "table": ({"codes": "nokia"}, "gateways.g.codes: there are tables for infobip, twilio, vonage"),
    "two ways to sign in": ({"auth": {"bearer": "x", "query": {"name": "a", "value": "b"}}}, "gateways.g.auth: give"),
    "no way to sign in": ({"auth": {}}, "gateways.g.auth: give one of"),
    "batch without each": ({"batch": "5", "json": {}}, "gateways.g: a batch needs json with a list under"),
    "batch without items": ({"batch": "5", "json": {"each": {}}}, "gateways.g: a batch needs response.items"),
    "each without batch": ({"json": {"each": {}}}, "gateways.g: `each` in json needs batch"),
    "lookup that proves nothing": (
        {"lookup": {"url": URL, "missing": {"status": "404"}}}, "gateways.g.lookup: say what proves it"
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
