"""Amazon SNS: SMS by ``Publish`` to a number.

SNS has no idempotency key, takes no reference and cannot be asked about a message. It says yes to messages that it
then drops, to numbers on its opt-out list or over the account's spending limit; only its delivery logs tell.

Codes: ``codes/aws.csv`` and ``codes/sns.csv``; in delivery logs ``codes/receipts/sns.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, one_receipt
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.providers import aws_events
from a2pcli.gateways.providers.aws import AwsBlock, AwsGateway, AwsProvider, error_code
from a2pcli.gateways.providers.aws_sms import price, type_for
from a2pcli.gateways.providers.common import accepted
from a2pcli.messages import Message, Outcome

_VERSION = "2010-03-31"
_ID = re.compile(rb"<PublishResult>\s*<MessageId>([^<]{1,128})</MessageId>\s*</PublishResult>")
_ABOUT_THE_NUMBER = re.compile(rb"<Message>Invalid parameter: PhoneNumber\b")
_ABOUT_THE_SENDER = re.compile(rb"<Message>Invalid parameter: [^<]{0,80}\b(?:SenderID|OriginationNumber)\b")
_NO_LETTERS = re.compile(r"[^a-z]+")
_NUMBER = re.compile(r"\+?\d{3,15}")


class SnsBlock(AwsBlock):
    """Settings of Amazon SNS."""

    message_type: Literal["promotional", "transactional"] | None = Field(
        None, description="Default: promotional for marketing campaigns, else transactional"
    )
    max_price: Annotated[str, AfterValidator(price)] | None = Field(
        None, description="Most US dollars for a message; SNS drops one that costs more"
    )
    entity_id: str | None = Field(None, description="Entity id registered in India (DLT)")
    template_id: str | None = Field(None, description="Template id registered in India (DLT)")


class SnsProvider(AwsProvider):
    """Builds SNS's requests and reads the answers."""

    title = "Amazon SNS"
    table = "sns"
    endpoint = "sns"
    service = "sns"

    def __init__(self, name: str, block: SnsBlock) -> None:
        super().__init__(
            name, block, Capabilities(frozenset({"sms"}), concurrency=block.concurrency or 20, receipts=True)
        )
        self._block = block
        self.headers = {"Accept": "application/xml, text/xml"}

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        block, sender = self._block, self.sender_of(message)
        is_number = bool(sender and _NUMBER.fullmatch(sender))
        attributes = {
            "AWS.SNS.SMS.SMSType": (block.message_type or type_for(message)).capitalize(),
            "AWS.SNS.SMS.MaxPrice": block.max_price,
            "AWS.SNS.SMS.SenderID": None if is_number else sender,
            "AWS.MM.SMS.OriginationNumber": sender if is_number else None,
            "AWS.MM.SMS.EntityId": block.entity_id,
            "AWS.MM.SMS.TemplateId": block.template_id,
        }
        given = {name: value for name, value in attributes.items() if value is not None}
        fields: dict[str, str | None] = {"PhoneNumber": message.to, "Message": message.body}
        for place, (name, value) in enumerate(given.items(), 1):
            entry = f"MessageAttributes.entry.{place}."
            is_price = name.endswith("MaxPrice")
            fields |= {entry + "Name": name, entry + "Value.DataType": "Number" if is_price else "String",
                       entry + "Value.StringValue": value}  # fmt: skip
        return self._call("Publish", fields)

    def _call(self, action: str, fields: Mapping[str, str | None]) -> HttpRequest:
        return self.signed(self.post_form(self.base + "/", {"Action": action, "Version": _VERSION, **fields}))

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        if response.status == 200:
            found = _ID.search(response.body[:100_000])
            return accepted(response, safe_id(found[1].decode("utf-8", "replace")) if found else None)
        code = error_code(response)
        if code in ("InvalidParameter", "ParameterValueInvalid"):
            # The sentence contains the number, so it is read but not shown.
            if _ABOUT_THE_NUMBER.search(response.body[:10_000]):
                code = "invalid-number"
            elif _ABOUT_THE_SENDER.search(response.body[:10_000]):
                code = "invalid-sender"
        return self.refused(response, code)

    def check_request(self) -> HttpRequest:
        """Build a request for the account's SMS settings."""
        return self._call("GetSMSAttributes", {})

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether the credentials were accepted."""
        if response.status == 200 and b"<GetSMSAttributesResponse" in response.body[:1000]:
            return Health(True, "Amazon SNS took the credentials")
        return super().read_check(response)

    def is_ours(self, data: Any) -> bool:
        """Return False: SNS answers in XML."""
        return False

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read an entry of SNS's delivery logs (CloudWatch), posted by a forwarder of the user's."""
        event, _ = aws_events.event_of(request)
        status = {"SUCCESS": "sent", "FAILURE": "undelivered"}.get(str(inside(event, "status")))
        said = inside(event, "delivery", "providerResponse")
        return Callback(
            one_receipt(
                request, id=inside(event, "notification", "messageId"), status=status,
                at=inside(event, "notification", "timestamp"),
                code=_code_of(said) if status == "undelivered" else None,
            )
        )  # fmt: skip


def _code_of(said: object) -> str | None:
    """Return a sentence of the log as a code: ``phone-number-is-opted-out``; None if it contains digits."""
    if not isinstance(said, str) or any(map(str.isdigit, said)):
        return None
    return _NO_LETTERS.sub("-", said.strip().lower())[:60].strip("-") or None


class SnsGateway(AwsGateway):
    """Amazon SNS, SMS."""

    block_model = SnsBlock
    provider_class = SnsProvider
