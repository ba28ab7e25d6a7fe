"""What AWS posts: events wrapped by SNS or EventBridge, or as they are; the signature of SNS.

SNS signs with RSA over some fields of the notification, in the order of their names (version 1 SHA-1, version 2
SHA-256). The certificate is at a URL in the notification, which counts only where it leads to SNS itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from a2pcli.errors import GatewayUnusable, how_to_install
from a2pcli.gateways.callbacks import CallbackRequest, as_text, inside

_CERTIFICATE = re.compile(
    r"https://sns\.[a-z]{2}(?:-[a-z]+){1,3}-\d\.amazonaws\.com(?:\.cn)?"
    r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem"
)
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}  # fmt: skip
_TOO_OLD = 3_900
"""Seconds. SNS retries a notification for an hour at most."""


def event_of(request: CallbackRequest) -> tuple[Any, str | None]:
    """Return the event in a request and when it was published (as AWS writes it, None if unknown); None if there is
    no event."""
    data = request.json
    if inside(data, "Type") in _SIGNED:
        if data["Type"] != "Notification":
            return None, None
        try:
            return json.loads(data.get("Message", "")), as_text(data.get("Timestamp"))
        except (ValueError, TypeError, RecursionError):
            return None, None
    if isinstance(inside(data, "detail"), dict) and inside(data, "source"):  # EventBridge
        return data["detail"], as_text(inside(data, "time"))
    return data, None


def certificate_url(request: CallbackRequest) -> str | None:
    """Return the certificate's URL in a notification; None if it is not one of SNS's own."""
    url = inside(request.json, "SigningCertURL") or inside(request.json, "SigningCertUrl")
    return url if isinstance(url, str) and _CERTIFICATE.fullmatch(url) else None


def is_genuine(request: CallbackRequest, pem: str, topics: Collection[str], now: float | None) -> bool:
    """Whether SNS signed the request, for one of the topics. Raises ``GatewayUnusable`` if cryptography is not
    installed."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.x509 import load_pem_x509_certificate
    except ImportError:
        raise GatewayUnusable(
            f"signatures of SNS need a package that is not installed: {how_to_install('callbacks')}"
        ) from None
    data = request.json
    signed, version = signed_text(data), inside(data, "SignatureVersion")
    if signed is None or certificate_url(request) is None or data["TopicArn"] not in topics:
        return False
    hash_: hashes.HashAlgorithm
    hash_ = {"1": hashes.SHA1, "2": hashes.SHA256}.get(str(version), hashes.SHA256)()
    try:
        certificate = load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        key.verify(base64.b64decode(data["Signature"], validate=True), signed, PKCS1v15(), hash_)
    except (ValueError, TypeError, KeyError, binascii.Error, InvalidSignature):
        return False
    return now is None or _is_valid_at(now, data["Timestamp"], certificate)


def signed_text(data: Any) -> bytes | None:
    """Return the text that SNS signs: names and values of the fields, each followed by a line end; None if there is
    none."""
    names = _SIGNED.get(str(inside(data, "Type")))
    if names is None:
        return None
    values = {name: data.get(name) for name in names}
    if values.get("Subject", "") is None:
        del values["Subject"]  # absent, it is not signed
    if not all(isinstance(value, str) for value in values.values()):
        return None
    return "".join(f"{name}\n{value}\n" for name, value in values.items()).encode("utf-8", "replace")


def _is_valid_at(now: float, timestamp: str, certificate: Any) -> bool:
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        return False
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    there = datetime.fromtimestamp(now, UTC)
    is_current = certificate.not_valid_before_utc <= there <= certificate.not_valid_after_utc
    return bool(is_current and abs(now - moment.timestamp()) <= _TOO_OLD)
