"""Each provider's requests, answers, look-ups, checks, callbacks and signatures, as its file in ``providers/`` says.

A case of ``answers`` is ``[status, body, outcome, id]``: ``accepted``, or verdict, cause and code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from providerkit import CASES, batch_of, provider

from a2pcli.errors import GatewayUnusable
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackReader, CallbackRequest
from a2pcli.gateways.codes import MEANINGS, load_codes, tables
from a2pcli.gateways.registry import BUILT_IN
from a2pcli.messages import Outcome, Verdict


def cases(section: str) -> Any:
    found = [(name, case) for name in CASES for case in CASES[name].get(section, {})]
    return pytest.mark.parametrize(("name", "case"), found, ids=[f"{name}: {case}" for name, case in found])


def response(status: int, body: Any, headers: dict[str, str] | None = None) -> HttpResponse:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return HttpResponse(status, headers or {}, data)


def short(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.ACCEPTED:
        return "accepted"
    return f"{outcome.verdict} {outcome.cause} {outcome.code}"


def check_request(request: HttpRequest, wanted: dict[str, Any]) -> None:
    if "url" in wanted:
        assert request.url == wanted["url"]
    if "method" in wanted:
        assert request.method == wanted["method"]
    for header, value in wanted.get("headers", {}).items():
        assert request.headers[header] == value
    if "form" in wanted:
        assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == wanted["form"]
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    if "query" in wanted:
        assert dict(parse_qsl(urlsplit(request.url).query, strict_parsing=True)) == wanted["query"]
    if "body" in wanted:
        assert request.body.decode() == wanted["body"]  # ASCII, or UTF-8
    if "json" in wanted:
        assert json.loads(request.body) == wanted["json"]
        assert request.headers["Content-Type"].startswith(("application/json", "application/x-amz-json-1."))


@cases("requests")
def test_a_message_becomes_this_request(name: str, case: str) -> None:
    wanted = CASES[name]["requests"][case]
    check_request(provider(name, wanted.get("settings")).request(batch_of(wanted)), wanted)


@cases("answers")
def test_an_answer_means_this(name: str, case: str) -> None:
    wanted = CASES[name]["answers"][case]
    wanted = {"answer": wanted} if isinstance(wanted, list) else wanted
    status, body, outcome, *identifier = wanted["answer"]
    read = provider(name, wanted.get("settings")).read(
        batch_of(wanted), response(status, body, wanted.get("headers"))
    )
    outcomes = outcome if isinstance(outcome, list) else [outcome]
    ids = identifier[0] if identifier else None
    assert [short(one) for one in read] == outcomes
    assert [one.gateway_id for one in read] == (ids if isinstance(ids, list) else [ids] * len(read))
    if "retry_after" in wanted:
        assert read[0].retry_after == wanted["retry_after"]
    assert "2025550143" not in " ".join(f"{one.code} {one.detail}" for one in read)


@cases("lookups")
def test_a_reference_is_looked_up(name: str, case: str) -> None:
    wanted = CASES[name]["lookups"][case]
    made = provider(name, wanted.get("settings"))
    request = made.lookup_request("r7k2m9qd-000001")
    check_request(request, wanted)
    status, body, outcome, *identifier = wanted["answer"]
    found = made.read_lookup("r7k2m9qd-000001", response(status, body))
    assert (short(found) if found else None) == outcome
    if identifier:
        assert found.gateway_id == identifier[0]


@cases("checks")
def test_a_check_tells_whether_the_credentials_are_good(name: str, case: str) -> None:
    wanted = CASES[name]["checks"][case]
    wanted = {"answer": wanted} if isinstance(wanted, list) else wanted
    made = provider(name, wanted.get("settings"))
    assert made.check_request() is not None
    status, body, ok = wanted["answer"]
    health = made.read_check(response(status, body))
    assert health.ok is ok
    assert health.detail


def callback_request(case: dict[str, Any]) -> CallbackRequest:
    headers, body = {key.lower(): str(value) for key, value in case.get("headers", {}).items()}, b""
    if "form" in case:
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        body = urlencode(case["form"], doseq=True).encode()
    elif "json" in case:
        headers.setdefault("content-type", "application/json")
        body = json.dumps(case["json"]).encode()
    elif "body" in case:
        body = case["body"].encode()
    method = case.get("method", "POST" if body else "GET")
    return CallbackRequest(method, case.get("url", "https://h.example/"), headers, body)


def plain(callback: Callback) -> dict[str, list[dict[str, Any]]]:
    """As the files write it: what has no value is left out, but the delivery."""
    receipts = [
        {
            "id": one.gateway_id,
            "reference": one.reference,
            "delivery": one.delivery,
            "code": one.code,
            "at": one.at,
        }
        for one in callback.receipts
    ]
    replies = [{key: getattr(one, key) for key in one.__dataclass_fields__} for one in callback.replies]
    return {"receipts": receipts, "replies": replies}


@cases("callbacks")
def test_a_callback_holds_these_receipts_and_replies(name: str, case: str) -> None:
    wanted = CASES[name]["callbacks"][case]
    found = plain(provider(name, wanted.get("settings")).read_callback(callback_request(wanted)))
    for kind in ("receipts", "replies"):
        assert len(found[kind]) == len(wanted.get(kind, []))
        for one, want in zip(found[kind], wanted.get(kind, []), strict=True):
            given = {key: value for key, value in one.items() if value not in (None, (), False)}
            expected = {
                key: tuple(value) if isinstance(value, list) else value for key, value in want.items()
            }
            assert given == {key: value for key, value in expected.items() if value is not None}


@cases("signatures")
def test_a_signature_tells_whose_a_callback_is(name: str, case: str) -> None:
    wanted = CASES[name]["signatures"][case]
    made = provider(name)
    assert made.signs
    assert made.is_genuine(callback_request(wanted), wanted["secret"], wanted.get("now")) is wanted["genuine"]


def keys_in(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield str(key)
            yield from keys_in(value)
    elif isinstance(data, list):
        for value in data:
            yield from keys_in(value)


def hostile(name: str) -> st.SearchStrategy[bytes]:
    """Bodies that look like the provider's, with its keys and values in the wrong places."""
    keys = st.sampled_from(
        sorted(set(keys_in([CASES[name][key] for key in ("answers", "callbacks") if key in CASES[name]])))
    )
    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | keys
    data = st.recursive(
        values,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=3), inner, max_size=5)
        ),
        max_leaves=10,
    )
    return (
        st.binary(max_size=40)
        | data.map(lambda one: json.dumps(one).encode())
        | st.dictionaries(keys, st.text(max_size=9), max_size=6).map(
            lambda form: urlencode(form, errors="replace").encode()
        )
    )


@pytest.mark.parametrize("name", list(CASES))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_nothing_a_provider_says_raises_or_loses_an_outcome(name: str, data: st.DataObject) -> None:
    made = provider(name)
    body = data.draw(hostile(name))
    status = data.draw(
        st.sampled_from([200, 200, 201, 202, 204, 207, 302, 400, 401, 404, 422, 429, 500, 503])
    )
    batch = batch_of({"messages": [{}] * data.draw(st.integers(1, min(3, made.capabilities.batch)))})
    answer = HttpResponse(status, {"content-type": "application/json"}, body)
    outcomes = made.read(batch, answer)
    assert len(outcomes) == len(batch)
    for outcome in outcomes:
        assert outcome.verdict is not Verdict.ACCEPTED or 200 <= status < 300
        if status >= 500:
            assert outcome.verdict is Verdict.UNKNOWN
    made.read_lookup("r1", answer)
    made.read_check(answer)
    form = data.draw(st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
    request = CallbackRequest("POST", "https://h.example/?reference=r1", {"content-type": form}, body)
    for one in made.read_callback(request).receipts:
        assert one.gateway_id or one.reference
    assert made.is_genuine(request, "secret") is False


OF_EMAILS = {"ses", "postmark"}
"""Their cases are in ``test_email_providers``: a request is a whole email."""


@pytest.mark.parametrize(
    "name", [name for name in BUILT_IN if "providers." in BUILT_IN[name][0] and name not in OF_EMAILS]
)
def test_every_provider_has_cases_and_reads_callbacks(name: str) -> None:
    made = provider(name)
    assert isinstance(made, CallbackReader)
    assert {"requests", "answers", "callbacks"} <= set(CASES[name])
    assert made.signs == ("signatures" in CASES[name])


@pytest.mark.parametrize("name", list(CASES))
def test_secrets_and_numbers_do_not_show(name: str) -> None:
    made = provider(name)
    assert "s3cret" not in repr(getattr(made, "_block", "")) + repr(made)


def test_without_its_package_a_signature_cannot_be_checked_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    case = CASES["telnyx"]["signatures"]["genuine"]
    with pytest.raises(GatewayUnusable, match=r'pip install "a2pcli\[callbacks\]"'):
        provider("telnyx").is_genuine(callback_request(case), case["secret"])


def test_what_a_person_wrote_and_from_where_is_in_no_log() -> None:
    request = callback_request(
        {"url": "https://h.example/?msisdn=12025550143&text=Zebedee", "body": "Zebedee"}
    )
    found = provider("vonage").read_callback(request)
    shown = repr(request) + repr(found)
    assert "2025550143" not in shown
    assert "Zebedee" not in shown


@pytest.mark.parametrize("table", tables())
def test_every_row_of_a_table_can_be_used(table: str) -> None:
    rows = load_codes(table)
    assert rows
    for code, row in rows.items():
        assert row.meaning in MEANINGS, code
        assert row.detail, code
        assert row.detail[0].isalpha(), code


@settings(max_examples=300)
@given(text=st.text(st.sampled_from("ab=&+%20;Zé\x00 #"), max_size=30))
def test_forms_are_read_as_the_standard_library_reads_them(text: str) -> None:
    from a2pcli.gateways.callbacks import form_pairs

    assert list(form_pairs(text)) == parse_qsl(text, keep_blank_values=True)
