"""The providers' own code signs callbacks, and the listener knows them: over the exact public URL, and no other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gateways"))

from providerkit import gateway

from a2pcli.actions.callback_doors import CallbackDoor, Heard, Proof, Refusal

BASES = ["https://hooks.example.com", "https://hooks.example.com:8443/a2p", "http://203.0.113.7:8080"]
FORM = {"content-type": "application/x-www-form-urlencoded"}


def door(name: str, base: str, more: dict[str, object] | None = None) -> CallbackDoor:
    made = gateway(name, more)
    found = CallbackDoor(name, base, getattr(made, "provider", made), None, unsigned=False)
    assert found.proof is Proof.SIGNATURE
    return found


def judge(found: CallbackDoor, query: str, headers: Mapping[str, str], body: bytes) -> None:
    """The request is let in as it is, and refused where anything about it is another."""
    assert isinstance(found.read("POST", "", query, headers, body), Heard)
    assert found.read("POST", "", query, headers, body + b"&x=1") in (Refusal.SIGNATURE, Refusal.UNREADABLE)
    assert found.read("POST", "", query, {}, body) is Refusal.SIGNATURE


@pytest.mark.parametrize("base", BASES)
def test_twilios_own_validator_makes_the_signature_that_is_believed(base: str) -> None:
    validator = pytest.importorskip("twilio.request_validator", reason="pip install twilio")
    found = door("twilio", base, {"auth_token": "s3cret"})
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "Body": "a+b & ü", "To": "+447700900123"}
    query = "reference=r2345678-000001&y=a%20b"
    sign = validator.RequestValidator("s3cret").compute_signature
    headers = {**FORM, "x-twilio-signature": sign(f"{base}/callbacks/twilio?{query}", fields)}
    judge(found, query, headers, urlencode(fields).encode())
    elsewhere = {
        **FORM,
        "x-twilio-signature": sign(f"https://other.example/callbacks/twilio?{query}", fields),
    }
    assert found.read("POST", "", query, elsewhere, urlencode(fields).encode()) is Refusal.SIGNATURE


@pytest.mark.parametrize("base", BASES)
def test_plivos_own_code_makes_the_signature_that_is_believed(base: str) -> None:
    plivo = pytest.importorskip("plivo.utils.signature_v3", reason="pip install plivo")
    found = door("plivo", base, {"auth_token": "s3cret"})
    fields = {"MessageUUID": "u1", "Status": "delivered", "To": "447700900123"}
    signed = plivo.construct_post_url(f"{base}/callbacks/plivo", dict(fields)).decode()
    signature = plivo.get_signature_v3("s3cret", signed, "n1").decode()
    headers = {**FORM, "x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": "n1"}
    judge(found, "", headers, urlencode(fields).encode())


def test_a_token_as_vonage_makes_it_is_believed_for_its_body_alone() -> None:
    jwt = pytest.importorskip("jwt", reason="pip install vonage-jwt")
    own = pytest.importorskip("vonage_jwt", reason="pip install vonage-jwt")
    found = door("vonage", BASES[0], {"signature_secret": "s" * 32, "api": "messages"})
    body = json.dumps(
        {"message_uuid": "m1", "status": "delivered", "timestamp": "2026-03-01T10:00:00Z"}
    ).encode()
    now = int(time.time())
    claims = {"iat": now, "jti": "1", "payload_hash": hashlib.sha256(body).hexdigest(), "api_key": "k"}
    token = jwt.encode(claims, "s" * 32, algorithm="HS256")
    assert own.verify_signature(token, "s" * 32), "Vonage's own code believes it, too"
    judge(found, "", {"authorization": f"Bearer {token}"}, body)
    expired = jwt.encode({**claims, "exp": now - 60}, "s" * 32, algorithm="HS256")
    assert found.read("POST", "", "", {"authorization": f"Bearer {expired}"}, body) is Refusal.SIGNATURE
    forged = jwt.encode(claims, None, algorithm="none")
    assert found.read("POST", "", "", {"authorization": f"Bearer {forged}"}, body) is Refusal.SIGNATURE


def test_what_telnyxs_own_code_believes_is_believed() -> None:
    ed25519 = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.ed25519", reason="pip install 'a2pcli[callbacks]'"
    )
    key = ed25519.Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    found = door("telnyx", BASES[0], {"public_key": public})
    body = json.dumps(
        {
            "data": {
                "event_type": "message.finalized",
                "payload": {"id": "t1", "to": [{"status": "delivered"}]},
            }
        }
    ).encode()
    moment = str(int(time.time()))
    signature = base64.b64encode(key.sign(f"{moment}|".encode() + body)).decode()
    headers = {"telnyx-timestamp": moment, "telnyx-signature-ed25519": signature}
    judge(found, "", headers, body)
    old = str(int(time.time()) - 3_600)
    late = base64.b64encode(key.sign(f"{old}|".encode() + body)).decode()
    stale = {"telnyx-timestamp": old, "telnyx-signature-ed25519": late}
    assert found.read("POST", "", "", stale, body) is Refusal.SIGNATURE


def test_what_sinchs_own_code_believes_is_believed() -> None:
    own = pytest.importorskip(
        "sinch.domains.authentication.sinch_events.v1.authentication_validation", reason="pip install sinch"
    )
    found = door("sinch", BASES[0], {"callback_secret": "s3cret"})
    body = json.dumps(
        {"batch_id": "B1", "status": "Delivered", "code": 0, "type": "recipient_delivery_report_sms"}
    )
    moment = str(int(time.time()))
    mac = hmac.new(b"s3cret", f"{body}.n1.{moment}".encode(), hashlib.sha256).digest()
    headers = {
        "x-sinch-webhook-signature": base64.b64encode(mac).decode(), "x-sinch-webhook-signature-nonce": "n1",
        "x-sinch-webhook-signature-timestamp": moment, "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    }  # fmt: skip
    assert own.validate_sinch_event_signature_with_nonce("s3cret", headers, body), (
        "Sinch's own code believes it, too"
    )
    judge(found, "", headers, body.encode())
