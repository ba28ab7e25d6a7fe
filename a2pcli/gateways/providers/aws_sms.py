"""AWS End User Messaging: SMS and MMS (API ``pinpoint-sms-voice-v2``).

It has no idempotency key and cannot be asked about a message: a request without an answer stays ``unknown`` until an
event names it. Our reference goes with each message as ``Context`` and comes back in its events.

Codes: ``codes/aws.csv`` and ``codes/aws_sms.csv`` (reasons, else types of errors); in events ``codes/receipts``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, one_receipt, one_reply
from a2pcli.gateways.codes import safe_code, safe_id
from a2pcli.gateways.engine.charsets import json_of
from a2pcli.gateways.providers import aws_events
from a2pcli.gateways.providers.aws import AwsBlock, AwsGateway, AwsProvider, error_code
from a2pcli.gateways.providers.common import accepted, json_object
from a2pcli.messages import Cause, Message, Outcome, Verdict

_TARGET = "PinpointSMSVoiceV2"
_LONGEST = 259_200
"""Maximum number of seconds for which AWS tries to deliver a message."""
_SIMULATOR = "+14254147755"
"""A number of AWS's simulator, for dry runs."""
_PRICE = re.compile(r"\d{0,2}\.\d{1,5}")
_STATUSES = {"SENT": "sent", "PENDING": "sent", "SUCCESSFUL": "sent", "QUEUED": "queued", "DELIVERED": "delivered",
             "TTL_EXPIRED": "expired", "PROTECT_BLOCKED": "rejected", "UNKNOWN": "unknown"}  # fmt: skip
"""Values of ``messageStatus``; all others mean undelivered. SUCCESSFUL: the carrier accepted it."""
_OPT_OUTS = frozenset(
    {"ARRET", "CANCEL", "END", "OPT-OUT", "OPTOUT", "QUIT", "REMOVE", "STOP", "TD", "UNSUBSCRIBE"}
)
"""Keywords after which AWS puts a number on its opt-out list."""
_OF_PEOPLE = {
    "DestinationPhoneNumber": "invalid-number",
    "MessageBody": "CANNOT_PARSE",
    "MediaUrls": "MEDIA",
}
"""Fields that differ from message to message, and the code used for an error in them."""
_MISTAKES = frozenset(
    {"FIELD_VALIDATION_FAILED", "INVALID_PARAMETER", "INVALID_REQUEST", "MISSING_PARAMETER"}
)
_TAKES_FILES = "AWS takes one file for each MMS, from S3 only: give one URL like https://BUCKET.s3.REGION.amazonaws.com/KEY"
_S3 = re.compile(
    r"https://(?:(?P<host>[a-z0-9.-]{3,63})\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
    r"|s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(?P<path>[a-z0-9.-]{3,63}))/(?P<key>[^?#]+)"
)


def price(text: str) -> str:
    """Return a maximum price as AWS takes it: ``0.05``. Raises ``ValueError``."""
    if not _PRICE.fullmatch(text):
        raise ValueError("not a price in US dollars like 0.05")
    return text


class AwsSmsBlock(AwsBlock):
    """Settings of AWS End User Messaging."""

    configuration_set: str | None = Field(None, description="Configuration set, which publishes events")
    message_type: Literal["promotional", "transactional"] | None = Field(
        None, description="Default: promotional for marketing campaigns, else transactional"
    )
    max_price: Annotated[str, AfterValidator(price)] | None = Field(
        None, description="Most US dollars for each part; AWS refuses a message that costs more"
    )
    validity: int | None = Field(
        None, ge=5, le=_LONGEST, description="Seconds after which AWS gives up on a message"
    )
    protect_configuration: str | None = Field(
        None, description="Protect configuration, which allows or blocks countries"
    )
    entity_id: str | None = Field(None, description="Entity id registered in India (DLT)")
    template_id: str | None = Field(None, description="Template id registered in India (DLT)")


class AwsSmsProvider(AwsProvider):
    """Builds the requests of AWS End User Messaging and reads the answers."""

    title = "AWS End User Messaging"
    table = "aws_sms"
    endpoint = "sms-voice"
    service = "sms-voice"

    def __init__(self, name: str, block: AwsSmsBlock) -> None:
        channels = frozenset({"sms", "mms"})
        super().__init__(
            name,
            block,
            Capabilities(
                channels,
                concurrency=block.concurrency or 20,
                receipts=True,
                expires=True,
                longest_validity=_LONGEST,
            ),
        )
        self._block = block

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        block = self._block
        data: dict[str, Any] = {
            "DestinationPhoneNumber": message.to,
            "OriginationIdentity": self.sender_of(message),
            "MessageBody": message.body or None,
            "ConfigurationSetName": block.configuration_set,
            "MaxPrice": block.max_price,
            "TimeToLive": _validity(block.validity, message.validity),
            "ProtectConfigurationId": block.protect_configuration,
            "Context": {"reference": message.reference} if message.reference else None,
        }
        if message.channel == "mms":
            return self._call("SendMediaMessage", {**data, "MediaUrls": files_of(message)})
        data["MessageType"] = (block.message_type or type_for(message)).upper()
        india = {"IN_ENTITY_ID": block.entity_id, "IN_TEMPLATE_ID": block.template_id}
        data["DestinationCountryParameters"] = india if any(india.values()) else None
        return self._call("SendTextMessage", data)

    def _call(self, operation: str, data: dict[str, Any]) -> HttpRequest:
        more = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{_TARGET}.{operation}"}
        return self.signed(self.post_json(self.base + "/", data, more))

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if response.status == 200:
            return accepted(response, safe_id(data.get("MessageId")))
        return self.refused(response, _code(data, response, self.codes))

    def check_request(self) -> HttpRequest:
        """Build a dry run: AWS checks a text to its simulator and sends nothing."""
        block = self._block
        data = {
            "DestinationPhoneNumber": _SIMULATOR,
            "OriginationIdentity": self._sender,
            "MessageBody": "dry run",
            "ConfigurationSetName": block.configuration_set,
            "DryRun": True,
        }
        return self._call("SendTextMessage", data)

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether AWS would accept a message; a sender that cannot reach the simulator's country also proves
        it."""
        if response.status == 200:
            is_ours = safe_id(json_object(response).get("MessageId")) is not None
            return Health(True, "AWS took a dry run") if is_ours else super().read_check(response)
        code = _code(json_object(response), response, self.codes)
        known = self.codes.get(code or "")
        if response.status == 400 and known is not None and known.meaning == "country":
            return Health(True, f"AWS took the credentials; a dry run to the US was refused: {known.detail}")
        return Health(False, known.detail) if known is not None else super().read_check(response)

    def is_ours(self, data: Any) -> bool:
        """Whether the data answers a dry run."""
        return isinstance(data, dict) and "MessageId" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read an event of a configuration set, or an incoming message, by SNS or EventBridge."""
        event, published = aws_events.event_of(request)
        if inside(event, "inboundMessageId") is not None:
            keyword = str(inside(event, "messageKeyword") or "").strip().upper()
            return Callback(
                replies=one_reply(
                    sender=inside(event, "originationNumber"), to=inside(event, "destinationNumber"),
                    body=inside(event, "messageBody"), id=event["inboundMessageId"], at=published,
                    is_opt_out=keyword in _OPT_OUTS,
                )
            )  # fmt: skip
        kind = str(inside(event, "eventType") or "")
        if not kind.startswith(("TEXT_", "MEDIA_")):
            return Callback()
        word = kind.partition("_")[2]
        status = _STATUSES.get(word, "undelivered")
        return Callback(
            one_receipt(
                request, id=inside(event, "messageId"), status=status, at=inside(event, "eventTimestamp"),
                code=None if status in ("sent", "queued", "delivered") else safe_code(word),
                reference=inside(event, "context", "reference"),
            )
        )  # fmt: skip


class AwsSmsGateway(AwsGateway):
    """AWS End User Messaging, SMS and MMS."""

    block_model = AwsSmsBlock
    provider_class = AwsSmsProvider

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch. An MMS file that AWS cannot fetch stops the run, as it affects the whole campaign."""
        if any(message.channel == "mms" and files_of(message) is None for message in batch):
            told = Outcome(Verdict.NOT_SENT, cause=Cause.ACCOUNT, code="media", detail=_TAKES_FILES)
            return [told] * len(batch)
        return await super().submit(batch)


def type_for(message: Message) -> str:
    """Return AWS's message type for the campaign's purpose."""
    return "promotional" if message.purpose == "marketing" else "transactional"


def _validity(ours: int | None, wanted: int | None) -> int | None:
    """Return the shorter of two validities in seconds, within AWS's limits."""
    given = [one for one in (ours, wanted) if one is not None]
    return min(max(min(given), 5), _LONGEST) if given else None


def files_of(message: Message) -> list[str] | None:
    """Return the single file of an MMS as AWS takes it, ``s3://bucket/key``; None if it is not in S3 or there are
    several."""
    found = [_S3.fullmatch(url) for url in message.media]
    if len(found) != 1 or found[0] is None:
        return None
    return [f"s3://{found[0]['host'] or found[0]['path']}/{unquote(found[0]['key'])}"]


def _code(data: dict[str, Any], response: HttpResponse, known: Any) -> str | None:
    """Return the reason of an error, else its type; an error in a field is named by the field."""
    kind, reason = error_code(response), safe_code(data.get("Reason"))
    if kind == "ValidationException" and (reason is None or reason in _MISTAKES):
        field = inside(json_of(response), "Fields", 0, "Name")
        if isinstance(field, str):
            return _OF_PEOPLE.get(field, "wrong-setting")
    return reason if reason in known else kind
