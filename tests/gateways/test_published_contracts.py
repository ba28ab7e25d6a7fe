"""Requests and signatures against what providers publish: the models of their own SDKs, and their API specifications.

A test whose package is not installed skips and says so: ``pip install vonage-messages vonage-sms
infobip-api-python-client sinch plivo telnyx[webhooks] bandwidth-sdk twilio``. Specifications are no part of this
repository: ``A2PCLI_OPENAPI_VONAGE`` (Nexmo/api-specification, definitions/sms.yml), ``A2PCLI_OPENAPI_BIRD``
(messagebird/openapi-specs, sms/openapi.yaml) and ``A2PCLI_OPENAPI_BANDWIDTH`` (Bandwidth/api-docs,
site/specs/messaging.yml) name files on this machine, which Prism (npm ``@stoplight/prism-cli``, its path in
``A2PCLI_PRISM``) answers by.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from gatewaykit import message
from hypothesis import given, settings
from hypothesis import strategies as st
from providerkit import CASES, batch_of, provider

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import CallbackRequest
from a2pcli.messages import Outcome, Verdict

MESSAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "unicode": {"body": "Привет 😀"},
    "own sender": {"sender": "+447700900001"},
    "long": {"body": "x" * 1000},
}
WITH_ALL = {"validity": "3600", "status_callback": "https://h.example/c?k=v"}
by_message = pytest.mark.parametrize("kind", list(MESSAGES))


def sent(name: str, more: dict[str, Any], **of: Any) -> HttpRequest:
    return provider(name, more).request([message(**of)])  # type: ignore[no-any-return]


@by_message
def test_vonage_messages_api_takes_the_request(kind: str) -> None:
    models = pytest.importorskip("vonage_messages.models", reason="pip install vonage-messages")
    ours = json.loads(sent("vonage", {**WITH_ALL, "api": "messages"}, **MESSAGES[kind]).body)
    model = models.Sms(**{"from_" if key == "from" else key: value for key, value in ours.items()})
    assert model.model_dump(by_alias=True, exclude_none=True, mode="json") == ours


VONAGE_MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "a picture": ("mms.MmsImage", {"channel": "mms", "media": ("https://a.example/1.png",)}),
    "a video": ("mms.MmsVideo", {"channel": "mms", "media": ("https://a.example/1.mp4",)}),
    "two files": ("mms.MmsContent", {"channel": "mms", "media": ("https://a.example/1.png", "https://a.example/2.vcf")}),
    "a text": ("whatsapp.WhatsappText", {"channel": "whatsapp"}),
    "a text with a picture": (
        "whatsapp.WhatsappImage", {"channel": "whatsapp", "content": {"image": "https://a.example/1.png"}},
    ),
    "replies": ("whatsapp.WhatsappCustom", {"channel": "whatsapp", "content": {"buttons": [{"text": "Yes"}]}}),
    "a template": ("whatsapp.WhatsappCustom", {"channel": "whatsapp", "content": {"template": {
        "name": "order", "language": "en_GB", "category": "utility", "body": ["Ann", "A-1"]}}}),
    "a Viber text": ("viber.ViberText", {"channel": "viber_business", "sender": "1234", "purpose": "marketing"}),
    "a Viber picture with a button": ("viber.ViberImage", {"channel": "viber_business", "sender": "1234", "content": {
        "image": "https://a.example/1.png", "button": {"text": "Open", "url": "https://a.example/"}}}),
    "an RCS text": ("rcs.RcsText", {"channel": "rcs", "sender": "ShopAgent"}),
    "an RCS card": ("rcs.RcsCustom", {"channel": "rcs", "sender": "ShopAgent", "content": {
        "card": {"title": "Sale", "suggestions": [{"reply": "Yes"}]}}}),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(VONAGE_MORE))
def test_vonage_messages_api_takes_mms_and_whatsapp(kind: str) -> None:
    models = pytest.importorskip("vonage_messages.models", reason="pip install vonage-messages")
    name, of = VONAGE_MORE[kind]
    more = {
        "api": "messages",
        "channels": ["mms", "whatsapp", "rcs", "viber_business"],
        "status_callback": WITH_ALL["status_callback"],
    }
    ours = json.loads(sent("vonage", more, **of).body)
    module = getattr(models, name.split(".")[0])
    fields = {"from_" if key == "from" else key: value for key, value in ours.items()}
    if name == "mms.MmsContent":
        fields["content"] = [
            getattr(module, f"MmsContentItem{one['type'].capitalize()}")(
                **{key: value for key, value in one.items() if key != "type"}
            )
            for one in ours["content"]
        ]
    model = getattr(module, name.split(".")[1])(**fields)
    assert model.model_dump(by_alias=True, exclude_none=True, mode="json") == ours


def test_vonage_lets_only_sms_expire_and_sends_other_channels_by_the_messages_api_alone() -> None:
    assert provider("vonage").capabilities.expires
    many = provider("vonage", {"api": "messages", "channels": ["sms", "whatsapp"]}).capabilities
    assert (many.channels, many.expires) == (frozenset({"sms", "whatsapp"}), False)
    rcs = provider("vonage", {"api": "messages", "channels": ["rcs", "sms"]}).capabilities
    assert (rcs.expires, rcs.longest_validity, rcs.revokes) == (True, 259_200, False)
    assert provider("vonage", {"api": "messages", "channels": ["rcs"]}).capabilities.revokes
    with pytest.raises(InvalidInput, match="api: messages"):
        provider("vonage", {"channels": ["mms"]})


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"", True),
        (404, b'{"type": "x", "title": "Not found"}', False),
        (404, b"<html>", None),
        (422, b'{"title": "Invalid"}', False),
        (401, b'{"title": "Unauthorized"}', None),
        (500, b"", None),
    ],
)
def test_vonage_takes_an_rcs_message_back_as_its_sdk_does(
    status: int, body: bytes, told: bool | None
) -> None:
    """The SDK's request: PATCH /v1/messages/{uuid} with the status ``revoked``."""
    made = provider("vonage", {"api": "messages", "channels": ["rcs"]})
    request = made.revoke_request("a1b2/..")
    assert (request.method, urlsplit(request.url).path) == ("PATCH", "/v1/messages/a1b2%2F..")
    assert json.loads(request.body) == {"status": "revoked"}
    assert made.read_revoke(HttpResponse(status, {}, body)) is told


@by_message
def test_vonage_sms_api_takes_the_request(kind: str) -> None:
    requests = pytest.importorskip("vonage_sms.requests", reason="pip install vonage-sms")
    form = dict(parse_qsl(sent("vonage", WITH_ALL, **MESSAGES[kind]).body.decode()))
    credentials = {form.pop("api_key"), form.pop("api_secret")}
    assert credentials == {"vkey0001", "s3cret"}
    kinds = form.pop("type")
    assert kinds == ("unicode" if kind == "unicode" else "text")
    names = {"from": "from_", "client-ref": "client_ref"}
    model = requests.SmsMessage(**{names.get(key, key): value for key, value in form.items()}, type=kinds)
    there = model.model_dump(by_alias=True, exclude_none=True)
    assert {key: str(value) for key, value in there.items()} == {**form, "type": kinds}


INFOBIP_MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "an SMS": ("MessagesApiMessage", {}),
    "a text": ("MessagesApiMessage", {"channel": "whatsapp"}),
    "a picture": ("MessagesApiMessage", {"channel": "whatsapp", "content": {"image": "https://a.example/1.png"}}),
    "replies": ("MessagesApiMessage", {"channel": "whatsapp", "content": {"buttons": [{"text": "Yes"}]}}),
    "a link": ("MessagesApiMessage", {"channel": "whatsapp", "content": {
        "buttons": [{"text": "Open", "url": "https://a.example/"}]}}),
    "a Viber text": ("MessagesApiMessage", {"channel": "viber_business"}),
    "a Viber picture with a button": ("MessagesApiMessage", {"channel": "viber_business", "content": {
        "image": "https://a.example/1.png", "button": {"text": "Open", "url": "https://a.example/"}}}),
    "a template": ("MessagesApiTemplateMessage", {"channel": "whatsapp", "content": {"template": {
        "name": "order", "language": "en_GB", "category": "utility", "body": ["Ann", "A-1"],
        "header": {"type": "document", "link": "https://a.example/1.pdf"},
        "buttons": [{"type": "quick_reply", "index": 0, "value": "p"}, {"type": "url", "index": 1, "value": "s"}]}}}),
    "a template with names": ("MessagesApiTemplateMessage", {"channel": "whatsapp", "content": {"template": {
        "name": "order", "language": "en_GB", "category": "utility", "body": {"name": "Ann"},
        "header": {"type": "text", "text": "Hi"}}}}),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(INFOBIP_MORE))
def test_infobips_messages_api_takes_sms_and_whatsapp(kind: str) -> None:
    client = pytest.importorskip("infobip_api_client", reason="pip install infobip-api-python-client")
    name, of = INFOBIP_MORE[kind]
    more = {"channels": ["sms", "whatsapp", "viber_business"], "status_callback": WITH_ALL["status_callback"]}
    request = sent("infobip", more, **{"sender": "447700900001", **of})
    assert urlsplit(request.url).path == "/messages-api/1/messages"
    (ours,) = json.loads(request.body)["messages"]
    traffic = {"trafficType": "TRANSACTIONAL"} if "Viber" in kind else {}
    assert ours["options"] == {"adaptationMode": False, **traffic}
    model = getattr(client, name).from_dict(ours)
    assert json.loads(json.dumps(model.to_dict())) == ours


def test_infobip_refuses_a_template_whose_first_button_has_no_value() -> None:
    template = {"name": "order", "language": "en", "buttons": [{"type": "url", "index": 1, "value": "s"}]}
    with pytest.raises(ValueError, match="first buttons"):
        sent("infobip", {"channels": ["whatsapp"]}, channel="whatsapp", content={"template": template})


@by_message
def test_infobip_takes_the_request(kind: str) -> None:
    client = pytest.importorskip("infobip_api_client", reason="pip install infobip-api-python-client")
    more = {**WITH_ALL, "batch": "3"}
    ours = json.loads(provider("infobip", more).request(batch_of({"messages": [MESSAGES[kind]] * 3})).body)
    model = client.SmsRequest.from_dict(ours)
    assert json.loads(json.dumps(model.to_dict())) == ours


def test_infobip_answers_are_what_its_models_read() -> None:
    client = pytest.importorskip("infobip_api_client", reason="pip install infobip-api-python-client")
    for case in CASES["infobip"]["answers"].values():
        status, body, outcome, *_ = case["answer"] if isinstance(case, dict) else case
        if status == 200 and isinstance(body, dict) and "accepted" in str(outcome):
            assert client.SmsResponse.from_dict(body).messages
    for case in CASES["infobip"]["callbacks"].values():
        body = case["json"]
        if "receipts" in case:
            assert client.SmsDeliveryResult.from_dict(body).results
        else:
            assert client.SmsInboundMessageResult.from_dict(body).results


@by_message
def test_sinch_takes_the_request(kind: str) -> None:
    shared = pytest.importorskip(
        "sinch.domains.sms.models.v1.shared.text_request", reason="pip install sinch"
    )
    media = pytest.importorskip("sinch.domains.sms.models.v1.shared.media_request")
    callback = {"status_callback": WITH_ALL["status_callback"]}
    ours = json.loads(sent("sinch", callback, **MESSAGES[kind]).body)
    assert shared.TextRequest(**ours).model_dump(by_alias=True, exclude_none=True, mode="json") == ours
    picture = {"channel": "mms", "media": ("https://a.example/1.png",), **MESSAGES[kind]}
    ours = json.loads(sent("sinch", callback, **picture).body)
    assert media.MediaRequest(**ours).model_dump(by_alias=True, exclude_none=True, mode="json") == ours


@by_message
def test_bandwidth_takes_the_request(kind: str) -> None:
    models = pytest.importorskip("bandwidth.models.message_request", reason="pip install bandwidth-sdk")
    for more in ({}, {"channel": "mms", "media": ("https://a.example/1.png",)}):
        ours = json.loads(sent("bandwidth", {}, **{**MESSAGES[kind], **more}).body)
        assert models.MessageRequest.from_dict(ours).to_dict() == ours


@by_message
def test_telnyx_knows_every_field_of_the_request(kind: str) -> None:
    params = pytest.importorskip("telnyx.types.message_send_params", reason="pip install telnyx")
    known = {"from" if name == "from_" else name for name in params.MessageSendParams.__annotations__}
    more = {"messaging_profile_id": "p", "status_callback": WITH_ALL["status_callback"]}
    request = sent("telnyx", more, **MESSAGES[kind])
    assert set(json.loads(request.body)) <= known
    assert "idempotency_key" in known
    assert request.headers["Idempotency-Key"]


FIELDS = st.dictionaries(
    st.text("abcXYZ-_é&= ", min_size=1, max_size=6),
    st.text("abc é&=+% \n", max_size=8),
    min_size=1,
    max_size=5,
)
TOKENS = st.text("abc123", min_size=1, max_size=12)


def form_request(url: str, fields: dict[str, str], headers: dict[str, str]) -> CallbackRequest:
    typed = {"content-type": "application/x-www-form-urlencoded", **headers}
    return CallbackRequest("POST", url, typed, urlencode(fields).encode())


@settings(max_examples=40, deadline=None)
@given(fields=FIELDS, token=TOKENS)
def test_twilio_signs_as_its_own_validator_does(fields: dict[str, str], token: str) -> None:
    validator = pytest.importorskip("twilio.request_validator", reason="pip install twilio")
    url = "https://h.example/t?reference=r1"
    signature = validator.RequestValidator(token).compute_signature(url, fields)
    request = form_request(url, fields, {"x-twilio-signature": signature})
    assert provider("twilio").is_genuine(request, token)
    assert not provider("twilio").is_genuine(request, token + "x")


@settings(max_examples=40, deadline=None)
@given(fields=FIELDS, token=TOKENS, nonce=st.text("0123456789", min_size=1, max_size=9))
def test_plivo_signs_as_its_own_sdk_does(fields: dict[str, str], token: str, nonce: str) -> None:
    v3 = pytest.importorskip("plivo.utils.signature_v3", reason="pip install plivo")
    url = "https://h.example/p?reference=r1"
    signed = v3.construct_post_url(url, dict(fields)).decode()
    signature = v3.get_signature_v3(token.encode(), signed, nonce).decode()
    headers = {"x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": nonce}
    request = form_request(url, fields, headers)
    assert provider("plivo").is_genuine(request, token)
    assert not provider("plivo").is_genuine(request, token + "x")


@settings(max_examples=40, deadline=None)
@given(fields=FIELDS, secret=TOKENS, method=st.sampled_from(["md5", "sha1", "sha256", "sha512"]))
def test_vonage_signs_as_its_own_sdk_does(fields: dict[str, str], secret: str, method: str) -> None:
    auth = pytest.importorskip("vonage_http_client.auth", reason="pip install vonage-sms")
    fields = {**fields, "timestamp": "1700000000"}
    signer = auth.Auth(api_key="k", signature_secret=secret, signature_method=method)
    signed = {**fields, "sig": signer.sign_params(dict(fields))}
    assert provider("vonage").is_genuine(form_request("https://h.example/", signed, {}), secret)
    changed = {**signed, "timestamp": "1700000001"}
    assert not provider("vonage").is_genuine(form_request("https://h.example/", changed, {}), secret)


def test_telnyx_signs_as_its_own_sdk_checks() -> None:
    pytest.importorskip("nacl", reason="pip install telnyx[webhooks]")
    telnyx = pytest.importorskip("telnyx", reason="pip install telnyx[webhooks]")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    body = b'{"data": {"event_type": "message.sent", "id": "e", "payload": {}, "record_type": "event"}}'
    now = str(int(time.time()))
    signature = base64.b64encode(key.sign(now.encode() + b"|" + body)).decode()
    headers = {"telnyx-timestamp": now, "telnyx-signature-ed25519": signature}
    telnyx.Telnyx(api_key="k").webhooks.unwrap(
        body.decode(), headers=headers, key=public
    )  # raises if it is not
    request = CallbackRequest("POST", "https://h.example/", headers, body)
    assert provider("telnyx").is_genuine(request, public, time.time())
    assert not provider("telnyx").is_genuine(request, public, time.time() + 600)


@contextmanager
def prism(variable: str) -> Iterator[str]:
    """A server that answers by the specification that the variable names, and refuses what it does not allow."""
    specification = os.environ.get(variable)
    program = os.environ.get("A2PCLI_PRISM") or shutil.which("prism")
    if not specification or not program:
        pytest.skip(f"set {variable} to a file, and A2PCLI_PRISM to prism (npm install @stoplight/prism-cli)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "mock", "--host", "127.0.0.1", "--port", str(port), specification]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        try:
            end = time.monotonic() + 60
            while True:
                with socket.socket() as there:
                    if there.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < end
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            started.kill()


def asked(made: Any, server: str, prefix: str, headers: dict[str, str] | None = None, **of: Any) -> Outcome:
    """What the provider makes of the server's answer; the specification's paths lack the prefix."""
    batch = [message(**of)]
    request = made.request(batch)
    path = urlsplit(request.url).path.removeprefix(prefix)
    answer = httpx.request(
        request.method, server + path, headers={**request.headers, **(headers or {})}, content=request.body
    )
    lower = {key.lower(): value for key, value in answer.headers.items()}
    (outcome,) = made.read(batch, HttpResponse(answer.status_code, lower, answer.content))
    assert isinstance(outcome, Outcome)
    return outcome


SPECIFICATIONS = {
    "vonage": ("A2PCLI_OPENAPI_VONAGE", "/sms"),
    "bird": ("A2PCLI_OPENAPI_BIRD", ""),
    "bandwidth": ("A2PCLI_OPENAPI_BANDWIDTH", "/api/v2"),
}


@pytest.mark.parametrize("name", list(SPECIFICATIONS))
def test_the_published_specification_allows_the_request(name: str) -> None:
    """The example of a success names another number, which is no proof for ours: it is read as what it is."""
    variable, prefix = SPECIFICATIONS[name]
    with prism(variable) as server:
        for of in MESSAGES.values():
            outcome = asked(provider(name), server, prefix, **of)
            # A request that the specification does not allow would be refused with 422.
            assert outcome.verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN), outcome
            assert outcome.code in (None, "200", "201", "202"), outcome
        request = provider(name).request([message()])
        bare = b"text=x" if name == "vonage" else b"{}"
        path = urlsplit(request.url).path.removeprefix(prefix)
        empty = httpx.post(server + path, headers=request.headers, content=bare)
        assert empty.status_code in (400, 422)  # it does look
        if name != "vonage":
            refused = asked(provider(name), server, prefix, {"Authorization": ""})
            assert refused.cause == "account", refused
