"""Twilio: messages to requests, answers to outcomes, and the whole against a loopback fake of the API."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest
from gatewaykit import Counterpart, Received, message, reply
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.codes import MEANINGS, load_codes
from a2pcli.gateways.twilio import TwilioGateway
from a2pcli.messages import STOPS_THE_RUN, Cause, Outcome, Verdict

ACCOUNT = "AC" + "0" * 31 + "1"
SERVICE = "MG" + "a" * 32
KEY = "SK" + "b" * 32
BASE = {"account_sid": ACCOUNT, "auth_token": "s3cret"}


def gateway(**more: Any) -> TwilioGateway:
    return TwilioGateway("tw", {**BASE, **more})


@dataclass
class Case:
    """A message and settings, the form it makes; or an answer, the outcome it makes."""

    settings: dict[str, Any] = field(default_factory=dict)
    message: dict[str, Any] = field(default_factory=dict)
    form: list[tuple[str, str]] = field(default_factory=list)


TO = ("To", "+12025550143")
BODY = ("Body", "Hello")
PICTURES = ("https://a.example/1.png", "https://a.example/2.png?x=1&y=2")
CALLBACK = "https://a.example/status?k=v"

REQUESTS = {
    "sender of the message": Case(
        {"sender": "+15005550006"}, {"sender": "ACME"}, [TO, ("From", "ACME"), BODY]
    ),
    "sender of the settings": Case({"sender": "+15005550006"}, {}, [TO, ("From", "+15005550006"), BODY]),
    "messaging service": Case(
        {"messaging_service_sid": SERVICE}, {}, [TO, ("MessagingServiceSid", SERVICE), BODY]
    ),
    "service and sender": Case(
        {"messaging_service_sid": SERVICE},
        {"sender": "ACME"},
        [TO, ("MessagingServiceSid", SERVICE), ("From", "ACME"), BODY],
    ),
    "a service as the sender": Case({}, {"sender": SERVICE}, [TO, ("MessagingServiceSid", SERVICE), BODY]),
    "mms": Case(
        {"sender": "X"},
        {"channel": "mms", "media": PICTURES},
        [TO, ("From", "X"), BODY, ("MediaUrl", PICTURES[0]), ("MediaUrl", PICTURES[1])],
    ),
    "only media": Case(
        {"sender": "X"}, {"body": "", "media": PICTURES[:1]}, [TO, ("From", "X"), ("MediaUrl", PICTURES[0])]
    ),
    "callback carries the reference": Case(
        {"sender": "X", "status_callback": CALLBACK},
        {},
        [TO, ("From", "X"), BODY, ("StatusCallback", CALLBACK + "&reference=r7k2m9qd-000001")],
    ),
    "validity": Case(
        {"sender": "X", "validity": "3600"}, {}, [TO, ("From", "X"), BODY, ("ValidityPeriod", "3600")]
    ),
    "odd text": Case(
        {"sender": "X"},
        {"body": "50% & more\n+1 = ✓ 😀"},
        [TO, ("From", "X"), ("Body", "50% & more\n+1 = ✓ 😀")],
    ),
}


@pytest.mark.parametrize("name", list(REQUESTS))
def test_requests(name: str) -> None:
    case = REQUESTS[name]
    request = gateway(**case.settings).provider.request([message(**case.message)])
    assert request.method == "POST"
    assert request.url == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert parse_qsl(request.body.decode(), strict_parsing=True) == case.form
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_signing_in_with_the_token_and_with_a_key() -> None:
    with_token = gateway().provider.request([message()])
    assert (
        with_token.headers["Authorization"]
        == "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTpzM2NyZXQ="
    )
    with_key = TwilioGateway("tw", {"account_sid": ACCOUNT, "api_key_sid": KEY, "api_key_secret": "k3y"})
    import base64

    sent = with_key.provider.request([message()]).headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == f"{KEY}:k3y".encode()


TAKEN = {"sid": "SM" + "1" * 32, "status": "queued", "error_code": None}

ANSWERS: dict[str, tuple[int, Any, tuple[str, str, str | None]]] = {
    "queued": (201, TAKEN, ("accepted", "none", None)),
    "accepted by a service": (201, TAKEN | {"status": "accepted"}, ("accepted", "none", None)),
    "sent at once": (201, TAKEN | {"status": "sent"}, ("accepted", "none", None)),
    "failed at once": (201, TAKEN | {"status": "failed", "error_code": 30007}, ("rejected", "content", "30007")),
    "failed, account": (201, TAKEN | {"status": "failed", "error_code": 30002}, ("not_sent", "account", "30002")),
    "failed, no code": (201, TAKEN | {"status": "failed"}, ("rejected", "content", "failed")),
    "yes without an id": (201, {"status": "queued"}, ("unknown", "ambiguous", "201")),
    "a captive portal": (200, "<html>Sign in</html>", ("unknown", "ambiguous", "200")),
    "invalid number": (400, {"code": 21211, "message": "not +12025550143"}, ("rejected", "permanent", "21211")),
    "landline": (400, {"code": 21635}, ("rejected", "permanent", "21635")),
    "not mobile": (400, {"code": 21614}, ("rejected", "permanent", "21614")),
    "opted out": (400, {"code": 21610}, ("rejected", "opted-out", "21610")),
    "country": (403, {"code": 21408}, ("rejected", "country", "21408")),
    "bad sender": (400, {"code": 21606}, ("not_sent", "sender", "21606")),
    "queue full": (400, {"code": 21611}, ("not_sent", "rate", "21611")),
    "too long": (400, {"code": 21617}, ("rejected", "content", "21617")),
    "credentials": (401, {"code": 20003}, ("not_sent", "account", "20003")),
    "suspended": (403, {"code": 20005}, ("not_sent", "account", "20005")),
    "too many": (429, {"code": 20429}, ("not_sent", "rate", "20429")),
    "day's limit": (429, {"code": 63038}, ("not_sent", "account", "63038")),
    "trial": (400, {"code": 21608}, ("not_sent", "account", "21608")),
    "a code nobody knows": (400, {"code": 29999}, ("rejected", "content", "29999")),
    "a code and a status that stop": (401, {"code": 29999}, ("not_sent", "account", "29999")),
    "no code": (400, "", ("rejected", "content", "400")),
    "code as text": (400, {"code": "21610"}, ("rejected", "opted-out", "21610")),
    "code of another kind": (400, {"code": [21610]}, ("rejected", "content", "400")),
    "failed inside": (500, {"code": 20500}, ("unknown", "ambiguous", "500")),
    "failed inside with another code": (500, {"code": 21211}, ("unknown", "ambiguous", "500")),
    "bad gateway": (502, "", ("unknown", "ambiguous", "502")),
    "overloaded": (503, "", ("unknown", "ambiguous", "503")),
}  # fmt: skip


def read(status: int, body: Any, headers: dict[str, str] | None = None) -> Outcome:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    (outcome,) = gateway().provider.read([message()], HttpResponse(status, headers or {}, data))
    return outcome


@pytest.mark.parametrize("name", list(ANSWERS))
def test_answers(name: str) -> None:
    status, body, wanted = ANSWERS[name]
    outcome = read(status, body)
    assert (outcome.verdict, outcome.cause, outcome.code) == wanted
    assert outcome.gateway_id == (TAKEN["sid"] if isinstance(body, dict) and "sid" in body else None)
    assert "2025550143" not in str(outcome.detail)


def test_retry_after_is_passed_on() -> None:
    assert read(429, {"code": 20429}, {"retry-after": "9"}).retry_after == 9.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["sid", "status", "code", "error_code", "message", "x"]) | st.text(max_size=3),
            inner,
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | JSON.map(lambda data: json.dumps(data).encode())


@given(
    status=st.integers(100, 999),
    body=BODIES,
    headers=st.dictionaries(st.just("retry-after"), st.text(max_size=20)),
)
def test_nothing_twilio_says_raises_or_loses_the_outcome(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    provider = gateway().provider
    outcomes = provider.read([message()], HttpResponse(status, headers, body))
    assert len(outcomes) == 1
    assert outcomes[0].verdict in Verdict
    assert (outcomes[0].verdict is Verdict.ACCEPTED) <= (200 <= status < 300)
    provider.read_check(HttpResponse(status, headers, body))


def test_every_row_of_the_table_can_be_used() -> None:
    for provider in ("twilio", "vonage", "infobip"):
        table = load_codes(provider)
        assert table
        for code, row in table.items():
            assert row.meaning in MEANINGS, (provider, code)
            assert row.detail
            assert not re.search(r"\d{5}", row.detail)


def test_codes_that_stop_the_run_reject_nobody() -> None:
    for verdict, cause in MEANINGS.values():
        assert (cause in STOPS_THE_RUN) <= (verdict is Verdict.NOT_SENT)
        assert (cause is Cause.RATE) <= (verdict is Verdict.NOT_SENT)


BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "no account": ({"auth_token": "x"}, "gateways.tw.account_sid: required, but missing"),
    "wrong account": ({"account_sid": "AC1", "auth_token": "x"}, "gateways.tw.account_sid: "),
    "no token": ({"account_sid": ACCOUNT}, "gateways.tw: give auth_token, or"),
    "both ways": ({**BASE, "api_key_sid": KEY, "api_key_secret": "x"}, "gateways.tw: give auth_token, or"),
    "half a key": (
        {"account_sid": ACCOUNT, "api_key_sid": KEY},
        "gateways.tw: api_key_sid and api_key_secret",
    ),
    "typo": ({**BASE, "messaging_service": SERVICE}, "gateways.tw.messaging_service: unknown key"),
    "not a url": ({**BASE, "base_url": "api.twilio.com"}, "gateways.tw.base_url: the URL must start with"),
    "validity": ({**BASE, "validity": "999999"}, "gateways.tw.validity: "),
}


@pytest.mark.parametrize("name", list(BAD_SETTINGS))
def test_settings_that_cannot_work(name: str) -> None:
    settings, wanted = BAD_SETTINGS[name]
    with pytest.raises(InvalidInput) as caught:
        TwilioGateway("tw", settings)
    text = "\n".join(str(problem) for problem in caught.value.problems)
    assert wanted in text
    assert "s3cret" not in text


def test_secrets_do_not_show() -> None:
    made = gateway()
    assert "s3cret" not in repr(made.provider._block)


def fake_twilio() -> Any:
    """The documented API, as far as sending needs it: checks who asks, answers by the number asked for."""
    sids: list[str] = []
    numbers = {
        "+15005550001": (400, {"code": 21211, "message": "invalid", "status": 400}),
        "+15005550004": (400, {"code": 21610, "message": "blocked", "status": 400}),
    }

    async def answer(received: Received, writer: asyncio.StreamWriter) -> bool:
        if (
            received.headers.get("authorization")
            != gateway().provider.request([message()]).headers["Authorization"]
        ):
            act = reply(401, {"code": 20003, "message": "Authenticate", "status": 401})
        elif received.method == "GET":
            act = reply(200, {"sid": ACCOUNT, "status": "active", "type": "Trial"})
        elif received.target != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            act = reply(404, {"code": 20404, "message": "not found", "status": 404})
        else:
            form = parse_qs(received.body.decode())
            to = form["To"][0]
            if to in numbers:
                act = reply(*numbers[to])
            elif len(form.get("Body", [""])[0]) > 1600:
                act = reply(400, {"code": 21617, "message": "too long", "status": 400})
            else:
                sids.append(f"SM{len(sids):032x}")
                act = reply(
                    201, {"sid": sids[-1], "status": "queued", "error_code": None, "num_segments": "1"}
                )
        return await act(received, writer)

    return answer


def test_the_whole_against_a_fake_of_the_api() -> None:
    async def whole(url: str, **more: Any) -> tuple[list[Outcome], Any]:
        made = gateway(base_url=url, sender="+15005550006", **more)
        await made.open()
        try:
            sent = [
                message(1),
                message(2, to="+15005550001"),
                message(3, to="+15005550004"),
                message(4, body="x" * 1601),
            ]
            return [(await made.submit([one]))[0] for one in sent], await made.check()
        finally:
            await made.close()

    with Counterpart(fake_twilio()) as there:
        outcomes, health = asyncio.run(whole(there.url))
        refused, unwell = asyncio.run(whole(there.url, auth_token="wrong"))
        slower, _ = asyncio.run(whole(there.url, engine="httpx"))
    assert [(one.verdict, one.code) for one in outcomes] == [
        ("accepted", None), ("rejected", "21211"), ("rejected", "21610"), ("rejected", "21617")
    ]  # fmt: skip
    assert health.ok
    assert "trial" in health.detail
    assert {(one.verdict, one.cause) for one in refused} == {("not_sent", "account")}
    assert not unwell.ok
    assert [one.verdict for one in slower] == [one.verdict for one in outcomes]


def test_a_standard_api_key_is_checked_by_what_it_may_look_at() -> None:
    """Such a key may send and list messages, but not look at the account."""
    made = TwilioGateway("tw", {"account_sid": ACCOUNT, "api_key_sid": KEY, "api_key_secret": "k3y"})
    request = made.provider.check_request()
    assert request is not None
    assert request.url.endswith("/Messages.json?PageSize=1")
    assert made.provider.read_check(HttpResponse(200, {}, b'{"messages": []}')).ok


def test_twilio_cannot_tell_about_a_reference() -> None:
    made = gateway()
    assert not made.capabilities.durable_lookup
    assert not made.capabilities.idempotent
    assert asyncio.run(made.lookup(["r7k2m9qd-000001"])) == {}


def test_what_twilio_sends_only_as_a_template_leaves_nobody_half_a_message() -> None:
    """A card without its template would arrive as a bare text; a template without its SID as nothing."""
    card = message(channel="rcs", content={"card": {"title": "Sale"}})
    template = message(channel="whatsapp", content={"template": {"name": "a", "language": "en"}})
    made = gateway().provider
    assert made.refusal(card).cause is Cause.CONTENT
    assert made.refusal(template).cause is Cause.ACCOUNT
    assert made.refusal(message(channel="whatsapp")) is None


def test_twilios_content_templates_are_read_with_their_approvals() -> None:
    body = {
        "contents": [
            {"sid": "HX1", "friendly_name": "order", "language": "en", "variables": {"1": "Anna"},
             "types": {"twilio/call-to-action": {"body": "Hi {{1}}", "actions": [
                 {"type": "URL", "title": "Track", "url": "https://shop.example/{{2}}"}]}},
             "approval_requests": {"name": "order", "category": "UTILITY", "status": "approved"}},
            {"sid": "HX2", "friendly_name": "draft", "language": "en", "types": {"twilio/text": {"body": "x"}},
             "approval_requests": {}},
        ],
        "meta": {"next_page_url": "https://elsewhere.example/v1/ContentAndApprovals?Page=1"},
    }  # fmt: skip
    made = gateway().provider
    (one,), following = made.read_templates(HttpResponse(200, {}, json.dumps(body).encode()))
    assert (one.name, one.id, one.category, one.status) == ("order", "HX1", "utility", "approved")
    assert (one.body_places, one.buttons[0].wants) == (("1",), "url")
    # Whatever the answer says, the credentials go to Twilio.
    assert made.templates_request(following).url == "https://content.twilio.com/v1/ContentAndApprovals?Page=1"
