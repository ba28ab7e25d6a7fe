"""Kannel, the open SMS gateway: its smsbox's sendsms, by POST.

sendsms answers without an id and knows no reference, so a request without an answer stays ``unknown``. A delivery
report is a URL that Kannel calls (``dlr-url``): ours carries our reference, and has Kannel fill in the status, the
operator's id and its words. A text outside GSM-7 must say so: else Kannel sends question marks.

Codes: ``codes/kannel.csv``, by the first words of Kannel's sentences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, one_receipt, one_reply
from a2pcli.gateways.engine.charsets import text_of
from a2pcli.gateways.engine.statuses import sentence, unreadable
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    is_unicode,
    shown,
    validity_of,
)
from a2pcli.messages import Message, Outcome, Verdict

_TAKEN = re.compile(r"\s*[03]: ")
_SENTENCES = {
    "Authorization failed": "authorization",
    "Missing receiver": "receiver",
    "Number(s) has/have been denied": "denied",
    "Number has been denied": "denied",
    "Sender missing": "sender",
    "Not routable": "not-routable",
    "Too many": "too-many",
}
_FILLED_IN = "status=%d&id=%F&answer=%A&at=%T"
_ASKED_FOR = (
    "31"  # delivered 1, undeliverable 2, queued 4, taken by the operator 8, refused by the operator 16
)
_STATUS = {"1": "delivered", "2": "undelivered", "4": "queued", "8": "sent", "16": "rejected"}
_SMPP_STATUS = re.compile(r"\bstat:([A-Z]{2,10})\b")
_SMPP_ERROR = re.compile(r"\berr:([0-9A-Za-z]{1,6})\b")


class KannelBlock(CallbackBlock):
    """Settings of Kannel."""

    url: Url = Field(description="sendsms of the smsbox, like http://127.0.0.1:13013/cgi-bin/sendsms")
    username: str = Field(min_length=1, description="The sendsms user")
    password: SecretStr = Field(description="The sendsms user's password")
    smsc: str | None = Field(None, description="The SMSC that sends; else Kannel chooses")
    account: str | None = Field(None, description="A name for Kannel's access log")
    validity: int | None = Field(
        None,
        ge=60,
        description="Seconds after which the operator gives up on a message; Kannel counts in minutes",
    )


class KannelProvider(Provider):
    """Builds requests of sendsms and reads the answers."""

    title = "Kannel"
    table = "kannel"

    def __init__(self, name: str, block: KannelBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(
                frozenset({"sms"}), concurrency=block.concurrency or 50, receipts=True, expires=True
            ),
        )
        self._block = block
        self.headers = {"X-Kannel-Username": block.username, "X-Kannel-Password": shown(block.password)}
        self.headers |= {"Content-Type": "text/plain; charset=utf-8", "X-Kannel-Charset": "UTF-8"}

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        block, callback = self._block, self.callback_for(message)
        validity = validity_of(block.validity, message)
        more = {
            "X-Kannel-From": self.sender_of(message),
            "X-Kannel-To": message.to,
            "X-Kannel-Coding": "2" if is_unicode(message) else "0",
            "X-Kannel-SMSC": block.smsc,
            "X-Kannel-Account": block.account,
            "X-Kannel-Validity": str(math.ceil(validity / 60)) if validity else None,
            "X-Kannel-DLR-Mask": _ASKED_FOR if callback else None,
            # Kannel fills in what follows a %, so a % of the URL's own is doubled.
            "X-Kannel-DLR-URL": f"{callback.replace('%', '%%')}&{_FILLED_IN}" if callback else None,
        }
        headers = self.headers | {key: value for key, value in more.items() if value is not None}
        return HttpRequest("POST", block.url, headers, message.body.encode(), block.timeout)

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the outcome: ``0: Accepted for delivery`` and ``3: Queued for later delivery`` are accepted."""
        said = text_of(response, 200)
        if 200 <= response.status < 300:
            return Outcome(Verdict.ACCEPTED) if _TAKEN.match(said) else unreadable(response)
        return self.refused(response, _code_of(said))

    def check_request(self) -> HttpRequest:
        """Build a message without a number: Kannel checks the user first, then refuses it."""
        return HttpRequest("POST", self._block.url, self.headers, b"check", self._block.timeout)

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether only the number was missing."""
        code = _code_of(text_of(response, 200))
        if response.status == 400 and code == "receiver":
            return Health(True, "Kannel took the user and the password")
        if response.status == 403:
            return Health(False, "Kannel refused the user or the password, or where it is called from")
        if 200 <= response.status < 300 or response.status == 400:
            return Health(False, "the answer is not Kannel's; is the URL right?")
        return Health(False, sentence(response.status))

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a delivery report at our URL, or an incoming message from a ``get-url`` as documented."""
        fields = request.query
        identifier, at = fields.get("id"), fields.get("at")
        if "status" in fields:
            answer = fields.get("answer", "")
            word, error = _SMPP_STATUS.search(answer), _SMPP_ERROR.search(answer)
            # The operator's own word is more exact than the 1 or 2 that Kannel derives from it.
            told = _STATUS.get(fields["status"]) or fields["status"]
            status = word[1] if word and fields["status"] in ("1", "2") else told
            return Callback(
                one_receipt(request, id=identifier, status=status, code=error[1] if error else None, at=at)
            )
        return Callback(
            replies=one_reply(
                sender=fields.get("sender"),
                to=fields.get("to"),
                body=fields.get("text"),
                id=identifier,
                at=at,
            )
        )


def _code_of(said: str) -> str | None:
    text = said.strip()
    return next((code for begin, code in _SENTENCES.items() if text.startswith(begin)), None)


class KannelGateway(ProviderGateway):
    """Kannel, SMS."""

    block_model = KannelBlock
    provider_class = KannelProvider
