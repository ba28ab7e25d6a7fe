"""Plivo: SMS and MMS by the Message API.

Plivo takes no idempotency key and no reference, and cannot be asked by one: a request without an answer stays
``unknown``. ``status_callback`` carries our reference. One request may name many numbers for one text; its answer
then says nothing of those it left out in a form that is certain, so each message goes alone.

Refusals come with a sentence and no code: the HTTP status decides.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import (
    Callback,
    CallbackRequest,
    form_pairs,
    inside,
    is_same,
    one_receipt,
    one_reply,
    told,
)
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, next_url, utc
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    basic,
    digits,
    json_object,
    shown,
    validity_of,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_MOMENT = "%Y-%m-%d %H:%M:%S"


class PlivoBlock(CallbackBlock):
    """Settings of Plivo."""

    auth_id: str = Field(
        pattern=r"^(MA|SA)[A-Z0-9]{18}$", description="The account, MA or SA and 18 characters"
    )
    auth_token: SecretStr = Field(description="The account's token")
    powerpack_uuid: str | None = Field(
        None, description="The Powerpack that chooses the sender, instead of one"
    )
    validity: int | None = Field(
        None, ge=1, description="Seconds after which Plivo gives up on a message that waits"
    )
    base_url: Url = Field("https://api.plivo.com", description="Where the API is, for a test")

    @model_validator(mode="after")
    def _one_sender(self) -> PlivoBlock:
        if self.powerpack_uuid is not None and self.sender is not None:
            raise ValueError("give sender or powerpack_uuid, not both")
        return self


class PlivoProvider(Provider):
    """Builds Plivo's requests and reads the answers."""

    title = "Plivo"
    signs = True
    lists = frozenset({Listed.RECEIPTS})

    def __init__(self, name: str, block: PlivoBlock) -> None:
        channels = frozenset({"sms", "mms"})
        super().__init__(
            name,
            block,
            Capabilities(channels, concurrency=block.concurrency or 20, receipts=True, expires=True),
        )
        self._block = block
        self._account_url = f"{block.base_url.rstrip('/')}/v1/Account/{block.auth_id}/"
        self.headers["Authorization"] = basic(block.auth_id, block.auth_token)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        sender, callback = self.sender_of(message), self.callback_for(message)
        return self.post_json(
            self._account_url + "Message/",
            {
                "src": digits(sender) if sender else None,
                # The campaign's own sender replaces the Powerpack: Plivo allows only one of them.
                "powerpack_uuid": None if sender else self._block.powerpack_uuid,
                "dst": digits(message.to),
                "text": message.body or None,
                "type": "mms" if message.channel == "mms" else "sms",
                "media_urls": list(message.media) or None,
                "url": callback,
                "method": "POST" if callback else None,
                "message_expiry": validity_of(self._block.validity, message),
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if 200 <= response.status < 300:
            ids = data.get("message_uuid")
            return accepted(response, safe_id(ids[0]) if isinstance(ids, list) and len(ids) == 1 else None)
        return self.refused(response, None)

    def check_request(self) -> HttpRequest:
        """Build a request for the account."""
        return self.get(self._account_url)

    def is_ours(self, data: Any) -> bool:
        """Whether the data is the account."""
        return isinstance(data, dict) and data.get("auth_id") == self._block.auth_id

    @property
    def callback_secret(self) -> str | None:
        """Return the account's token."""
        return shown(self._block.auth_token)

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a status callback or an incoming message."""
        fields = request.fields
        identifier = fields.get("MessageUUID")
        if "Status" in fields:
            status, code = fields["Status"], fields.get("ErrorCode")
            return Callback(one_receipt(request, id=identifier, status=status, code=code))
        return Callback(
            replies=one_reply(
                sender=fields.get("From"), to=fields.get("To"), body=fields.get("Text"), id=identifier
            )
        )

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the messages since a time; Plivo lists at most 20 at once, and no texts."""
        if page is not None:
            return self.get(page)
        fields = {
            "message_direction": "outbound", "message_time__gte": utc(span.since, _MOMENT),
            "message_time__lte": utc(span.until + 999, _MOMENT), "limit": "20",
        }  # fmt: skip
        return self.get(f"{self._account_url}Message/", fields)

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page."""
        data = json_object(response)
        following = next_url(self._block.base_url.rstrip("/"), inside(data, "meta", "next"))
        return ListPage(joined(map(_listed_receipt, items(data, "objects"))), next=following)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Plivo-Signature-V3`` (or MA-V3, the main account's): HMAC-SHA256 over the URL, its query and the
        form's fields in order, and a nonce."""
        headers = request.headers
        nonce = headers.get("x-plivo-signature-v3-nonce", "")
        named = [headers.get("x-plivo-signature-v3", ""), headers.get("x-plivo-signature-ma-v3", "")]
        theirs = [one.strip() for header in named for one in header.split(",") if one.strip()]
        if not (nonce and theirs):
            return False
        signed = f"{_signed(request)}.{nonce}".encode("utf-8", "replace")
        mine = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode("ascii")
        return any(is_same(mine, one) for one in theirs)


def _listed_receipt(one: Mapping[str, Any]) -> tuple[Receipt, ...]:
    # ``message_time`` is when it was sent, not when it arrived.
    return told(id=one.get("message_uuid"), status=one.get("message_state"), code=one.get("error_code"))


def _signed(request: CallbackRequest) -> str:
    """Return the URL without its query, ``?`` with the query in order, a full stop, and the form's keys and values
    in order."""
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return ""
    form = sorted(_pairs(request.body.decode("utf-8", "replace"))) if request.method.upper() == "POST" else []
    query = "&".join(f"{key}={value}" for key, value in sorted(_pairs(parts.query)))
    base = parts._replace(query="", fragment="").geturl()
    if not (query or form):
        return base
    point = "." if query and form else ""
    return f"{base}?{query}{point}" + "".join(key + value for key, value in form)


def _pairs(text: str) -> list[tuple[str, str]]:
    return list(form_pairs(text))


class PlivoGateway(ProviderGateway):
    """Plivo, SMS and MMS."""

    block_model = PlivoBlock
    provider_class = PlivoProvider
