"""Infobip: SMS by the SMS API v3, in batches; with WhatsApp or Viber, all by the Messages API; RCS and MMS by APIs of
their own.

Our reference is the ``messageId`` of each message: it stands in the answer, in the logs (which can be asked for 48
hours) and in every receipt. Infobip does not refuse a ``messageId`` that it had before, so it is no idempotency key.

Codes: ``codes/infobip.csv`` (ids of a message's status in answers), ``codes/receipts/infobip.csv`` (names of errors and
statuses in receipts, whose ids overlap; ids of errors where no status has the same).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from a2pcli.contacts.receipt_file import NO_ERROR, Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse, of_whole_batch
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, inside, one_reply, told
from a2pcli.gateways.codes import outcome_of, safe_code, safe_id
from a2pcli.gateways.engine.protocol import MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, utc
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    by_reference,
    digits,
    is_to_another,
    json_object,
    shown,
    validity_of,
)  # fmt: skip
from a2pcli.gateways.providers.infobip_content import CHANNELS, content_of, mms_content
from a2pcli.gateways.providers.infobip_rcs import MOST_ASKED, question, rcs_content, reached
from a2pcli.messages import Message, Outcome, Verdict

log = logging.getLogger(__name__)

_TAKEN = frozenset({"ACCEPTED", "PENDING", "DELIVERED"})
_GROUPS = {0: "ACCEPTED", 1: "PENDING", 2: "UNDELIVERABLE", 3: "DELIVERED", 4: "EXPIRED", 5: "REJECTED"}
_FAILED = frozenset({"UNDELIVERABLE", "EXPIRED", "REJECTED"})
_MOST_CALLBACKS = 1000
_MOMENT = "%Y-%m-%dT%H:%M:%S.000+0000"

LOGGED = 48 * 3_600_000
"""Milliseconds for which Infobip keeps its logs."""


LONGEST_VALIDITY = 172_800
"""Seconds."""


class InfobipBlock(CallbackBlock):
    """Settings of Infobip."""

    api_key: SecretStr = Field(description="An API key that may send SMS")
    base_url: Url = Field(description="The account's own address, like https://xyz123.api.infobip.com")
    batch: int = Field(100, ge=1, le=1000, description="Messages a request")
    channels: list[Literal["sms", "whatsapp", "viber_business", "rcs", "mms"]] = Field(
        default=["sms"],
        min_length=1,
        description="Channels that it sends. With `whatsapp` or `viber_business`, all go by the Messages API, and no"
        " message expires. `rcs` and `mms` stand alone: `channels: [rcs]`",
    )
    validity: int | None = Field(
        None, ge=60, le=LONGEST_VALIDITY, description="Seconds after which Infobip gives up on a message"
    )

    @model_validator(mode="after")
    def _rcs_and_mms_are_alone(self) -> InfobipBlock:
        alone = next((one for one in ("rcs", "mms") if one in self.channels), None)
        if alone is not None and set(self.channels) != {alone}:
            raise ValueError(f"'{alone}' stands alone in channels: give it a gateway of its own")
        return self


_APIS = {frozenset({"sms"}): "sms/3", frozenset({"rcs"}): "rcs/2", frozenset({"mms"}): "mms/2"}
_MESSAGES_API = "messages-api/1"


class InfobipProvider(Provider):
    """Builds Infobip's requests and reads the answers."""

    title = "Infobip"
    table = "infobip"
    lists = frozenset({Listed.RECEIPTS, Listed.REPLIES})

    def __init__(self, name: str, block: InfobipBlock) -> None:
        channels = frozenset[str](block.channels)
        self._api = _APIS.get(channels, _MESSAGES_API)
        super().__init__(
            name,
            block,
            Capabilities(
                channels,
                batch=block.batch,
                concurrency=block.concurrency or 20,
                finds=True,
                receipts=True,
                expires=channels == {"sms"},
                longest_validity=LONGEST_VALIDITY,
            ),
        )
        if self._api in ("rcs/2", "mms/2"):
            self.lists = frozenset({Listed.RECEIPTS})
        self._block = block
        self._base = block.base_url.rstrip("/")
        self.headers["Authorization"] = f"App {shown(block.api_key)}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch; each message has its own sender and text."""
        return self.post_json(
            f"{self._base}/{self._api}/messages", {"messages": [self._message(one) for one in batch]}
        )

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Return one outcome for each message."""
        data = json_object(response)
        items = data.get("messages")
        if not 200 <= response.status < 300:
            code = data.get("errorCode") or inside(data, "requestError", "serviceException", "messageId")
            return of_whole_batch(self.refused(response, code), len(batch))
        if not isinstance(items, list):
            return [unreadable(response)] * len(batch)
        matched = zip(batch, by_reference(batch, items, "messageId"), strict=True)
        return [self._of_item(message, item, response) for message, item in matched]

    def lookup_request(self, reference: str) -> HttpRequest:
        """Build a query of the logs of the last 48 hours."""
        return self.get(f"{self._base}/{self._logs}/logs", {"messageId": reference})

    @property
    def _logs(self) -> str:
        """Where the logs are; those of the Messages API are with SMS."""
        return "sms/3" if self._api == _MESSAGES_API else self._api

    def reach_request(self, numbers: Sequence[str]) -> HttpRequest:
        """Build the question which of these numbers RCS reaches."""
        sender = self._block.sender
        return self.post_json(f"{self._base}/rcs/2/capability-check/query", question(sender, numbers))

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """Return what the logs say; None if they do not have the message, which can happen just after it was
        accepted."""
        results = json_object(response).get("results") if response.status == 200 else None
        for item in results if isinstance(results, list) else []:
            if inside(item, "messageId") == reference:
                found = self._by_status(item, response, reference)
                return found if found.verdict in (Verdict.ACCEPTED, Verdict.REJECTED) else None
        return None

    def check_request(self) -> HttpRequest:
        """Build a request for the balance."""
        return self.get(f"{self._base}/account/1/balance")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a balance."""
        return isinstance(data, dict) and "balance" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read the receipts or incoming messages under ``results``."""
        results = inside(request.json, "results")
        receipts: list[Receipt] = []
        replies: list[Reply] = []
        for item in results[:_MOST_CALLBACKS] if isinstance(results, list) else []:
            if isinstance(inside(item, "status"), dict):
                receipts += _receipt(item)
            else:
                replies += _reply(item)
        return Callback(tuple(receipts), tuple(replies))

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the logs, which go back 48 hours.

        Infobip's lists of reports give each report only once: what is lost on the way would be lost for good.
        """
        since = max(span.since, span.until - LOGGED)
        if listed is Listed.REPLIES:
            end = int(page) if page is not None else span.until
            # To the end of its second: what came within it is read again, rather than left out.
            times = {"receivedSince": utc(since, _MOMENT), "receivedUntil": utc(end + 999, _MOMENT)}
            return self.get(f"{self._base}/sms/1/inbox/logs", {**times, "limit": str(_MOST_CALLBACKS)})
        times = {"sentSince": utc(since, _MOMENT), "sentUntil": utc(span.until, _MOMENT)}
        more = {"cursor": page} if page is not None else {}
        limit = {"limit": str(_MOST_CALLBACKS), "useCursor": "true"}
        return self.get(f"{self._base}/{self._logs}/logs", {**times, **limit, **more})

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page. Replies come newest first and without a cursor: the next page ends at the oldest of them."""
        data = json_object(response)
        found = items(data, "results")
        if listed is Listed.REPLIES:
            replies = joined(map(_reply, found))
            oldest = min((one.at for one in replies if one.at is not None), default=None)
            is_full = len(found) >= _MOST_CALLBACKS and oldest is not None
            return ListPage(replies=replies, next=str(oldest) if is_full else None)
        following = inside(data, "cursor", "nextCursor")
        sent = [one for one in found if isinstance(one.get("status"), dict)]
        return ListPage(joined(map(_receipt, sent)), next=following if isinstance(following, str) else None)

    def _message(self, message: Message) -> dict[str, Any]:
        block, sender = self._block, self.sender_of(message)
        seconds = validity_of(block.validity, message)
        validity = {"validityPeriod": {"amount": seconds, "timeUnit": "SECONDS"}} if seconds else None
        report = {"delivery": {"url": block.status_callback}, "contentType": "application/json"}
        if self._api == _MESSAGES_API:
            return {
                **content_of(message),
                "channel": CHANNELS[message.channel],
                "sender": digits(sender) if sender else None,
                "destinations": [{"to": digits(message.to), "messageId": message.reference}],
                # What was approved is sent, or nothing; Viber wants to know whether it advertises something.
                "options": {"adaptationMode": False, "trafficType": _traffic(message)},
                "webhooks": report if block.status_callback else None,
            }
        return {
            "sender": digits(sender) if sender else None,
            "destinations": [{"to": digits(message.to), "messageId": message.reference}],
            "content": self._content(message),
            "options": validity if message.channel == "sms" else None,
            "webhooks": report if block.status_callback else None,
        }

    def _content(self, message: Message) -> dict[str, Any]:
        if message.channel == "rcs":
            return rcs_content(message)
        return mms_content(message) if message.channel == "mms" else {"text": message.body}

    def _of_item(self, message: Message, item: dict[str, Any] | None, response: HttpResponse) -> Outcome:
        if item is None or is_to_another(item.get("destination") or item.get("to"), message.to):
            return unreadable(response)
        return self._by_status(item, response, message.reference)

    def _by_status(self, item: dict[str, Any], response: HttpResponse, reference: str) -> Outcome:
        code, group = safe_code(inside(item, "status", "id")), inside(item, "status", "groupName")
        known = self.codes.get(code or "")
        if known is not None:
            return outcome_of(known.meaning, code=code, detail=known.detail, gateway_id=safe_id(reference))
        if group in _TAKEN:
            return accepted(response, safe_id(reference))
        return self.refused(response, code, gateway_id=safe_id(reference))


def _traffic(message: Message) -> str | None:
    if message.channel != "viber_business":
        return None
    return "PROMOTIONAL" if message.purpose == "marketing" else "TRANSACTIONAL"


def _group(status: Mapping[str, Any]) -> object:
    """The name of a status' group, by its number where it has no name."""
    number = status.get("groupId")
    return status.get("groupName") or (_GROUPS.get(number) if isinstance(number, int) else None)


def _receipt_code(item: Mapping[str, Any]) -> object:
    """Why a message did not arrive: the error's name, else the status'. Their ids would not do: 10 is a contract
    without SMS as an error and a do-not-disturb list as a status. None where nothing went wrong."""
    error, status = inside(item, "error", "name"), item["status"]
    if error not in (None, "", NO_ERROR):
        return error
    return status.get("name") if _group(status) in _FAILED else None


def _receipt(item: Any) -> tuple[Receipt, ...]:
    identifier, status = inside(item, "messageId"), inside(item, "status")
    return told(
        id=identifier, reference=identifier, status=inside(status, "name"), group=_group(status),
        code=_receipt_code(item), at=inside(item, "doneAt"), price=_price(item),
        currency=inside(item, "price", "currency"),
    )  # fmt: skip


def _reply(item: Any) -> tuple[Reply, ...]:
    said = inside(item, "content")  # of the Messages API
    first = said[0] if isinstance(said, list) and said else None
    return one_reply(
        sender=inside(item, "from") or inside(item, "sender"), to=inside(item, "to") or inside(item, "destination"),
        body=inside(item, "text") or inside(first, "text"),
        id=inside(item, "messageId"), at=inside(item, "receivedAt"),
    )  # fmt: skip


def _price(item: Any) -> str | None:
    """Return the price of all parts of the message."""
    each, parts = (
        inside(item, "price", "pricePerMessage"),
        inside(item, "messageCount") or inside(item, "smsCount"),
    )
    if isinstance(each, bool) or not isinstance(each, int | float) or not isinstance(parts, int | None):
        return None
    return str(Decimal(str(each)) * (parts or 1))


class InfobipGateway(ProviderGateway):
    """Infobip: SMS, MMS, WhatsApp, RCS, Viber business messages."""

    block_model = InfobipBlock
    provider_class = InfobipProvider
    provider: InfobipProvider

    async def reachable(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Return whom RCS reaches; numbers of which Infobip is not sure are absent."""
        found: dict[str, bool] = {}
        for start in range(0, len(numbers), MOST_ASKED):
            piece = numbers[start : start + MOST_ASKED]
            try:
                response = await self._opened().send(self.provider.reach_request(piece))
            except (NotSent, MaybeSent, Unsendable) as error:
                log.warning("gateway %s: %s", self.name, error)
                break
            found |= reached(piece, response)
        return found
