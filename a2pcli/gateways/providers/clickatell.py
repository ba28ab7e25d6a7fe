"""Clickatell: SMS by the One API, in batches.

The answer lists messages in our order, without our reference: each is held against the number it names. There is no
idempotency key and no looking up by a reference of ours: a request without an answer stays ``unknown``. Our reference
is ``clientMessageId``, which comes back in each receipt. The URL that is called back belongs to the integration at
Clickatell, not to the message.

Codes: ``codes/clickatell.csv``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse, of_whole_batch
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, one_receipt, one_reply
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    accepted,
    digits,
    is_to_another,
    json_object,
    shown,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_MOST_EVENTS = 1000


class ClickatellBlock(ProviderBlock):
    """Settings of Clickatell."""

    api_key: SecretStr = Field(description="The API key of a One API integration")
    batch: int = Field(50, ge=1, le=99, description="Messages a request")
    base_url: Url = Field("https://platform.clickatell.com", description="Where the API is, for a test")


class ClickatellProvider(Provider):
    """Builds Clickatell's requests and reads the answers."""

    title = "Clickatell"
    table = "clickatell"

    def __init__(self, name: str, block: ClickatellBlock) -> None:
        channels = frozenset({"sms"})
        super().__init__(
            name,
            block,
            Capabilities(channels, batch=block.batch, concurrency=block.concurrency or 10, receipts=True),
        )
        self._base = block.base_url.rstrip("/") + "/v1"
        self.headers["Authorization"] = shown(block.api_key)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch; each message has its own sender and text."""
        return self.post_json(f"{self._base}/message", {"messages": [self._message(one) for one in batch]})

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return one outcome for each message, in order."""
        data = json_object(response)
        items, whole = data.get("messages"), inside(data, "error", "code")
        if not 200 <= response.status < 300 or (whole is not None and not items):
            return of_whole_batch(self.refused(response, whole), len(batch))
        if not isinstance(items, list) or len(items) != len(batch):
            return [unreadable(response)] * len(batch)
        return [self._of_item(message, item, response) for message, item in zip(batch, items, strict=True)]

    def check_request(self) -> HttpRequest:
        """Build a request for the balance."""
        return self.get(f"{self._base}/balance")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a balance."""
        return isinstance(data, dict) and "balance" in data and "currency" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read receipts under ``event.messageStatusUpdate``, or receipts and incoming messages of the older
        platform."""
        data = request.json
        events = inside(data, "event", "messageStatusUpdate")
        if isinstance(events, list):
            receipts: list[Receipt] = []
            for event in events[:_MOST_EVENTS]:
                receipts += _receipt(request, event)
            return Callback(tuple(receipts))
        if inside(data, "fromNumber") is not None:
            return Callback(
                replies=one_reply(
                    sender=inside(data, "fromNumber"), to=inside(data, "toNumber"), body=inside(data, "text"),
                    id=inside(data, "messageId"), at=inside(data, "timestamp"),
                )
            )  # fmt: skip
        return Callback(_receipt(request, data))

    def _message(self, message: Message) -> dict[str, Any]:
        sender = self.sender_of(message)
        return {
            "channel": "sms",
            "to": digits(message.to),
            "from": digits(sender) if sender else None,
            "content": message.body,
            "clientMessageId": message.reference,
        }

    def _of_item(self, message: Message, item: Any, response: HttpResponse) -> Outcome:
        if is_to_another(inside(item, "to"), message.to):
            return unreadable(response)
        said = inside(item, "accepted")
        if said is True:
            return accepted(response, safe_id(inside(item, "apiMessageId")))
        if said is False:
            return self.refused(response, inside(item, "error", "code"))
        return unreadable(response)


def _receipt(request: CallbackRequest, event: Any) -> tuple[Receipt, ...]:
    return one_receipt(
        request, id=inside(event, "messageId"), status=inside(event, "status"), at=inside(event, "timestamp"),
        reference=inside(event, "clientMessageId"),
    )  # fmt: skip


class ClickatellGateway(ProviderGateway):
    """Clickatell, SMS."""

    block_model = ClickatellBlock
    provider_class = ClickatellProvider
