"""Africa's Talking: SMS.

It takes no reference of ours and no idempotency key, and cannot be asked by one: a request without an answer stays
``unknown``, and receipts find their message by the provider's id alone. One request may name many numbers for one
text; each message goes alone, since every person may have a text of their own. The URL that is called back belongs to
the account.

Codes: ``codes/africastalking.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, inside, one_receipt, one_reply
from a2pcli.gateways.codes import safe_code, safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    accepted,
    is_to_another,
    json_object,
    shown,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_TAKEN = frozenset({"100", "101", "102"})  # processed, sent, queued


class AfricasTalkingBlock(ProviderBlock):
    """Settings of Africa's Talking."""

    username: str = Field(min_length=1, description="The application's user name; `sandbox` for tests")
    api_key: SecretStr = Field(description="The application's API key")
    base_url: Url = Field(
        "https://api.africastalking.com",
        description="Where the API is; https://api.sandbox.africastalking.com is for tests",
    )


class AfricasTalkingProvider(Provider):
    """Builds the provider's requests and reads the answers."""

    title = "Africa's Talking"
    table = "africastalking"
    lists = frozenset({Listed.REPLIES})

    def __init__(self, name: str, block: AfricasTalkingBlock) -> None:
        super().__init__(
            name, block, Capabilities(frozenset({"sms"}), concurrency=block.concurrency or 10, receipts=True)
        )
        self._block = block
        self._base = block.base_url.rstrip("/") + "/version1"
        self.headers["apiKey"] = shown(block.api_key)

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        return self.post_form(
            f"{self._base}/messaging",
            {
                "username": self._block.username,
                "to": message.to,
                "message": message.body,
                "from": self.sender_of(message),
                "bulkSMSMode": "1",
            },
        )

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the outcome by the answer's single recipient, or why there is none."""
        data = json_object(response).get("SMSMessageData")
        people = inside(data, "Recipients")
        if isinstance(people, list) and len(people) == 1:
            return self._of_person(message, people[0], response)
        if people == []:
            # The reason is given as text; it is used as a code if it is a single word like InvalidSenderId.
            return self.refused(response, inside(data, "Message"))
        return unreadable(response) if 200 <= response.status < 300 else self.refused(response, None)

    def check_request(self) -> HttpRequest:
        """Build a request for the application."""
        return self.get(f"{self._base}/user", {"username": self._block.username})

    def is_ours(self, data: Any) -> bool:
        """Whether the answer is the application's balance."""
        return inside(data, "UserData", "balance") is not None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a delivery report, an incoming message, or an opt-out from a sender."""
        form = request.form
        if "status" in form:
            word = form["status"]
            return Callback(
                one_receipt(
                    request, id=form.get("id"), status=word, group=f"africastalking {word}",
                    code=form.get("failureReason"),
                )
            )  # fmt: skip
        if "senderId" in form and "text" not in form:
            return Callback(
                replies=one_reply(
                    sender=form.get("phoneNumber"), to=form["senderId"], body="STOP", is_opt_out=True
                )
            )
        return Callback(
            replies=one_reply(
                sender=form.get("from"), to=form.get("to"), body=form.get("text"), id=form.get("id"),
                at=form.get("date"),
            )
        )  # fmt: skip

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for the incoming messages after the newest that was read."""
        newest = page or span.mark or "0"
        return self.get(
            f"{self._base}/messaging", {"username": self._block.username, "lastReceivedId": newest}
        )

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page, oldest message first; the one after the last is empty."""
        found = items(json_object(response).get("SMSMessageData"), "Messages")
        ids = [int(str(one.get("id"))) for one in found if str(one.get("id", "")).isdecimal()]
        newest = str(max(ids)) if ids else None
        return ListPage(replies=joined(map(_listed_reply, found)), next=newest, mark=newest)

    def _of_person(self, message: Message, person: Any, response: HttpResponse) -> Outcome:
        code = safe_code(inside(person, "statusCode"))
        if response.status < 500 and code not in _TAKEN:
            # The code 409 comes with HTTP status 409 and is more specific.
            return self.refused(response, code)
        if not 200 <= response.status < 300:
            return self.refused(response, None)
        if is_to_another(inside(person, "number"), message.to):
            return unreadable(response)
        identifier = safe_id(inside(person, "messageId"))
        return accepted(response, None if identifier == "None" else identifier)


def _listed_reply(one: Mapping[str, Any]) -> tuple[Reply, ...]:
    return one_reply(
        sender=one.get("from"), to=one.get("to"), body=one.get("text"), id=one.get("id"), at=one.get("date")
    )


class AfricasTalkingGateway(ProviderGateway):
    """Africa's Talking, SMS."""

    block_model = AfricasTalkingBlock
    provider_class = AfricasTalkingProvider
