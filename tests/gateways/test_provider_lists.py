"""The lists that providers keep: how each is asked for page by page, and what is read of an answer."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from providerkit import CASES, provider

from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.lists import LONGEST_WAIT, Listed, ListPage, Span, lists_of, pages

SPAN = Span(1_772_359_200_000, 1_772_366_400_000)  # 2026-03-01, 10:00 to 12:00 UTC
R, Y = Listed.RECEIPTS, Listed.REPLIES

Case = tuple[str, Listed, dict[str, str], Any, list[tuple[Any, ...]], str | None]
CASES_OF_LISTS: list[Case] = [
    (
        "twilio", R, {"DateSent>": "2026-03-01T10:00:00Z", "PageSize": "1000"},
        {"messages": [
            {"sid": "SM1", "status": "delivered", "direction": "outbound-api", "error_code": None, "price": "-0.0075",
             "price_unit": "USD", "date_updated": "Sun, 01 Mar 2026 10:00:00 +0000"},
            {"sid": "SM2", "status": "undelivered", "direction": "outbound-api", "error_code": 30005},
            {"sid": "SM3", "status": "received", "direction": "inbound", "from": "+12025550143", "body": "STOP"}],
         "next_page_uri": "/2010-04-01/Accounts/AC1/Messages.json?Page=1"},
        [("SM1", None, "delivered", None, 7_500_000), ("SM2", None, "undelivered", "30005", None)],
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json?Page=1",
    ),
    (
        "twilio", Y, {"DateSent<": "2026-03-01T12:00:00Z"},
        {"messages": [{"sid": "SM1", "status": "sent", "direction": "outbound-api"},
                      {"sid": "SM3", "direction": "inbound", "from": "whatsapp:+12025550143", "to": "+15005550006",
                       "body": "STOP"}], "next_page_uri": None},
        [("+12025550143", "+15005550006", "STOP", "SM3")], None,
    ),
    (
        "vonage", R, {"product": "SMS", "direction": "outbound", "date_end": "2026-03-01T11:00:00Z"},
        {"records": [{"message_id": "V1", "client_ref": "r2", "status": "delivered", "error_code": "0",
                      "date_finalized": "2026-03-01T10:00:05+0000", "total_price": "0.0333", "currency": "EUR"},
                     {"message_id": "V2", "status": "failed", "error_code": "3"}], "_links": {}},
        [("V1", "r2", "delivered", None, 33_300_000), ("V2", None, "failed", "3", None)], "1772362800000",
    ),
    (
        "vonage", Y, {"direction": "inbound", "include_message": "true"},
        {"records": [{"message_id": "V3", "from": "12025550143", "to": "15005550006", "message_body": "STOP"}]},
        [("+12025550143", "+15005550006", "STOP", "V3")], "1772362800000",
    ),
    (
        "infobip", R, {"sentSince": "2026-03-01T10:00:00.000+0000", "useCursor": "true"},
        {"results": [{"messageId": "r1", "status": {"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"},
                      "error": {"name": "NO_ERROR"}, "price": {"pricePerMessage": 0.05, "currency": "EUR"},
                      "messageCount": 2}, {"messageId": "x"}], "cursor": {"limit": 1000, "nextCursor": "abc"}},
        [("r1", "r1", "delivered", None, 100_000_000)], "abc",
    ),
    (
        "infobip", Y, {"receivedSince": "2026-03-01T10:00:00.000+0000"},
        {"results": [{"messageId": "i1", "from": "12025550143", "to": "15005550006", "text": "STOP"}]},
        [("+12025550143", "+15005550006", "STOP", "i1")], None,
    ),
    (
        "plivo", R, {"message_direction": "outbound", "message_time__gte": "2026-03-01 10:00:00"},
        {"objects": [{"message_uuid": "P1", "message_state": "delivered", "error_code": "000"},
                     {"message_uuid": "P2", "message_state": "failed", "error_code": "450"}],
         "meta": {"next": "/v1/Account/MA1/Message/?limit=20&offset=20"}},
        [("P1", None, "delivered", None, None), ("P2", None, "failed", "450", None)],
        "https://api.plivo.com/v1/Account/MA1/Message/?limit=20&offset=20",
    ),
    (
        "telnyx", R, {"filter[record_type]": "messaging", "filter[created_at][gte]": "2026-03-01T10:00:00Z"},
        {"data": [{"uuid": "T1", "status": "delivered", "cost": "0.004", "currency": "USD", "errors": []},
                  {"uuid": "T2", "status": "delivery_failed", "errors": ["40008"]}],
         "meta": {"page_number": 1, "total_pages": 3}},
        [("T1", None, "delivered", None, 4_000_000), ("T2", None, "failed", "40008", None)], "2",
    ),
    (
        "sinch", R, {"start_date": "2026-03-01T10:00:00Z", "page": "0"},
        {"count": 1, "page": 0, "delivery_reports": [
            {"batch_id": "B1", "client_reference": "r1", "status": "Delivered", "code": 0,
             "at": "2026-03-01T10:00:05Z"}]},
        [("B1", "r1", "delivered", None, None)], None,
    ),
    (
        "sinch", Y, {"page_size": "100"},
        {"inbounds": [{"id": "I1", "from": "12025550143", "to": "15005550006", "body": "STOP"}]},
        [("+12025550143", "+15005550006", "STOP", "I1")], None,
    ),
    (
        "africastalking", Y, {"lastReceivedId": "0"},
        {"SMSMessageData": {"Messages": [{"id": 15071, "from": "+12025550143", "to": "28901", "text": "STOP"}]}},
        [("+12025550143", "28901", "STOP", "15071")], "15071",
    ),
    (
        "telegram", Y, {"limit": "100"},
        {"ok": True, "result": [{"update_id": 7, "message": {"message_id": 3, "date": 1772359205, "text": "/stop",
         "from": {"id": 11}, "chat": {"id": 11, "type": "private"}}}]},
        [("telegram:11", "", "stop", "3")], "8",
    ),
    (
        "bird", R, {"from": "2026-03-01T10:00:00Z"},
        {"items": [{"id": "M1", "direction": "mt", "reference": "r1", "recipients": {"items": [
            {"status": "delivered", "price": {"amount": 0.076, "currency": "EUR"}}]}},
            {"id": "M2", "direction": "mo"}],
         "links": {"next": "https://rest.messagebird.com/messages/?offset=10"}},
        [("M1", "r1", "delivered", None, 76_000_000)], "https://rest.messagebird.com/messages/?offset=10",
    ),
    (
        "bandwidth", R, {"messageDirection": "OUTBOUND", "fromDateTime": "2026-03-01T10:00:00.000Z"},
        {"messages": [{"messageId": "W1", "messageStatus": "DELIVERED"},
                      {"messageId": "W2", "messageStatus": "FAILED", "errorCode": 4720}], "pageInfo": {}},
        [("W1", None, "delivered", None, None), ("W2", None, "failed", "4720", None)], None,
    ),
]  # fmt: skip
IDS = [f"{case[0]}: {case[1]}" for case in CASES_OF_LISTS]


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def summed(page: ListPage) -> list[tuple[Any, ...]]:
    receipts = [(one.gateway_id, one.reference, one.delivery, one.code, one.price) for one in page.receipts]
    return [*receipts, *((one.sender, one.to, one.body, one.gateway_id) for one in page.replies)]


@pytest.mark.parametrize("case", CASES_OF_LISTS, ids=IDS)
def test_a_page_is_asked_for_and_read_as_the_provider_documents_it(case: Case) -> None:
    name, listed, query, body, wanted, following = case
    one = provider(name)
    request = one.list_request(listed, SPAN, None)
    asked = dict(parse_qsl(urlsplit(request.url).query))
    assert request.method == "GET"
    assert asked.items() >= query.items()
    page = one.read_list(listed, SPAN, None, answer(body))
    assert summed(page) == wanted
    assert page.next == following
    if following is not None:
        assert one.list_request(listed, SPAN, following).url != request.url


def test_every_provider_with_a_list_is_tried() -> None:
    listing = {(name, listed) for name in CASES for listed in lists_of(provider(name))}
    assert listing == {(case[0], case[1]) for case in CASES_OF_LISTS}


def test_vonage_is_asked_hour_by_hour_also_where_an_hour_has_several_pages() -> None:
    one = provider("vonage")
    more = {"records": [], "_links": {"next": {"href": "https://api.nexmo.com/v2/reports/records?cursor=c1"}}}
    first = one.read_list(R, SPAN, None, answer(more))
    assert first.next is not None
    assert one.list_request(R, SPAN, first.next).url == "https://api.nexmo.com/v2/reports/records?cursor=c1"
    second = one.read_list(R, SPAN, first.next, answer({"records": []}))
    assert "date_start=2026-03-01T11%3A00%3A00Z" in one.list_request(R, SPAN, second.next).url
    assert one.read_list(R, SPAN, second.next, answer({"records": []})).next is None


@pytest.mark.parametrize("name", ["twilio", "plivo", "bird", "bandwidth", "vonage"])
def test_credentials_are_not_sent_to_the_host_that_a_next_page_names(name: str) -> None:
    theirs = "https://evil.example/next"
    body = {
        "messages": [], "objects": [], "items": [], "records": [], "next_page_uri": theirs, "meta": {"next": theirs},
        "links": {"next": theirs}, "pageInfo": {"nextPage": theirs}, "_links": {"next": {"href": theirs}},
    }  # fmt: skip
    with pytest.raises(ValueError, match="another host"):
        provider(name).read_list(R, SPAN, None, answer(body))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(case=st.sampled_from(CASES_OF_LISTS), data=st.data())
def test_an_answer_that_is_not_as_documented_is_read_or_refused_with_a_sentence(
    case: Case, data: Any
) -> None:
    """Some value of a documented answer is another one."""
    name, listed, _, body, _, _ = case
    changed = json.loads(json.dumps(body))
    at: Any = changed
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else list(range(len(at)))))
        if data.draw(st.booleans()) or not isinstance(at[key], dict | list):
            at[key] = data.draw(VALUES)
            break
        at = at[key]
    with suppress(ValueError):
        assert isinstance(provider(name).read_list(listed, SPAN, None, answer(changed)), ListPage)


class Script:
    """An engine that gives these answers, one after the other, and keeps what was asked."""

    def __init__(self, *answers: HttpResponse) -> None:
        self.answers, self.asked = list(answers), list[HttpRequest]()

    async def send(self, request: HttpRequest, leaving: Any = None) -> HttpResponse:
        self.asked.append(request)
        return self.answers.pop(0)

    async def close(self) -> None: ...


def read(engine: Script, name: str = "twilio") -> tuple[list[ListPage], list[float], list[str]]:
    class Gateway:
        provider: Any

    gateway: Any = Gateway()
    gateway.name, gateway.provider = name, provider(name)
    waits: list[float] = []
    said: list[str] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def run() -> list[ListPage]:
        return [page async for page in pages(gateway, R, SPAN, engine, said.append, sleep)]

    return asyncio.run(run()), waits, said


EMPTY = answer({"messages": []})


def test_a_provider_that_asks_to_wait_is_waited_for() -> None:
    found, waits, said = read(Script(answer({}, 429, {"retry-after": "7"}), answer({}, 503), EMPTY))
    assert (len(found), waits) == (1, [7.0, 2.0])
    assert said == ["twilio: the provider answered 429 (Too Many Requests); trying again in 7 s"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([answer({}, 401)], "401"),
        ([answer({}, 429, {"retry-after": str(LONGEST_WAIT + 1)})], "asks to wait 901 seconds"),
        ([answer({}, 500)] * 6, "500"),
        ([answer(b"<html>")], "has no list 'messages'"),
    ],
)
def test_a_list_that_cannot_be_read_ends_with_a_sentence(answers: list[HttpResponse], why: str) -> None:
    with pytest.raises(GatewayUnusable, match=why):
        read(Script(*answers))


def test_a_list_that_comes_back_to_a_page_ends() -> None:
    again = answer({"messages": [], "next_page_uri": "/2010-04-01/again"})
    with pytest.raises(GatewayUnusable, match="does not end"):
        read(Script(again, again))
