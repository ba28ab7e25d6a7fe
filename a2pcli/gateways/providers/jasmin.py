"""Jasmin, the open SMS gateway: its HTTP API.

It answers ``Success "id"``, takes no reference and no idempotency key, and cannot be asked: a request without an
answer stays ``unknown``. ``status_callback`` carries our reference; Jasmin calls it until it is answered
``ACK/Jasmin``. A text outside GSM-7 goes as UTF-16 in hexadecimal digits: else Jasmin replaces what it cannot write.

Codes: ``codes/jasmin.csv``, by the first words of Jasmin's sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, one_receipt, one_reply
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.engine.charsets import text_of
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    is_unicode,
    shown,
    validity_of,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_TAKEN = re.compile(r'\s*Success "([^"]{1,128})"')
_ERROR = re.compile(r'\s*Error "')
_SENTENCES = (
    ("Authentication failure", "authentication"),
    ("User throughput exceeded", "throughput"),
    ("Cannot charge submit_sm", "charge"),
    ("No route found", "no-route"),
    ("Failover route has no bound connectors", "not-bound"),
    ("Cannot send MT messages", "may-not-send"),
    ("Setting dlr level not authorized", "may-not-ask"),
    ("source_addr", "sender-filter"),
    ("source_address", "sender-filter"),
)
_UCS2 = "8"


class JasminBlock(CallbackBlock):
    """Settings of Jasmin."""

    username: str = Field(min_length=1, max_length=16, description="The user")
    password: SecretStr = Field(min_length=1, max_length=16, description="The user's password")
    validity: int | None = Field(
        None,
        ge=60,
        description="Seconds after which the operator gives up on a message; Jasmin counts in minutes",
    )
    base_url: Url = Field("http://127.0.0.1:1401", description="Where Jasmin's HTTP API is")


class JasminProvider(Provider):
    """Builds Jasmin's requests and reads the answers."""

    title = "Jasmin"
    table = "jasmin"
    callback_answer = b"ACK/Jasmin"

    def __init__(self, name: str, block: JasminBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(
                frozenset({"sms"}), concurrency=block.concurrency or 50, receipts=True, expires=True
            ),
        )
        self._block = block
        self._base = block.base_url.rstrip("/")

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        needs_unicode, callback, validity = (
            is_unicode(message),
            self.callback_for(message),
            validity_of(self._block.validity, message),
        )
        return self.post_form(
            f"{self._base}/send",
            {
                "username": self._block.username,
                "password": shown(self._block.password),
                "to": message.to,
                "from": self.sender_of(message),
                "content": None if needs_unicode else message.body,
                "hex-content": message.body.encode("utf-16-be").hex() if needs_unicode else None,
                "coding": _UCS2 if needs_unicode else "0",
                "validity-period": str(-(-validity // 60)) if validity else None,
                "dlr": "yes" if callback else "no",
                "dlr-url": callback,
                "dlr-level": "3" if callback else None,  # the operator's answer, and the final status
                "dlr-method": "POST" if callback else None,
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        said = text_of(response, 500)
        if 200 <= response.status < 300:
            taken = _TAKEN.match(said)
            return accepted(response, safe_id(taken[1])) if taken else unreadable(response)
        code = (
            next((code for words, code in _SENTENCES if words in said), None) if _ERROR.match(said) else None
        )
        return self.refused(response, code)

    def check_request(self) -> HttpRequest:
        """Build a request for the balance."""
        query = {"username": self._block.username, "password": shown(self._block.password)}
        return self.get(f"{self._base}/balance", query)

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a balance."""
        return isinstance(data, dict) and "sms_count" in data

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a delivery report or an incoming message."""
        fields = {**request.query, **request.form}
        if "message_status" in fields:
            status = fields["message_status"]
            # Level 1 is the operator's answer: accepted, or one of its errors.
            group = "rejected" if status.startswith("ESME_R") and status != "ESME_ROK" else None
            code = status if group else fields.get("err")
            return Callback(one_receipt(request, id=fields.get("id"), status=status, group=group, code=code))
        return Callback(
            replies=one_reply(
                sender=fields.get("from"), to=fields.get("to"), body=_text(fields), id=fields.get("id")
            )
        )


def _text(fields: dict[str, str]) -> str | None:
    """Return the text of an incoming message; in UCS-2, only its bytes are exact."""
    if fields.get("coding") == _UCS2 and fields.get("binary"):
        try:
            return bytes.fromhex(fields["binary"]).decode("utf-16-be")
        except ValueError:
            pass
    return fields.get("content")


class JasminGateway(ProviderGateway):
    """Jasmin, SMS."""

    block_model = JasminBlock
    provider_class = JasminProvider
