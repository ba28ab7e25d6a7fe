"""Answers in any character set are read, whatever they say about themselves."""

from __future__ import annotations

import json

import pytest
from gatewaykit import messages
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.engine.charsets import json_of, text_of
from a2pcli.gateways.http.gateway import DeclarativeHttpGateway

SAID = {"id": "m1", "text": "Größe é €", "to": "Zoë"}


def answer(body: bytes, kind: str | None = None) -> HttpResponse:
    return HttpResponse(200, {} if kind is None else {"content-type": kind}, body)


def written(charset: str, data: object = SAID) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode(charset, "replace")


CASES = {
    "UTF-8 and says nothing": (written("utf-8"), None),
    "UTF-8 with a mark": (written("utf-8-sig"), "application/json"),
    "UTF-8 that says ISO-8859-1": (written("utf-8"), "application/json; charset=ISO-8859-1"),
    "UTF-8 that says nonsense": (written("utf-8"), "application/json; charset=utf8mb4"),
    "UTF-8 that says UTF-16": (written("utf-8"), "application/json; charset=utf-16"),
    "UTF-16 with a mark": (written("utf-16"), "application/json"),
    "UTF-16 that says so": (written("utf-16-le"), "application/json; charset=UTF-16LE"),
    "UTF-16 that says nothing": (written("utf-16-be"), "application/json"),
    "UTF-32": (written("utf-32"), None),
    "Windows that says so": (written("cp1252"), 'application/json; charset="Windows-1252"'),
    "in capitals and quotes": (written("cp1252"), "application/json;CHARSET='CP1252'"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_the_answer_is_read(case: str) -> None:
    assert json_of(answer(*CASES[case])) == SAID


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=ISO-8859-1",
        "application/json",
        "text/html; charset=utf-8",
        "application/json; charset=hex",
        "application/json; charset=punycode",
    ],
)
def test_latin_letters_are_read_and_their_id_found(kind: str) -> None:
    body = written("latin-1", {"id": "m1", "text": "Grüße"})
    made = DeclarativeHttpGateway(
        "g", {"type": "http", "url": "https://a.example/", "response": {"id": "id"}}
    )
    (outcome,) = made.provider.read(messages(1), answer(body, kind))
    assert (outcome.verdict, outcome.gateway_id) == ("accepted", "m1")


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("shift_jis", "送信済み"),
        ("gb18030", "已发送"),
        ("windows-1251", "Отправлено"),
        ("iso-2022-jp", "送信"),
        ("euc-kr", "보냄"),
    ],
)
def test_what_is_declared_is_believed_where_it_is_no_utf_8(charset: str, text: str) -> None:
    body = written(charset, {"id": "m1", "text": text})
    assert json_of(answer(body, f"application/json; charset={charset}")) == {"id": "m1", "text": text}


def test_a_pattern_reads_text_of_any_kind() -> None:
    assert text_of(answer("OK: é".encode("utf-16")), 100) == "OK: é"
    assert text_of(answer("OK: é".encode("latin-1"), "text/plain; charset=latin1"), 100) == "OK: é"
    assert text_of(answer("é".encode() * 100), 101) == "é" * 50


@given(
    st.binary(max_size=200),
    st.sampled_from([None, "a; charset=utf-16", "a; charset=utf-7", "a; charset=idna", "a; charset=\x00"]),
)
def test_no_bytes_raise(body: bytes, kind: str | None) -> None:
    json_of(answer(body, kind))
    text_of(answer(body, kind), 50)
