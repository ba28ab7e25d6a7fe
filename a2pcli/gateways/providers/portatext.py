"""PortaText: SMS by the REST API.

Our reference is the ``client_ref``. There is no idempotency key; a request without an answer stays ``unknown``. What
is known of the API comes from PortaText's own SDKs, which show requests and errors, but neither the body of a success
nor callbacks: so there is no id of PortaText's, and no receipts are read.

Refusals come with a sentence and no code: the HTTP status decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.engine.charsets import json_of
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.providers.common import Provider, ProviderBlock, ProviderGateway, Url, digits, shown
from a2pcli.messages import Message, Outcome, Verdict

_ERRORS = frozenset({"error", "errors", "error_description"})


class PortaTextBlock(ProviderBlock):
    """Settings of PortaText."""

    api_key: SecretStr = Field(description="An API key")
    base_url: Url = Field("https://rest.portatext.com", description="Where the API is, for a test")


class PortaTextProvider(Provider):
    """Builds PortaText's requests and reads the answers."""

    title = "PortaText"

    def __init__(self, name: str, block: PortaTextBlock) -> None:
        super().__init__(name, block, Capabilities(frozenset({"sms"}), concurrency=block.concurrency or 10))
        self._url = block.base_url.rstrip("/") + "/sms"
        self.headers["X-Api-Key"] = shown(block.api_key)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        sender = self.sender_of(message)
        return self.post_json(
            self._url,
            {
                "to": digits(message.to),
                "from": digits(sender) if sender else None,
                "text": message.body,
                "client_ref": message.reference,
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the outcome: PortaText's success is the status, with any JSON object as the body."""
        if not 200 <= response.status < 300:
            return self.refused(response, None)
        data = json_of(response)
        if not isinstance(data, dict) or data.get("success") is False or _ERRORS & set(data):
            return unreadable(response)
        return Outcome(Verdict.ACCEPTED)


class PortaTextGateway(ProviderGateway):
    """PortaText, SMS."""

    block_model = PortaTextBlock
    provider_class = PortaTextProvider
