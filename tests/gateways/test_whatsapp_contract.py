"""WhatsApp's requests and webhooks against what Meta publishes and what a client of the field reads and writes.

Meta's OpenAPI is no part of this repository: ``A2PCLI_OPENAPI_WHATSAPP`` names a copy (facebook/openapi,
business-messaging-api_v23.0.yaml), ``A2PCLI_PRISM`` the program that answers by it (npm ``@stoplight/prism-cli``).
``pywa`` (PyPI) is a client of the Cloud API.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gatewaykit import message
from providerkit import CASES, batch_of, provider
from test_provider_cases import callback_request
from test_published_contracts import prism

from a2pcli.gateways.base import HttpResponse
from a2pcli.messages import Verdict

TEMPLATES = [
    name
    for name, case in CASES["whatsapp"]["requests"].items()
    if "template" in case.get("message", {}).get("content", {})
]


def test_metas_published_specification_allows_every_template_and_refuses_what_it_does_not_know() -> None:
    """Meta's document contradicts itself on free texts (each half forbids the other's keys), on the first button
    (its own example has the index 0, which its pattern forbids) and does not know codes to copy."""
    with prism("A2PCLI_OPENAPI_WHATSAPP") as server:
        for name in TEMPLATES:
            case = CASES["whatsapp"]["requests"][name]
            made, batch = provider("whatsapp", case.get("settings")), batch_of(case)
            request = made.request(batch)
            data = json.loads(request.body)
            if request.url.endswith("/marketing_messages"):
                del data["biz_opaque_callback_data"]  # Meta's document lacks it, its clients send it
            components = data["template"].get("components", [])
            for button in (one for one in components if one["type"] == "button"):
                button["index"] = "1"
            data["template"]["components"] = [one for one in components if one.get("sub_type") != "copy_code"]
            answer = httpx.post(server + urlsplit(request.url).path, headers=request.headers, json=data)
            assert answer.status_code == 200, (name, answer.text)
            (outcome,) = made.read(batch, HttpResponse(200, {}, answer.content))
            # The example of a success names another number, which is no proof for ours.
            assert outcome.verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN)
        request = provider("whatsapp").request([message(channel="whatsapp")])
        path = urlsplit(request.url).path
        bad = {"messaging_product": "whatsapp", "to": "+12025550143"}
        assert httpx.post(server + path, headers=request.headers, json=bad).status_code in (400, 422)
        no_token = {**request.headers, "Authorization": ""}
        assert httpx.post(server + path, headers=no_token, json=data).status_code in (400, 401, 422)


def test_templates_are_written_as_another_client_writes_them() -> None:
    """pywa's parameters make the same components; media it uploads first."""
    templates = pytest.importorskip("pywa.types.templates", reason="pip install pywa")
    case = CASES["whatsapp"]["requests"]["a template with named parameters, a picture, a link"]
    ours = json.loads(provider("whatsapp").request(batch_of(case)).body)["template"]["components"][1:]
    theirs = [
        templates.BodyText.params(first_name="Anna", order="4711"),
        templates.URLButton.params(url_variable="t/4711", index=0),
        templates.QuickReplyButton.params(callback_data="stop", index=1),
    ]
    assert normal(ours) == normal([one.to_dict() for one in theirs])


def normal(components: list[dict[str, Any]]) -> Any:
    """Enumerations as their values, and the index of a button as a number or its digits."""
    data = json.loads(json.dumps(components, default=str))
    for one in data:
        if "index" in one:
            one["index"] = str(one["index"])
        one["type"], one["sub_type"] = one["type"].lower(), one.get("sub_type", "").lower()
        for parameter in one["parameters"]:
            parameter["type"] = parameter["type"].lower()
    return data


def test_webhooks_are_those_that_another_client_reads() -> None:
    """pywa finds the same ids, references, moments and codes in the statuses of our cases."""
    pywa = pytest.importorskip("pywa", reason="pip install pywa")
    status = pytest.importorskip("pywa.types.message_status")
    update = CASES["whatsapp"]["callbacks"]["statuses, several at once"]["json"]
    value = update["entry"][0]["changes"][0]["value"]
    receipts = provider("whatsapp").read_callback(callback_request({"json": update})).receipts
    client = pywa.WhatsApp(phone_id="106540352242922", token="t")
    for one, receipt in zip(value["statuses"], receipts, strict=True):
        alone = json.loads(json.dumps(update))
        of = alone["entry"][0]["changes"][0]["value"]
        of["statuses"], of["contacts"] = [one], [{"wa_id": "12025550143", "profile": {"name": "Anna"}}]
        theirs = status.MessageStatus.from_update(client, alone)
        assert (theirs.id, theirs.status.value, theirs.tracker) == (
            receipt.gateway_id, str(receipt.delivery), receipt.reference,
        )  # fmt: skip
        assert theirs.timestamp.timestamp() * 1000 == receipt.at
        assert (str(theirs.error.code) if theirs.error else None) == receipt.code
