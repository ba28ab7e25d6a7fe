"""Messenger, by Meta's Send API: texts, cards and buttons, to people who wrote to the page.

Meta takes one message a request and no idempotency key, and it cannot be asked by a reference of ours: a request
without an answer stays ``unknown``. Our reference is the message's ``metadata``, which comes back in the echo that the
page's webhook gets of every message (``message_echoes``), so that it resolves such a message.

Codes: ``codes/messenger.csv``, as ``code.subcode`` where the subcode decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, inside, one_receipt, one_reply
from a2pcli.gateways.codes import outcome_of, safe_id
from a2pcli.gateways.engine.statuses import retry_after, unreadable
from a2pcli.gateways.providers.chat import confirmation, id_of, is_of_another, is_signed
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    accepted,
    json_object,
    shown,
)
from a2pcli.messages import Message, Outcome


class MessengerBlock(ProviderBlock):
    """Settings of a page's Messenger."""

    page_id: str = Field(pattern=r"^\d{5,20}$", description="The page's id")
    page_token: SecretStr = Field(description="The page's access token, with pages_messaging")
    app_secret: SecretStr | None = Field(None, description="The app's secret, to know Meta's webhooks by")
    version: str = Field("v23.0", pattern=r"^v\d{1,2}\.\d$", description="Version of the Graph API")
    base_url: Url = Field("https://graph.facebook.com", description="Where the API is, for a test")


class MessengerProvider(Provider):
    """Builds the Send API's requests and reads the answers."""

    title = "Messenger"
    table = "messenger"
    signs = True

    def __init__(self, name: str, block: MessengerBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(frozenset({"messenger"}), concurrency=block.concurrency or 20, receipts=True),
        )
        self._block = block
        self._base = f"{block.base_url.rstrip('/')}/{block.version}"
        self.headers["Authorization"] = f"Bearer {shown(block.page_token)}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        content = message.content or {}
        tag = content.get("tag")
        data = {
            "recipient": {"id": id_of(message)},
            "messaging_type": "MESSAGE_TAG" if tag else "UPDATE",
            "tag": tag,
            "message": {**_message(message.body, content), "metadata": message.reference},
        }
        return self.post_json(f"{self._base}/{self._block.page_id}/messages", data)

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if not 200 <= response.status < 300 or "error" in data:
            return self._refusal(response, data.get("error"))
        if is_of_another(inside(data, "recipient_id"), message):
            return unreadable(response)
        return accepted(response, safe_id(inside(data, "message_id")))

    def _refusal(self, response: HttpResponse, error: Any) -> Outcome:
        code, subcode = inside(error, "code"), inside(error, "error_subcode")
        both = f"{code}.{subcode}"
        known = self.codes.get(both)
        if known is None or response.status >= 500:
            return self.refused(response, code)
        return outcome_of(
            known.meaning, code=both, detail=known.detail, retry_after=retry_after(response.headers)
        )

    def check_request(self) -> HttpRequest:
        """Build a request for the page."""
        return self.get(f"{self._base}/{self._block.page_id}", {"fields": "id,name"})

    def is_ours(self, data: Any) -> bool:
        """Whether the data is the page in the settings."""
        return isinstance(data, dict) and data.get("id") == self._block.page_id

    @property
    def callback_secret(self) -> str | None:
        """Return the app's secret."""
        return shown(self._block.app_secret) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a webhook with any number of incoming messages, echoes of our messages, and deliveries.

        "Read up to a time" names no message and is ignored.
        """
        receipts: list[Receipt] = []
        replies: list[Reply] = []
        for event in _events(request.json):
            receipts += _receipts(request, event)
            replies += _replies(event)
        return Callback(tuple(receipts), tuple(replies))

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Hub-Signature-256``."""
        return is_signed(request, secret)

    def confirmation(self, request: CallbackRequest, token: str) -> bytes | None:
        """Return the answer to the verification of the webhook; None for other requests and a wrong token."""
        return confirmation(request, token)


class MessengerGateway(ProviderGateway):
    """A page's Messenger."""

    block_model = MessengerBlock
    provider_class = MessengerProvider


def _message(text: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a text, a text with buttons, or a card as the API takes it."""
    buttons = [
        {"type": "web_url", "url": one["url"], "title": one["text"]} for one in content.get("buttons") or ()
    ]
    if content.get("image"):
        element = {
            "title": content["title"],
            "subtitle": content.get("subtitle"),
            "image_url": content["image"],
            "buttons": buttons or None,
        }
        return _template({"template_type": "generic", "elements": [element]})
    if buttons:
        return _template({"template_type": "button", "text": text, "buttons": buttons})
    return {"text": text}


def _template(payload: dict[str, Any]) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": payload}}


def _events(data: Any) -> Iterator[Any]:
    """Yield each event of each page of a webhook."""
    for entry in _list(inside(data, "entry")):
        yield from _list(inside(entry, "messaging"))


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _receipts(request: CallbackRequest, event: Any) -> Iterator[Receipt]:
    at = inside(event, "delivery", "watermark")
    for one in _list(inside(event, "delivery", "mids")):
        yield from one_receipt(request, id=one, status="delivered", at=at)
    message = inside(event, "message")
    if inside(message, "is_echo") is True and inside(message, "metadata"):
        yield from one_receipt(
            request, id=inside(message, "mid"), status="sent", at=inside(event, "timestamp"),
            reference=inside(message, "metadata"),
        )  # fmt: skip


def _replies(event: Any) -> Iterator[Reply]:
    person = inside(event, "sender", "id")
    message, pressed = inside(event, "message"), inside(event, "postback")
    if not isinstance(person, str) or inside(message, "is_echo") is True:
        return
    files = [inside(one, "payload", "url") for one in _list(inside(message, "attachments"))]
    yield from one_reply(
        sender=f"messenger:{person}", to=inside(event, "recipient", "id"),
        body=inside(message, "text") or inside(pressed, "title"), id=inside(message, "mid") or inside(pressed, "mid"),
        at=inside(event, "timestamp"), media=files,
    )  # fmt: skip
