"""Declared gateways, made from blocks as in the documentation."""

from __future__ import annotations

import json
from typing import Any

from gatewaykit import messages
from provider_blocks import documented

from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.http.gateway import DeclarativeHttpGateway
from a2pcli.gateways.registry import create
from a2pcli.messages import Outcome

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


MADE = {name: of_docs(name) for name in ("vonage-http", "infobip-http", "bird-http", "plain", "soapy")}
