"""The blocks of the documentation: requests and answers of each provider."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest
from declaredkit import BLOCKS, gateway, of_docs, read, short
from gatewaykit import message, messages

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.registry import create
from a2pcli.messages import Outcome, Verdict


def test_every_block_of_the_documentation_can_be_used() -> None:
    assert len(BLOCKS) >= 9
    for name, block in BLOCKS.items():
        assert create(name, block).name == name


# The documented providers: request and answers


def test_vonage_request() -> None:
    request = of_docs("vonage-http", sender="ACME").provider.request([message(body="50% & +1 €")])
    assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == {
        "api_key": "vkey", "api_secret": "vsecret", "from": "ACME", "to": "12025550143", "text": "50% & +1 €",
        "type": "text", "client-ref": "r7k2m9qd-000001",
    }  # fmt: skip
    unicode = of_docs("vonage-http").provider.request([message(body="ж")])
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
    assert short(read(of_docs("vonage-http"), 200, body)[0]) == wanted


def test_infobip_sends_a_batch_and_finds_each_answer_by_its_reference() -> None:
    made = of_docs("infobip-http", sender="ACME")
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
    made = of_docs("infobip-http")
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
    assert short(read(of_docs("bird-http"), status, body)[0]) == wanted


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
