"""Twilio Programmable Messaging: SMS and MMS, from a number, a name or a Messaging Service.

Twilio takes one message a request and no idempotency key for messages, and it cannot search by a reference of
ours: a request without an answer stays ``unknown``. What helps is ``status_callback``: it is given our
reference, so the callback of such a message can be told apart.

Codes: https://www.twilio.com/docs/api/errors; what they mean here is in ``codes/twilio.csv``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, Field, SecretStr, model_validator

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.charsets import json_of
from a2pcli.gateways.codes import load_codes, outcome_of, safe_code, safe_id
from a2pcli.gateways.http_settings import HttpBlock, checked_url, engine_for
from a2pcli.gateways.settings import read_block
from a2pcli.gateways.statuses import by_status, sentence, unreadable
from a2pcli.gateways.transport import HttpGateway
from a2pcli.gateways.waits import retry_after
from a2pcli.messages import Message, Outcome

_NOT_TAKEN = frozenset({"failed", "undelivered", "canceled"})
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"\+\d{8,15}")
_FORM = "application/x-www-form-urlencoded"


class TwilioBlock(HttpBlock):
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
    status_callback: Annotated[str, AfterValidator(checked_url)] | None = Field(
        None, description="URL that Twilio tells what became of each message; `reference=` is added to it"
    )
    validity: int | None = Field(
        None, ge=1, le=36_000, description="Seconds after which Twilio gives up on a message"
    )
    base_url: Annotated[str, AfterValidator(checked_url)] = Field(
        "https://api.twilio.com", description="Where the API is, for a region or a test"
    )

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> TwilioBlock:
        has_key = self.api_key_sid is not None and self.api_key_secret is not None
        if (self.api_key_sid is None) != (self.api_key_secret is None):
            raise ValueError("api_key_sid and api_key_secret belong together")
        if (self.auth_token is not None) == has_key:
            raise ValueError("give auth_token, or api_key_sid with api_key_secret")
        return self


class TwilioProvider:
    """Builds Twilio's requests and reads its answers."""

    def __init__(self, name: str, block: TwilioBlock) -> None:
        self.name = name
        self.capabilities = Capabilities(
            channels=frozenset({"sms", "mms"}), concurrency=block.concurrency or 50, receipts=True
        )
        self._block = block
        base = f"{block.base_url.rstrip('/')}/2010-04-01/Accounts/{block.account_sid}"
        self._messages_url = f"{base}/Messages.json"
        # A standard API key may send but not look at the account; what it may look at proves it too.
        self._check_url = f"{base}/Messages.json?PageSize=1" if block.api_key_sid else f"{base}.json"
        self._headers = {"Authorization": _basic(block), "Accept": "application/json", "Content-Type": _FORM}
        self._codes = load_codes("twilio")

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """The request for the one message of the batch."""
        (message,) = batch
        block = self._block
        fields = [("To", message.to), *self._from(message)]
        if message.body:
            fields.append(("Body", message.body))
        fields += [("MediaUrl", url) for url in message.media]
        if block.status_callback:
            joint = "&" if "?" in block.status_callback else "?"
            callback = f"{block.status_callback}{joint}reference={quote(message.reference, safe='')}"
            fields.append(("StatusCallback", callback))
        if block.validity:
            fields.append(("ValidityPeriod", str(block.validity)))
        body = urlencode(fields).encode("ascii")
        return HttpRequest("POST", self._messages_url, self._headers, body, block.timeout)

    def read(self, batch: Sequence[Message], response: HttpResponse) -> Sequence[Outcome]:
        """Read the answer to the one message: a list with its ``Outcome``."""
        data = _json_object(response)
        if 200 <= response.status < 300 and _is_to_another(data.get("to"), batch[0].to):
            return [unreadable(response)]
        return [self._outcome(response, data)]

    def lookup_request(self, reference: str) -> HttpRequest | None:
        """None: Twilio knows its own ids only."""
        return None

    def read_lookup(self, reference: str, response: HttpResponse) -> Outcome | None:
        """Returns nothing: Twilio cannot be searched by our reference."""
        return None

    def check_request(self) -> HttpRequest | None:
        """A request that reads the account, to check the credentials."""
        headers = {key: value for key, value in self._headers.items() if key != "Content-Type"}
        return HttpRequest("GET", self._check_url, headers, timeout=self._block.timeout)

    def read_check(self, response: HttpResponse) -> Health:
        """Whether the account is there and active."""
        data = _json_object(response)
        if response.status != 200:
            known = self._codes.get(safe_code(data.get("code")) or "")
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
            fields.append(("From", sender))
        return fields

    def _outcome(self, response: HttpResponse, data: Mapping[str, Any]) -> Outcome:
        if 200 <= response.status < 300:
            identifier = safe_id(data.get("sid"))
            if identifier is None:
                return unreadable(response)
            if data.get("status") in _NOT_TAKEN:
                return self._by_code(response, data.get("error_code"), identifier)
            return outcome_of("accepted", code=None, gateway_id=identifier)
        if response.status >= 500:
            # Whatever its code: a failure inside may come after the message was taken.
            return by_status(response)
        return self._by_code(response, data.get("code"), None)

    def _by_code(self, response: HttpResponse, value: object, identifier: str | None) -> Outcome:
        code = safe_code(value)
        known = self._codes.get(code or "")
        if known is not None:
            pause = retry_after(response.headers)
            return outcome_of(
                known.meaning, code=code, detail=known.detail, gateway_id=identifier, retry_after=pause
            )
        if identifier is not None:
            return outcome_of(
                "content", code=code or "failed", detail="Twilio took it and failed", gateway_id=identifier
            )
        return by_status(response, code=code, detail=f"Twilio refused it (code {code})" if code else None)


class TwilioGateway(HttpGateway):
    """Twilio Programmable Messaging."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        block = read_block(TwilioBlock, name, settings)
        provider = TwilioProvider(name, block)
        super().__init__(provider, engine=lambda: engine_for(block, provider.capabilities.concurrency))


def _basic(block: TwilioBlock) -> str:
    user, secret = block.account_sid, block.auth_token
    if block.api_key_sid is not None:
        user, secret = block.api_key_sid, block.api_key_secret
    pair = f"{user}:{secret.get_secret_value() if secret else ''}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _is_to_another(said: object, to: str) -> bool:
    """Whether an answer names another person's number; Twilio may write a number otherwise, or hide its end."""
    return isinstance(said, str) and bool(_NUMBER.fullmatch(said)) and said[-7:] != to[-7:]


def _json_object(response: HttpResponse) -> dict[str, Any]:
    """The answer's JSON object; empty where it is anything else."""
    data = json_of(response)
    return data if isinstance(data, dict) else {}
