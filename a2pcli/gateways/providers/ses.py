"""Amazon SES v2: email, each message as MIME of ours.

botocore (extra ``aws``) signs requests (SigV4). SES has no idempotency key and cannot be asked by our reference, which
is a tag of the message and comes back in events. Codes: ``codes/ses.csv``.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, one_receipt
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    Url,
    accepted,
    json_object,
    shown,
)
from a2pcli.gateways.providers.email_common import EmailProviderGateway
from a2pcli.gateways.settings import block_problem
from a2pcli.gateways.smtp import mime
from a2pcli.messages import Message, Outcome


class SesBlock(ProviderBlock):
    """Settings of Amazon SES."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", description="Region, such as `eu-west-1`")
    access_key_id: str = Field(description="The access key")
    secret_access_key: SecretStr = Field(description="Its secret")
    session_token: SecretStr | None = Field(None, description="Session token of temporary credentials")
    configuration_set: str | None = Field(None, description="Configuration set, which publishes events")
    return_path: str | None = Field(None, description="Address that bounces are forwarded to")
    subject: str | None = Field(
        None, description="Subject of messages without one of their own, such as codes"
    )
    base_url: Url | None = Field(None, description="Where the API is, for a test")


class SesProvider(Provider):
    """Builds SES's requests and reads the answers."""

    title = "Amazon SES"
    table = "ses"

    def __init__(self, name: str, block: SesBlock) -> None:
        try:
            from botocore.credentials import Credentials
        except ImportError:
            problem = block_problem(name, "", "SES needs a library", hint='pip install "a2pcli[aws]"')
            raise InvalidInput(problem) from None
        capabilities = Capabilities(frozenset({"email"}), concurrency=block.concurrency or 20, receipts=True)
        super().__init__(name, block, capabilities)
        self._block = block
        base = block.base_url or f"https://email.{block.region}.amazonaws.com"
        self._base = base.rstrip("/") + "/v2/email"
        token = shown(block.session_token) or None
        self._credentials = Credentials(block.access_key_id, shown(block.secret_access_key), token)
        self.defaults = mime.Defaults(block.sender, block.return_path, block.subject)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """The request for the one message of the batch. Raises ``Unmailable`` where it cannot be an email."""
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
        return self._signed(self.post_json(f"{self._base}/outbound-emails", data))

    def _signed(self, request: HttpRequest) -> HttpRequest:
        """The request with AWS's signature (SigV4)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        made = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body)
        SigV4Auth(self._credentials, "ses", self._block.region).add_auth(made)
        return HttpRequest(request.method, request.url, dict(made.headers), request.body, request.timeout)

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """What became of the message."""
        data = json_object(response)
        if response.status == 200:
            return accepted(response, safe_id(data.get("MessageId")))
        said = response.headers.get("x-amzn-errortype") or data.get("__type") or data.get("code")
        code = str(said).partition(":")[0].rpartition("#")[2] if isinstance(said, str) else None
        return self.refused(response, code)

    def check_request(self) -> HttpRequest:
        """Look at the account."""
        return self._signed(self.get(f"{self._base}/account"))

    def is_ours(self, data: Any) -> bool:
        """Whether it is an account of SES's."""
        return isinstance(data, dict) and "SendQuota" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """An event that SNS posts. Its signature needs a certificate to be fetched: the URL must hold a secret."""
        import json

        data = request.json
        text = inside(data, "Message")
        if isinstance(text, str):
            try:
                data = json.loads(text)
            except ValueError:
                return Callback()
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


class SesGateway(EmailProviderGateway):
    """Amazon SES, email."""

    block_model = SesBlock
    provider_class = SesProvider
