"""Sinch: SMS and MMS by the SMS REST API.

A batch of Sinch's is one text for many people under one id, and a receipt names its person by number alone. So each
message is a batch of its own, with our reference as ``client_reference``: it can be looked up by it, and stands in
every receipt. There is no idempotency key.

Codes: ``codes/sinch.csv``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import (
    REFERENCE,
    Callback,
    CallbackRequest,
    Reply,
    inside,
    is_same,
    one_reply,
    told,
)
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, utc
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    json_object,
    shown,
)  # fmt: skip
from a2pcli.messages import Message, Outcome, Verdict

_PAGE = 100
"""Items of a page."""


class SinchBlock(CallbackBlock):
    """Settings of Sinch."""

    service_plan_id: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="The service plan that sends")
    api_token: SecretStr = Field(description="The service plan's API token")
    callback_secret: SecretStr | None = Field(
        None, description="The secret that Sinch signs callbacks with, where the account has one"
    )
    base_url: Url = Field(
        "https://us.sms.api.sinch.com", description="Where the API is: us, eu, au, br or ca"
    )


class SinchProvider(Provider):
    """Builds Sinch's requests and reads the answers."""

    title = "Sinch"
    table = "sinch"
    signs = True
    lists = frozenset({Listed.RECEIPTS, Listed.REPLIES})

    def __init__(self, name: str, block: SinchBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(
                frozenset({"sms", "mms"}), concurrency=block.concurrency or 20, finds=True, receipts=True
            ),
        )
        self._block = block
        self._plan_url = f"{block.base_url.rstrip('/')}/xms/v1/{block.service_plan_id}"
        self._batches_url = f"{self._plan_url}/batches"
        self.headers["Authorization"] = f"Bearer {shown(block.api_token)}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message. Raises for an MMS with more than one file."""
        (message,) = batch
        body: Any = message.body
        if message.channel == "mms":
            (url,) = message.media
            body = {"url": url, "message": message.body or None}
        callback = self._block.status_callback
        return self.post_json(
            self._batches_url,
            {
                "type": "mt_media" if message.channel == "mms" else "mt_text",
                "from": self.sender_of(message),
                "to": [message.to],
                "body": body,
                "client_reference": message.reference,
                # Sinch refuses a message that asks for reports without a callback URL.
                "delivery_report": "per_recipient" if callback else None,
                "callback_url": callback,
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if 200 <= response.status < 300:
            if data.get("client_reference") not in (None, message.reference):
                return unreadable(response)
            return accepted(response, safe_id(data.get("id")))
        return self.refused(response, data.get("code") or inside(data, "error", "status"))

    def lookup_request(self, reference: str) -> HttpRequest:
        """Build a query for the batches with this reference."""
        return self.get(self._batches_url, {"client_reference": reference})

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """Return accepted if the message is listed. If not, it may be older than Sinch keeps."""
        batches = json_object(response).get("batches") if response.status == 200 else None
        for one in batches if isinstance(batches, list) else []:
            identifier = safe_id(inside(one, "id"))
            if inside(one, "client_reference") == reference and identifier is not None:
                return Outcome(Verdict.ACCEPTED, identifier)
        return None

    def check_request(self) -> HttpRequest:
        """Build a request for one batch."""
        return self.get(self._batches_url, {"page_size": "1"})

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a list of batches."""
        return isinstance(data, dict) and "batches" in data

    @property
    def callback_secret(self) -> str | None:
        """Return the secret of the account's callbacks."""
        return shown(self._block.callback_secret) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a receipt for one person, or an incoming message."""
        data = request.json
        if inside(data, "batch_id") is not None and inside(data, "status") is not None:
            return Callback(_receipt(data, request.query))
        return Callback(replies=_reply(data))

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the delivery reports, or of the incoming messages."""
        fields = {
            "start_date": utc(span.since), "end_date": utc(span.until + 999), "page": page or "0",
            "page_size": str(_PAGE),
        }  # fmt: skip
        name = "inbounds" if listed is Listed.REPLIES else "delivery_reports"
        return self.get(f"{self._plan_url}/{name}", fields)

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page; the last one is not full."""
        data, number = json_object(response), int(page or "0")
        found = items(data, "inbounds" if listed is Listed.REPLIES else "delivery_reports")
        is_last = len(found) < _PAGE
        following = None if is_last else str(number + 1)
        if listed is Listed.REPLIES:
            return ListPage(replies=joined(map(_reply, found)), next=following)
        return ListPage(joined(map(_receipt, found)), next=following)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Sinch-Webhook-Signature``: HMAC-SHA256 over the body, a nonce and a time, joined by full stops."""
        headers, name = request.headers, "x-sinch-webhook-signature"
        nonce, time = headers.get(f"{name}-nonce", ""), headers.get(f"{name}-timestamp", "")
        if not (nonce and time):
            return False
        signed = request.body + f".{nonce}.{time}".encode("utf-8", "replace")
        mine = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode("ascii")
        return is_same(mine, headers.get(name, ""))


def _receipt(data: Any, query: Mapping[str, str] | None = None) -> tuple[Receipt, ...]:
    at = inside(data, "operator_status_at") or inside(data, "at")
    return told(
        id=inside(data, "batch_id"), status=inside(data, "status"), code=inside(data, "code"), at=at,
        reference=inside(data, "client_reference") or (query or {}).get(REFERENCE),
    )  # fmt: skip


def _reply(data: Any) -> tuple[Reply, ...]:
    body = inside(data, "body")
    files = inside(body, "media")
    media = [inside(one, "url") for one in files] if isinstance(files, list) else []
    return one_reply(
        sender=inside(data, "from"), to=inside(data, "to"), media=media, id=inside(data, "id"),
        body=body if isinstance(body, str) else inside(body, "message"), at=inside(data, "received_at"),
        reference=inside(data, "client_reference"),
    )  # fmt: skip


class SinchGateway(ProviderGateway):
    """Sinch, SMS and MMS."""

    block_model = SinchBlock
    provider_class = SinchProvider
