"""Vonage: SMS by the SMS API, or by the Messages API.

Neither takes an idempotency key, and neither can be asked by a reference of ours at once: a request without an answer
stays ``unknown``. Both hand our reference back as ``client-ref`` in each receipt. The SMS API answers with an id for
each part of a text.

Codes: ``codes/vonage.csv`` (SMS API), ``codes/vonage_messages.csv`` (Messages API).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse, Submitted
from a2pcli.gateways.callbacks import (
    REFERENCE,
    Callback,
    CallbackRequest,
    Reply,
    bearer,
    inside,
    is_hash_of,
    is_same,
    jwt_claims,
    one_receipt,
    one_reply,
    told,
)
from a2pcli.gateways.codes import load_codes, safe_code, safe_id
from a2pcli.gateways.engine.protocol import MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.statuses import by_status, unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, next_url, utc
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    basic,
    digits,
    is_to_another,
    is_unicode,
    json_object,
    shown,
    validity_of,
)  # fmt: skip
from a2pcli.gateways.providers.vonage_content import CHANNELS, content_of
from a2pcli.messages import Cause, Message, Outcome, Verdict

log = logging.getLogger(__name__)

_HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}


LONGEST_VALIDITY = 604_800
"""Seconds."""
LONGEST_OF_RCS = 259_200
"""Seconds; Viber's limit is the same."""

_RECORDS = 3_600_000
"""Milliseconds of records in one request."""


class VonageBlock(CallbackBlock):
    """Settings of Vonage."""

    api_key: str = Field(min_length=1, description="The account's API key")
    api_secret: SecretStr = Field(description="The account's API secret")
    api: Literal["sms", "messages"] = Field("sms", description="Which API sends: `sms` or `messages`")
    channels: list[Literal["sms", "mms", "whatsapp", "rcs", "viber_business"]] = Field(
        default=["sms"],
        min_length=1,
        description="Channels that it sends, e.g. `[mms, whatsapp]`; others than `sms` need `api: messages`. A gateway"
        " with `mms` or `whatsapp` lets no message expire; one with `rcs` alone can take messages back",
    )
    signature_secret: SecretStr | None = Field(
        None, description="The account's signature secret, to know Vonage's callbacks by"
    )
    validity: int | None = Field(
        None, ge=20, le=LONGEST_VALIDITY, description="Seconds after which Vonage gives up on a message"
    )
    base_url: Url = Field(
        "https://rest.nexmo.com", description="Where the SMS API and the balance are, for a test"
    )
    messages_url: Url = Field(
        "https://api.nexmo.com", description="Where the Messages API is, for a region or a test"
    )

    @model_validator(mode="after")
    def _channels_fit(self) -> VonageBlock:
        if self.api == "sms" and set(self.channels) != {"sms"}:
            raise ValueError("channels other than sms need `api: messages`")
        return self


class VonageProvider(Provider):
    """Builds Vonage's requests and reads the answers."""

    title = "Vonage"
    table = "vonage"
    signs = True
    lists = frozenset({Listed.RECEIPTS, Listed.REPLIES})

    def __init__(self, name: str, block: VonageBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(
                frozenset(block.channels),
                concurrency=block.concurrency or 30,
                receipts=True,
                # WhatsApp knows no time after which it gives up, and MMS none below five minutes.
                expires=set(block.channels) <= _EXPIRING,
                longest_validity=LONGEST_VALIDITY if set(block.channels) <= {"sms"} else LONGEST_OF_RCS,
                # It is said of a whole gateway, and nothing but RCS can be taken back.
                revokes=set(block.channels) == {"rcs"},
            ),
        )
        self._block = block
        self._by_messages = block.api == "messages"
        if self._by_messages:
            self.codes = load_codes("vonage_messages")
        self.headers["Authorization"] = basic(block.api_key, block.api_secret)
        self._sms_url = block.base_url.rstrip("/") + "/sms/json"
        self._messages_url = block.messages_url.rstrip("/") + "/v1/messages"
        self._reports_url = block.messages_url.rstrip("/")
        self._balance_url = block.base_url.rstrip("/") + "/account/get-balance"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        sender, block = self.sender_of(message), self._block
        validity = validity_of(block.validity, message)
        if self._by_messages:
            data = {
                **content_of(message, _shorter(validity)),
                "channel": CHANNELS.get(message.channel, message.channel),
                "to": digits(message.to),
                "from": digits(sender) if sender else None,
                "client_ref": message.reference,
                "ttl": _ttl(message, validity),
                "webhook_url": block.status_callback,
            }
            return self.post_json(self._messages_url, data)
        return self.post_form(
            self._sms_url,
            {
                "api_key": block.api_key,
                "api_secret": shown(block.api_secret),
                "to": digits(message.to),
                "from": digits(sender) if sender else None,
                "text": message.body,
                "type": "unicode" if is_unicode(message) else "text",
                "client-ref": message.reference,
                "ttl": str(1000 * validity) if validity else None,
                "callback": block.status_callback,
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if self._by_messages:
            if 200 <= response.status < 300:
                return accepted(response, safe_id(data.get("message_uuid")))
            # The code follows the # in the error's type, or is its title.
            kind = str(data.get("type") or "").rpartition("#")[2]
            return self.refused(response, safe_code(kind) or data.get("title"))
        parts = data.get("messages")
        if response.status != 200 or not isinstance(parts, list) or not parts:
            return unreadable(response) if response.status == 200 else by_status(response)
        return self._of_parts(message, response, [part if isinstance(part, dict) else {} for part in parts])

    def _of_parts(self, message: Message, response: HttpResponse, parts: list[dict[str, Any]]) -> Outcome:
        for part in parts:
            if is_to_another(part.get("to"), message.to):
                return unreadable(response)
            if part.get("client-ref") not in (None, message.reference):
                return unreadable(response)
        taken = [part for part in parts if safe_code(part.get("status")) == "0"]
        ids = tuple(safe_id(part.get("message-id")) if part in taken else None for part in parts)
        if len(taken) == len(parts):
            outcome = accepted(response, ids[0])
            return replace(outcome, part_ids=ids) if len(parts) > 1 else outcome
        code = next(safe_code(part.get("status")) for part in parts if part not in taken)
        if taken:
            return Outcome(
                Verdict.UNKNOWN,
                safe_id(taken[0].get("message-id")),
                Cause.AMBIGUOUS,
                code or "parts",
                "Vonage took some parts of the text and refused others",
                part_ids=ids,
            )
        return self.refused(response, code)

    def revoke_request(self, gateway_id: str) -> HttpRequest:
        """Build the request that takes back an RCS message."""
        url = f"{self._messages_url}/{quote(gateway_id, safe='')}"
        return replace(self.post_json(url, {"status": "revoked"}), method="PATCH")

    def read_revoke(self, response: HttpResponse) -> bool | None:
        """Return whether Vonage took it back; False if it does not know the message any more, None if it does not
        say."""
        if 200 <= response.status < 300:
            return True
        is_ours = isinstance(json_object(response).get("title"), str)
        return False if response.status in (404, 422) and is_ours else None

    def check_request(self) -> HttpRequest:
        """Build a request for the balance."""
        return self.get(self._balance_url)

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a balance."""
        return isinstance(data, dict) and "value" in data

    @property
    def callback_secret(self) -> str | None:
        """Return the signature secret."""
        return shown(self._block.signature_secret) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a receipt or an incoming message of either API."""
        data = request.json
        if isinstance(data, dict) and "message_uuid" in data:
            return _of_messages_api(request, data)
        fields = request.fields
        at, identifier = fields.get("message-timestamp"), fields.get("messageId") or fields.get("message-id")
        if "status" in fields:
            return Callback(
                one_receipt(
                    request, id=identifier, status=fields["status"], code=fields.get("err-code"), at=at,
                    reference=fields.get("client-ref"),
                )
            )  # fmt: skip
        part = fields.get("concat-ref"), fields.get("concat-part"), fields.get("concat-total")
        return Callback(
            replies=one_reply(
                sender=fields.get("msisdn"), to=fields.get("to"), body=fields.get("text"), id=identifier, at=at,
                part=part,
            )
        )  # fmt: skip

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for an hour of the Reports API's records, or for the page that such an answer named.

        A request covers at most 24 hours; shorter ones keep the answers small.
        """
        if page is not None and not page.isdigit():
            return self.get(page.partition("#")[0])
        begin = int(page) if page is not None else span.since
        product = "MESSAGES" if self._by_messages else "SMS"
        fields = {
            "account_id": self._block.api_key, "product": product, "date_start": utc(begin),
            "direction": "outbound" if listed is Listed.RECEIPTS else "inbound",
            "date_end": utc(min(begin + _RECORDS, span.until + 1000)),
        }  # fmt: skip
        more = {"include_message": "true"} if listed is Listed.REPLIES else {}
        return self.get(f"{self._reports_url}/v2/reports/records", {**fields, **more})

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page. After the last page of an hour comes the next hour."""
        data = json_object(response)
        found = items(data, "records")
        following = next_url(self._reports_url, inside(data, "_links", "next", "href"))
        if following is None:
            begin = _begin_of(page, span.since) + _RECORDS
            following = str(begin) if begin < span.until else None
        else:
            following = f"{following}#{_begin_of(page, span.since)}"
        if listed is Listed.REPLIES:
            return ListPage(replies=joined(map(_listed_reply, found)), next=following)
        return ListPage(joined(map(_listed_receipt, found)), next=following)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check the token in ``Authorization`` (Messages API), else ``sig`` among the fields (SMS API)."""
        token = bearer(request.headers.get("authorization", ""))
        if token:
            claims = jwt_claims(token, secret, now)
            # Without a hash of the body, a token would be valid for any body.
            return claims is not None and (
                not request.body or is_hash_of(request.body, claims.get("payload_hash"))
            )
        fields = request.fields
        theirs = fields.pop("sig", "").lower()
        without = {key: value for key, value in fields.items() if key != REFERENCE}
        return any(
            is_same(mine, theirs)
            for one in (fields, without)
            for mine in _signatures(one, secret, len(theirs))
        )


def _begin_of(page: str | None, since: int) -> int:
    """Return the begin of a page's hour: of a page that an answer named, it stands behind the URL."""
    number = since if page is None else page.rpartition("#")[2]
    return int(number)


def _listed_receipt(one: Mapping[str, Any]) -> tuple[Receipt, ...]:
    code = one.get("error_code")
    return told(
        id=one.get("message_id") or one.get("message_uuid") or one.get("id"), status=one.get("status"),
        code=None if code in ("0", 0) else code, at=one.get("date_finalized") or one.get("date_received"),
        reference=one.get("client_ref"), price=one.get("total_price") or one.get("price"),
        currency=one.get("currency"),
    )  # fmt: skip


def _listed_reply(one: Mapping[str, Any]) -> tuple[Reply, ...]:
    return one_reply(
        sender=one.get("from"), to=one.get("to"), body=one.get("message_body") or "(no text)",
        id=one.get("message_id") or one.get("message_uuid") or one.get("id"), at=one.get("date_received"),
    )  # fmt: skip


_EXPIRING = frozenset({"sms", "rcs", "viber_business"})


def _shorter(validity: int | None) -> int | None:
    return None if validity is None else min(validity, LONGEST_OF_RCS)


def _ttl(message: Message, validity: int | None) -> int | None:
    if message.channel not in ("sms", "rcs"):  # of Viber it stands elsewhere in the request
        return None
    return _shorter(validity) if message.channel == "rcs" else validity


def _of_messages_api(request: CallbackRequest, data: dict[str, Any]) -> Callback:
    identifier, at, ours = data.get("message_uuid"), data.get("timestamp"), data.get("client_ref")
    if "status" in data:
        error = data.get("error")
        code = inside(error, "code") or inside(error, "title") or inside(error, "type")
        return Callback(
            one_receipt(
                request, id=identifier, status=data["status"], code=code, at=at, reference=ours,
                price=inside(data, "usage", "price"), currency=inside(data, "usage", "currency"),
            )
        )  # fmt: skip
    sender, to = (
        value if isinstance(value, str) else inside(value, "number")
        for value in (data.get("from"), data.get("to"))
    )
    body = data.get("text") or inside(data, "message", "content", "text")
    media = [inside(data, kind, "url") for kind in ("image", "video", "audio", "file", "vcard")]
    channel = _HEARD.get(str(data.get("channel")))
    return Callback(
        replies=one_reply(sender=sender, to=to, body=body, id=identifier, at=at, media=media, channel=channel)
    )


_HEARD = {**{one: one for one in ("whatsapp", "rcs", "mms")}, "viber_service": "viber_business"}


def _signatures(fields: Mapping[str, str], secret: str, length: int) -> Iterable[str]:
    """Yield the valid values of ``sig``: a hash with the secret at the end, or an HMAC. The account chooses; the
    length tells which."""
    method = _HASHES.get(length)
    if method is None:
        return
    signed = "".join(f"&{key}={_plain(fields[key])}" for key in sorted(fields))
    yield hmac.new(secret.encode(), signed.encode(), method).hexdigest()
    if method == "md5":
        yield hashlib.md5((signed + secret).encode()).hexdigest()


def _plain(value: str) -> str:
    return value.replace("&", "_").replace("=", "_")


class VonageGateway(ProviderGateway):
    """Vonage, by either API."""

    block_model = VonageBlock
    provider_class = VonageProvider
    provider: VonageProvider

    async def revoke_by_id(self, to: str, asked: Sequence[Submitted]) -> bool | None:
        """Take an RCS message back. Return True if Vonage confirms it, False if it is too late, None if it does not
        say."""
        (one,) = asked
        try:
            response = await self._opened().send(self.provider.revoke_request(one.gateway_id))
        except (NotSent, MaybeSent, Unsendable) as error:
            log.warning("gateway %s could not take %s back: %s", self.name, one.reference, error)
            return None
        return self.provider.read_revoke(response)
