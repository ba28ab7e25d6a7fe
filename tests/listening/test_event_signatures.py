"""The signatures of events: what the providers' own code signs is taken, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from stripe import WebhookSignature

from a2pcli.actions.event_sources import CHECKS, Call, is_signed

URL = "https://hooks.example.com:8443/a2p/events/paid?shop=1"
BODY = json.dumps({"id": "evt_1", "name": "Zoë"}, ensure_ascii=False).encode()
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, so.").decode()
OTHER = "whsec_" + base64.b64encode(b"another of thirty-two bytes, too.").decode()

Headers = dict[str, str]


def digest(secret: str, data: bytes) -> bytes:
    return hmac.new(secret.encode(), data, hashlib.sha256).digest()


def shopify(secret: str, body: bytes, at: float) -> Headers:
    return {"x-shopify-hmac-sha256": base64.b64encode(digest(secret, body)).decode()}


def woocommerce(secret: str, body: bytes, at: float) -> Headers:
    return {"x-wc-webhook-signature": base64.b64encode(digest(secret, body)).decode()}


def stripe(secret: str, body: bytes, at: float) -> Headers:
    made = WebhookSignature._compute_signature(f"{int(at)}.{body.decode()}", secret)
    return {"stripe-signature": f"t={int(at)},v1={made},v0=0123"}


def calendly(secret: str, body: bytes, at: float) -> Headers:
    made = digest(secret, f"{int(at)}.".encode() + body).hex()
    return {"calendly-webhook-signature": f"t={int(at)},v1={made}"}


def hubspot(secret: str, body: bytes, at: float) -> Headers:
    sent = str(int(at * 1000))
    made = Signature.get_signature(secret, body.decode(), "v3", URL, "POST", sent)
    return {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": sent}


def webhook(secret: str, body: bytes, at: float) -> Headers:
    moment = datetime.fromtimestamp(int(at), UTC)
    made = Webhook(secret).sign("msg_1", moment, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at)), "webhook-signature": f"v1,AAAA {made}"}


SIGN: dict[str, Callable[[str, bytes, float], Headers]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "stripe": stripe,
    "calendly": calendly,
    "hubspot": hubspot,
    "webhook": webhook,
}
TIMED = ("stripe", "calendly", "hubspot", "webhook")
each = pytest.mark.parametrize("source", SIGN)


def call(headers: Headers, body: bytes = BODY) -> Call:
    return Call("POST", URL, headers, body, time.time())


def test_every_source_is_tried_here() -> None:
    assert set(SIGN) == set(CHECKS)


@each
def test_a_signed_event_is_taken_with_either_secret_while_they_change(source: str) -> None:
    signed = call(SIGN[source](SECRET, BODY, time.time()))
    assert is_signed(source, [SECRET], signed)
    assert is_signed(source, [OTHER, SECRET], signed)
    assert not is_signed(source, [OTHER], signed)
    assert not is_signed(source, [], signed)


@each
def test_a_changed_body_is_refused(source: str) -> None:
    headers = SIGN[source](SECRET, BODY, time.time())
    assert not is_signed(source, [SECRET], call(headers, BODY + b" "))


@pytest.mark.parametrize("source", TIMED)
@pytest.mark.parametrize("seconds", [-301, 302])
def test_a_signature_outside_of_the_window_is_refused(source: str, seconds: int) -> None:
    assert not is_signed(source, [SECRET], call(SIGN[source](SECRET, BODY, time.time() + seconds)))
    assert is_signed(source, [SECRET], call(SIGN[source](SECRET, BODY, time.time() + seconds * 0.9)))


def test_a_time_that_is_not_the_signed_one_is_refused() -> None:
    old = time.time() - 4000
    for source, name in (("stripe", "stripe-signature"), ("calendly", "calendly-webhook-signature")):
        headers = SIGN[source](SECRET, BODY, old)
        value = headers[name]
        assert not is_signed(
            source, [SECRET], call({name: f"t={int(time.time())}," + value.partition(",")[2]})
        )
        assert not is_signed(source, [SECRET], call({name: f"{value},t={int(time.time())}"}))


def test_hubspot_signs_the_url_with_its_method() -> None:
    headers = hubspot(SECRET, BODY, time.time())
    assert not is_signed("hubspot", [SECRET], Call("GET", URL, headers, BODY, time.time()))
    assert not is_signed("hubspot", [SECRET], Call("POST", URL + "2", headers, BODY, time.time()))


def test_shopifys_published_way_gives_its_header() -> None:
    # shopify.dev, "Verify a webhook": HMAC-SHA256 of the raw body with the app's secret, in base64.
    body = b'{"id":820982911946154508}'
    known = base64.b64encode(hmac.new(b"hush-hush", body, "sha256").digest()).decode()
    assert is_signed("shopify", ["hush-hush"], call({"x-shopify-hmac-sha256": known}, body))


@each
@given(value=st.text(max_size=60), more=st.text(max_size=20))
def test_no_header_is_a_fault(source: str, value: str, more: str) -> None:
    headers: dict[str, Any] = dict.fromkeys(SIGN[source](SECRET, BODY, 1_700_000_000), value)
    assert not is_signed(source, [SECRET], call(headers))
    headers = SIGN[source](SECRET, BODY, 1_700_000_000)
    assert not is_signed(source, [SECRET], call({name: text + more for name, text in headers.items()}, b"x"))
