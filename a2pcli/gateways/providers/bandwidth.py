"""Bandwidth: SMS and MMS by the Messaging API v2.

Our reference is the ``tag``, which comes back in each callback. There is no idempotency key, and messages cannot be
listed by their tag: a request without an answer stays ``unknown``. The URL that is called back belongs to the
application at Bandwidth, not to the message.

Refusals have a type: ``codes/bandwidth.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, inside, one_receipt, one_reply, told
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, next_url, utc
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    accepted,
    basic,
    is_to_another,
    json_object,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_MOST_EVENTS = 1000
_MOMENT = "%Y-%m-%dT%H:%M:%S.000Z"


class BandwidthBlock(ProviderBlock):
    """Settings of Bandwidth."""

    account_id: str = Field(pattern=r"^\d+$", description="The account's number")
    api_token: str = Field(min_length=1, description="The user, or the API token")
    api_secret: SecretStr = Field(description="Its password, or the API secret")
    application_id: str = Field(
        min_length=1, description="The messaging application that the sender belongs to"
    )
    base_url: Url = Field("https://messaging.bandwidth.com", description="Where the API is, for a test")


class BandwidthProvider(Provider):
    """Builds Bandwidth's requests and reads the answers."""

    title = "Bandwidth"
    table = "bandwidth"
    lists = frozenset({Listed.RECEIPTS})

    def __init__(self, name: str, block: BandwidthBlock) -> None:
        channels = frozenset({"sms", "mms"})
        super().__init__(
            name, block, Capabilities(channels, concurrency=block.concurrency or 20, receipts=True)
        )
        self._block = block
        self._base = f"{block.base_url.rstrip('/')}/api/v2/users/{block.account_id}"
        self.headers["Authorization"] = basic(block.api_token, block.api_secret)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        return self.post_json(
            f"{self._base}/messages",
            {
                "applicationId": self._block.application_id,
                "to": [message.to],
                "from": self.sender_of(message),
                "text": message.body or None,
                "media": list(message.media) or None,
                "tag": message.reference,
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if not 200 <= response.status < 300:
            return self.refused(response, data.get("type"))
        if is_to_another(inside(data, "to", 0), message.to) or data.get("tag") not in (
            None,
            message.reference,
        ):
            return unreadable(response)
        return accepted(response, safe_id(data.get("id")))

    def check_request(self) -> HttpRequest:
        """Build a request for the account's media files."""
        return self.get(f"{self._base}/media")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a list."""
        return isinstance(data, list)

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the messages since a time; Bandwidth keeps no texts."""
        if page is not None:
            return self.get(page)
        fields = {
            "messageDirection": "OUTBOUND", "fromDateTime": utc(span.since, _MOMENT),
            "toDateTime": utc(span.until + 999, _MOMENT), "limit": "1000",
        }  # fmt: skip
        return self.get(f"{self._base}/messages", fields)

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page."""
        data = json_object(response)
        following = next_url(self._block.base_url.rstrip("/"), inside(data, "pageInfo", "nextPage"))
        return ListPage(joined(map(_listed_receipt, items(data, "messages"))), next=following)

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a list of events: receipts, by their type, and incoming messages."""
        events = request.json
        receipts: list[Receipt] = []
        replies: list[Reply] = []
        for event in events[:_MOST_EVENTS] if isinstance(events, list) else [events]:
            kind, message = inside(event, "type"), inside(event, "message")
            if kind == "message-received":
                files = inside(message, "media")
                replies += one_reply(
                    sender=inside(message, "from"), to=inside(event, "to"), body=inside(message, "text"),
                    id=inside(message, "id"), at=inside(event, "time"),
                    media=files if isinstance(files, list) else (),
                )  # fmt: skip
            elif message is not None:
                receipts += one_receipt(
                    request, id=inside(message, "id"), status=kind, code=inside(event, "errorCode"),
                    at=inside(event, "time"), reference=inside(message, "tag"),
                )  # fmt: skip
        return Callback(tuple(receipts), tuple(replies))


def _listed_receipt(one: Mapping[str, Any]) -> tuple[Receipt, ...]:
    # ``receiveTime`` is when Bandwidth took the message, not when it arrived.
    return told(id=one.get("messageId"), status=one.get("messageStatus"), code=one.get("errorCode"))


class BandwidthGateway(ProviderGateway):
    """Bandwidth, SMS and MMS."""

    block_model = BandwidthBlock
    provider_class = BandwidthProvider
