"""Twilio Programmable Messaging: SMS, MMS, WhatsApp and RCS, from a number, a name or a Messaging Service.

WhatsApp's templates are Twilio's content templates, sent by their SID; ``a2pcli templates sync`` fetches them. RCS has
texts and pictures: Twilio sends cards only as content templates.

Twilio takes one message a request and no idempotency key for messages, and it cannot search by a reference of
ours: a request without an answer stays ``unknown``. What helps is ``status_callback``: it is given our
reference, so the callback of such a message can be told apart.

Codes: https://www.twilio.com/docs/api/errors; what they mean here is in ``codes/twilio.csv``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import Field, SecretStr, model_validator

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.content.whatsapp_templates import WhatsAppTemplate
from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import (
    Callback,
    CallbackRequest,
    Reply,
    form_pairs,
    is_same,
    one_receipt,
    one_reply,
    told,
)
from a2pcli.gateways.codes import outcome_of, safe_code, safe_id
from a2pcli.gateways.engine.statuses import by_status, sentence, unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, next_url, utc
from a2pcli.gateways.providers.common import (
    FORM,
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    basic,
    is_to_another,
    json_object,
    shown,
    validity_of,
)  # fmt: skip
from a2pcli.gateways.providers.template_pages import all_templates
from a2pcli.gateways.providers.twilio_content import next_page, templates_of, variables_of
from a2pcli.messages import Message, Outcome

_NOT_TAKEN = frozenset({"failed", "undelivered", "canceled"})
_PREFIXED = frozenset({"whatsapp", "rcs"})
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")


LONGEST_VALIDITY = 36_000
"""Seconds."""


class TwilioBlock(CallbackBlock):
    """Settings of Twilio: an account with its token, or with an API key."""

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$", description="The account, AC and 32 hex digits")
    auth_token: SecretStr | None = Field(None, description="The account's token; or an API key instead")
    api_key_sid: str | None = Field(
        None, pattern=r"^SK[0-9a-fA-F]{32}$", description="The API key, SK and 32 hex digits"
    )
    api_key_secret: SecretStr | None = Field(None, description="The API key's secret")
    messaging_service_sid: str | None = Field(
        None,
        pattern=r"^MG[0-9a-fA-F]{32}$",
        description="The Messaging Service that chooses the sender; a campaign's own sender goes with it",
    )
    callback_token: SecretStr | None = Field(
        None, description="The account's token, to know Twilio's callbacks by, where an API key signs in"
    )
    validity: int | None = Field(
        None, ge=1, le=LONGEST_VALIDITY, description="Seconds after which Twilio gives up on a message"
    )
    base_url: Url = Field("https://api.twilio.com", description="Where the API is, for a region or a test")
    content_url: Url = Field(
        "https://content.twilio.com", description="Where the list of content templates is, for a test"
    )

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> TwilioBlock:
        has_key = self.api_key_sid is not None and self.api_key_secret is not None
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            raise ValueError("api_key_sid and api_key_secret belong together")
        if (self.auth_token is not None) == has_key:
            raise ValueError("give auth_token, or api_key_sid with api_key_secret")
        return self


class TwilioProvider(Provider):
    """Builds Twilio's requests and reads the answers."""

    title = "Twilio"
    table = "twilio"
    signs = True
    lists = frozenset({Listed.RECEIPTS, Listed.REPLIES})

    def __init__(self, name: str, block: TwilioBlock) -> None:
        channels = frozenset({"sms", "mms", "whatsapp", "rcs"})
        super().__init__(
            name,
            block,
            Capabilities(
                channels,
                concurrency=block.concurrency or 50,
                receipts=True,
                expires=True,
                longest_validity=LONGEST_VALIDITY,
            ),
        )
        self._block = block
        base = f"{block.base_url.rstrip('/')}/2010-04-01/Accounts/{block.account_sid}"
        self._messages_url = f"{base}/Messages.json"
        # A standard API key may send but not read the account; reading messages proves it as well.
        self._check_url = f"{base}/Messages.json?PageSize=1" if block.api_key_sid else f"{base}.json"
        user, secret = block.account_sid, block.auth_token
        if block.api_key_sid is not None:
            user, secret = block.api_key_sid, block.api_key_secret
        self.headers["Authorization"] = basic(user, secret)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        block = self._block
        fields = [("To", _address(message.channel, message.to)), *self._from(message)]
        content = message.content or {}
        if template := content.get("template"):
            variables = variables_of(template)
            fields.append(("ContentSid", template["id"]))
            fields += [("ContentVariables", variables)] if variables else []
        elif message.body:
            fields.append(("Body", message.body))
        image = content.get("image")
        fields += [("MediaUrl", url) for url in (*message.media, *([image] if image else ()))]
        callback = self.callback_for(message)
        if callback:
            fields.append(("StatusCallback", callback))
        if validity := validity_of(block.validity, message):
            fields.append(("ValidityPeriod", str(validity)))
        body = urlencode(fields).encode("ascii")
        return HttpRequest(
            "POST", self._messages_url, {**self.headers, "Content-Type": FORM}, body, block.timeout
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if 200 <= response.status < 300 and is_to_another(_bare(data.get("to")), message.to):
            return unreadable(response)
        return self._outcome(response, data)

    def check_request(self) -> HttpRequest | None:
        """Build a request for the account."""
        return self.get(self._check_url)

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether the account exists and is active."""
        data = json_object(response)
        if response.status != 200:
            known = self.codes.get(safe_code(data.get("code")) or "")
            return Health(False, known.detail if known else sentence(response.status))
        status = data.get("status")
        if isinstance(status, str) and status != "active":
            return Health(False, "the Twilio account is not active")
        if "sid" not in data and "messages" not in data:
            return Health(False, "the answer is not Twilio's; is base_url right?")
        trial = (
            " (a trial account: it can only send to verified numbers)" if data.get("type") == "Trial" else ""
        )
        return Health(True, f"Twilio took the credentials{trial}")

    def _from(self, message: Message) -> list[tuple[str, str]]:
        sender = message.sender or self._block.sender
        service = self._block.messaging_service_sid
        if sender and _SERVICE.fullmatch(sender):
            return [("MessagingServiceSid", sender)]
        fields = [("MessagingServiceSid", service)] if service else []
        if sender:
            fields.append(("From", _address(message.channel, sender)))
        return fields

    def refusal(self, message: Message) -> Outcome | None:
        """Return why Twilio cannot express this message, or None."""
        content = message.content or {}
        if content.get("template") and not content["template"].get("id"):
            detail = (
                "the template has no ContentSid: run `a2pcli templates sync` for this gateway and plan again"
            )
            return outcome_of("account", code="no-content-sid", detail=detail)
        beyond = [key for key in ("buttons", "card", "carousel", "suggestions") if content.get(key)]
        if beyond and message.channel in _PREFIXED and not content.get("template"):
            detail = f"Twilio sends {beyond[0]} only as content templates"
            return outcome_of("content", code="needs-template", detail=detail)
        return None

    def templates_request(self, url: str | None = None) -> HttpRequest:
        """Build the request for a page of content templates with their approvals: the first, or the one at ``url``."""
        base = self._block.content_url.rstrip("/")
        if url is not None:  # send the credentials only to the API's own host
            parts = urlsplit(url)
            return self.get(f"{base}{parts.path}?{parts.query}")
        return self.get(f"{base}/v1/ContentAndApprovals", {"PageSize": "50"})

    def read_templates(self, response: HttpResponse) -> tuple[list[WhatsAppTemplate], str | None]:
        """Return the templates of a page, and the URL of the next. Raises ``ValueError`` with a sentence."""
        data = json_object(response)
        if response.status != 200:
            known = self.codes.get(safe_code(data.get("code")) or "")
            raise ValueError(known.detail if known else sentence(response.status))
        return list(templates_of(data)), next_page(data)

    def _outcome(self, response: HttpResponse, data: Mapping[str, Any]) -> Outcome:
        if 200 <= response.status < 300:
            identifier = safe_id(data.get("sid"))
            if identifier is None:
                return unreadable(response)
            if data.get("status") in _NOT_TAKEN:
                return self._by_code(response, data.get("error_code"), identifier)
            return outcome_of("accepted", code=None, gateway_id=identifier)
        if response.status >= 500:
            # Whatever the code: an internal error may come after the message was accepted.
            return by_status(response)
        return self._by_code(response, data.get("code"), None)

    def _by_code(self, response: HttpResponse, value: object, identifier: str | None) -> Outcome:
        code = safe_code(value)
        if identifier is not None and (code or "") not in self.codes:
            return outcome_of(
                "content", code=code or "failed", detail="Twilio took it and failed", gateway_id=identifier
            )
        return self.refused(response, value, gateway_id=identifier)

    @property
    def callback_secret(self) -> str | None:
        """Return the account's token; with an API key, ``callback_token``."""
        return shown(self._block.auth_token or self._block.callback_token) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a status callback or an incoming message (only the former has ``MessageStatus``)."""
        form = {**request.query, **request.form}
        identifier = form.get("MessageSid") or form.get("SmsSid")
        if form.get("MessageStatus"):
            return Callback(
                one_receipt(request, id=identifier, status=form["MessageStatus"], code=form.get("ErrorCode"))
            )
        files = [form.get(f"MediaUrl{number}") for number in range(10)]
        return Callback(
            replies=one_reply(
                sender=_bare(form.get("From")),
                to=_bare(form.get("To")),
                body=form.get("Body"),
                id=identifier,
                media=files,
                is_opt_out=form.get("OptOutType") == "STOP",
                channel=_channel(form.get("From")),
            )
        )

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the messages sent or received since a time; Twilio has one list of both."""
        if page is not None:
            return self.get(page)
        fields = {"DateSent>": utc(span.since), "DateSent<": utc(span.until), "PageSize": "1000"}
        return self.get(self._messages_url, fields)

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return what the page has of the list."""
        data = json_object(response)
        found = items(data, "messages")
        following = next_url(self._block.base_url.rstrip("/"), data.get("next_page_uri"))
        if listed is Listed.REPLIES:
            came = [one for one in found if one.get("direction") == "inbound"]
            return ListPage(replies=joined(map(_listed_reply, came)), next=following)
        sent = [one for one in found if one.get("direction") != "inbound"]
        return ListPage(joined(map(_listed_receipt, sent)), next=following)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Twilio-Signature``: HMAC-SHA1 over the URL and the form's fields in order, or over the URL with
        the body's hash in it. Twilio signs the URL with or without its port."""
        theirs = request.headers.get("x-twilio-signature", "")
        hashed = request.query.get("bodySHA256")
        if hashed is not None:
            if not is_same(hashlib.sha256(request.body).hexdigest(), hashed.lower()):
                return False
            signed = ""
        else:
            pairs = sorted(set(form_pairs(request.body.decode("utf-8", "replace"))))
            signed = "".join(key + value for key, value in pairs)
        if is_same(_signature(secret, request.url + signed), theirs):
            return True
        return any(
            is_same(_signature(secret, url + signed), theirs) for url in _with_and_without_port(request.url)
        )


class TwilioGateway(ProviderGateway):
    """Twilio Programmable Messaging."""

    block_model = TwilioBlock
    provider_class = TwilioProvider

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch, unless Twilio cannot express the message."""
        refused = self.provider.refusal(batch[0])  # type: ignore[attr-defined]
        return [refused] if refused is not None else await super().submit(batch)

    async def templates(self) -> Sequence[WhatsAppTemplate]:
        """Return all content templates that were submitted to WhatsApp. Raises ``GatewayUnusable``."""
        return await all_templates(self, "Twilio")


def _address(channel: str, address: str) -> str:
    """Return the address as Twilio writes it for the channel."""
    return f"{channel}:{address}" if channel in _PREFIXED and ":" not in address else address


def _channel(address: Any) -> str | None:
    """Return the channel that stands before an address; None for SMS and MMS, which have none."""
    kind, colon, _ = address.partition(":") if isinstance(address, str) else ("", "", "")
    return kind if colon and kind in _PREFIXED else None


def _bare(address: Any) -> Any:
    """Return the address without the channel's prefix."""
    kind, colon, rest = address.partition(":") if isinstance(address, str) else ("", "", "")
    return rest if colon and kind in _PREFIXED else address


def _listed_receipt(one: Mapping[str, Any]) -> tuple[Receipt, ...]:
    at = one.get("date_updated") or one.get("date_sent")
    return told(
        id=one.get("sid"), status=one.get("status"), code=one.get("error_code"), at=at,
        price=one.get("price"), currency=one.get("price_unit"),
    )  # fmt: skip


def _listed_reply(one: Mapping[str, Any]) -> tuple[Reply, ...]:
    return one_reply(
        sender=_bare(one.get("from")), to=_bare(one.get("to")), body=one.get("body") or "(no text)",
        id=one.get("sid"), at=one.get("date_sent"), channel=_channel(one.get("from")),
    )  # fmt: skip


def _signature(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode("ascii")


def _with_and_without_port(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return {url}
    host = parts.netloc.removesuffix(f":{port}")
    usual = 443 if parts.scheme == "https" else 80
    return {
        parts._replace(netloc=host).geturl(),
        parts._replace(netloc=f"{host}:{port or usual}").geturl(),
    } | {url}
