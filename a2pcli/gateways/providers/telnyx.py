"""Telnyx: SMS and MMS by the Messaging API v2.

Our reference is the ``Idempotency-Key``: Telnyx answers a repeat of the same request within 24 hours with its first
answer. A message cannot be looked up by a reference of ours; ``status_callback`` carries it, so that receipts find
their message all the same. Each text is sent with the alphabet that it was counted with.

Codes: ``codes/telnyx.csv``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.errors import GatewayUnusable, how_to_install
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, one_receipt, one_reply, told
from a2pcli.gateways.codes import outcome_of, safe_code, safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, utc
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    is_to_another,
    is_unicode,
    json_object,
    shown,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_TOO_OLD = 300
"""Maximum difference in seconds between a callback's time and ours, as in Telnyx's own SDK."""
_NOT_TAKEN = frozenset({"sending_failed", "delivery_failed", "expired"})


class TelnyxBlock(CallbackBlock):
    """Settings of Telnyx."""

    api_key: SecretStr = Field(description="An API key (v2)")
    messaging_profile_id: str | None = Field(
        None, description="The messaging profile; needed for a name as the sender, and for a pool of numbers"
    )
    public_key: str | None = Field(
        None, description="The account's public key (base64), to know Telnyx's callbacks by"
    )
    base_url: Url = Field("https://api.telnyx.com", description="Where the API is, for a test")


class TelnyxProvider(Provider):
    """Builds Telnyx's requests and reads the answers."""

    title = "Telnyx"
    table = "telnyx"
    signs = True
    lists = frozenset({Listed.RECEIPTS})

    def __init__(self, name: str, block: TelnyxBlock) -> None:
        channels = frozenset({"sms", "mms"})
        super().__init__(
            name,
            block,
            Capabilities(channels, concurrency=block.concurrency or 20, idempotent=True, receipts=True),
        )
        self._block = block
        self._base = block.base_url.rstrip("/") + "/v2"
        self.headers["Authorization"] = f"Bearer {shown(block.api_key)}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        is_mms = message.channel == "mms"
        data = {
            "to": message.to,
            "from": self.sender_of(message),
            "messaging_profile_id": self._block.messaging_profile_id,
            "text": message.body or None,
            "subject": (message.content or {}).get("subject") if is_mms else None,
            "type": "MMS" if is_mms else "SMS",
            "media_urls": list(message.media) or None,
            "encoding": None if is_mms else "ucs2" if is_unicode(message) else "gsm7",
            "webhook_url": self.callback_for(message),
        }
        return self.post_json(f"{self._base}/messages", data, {"Idempotency-Key": message.reference})

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        answer = json_object(response)
        data, code = answer.get("data"), inside(answer, "errors", 0, "code")
        if not 200 <= response.status < 300:
            return self.refused(response, code)
        person, identifier = inside(data, "to", 0), safe_id(inside(data, "id"))
        if is_to_another(inside(person, "phone_number"), message.to):
            return unreadable(response)
        if identifier is not None and inside(person, "status") in _NOT_TAKEN:
            why = safe_code(inside(data, "errors", 0, "code"))
            if why is not None and why in self.codes:
                return self.refused(response, why, gateway_id=identifier)
            return outcome_of(
                "content", code=why or "failed", detail="Telnyx took it and failed", gateway_id=identifier
            )
        return accepted(response, identifier)

    def check_request(self) -> HttpRequest:
        """Build a request for the balance."""
        return self.get(f"{self._base}/balance")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a balance."""
        return inside(data, "data", "balance") is not None

    @property
    def callback_secret(self) -> str | None:
        """Return the account's public key, which is not secret."""
        return self._block.public_key

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a receipt (``message.sent``, ``message.finalized``) or an incoming message (``message.received``)."""
        event, data = inside(request.json, "data", "event_type"), inside(request.json, "data", "payload")
        person, identifier = inside(data, "to", 0), inside(data, "id")
        if event in ("message.sent", "message.finalized"):
            at = inside(data, "completed_at") or inside(data, "sent_at")
            code = inside(data, "errors", 0, "code")
            return Callback(
                one_receipt(
                    request, id=identifier, status=inside(person, "status"), code=code, at=at,
                    price=inside(data, "cost", "amount"), currency=inside(data, "cost", "currency"),
                )
            )  # fmt: skip
        if event != "message.received":
            return Callback()
        files = inside(data, "media")
        return Callback(
            replies=one_reply(
                sender=inside(data, "from", "phone_number"), to=inside(person, "phone_number"), id=identifier,
                body=inside(data, "text"), at=inside(data, "received_at"),
                media=[inside(one, "url") for one in files] if isinstance(files, list) else (),
            )
        )  # fmt: skip

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the detail records of messages, which hold no texts."""
        fields = {
            "filter[record_type]": "messaging", "filter[direction]": "outbound",
            "filter[created_at][gte]": utc(span.since), "filter[created_at][lt]": utc(span.until + 999),
            "page[number]": page or "1", "page[size]": "50", "sort": "created_at",
        }  # fmt: skip
        return self.get(f"{self._base}/detail_records", fields)

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page."""
        data = json_object(response)
        found, number, last = items(data, "data"), int(page or "1"), inside(data, "meta", "total_pages")
        is_last = not found or not isinstance(last, int) or number >= last
        return ListPage(joined(map(_listed_receipt, found)), next=None if is_last else str(number + 1))

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``Telnyx-Signature-Ed25519``, over a time and the body; ``secret`` is the public key in base64."""
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ImportError:
            raise GatewayUnusable(
                f"Telnyx's signatures need a package that is not installed: {how_to_install('callbacks')}"
            ) from None
        time = request.headers.get("telnyx-timestamp", "")
        try:
            signature = base64.b64decode(request.headers.get("telnyx-signature-ed25519", ""), validate=True)
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret, validate=True))
            key.verify(signature, time.encode() + b"|" + request.body)
            if now is not None and abs(now - int(time)) > _TOO_OLD:
                return False
        except (ValueError, binascii.Error, InvalidSignature):
            return False
        return True


def _listed_receipt(one: Mapping[str, Any]) -> tuple[Receipt, ...]:
    return told(
        id=one.get("uuid"), status=one.get("status"), code=inside(one.get("errors"), 0), at=one.get("completed_at"),
        price=one.get("cost"), currency=one.get("currency"),
    )  # fmt: skip


class TelnyxGateway(ProviderGateway):
    """Telnyx, SMS and MMS."""

    block_model = TelnyxBlock
    provider_class = TelnyxProvider
