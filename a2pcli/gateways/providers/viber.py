"""Viber, by the REST API of bots: texts, pictures and a button, to people who subscribed to the bot.

Viber has no idempotency key and no look-up: a request without an answer stays ``unknown``. Every answer has the status
200 and a code of its own (``codes/viber.csv``). Our reference goes along as ``tracking_data``, which comes back in the
person's next reply; receipts have Viber's id alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, is_same, one_receipt, one_reply
from a2pcli.gateways.codes import safe_code, safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.providers.chat import id_of
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

LONGEST_NAME = 28
_BUTTON_VERSION = 3
"""The oldest API version of apps that can show a keyboard with such a button."""
_RECEIPTS = {"delivered": "delivered", "seen": "read", "failed": "failed"}


class ViberBlock(ProviderBlock):
    """Settings of a Viber bot."""

    auth_token: SecretStr = Field(description="The bot's authentication token")
    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="The bot's name, as people see it")
    avatar: Url | None = Field(None, description="URL of the picture beside the name")
    base_url: Url = Field("https://chatapi.viber.com", description="Where the API is, for a test")


class ViberProvider(Provider):
    """Builds the requests of Viber's API and reads the answers."""

    title = "Viber"
    table = "viber"
    signs = True

    def __init__(self, name: str, block: ViberBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(frozenset({"viber"}), concurrency=block.concurrency or 20, receipts=True),
        )
        self._block = block
        self._base = block.base_url.rstrip("/") + "/pa"
        self.headers["X-Viber-Auth-Token"] = shown(block.auth_token)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        content = message.content or {}
        image, button = content.get("image"), content.get("button")
        data = {
            "receiver": id_of(message),
            "type": "picture" if image else "text",
            "text": message.body,
            "media": image,
            "sender": {"name": self._name_of(message), "avatar": self._block.avatar},
            "tracking_data": message.reference,
            "min_api_version": _BUTTON_VERSION if button else 1,
            "keyboard": _keyboard(button) if button else None,
        }
        return self.post_json(f"{self._base}/send_message", data)

    def _name_of(self, message: Message) -> str:
        sender = self.sender_of(message)
        return sender if sender and len(sender) <= LONGEST_NAME else self._block.name

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        status = data.get("status")
        if not 200 <= response.status < 300 or isinstance(status, bool) or status != 0:
            code = safe_code(status)
            if 200 <= response.status < 300 and (code is None or code not in self.codes):
                return unreadable(response)  # an unknown status does not prove that nothing was sent
            return self.refused(response, code)
        return accepted(response, safe_id(data.get("message_token")))

    def check_request(self) -> HttpRequest:
        """Build a request for the bot."""
        return self.post_json(f"{self._base}/get_account_info", {})

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a bot."""
        return inside(data, "status") == 0 and isinstance(inside(data, "id"), str)

    @property
    def callback_secret(self) -> str | None:
        """Return the authentication token."""
        return shown(self._block.auth_token)

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a receipt (``delivered``, ``seen``, ``failed``), an incoming message, or an unsubscription."""
        data = request.json
        event, at = inside(data, "event"), inside(data, "timestamp")
        if isinstance(event, str) and event in _RECEIPTS:
            return Callback(
                one_receipt(request, id=inside(data, "message_token"), status=_RECEIPTS[event], at=at)
            )
        if event == "unsubscribed":
            person, words = inside(data, "user_id"), "unsubscribed"
            replies = one_reply(
                sender=_address(person), to=self._block.name, body=words, at=at, is_opt_out=True
            )
            return Callback(replies=replies)
        if event != "message":
            return Callback()
        message = inside(data, "message")
        return Callback(
            replies=one_reply(
                sender=_address(inside(data, "sender", "id")), to=self._block.name, body=inside(message, "text"),
                id=inside(data, "message_token"), at=at, reference=inside(message, "tracking_data"),
                media=[inside(message, "media")],
            )
        )  # fmt: skip

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Viber-Content-Signature``: HMAC-SHA256 over the body with the token."""
        mine = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        return is_same(mine, request.headers.get("x-viber-content-signature", "").strip().lower())


class ViberGateway(ProviderGateway):
    """A Viber bot."""

    block_model = ViberBlock
    provider_class = ViberProvider


def _address(person: Any) -> str | None:
    return f"viber:{person}" if isinstance(person, str) else None


def _keyboard(button: dict[str, Any]) -> dict[str, Any]:
    one = {
        "Columns": 6,
        "Rows": 1,
        "ActionType": "open-url",
        "ActionBody": button["url"],
        "Text": button["text"],
    }
    return {"Type": "keyboard", "DefaultHeight": False, "Buttons": [one]}
