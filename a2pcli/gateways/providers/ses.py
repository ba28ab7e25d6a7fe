"""Amazon SES v2: email, each message as MIME of ours.

SES has no idempotency key and cannot be asked by our reference, which is a tag of the message and comes back in events.
Codes: ``codes/aws.csv`` and ``codes/ses.csv``.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, one_receipt
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.providers import aws_events
from a2pcli.gateways.providers.aws import AwsBlock, AwsGateway, AwsProvider, error_code
from a2pcli.gateways.providers.common import accepted, json_object
from a2pcli.gateways.providers.email_common import EmailProviderGateway
from a2pcli.gateways.smtp import mime
from a2pcli.messages import Message, Outcome


class SesBlock(AwsBlock):
    """Settings of Amazon SES."""

    configuration_set: str | None = Field(None, description="Configuration set, which publishes events")
    return_path: str | None = Field(None, description="Address that bounces are forwarded to")
    subject: str | None = Field(
        None, description="Subject of messages without one of their own, such as codes"
    )


class SesProvider(AwsProvider):
    """Builds SES's requests and reads the answers."""

    title = "Amazon SES"
    table = "ses"
    endpoint = "email"
    service = "ses"

    def __init__(self, name: str, block: SesBlock) -> None:
        # docs.aws.amazon.com/ses/latest/dg/quotas.html: no SMTPUTF8; the domain may be in punycode.
        capabilities = Capabilities(
            frozenset({"email"}),
            concurrency=block.concurrency or 20,
            receipts=True,
            ascii_mailboxes=True,
        )
        super().__init__(name, block, capabilities)
        self._block = block
        self._emails = self.base + "/v2/email"
        self.defaults = mime.Defaults(block.sender, block.return_path, block.subject)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message. Raises ``Unmailable`` if it cannot be an email."""
        (message,) = batch
        email = mime.email_of(message, self.defaults)
        data = {
            "FromEmailAddress": None,  # the message's own From, with its display name
            "Destination": {"ToAddresses": [message.to]},
            "Content": {"Raw": {"Data": base64.b64encode(email.data).decode("ascii")}},
            "ConfigurationSetName": self._block.configuration_set,
            "FeedbackForwardingEmailAddress": self._block.return_path,
            "EmailTags": [{"Name": "reference", "Value": message.reference}],
        }
        return self.signed(self.post_json(f"{self._emails}/outbound-emails", data))

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if response.status == 200:
            return accepted(response, safe_id(data.get("MessageId")))
        return self.refused(response, error_code(response))

    def check_request(self) -> HttpRequest:
        """Build a request for the account."""
        return self.signed(self.get(f"{self._emails}/account"))

    def is_ours(self, data: Any) -> bool:
        """Whether the data is an SES account."""
        return isinstance(data, dict) and "SendQuota" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read an event of a configuration set, by SNS or EventBridge."""
        data, _ = aws_events.event_of(request)
        kind = str(inside(data, "eventType") or inside(data, "notificationType"))
        status = {
            "Delivery": "delivered",
            "Bounce": "undelivered",
            "Complaint": "undelivered",
            "Reject": "undelivered",
        }
        code = inside(data, "bounce", "bounceType")
        reference = inside(data, "mail", "tags", "reference", 0)
        at = inside(data, kind.lower(), "timestamp")
        identifier = inside(data, "mail", "messageId")
        return Callback(
            one_receipt(
                request, id=identifier, status=status.get(kind), code=code, at=at, reference=reference
            )
        )


class SesGateway(EmailProviderGateway, AwsGateway):
    """Amazon SES, email."""

    block_model = SesBlock
    provider_class = SesProvider
