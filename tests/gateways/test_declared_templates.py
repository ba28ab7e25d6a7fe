"""Texts in templates of requests, and ways to sign in."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from declaredkit import URL, gateway
from gatewaykit import message
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.messages import Message, Outcome


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
