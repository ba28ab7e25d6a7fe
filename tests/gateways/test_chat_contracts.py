"""Requests and callbacks of the chat networks against what others publish of them.

Telegram: the Bot API as a specification scraped from its documentation (PaulSonOfLars/telegram-bot-api-spec, api.json;
``A2PCLI_SPEC_TELEGRAM`` names a copy), and the models of ``aiogram`` (PyPI). Viber: its own Python client ``viberbot``
(PyPI). A test without them skips and says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gatewaykit import message
from providerkit import CASES, batch_of, provider

from a2pcli.gateways.base import HttpRequest
from a2pcli.gateways.callbacks import CallbackRequest
from a2pcli.rules.keywords import Meaning, classify


def requests_of(name: str) -> Iterator[tuple[str, HttpRequest]]:
    for case, wanted in CASES[name]["requests"].items():
        yield case, provider(name, wanted.get("settings")).request(batch_of(wanted))


def problems_of(spec: dict[str, Any], fields: list[dict[str, Any]], data: dict[str, Any]) -> Iterator[str]:
    """What a specification has against an object: unknown fields, missing ones, values of another type."""
    known = {one["name"]: one for one in fields}
    yield from (f"unknown {name}" for name in data if name not in known)
    yield from (f"missing {name}" for name, one in known.items() if one["required"] and name not in data)
    for name, value in data.items():
        if name in known and not any(fits(spec, kind, value) for kind in known[name]["types"]):
            yield f"{name} is no {known[name]['types']}"


def fits(spec: dict[str, Any], kind: str, value: Any) -> bool:
    if kind.startswith("Array of "):
        return isinstance(value, list) and all(fits(spec, kind[9:], one) for one in value)
    plain = {"String": str, "Boolean": bool, "Integer": int, "InputFile": str}
    if kind in plain:
        return isinstance(value, plain[kind]) and (kind != "Integer" or not isinstance(value, bool))
    type = spec["types"][kind]
    if "subtypes" in type:
        return any(fits(spec, one, value) for one in type["subtypes"])
    return isinstance(value, dict) and not list(problems_of(spec, type.get("fields", []), value))


def test_the_published_bot_api_allows_every_request() -> None:
    path = os.environ.get("A2PCLI_SPEC_TELEGRAM")
    if not path:
        pytest.skip("A2PCLI_SPEC_TELEGRAM names no api.json (PaulSonOfLars/telegram-bot-api-spec)")
    spec = json.loads(Path(path).read_text(encoding="utf-8"))
    for case, request in requests_of("telegram"):
        method = spec["methods"][request.url.rpartition("/")[2]]
        assert list(problems_of(spec, method["fields"], json.loads(request.body))) == [], case
    wrong = {"chat_id": 1, "text": 5, "buttons": []}
    assert len(list(problems_of(spec, spec["methods"]["sendMessage"]["fields"], wrong))) == 2


def test_aiogram_reads_every_request_as_it_was_meant() -> None:
    methods = pytest.importorskip("aiogram.methods", reason="pip install aiogram")
    for case, request in requests_of("telegram"):
        name = request.url.rpartition("/")[2]
        ours = json.loads(request.body)
        model = getattr(methods, name[0].upper() + name[1:]).model_validate(ours)
        assert model.model_dump(mode="json", exclude_unset=True) == ours, case
        assert not model.model_extra, case


def test_aiogram_reads_the_updates_that_we_read() -> None:
    types = pytest.importorskip("aiogram.types", reason="pip install aiogram")
    for case in ("reply", "a command"):
        data = CASES["telegram"]["callbacks"][case]["json"]
        update = types.Update.model_validate(data)
        (found,) = provider("telegram").read_callback(callback(data)).replies
        assert found.sender == f"telegram:{update.message.from_user.id}"
        assert found.gateway_id == str(data["message"]["message_id"])


def callback(data: Any) -> CallbackRequest:
    headers = {"content-type": "application/json"}
    return CallbackRequest("POST", "https://h.example/", headers, json.dumps(data).encode())


def test_the_command_stop_is_an_opt_out() -> None:
    data = CASES["telegram"]["callbacks"]["a command"]["json"]
    for text in ("/stop", "/STOP@shop_bot", "/unsubscribe", "/stop "):
        data = {**data, "message": {**data["message"], "text": text}}
        (found,) = provider("telegram").read_callback(callback(data)).replies
        assert classify(found.body).meaning is Meaning.STOP, text


def test_vibers_own_client_checks_the_messages_and_the_signature() -> None:
    messages = pytest.importorskip("viberbot.api.messages", reason="pip install viberbot")
    api = pytest.importorskip("viberbot").Api
    from viberbot.api.bot_configuration import BotConfiguration

    types = {"text": messages.TextMessage, "picture": messages.PictureMessage}
    for case, request in requests_of("viber"):
        ours = json.loads(request.body)
        theirs = types[ours["type"]]().from_dict(ours)
        theirs.validate()
        own = {key: value for key, value in theirs.to_dict().items() if value is not None}
        assert own.items() <= ours.items(), case
        assert set(ours) - set(own) == {"receiver", "sender"}, case
    bot = api(BotConfiguration("s3cret-token", "Shop", ""))
    signed = CASES["viber"]["signatures"]["genuine"]
    assert bot.verify_signature(signed["body"].encode(), signed["headers"]["x-viber-content-signature"])
    assert not bot.verify_signature(b"{}", signed["headers"]["x-viber-content-signature"])


def test_vibers_own_client_reads_the_callbacks_that_we_read() -> None:
    pytest.importorskip("viberbot", reason="pip install viberbot")
    from viberbot.api.viber_requests import create_request

    for case in ("delivered", "seen", "failed"):
        data = CASES["viber"]["callbacks"][case]["json"]
        theirs = create_request(data)
        (receipt,) = provider("viber").read_callback(callback(data)).receipts
        assert receipt.gateway_id == str(theirs.message_token)
        assert theirs.user_id == data["user_id"]


def test_nothing_is_sent_to_a_name() -> None:
    import asyncio

    from providerkit import gateway

    made = gateway("telegram", {"base_url": "http://127.0.0.1:9"})
    (outcome,) = asyncio.run(made.submit([message(channel="telegram", to="telegram:@shop_channel")]))
    assert (str(outcome.verdict), str(outcome.cause), outcome.code) == ("rejected", "permanent", "name")
