"""Postmark: email in batches by the Email API.

Our reference is in each message's metadata and comes back in webhooks; a message is not looked up by it. The answer to
a batch says in order what became of each. Codes: ``codes/postmark.csv``, types of bounces:
``codes/receipts/postmark.csv``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.config.values import split_sender
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse, of_whole_batch
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, inside, one_receipt, one_reply
from a2pcli.gateways.codes import outcome_of, safe_id
from a2pcli.gateways.engine.charsets import json_of
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    Url,
    accepted,
    json_object,
    shown,
)
from a2pcli.gateways.providers.email_common import EmailProviderGateway
from a2pcli.gateways.smtp.mime import Defaults, Unmailable, checked_attachment, unsubscribe_headers
from a2pcli.messages import Message, Outcome

BATCH = 100
"""Of the 500 that Postmark takes in a request of at most 50 MB."""

_NOT_DELIVERED = frozenset(
    {
        "HardBounce", "SoftBounce", "BadEmailAddress", "Blocked", "SpamNotification", "DMARCPolicy", "SMTPApiError",
        "ManuallyDeactivated", "TemplateRenderingFailed", "Unconfirmed", "Unknown",
    }
)  # fmt: skip
"""Types of bounces after which the message does not arrive. Of the others some are delays, which may still end well,
and some are answers to a message that did arrive, such as an absence notice."""
_INVALID = 300
_FROM = "invalid 'from'"


class PostmarkBlock(ProviderBlock):
    """Settings of Postmark."""

    token: SecretStr = Field(description="The server's API token")
    stream: str = Field("outbound", description="Message stream; `broadcast` for marketing")
    subject: str | None = Field(
        None, description="Subject of messages without one of their own, such as codes"
    )
    base_url: Url = Field("https://api.postmarkapp.com", description="Where the API is, for a test")


class PostmarkProvider(Provider):
    """Builds Postmark's requests and reads the answers."""

    title = "Postmark"
    table = "postmark"

    def __init__(self, name: str, block: PostmarkBlock) -> None:
        capabilities = Capabilities(
            frozenset({"email"}),
            batch=BATCH,
            concurrency=block.concurrency or 10,
            receipts=True,
            # postmarkapp.com/support/article/1180: which mailboxes it takes
            ascii_mailboxes=True,
        )
        super().__init__(name, block, capabilities)
        self._block = block
        self.defaults = Defaults(block.sender, None, block.subject)
        self._base = block.base_url.rstrip("/")
        self.headers["X-Postmark-Server-Token"] = shown(block.token)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch. Raises ``Unmailable`` for a message that cannot be an email."""
        return self.post_json(f"{self._base}/email/batch", [self._email(message) for message in batch])

    def _email(self, message: Message) -> dict[str, Any]:
        content: Mapping[str, Any] = message.content or {}
        subject = content.get("subject") or self._block.subject
        if not subject or "@" not in message.to:
            raise Unmailable("no-subject", "the message has no subject, or no email address")
        name, address = split_sender(self.sender_of(message) or "")
        name = content.get("from_name") or name
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        headers = {**unsubscribe_headers(content), **(content.get("headers") or {})}
        return {
            "From": f'"{quoted}" <{address}>' if name else address,
            "To": message.to,
            "Subject": subject,
            "HtmlBody": content.get("html"),
            "TextBody": message.body or None,
            "ReplyTo": content.get("reply_to"),
            "Headers": [{"Name": key, "Value": value} for key, value in headers.items()] or None,
            "Attachments": [_attachment(one) for one in content.get("attachments") or ()] or None,
            "MessageStream": self._block.stream,
            "Metadata": {"reference": message.reference},
            "TrackOpens": False,
            "TrackLinks": "None",
        }

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return one outcome for each message, in order."""
        answers = json_of(response)
        if response.status != 200:
            refused = self._refused(response, json_object(response))
            return of_whole_batch(refused, len(batch))
        if not isinstance(answers, list) or len(answers) != len(batch):
            return [unreadable(response)] * len(batch)
        return [
            self._one(message, response, one if isinstance(one, dict) else {})
            for message, one in zip(batch, answers, strict=True)
        ]

    def _one(self, message: Message, response: HttpResponse, answer: Mapping[str, Any]) -> Outcome:
        code = answer.get("ErrorCode")
        if isinstance(code, bool) or not isinstance(code, int):
            return unreadable(response)
        if code == 0:
            to = answer.get("To")
            is_other = isinstance(to, str) and to.lower() != message.to.lower()
            return unreadable(response) if is_other else accepted(response, safe_id(answer.get("MessageID")))
        return self._refused(response, answer)

    def _refused(self, response: HttpResponse, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of an answer that says no. What is wrong with the sender is not the recipients' fault."""
        code = answer.get("ErrorCode")
        if code == _INVALID and str(answer.get("Message")).lower().startswith(_FROM):
            return outcome_of("sender", code=str(code), detail="Postmark calls the sender's address invalid")
        return self.refused(response, code)

    def check_request(self) -> HttpRequest:
        """Build a request for the server."""
        return self.get(f"{self._base}/server")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is one of Postmark's servers."""
        return isinstance(data, dict) and "ApiTokens" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """A webhook about a delivery, a bounce, a complaint or a subscription. Postmark does not sign: the URL must
        hold a secret."""
        data = request.json
        kind, type = str(inside(data, "RecordType")), str(inside(data, "Type"))
        if kind == "SubscriptionChange" or (kind == "Bounce" and type == "Unsubscribe"):
            return Callback(replies=self._leaving(data))
        status = {"Delivery": "delivered", "SpamComplaint": "complained"}.get(kind)
        if kind == "Bounce" and type in _NOT_DELIVERED:
            status = "undelivered"
        at = inside(data, "DeliveredAt") or inside(data, "BouncedAt")
        reference, identifier = inside(data, "Metadata", "reference"), inside(data, "MessageID")
        code = None if kind == "Delivery" else inside(data, "Type")
        return Callback(
            one_receipt(request, id=identifier, status=status, code=code, at=at, reference=reference)
        )

    def _leaving(self, data: Any) -> tuple[Reply, ...]:
        """Return the opt-out of a person who unsubscribed; none if the change came from someone else or a bounce."""
        is_own = inside(data, "Origin") == "Recipient" and inside(data, "SuppressSending") is True
        if inside(data, "RecordType") == "SubscriptionChange" and (
            not is_own or inside(data, "SuppressionReason") == "HardBounce"
        ):
            return ()
        return one_reply(
            sender=inside(data, "Recipient") or inside(data, "Email"), to=inside(data, "From") or self._sender,
            body="unsubscribed", at=inside(data, "ChangedAt") or inside(data, "BouncedAt"),
            reference=inside(data, "Metadata", "reference"), is_opt_out=True,
        )  # fmt: skip


def _attachment(one: Mapping[str, Any]) -> dict[str, str]:
    data = base64.b64encode(checked_attachment(one)).decode("ascii")
    return {"Name": Path(str(one["name"])).name, "Content": data, "ContentType": str(one["type"])}


class PostmarkGateway(EmailProviderGateway):
    """Postmark, email."""

    block_model = PostmarkBlock
    provider_class = PostmarkProvider
