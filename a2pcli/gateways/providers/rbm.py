"""RCS for Business (Google, RBM): texts, rich cards, carousels, suggestions.

The id of a message is ours and made of its reference, so that Google ignores a repeat of the same message: it answers
that it knows the id. The id gives our reference back, so that events find a message whose answer never came.

A service account signs in: a token signed with its key buys one that lasts an hour (``rbm_token.py``). Who can be
reached by RCS is asked beforehand (``reachability_request``), since Google refuses the others with 404.

Codes: ``codes/rbm.csv``, by the status of Google's errors.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, Health, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, inside, is_same, one_receipt, one_reply
from a2pcli.gateways.engine.charsets import json_of
from a2pcli.gateways.engine.protocol import MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.statuses import by_status, unreadable
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    json_object,
    shown,
)  # fmt: skip
from a2pcli.gateways.providers.rbm_content import agent_message
from a2pcli.gateways.providers.rbm_ids import message_id, reference_of
from a2pcli.gateways.providers.rbm_token import ServiceAccount, Signed, TokenRefused, account_of
from a2pcli.messages import Cause, Message, Outcome, Verdict

log = logging.getLogger(__name__)

MOST_ASKED = 10_000
"""Maximum number of phone numbers in one request about reachability."""
_DELIVERIES = {
    "DELIVERED": "delivered",
    "READ": "read",
    "TTL_EXPIRATION_REVOKED": "expired",
    # Neither delivered nor revoked, as far as Google knows.
    "TTL_EXPIRATION_REVOKE_FAILED": "sent",
}


class RbmBlock(ProviderBlock):
    """Settings of RCS for Business."""

    agent_id: str = Field(pattern=r"^[A-Za-z0-9_.-]{3,120}$", description="The agent that sends")
    service_account: str | None = Field(
        None, description="Key file of the service account (JSON), relative to the settings"
    )
    service_account_key: SecretStr | None = Field(
        None, description="The same JSON itself, from the environment; instead of `service_account`"
    )
    region: Literal["us", "europe", "asia"] | None = Field(
        None, description="Region of the agent's endpoint; questions about reachability need it"
    )
    traffic: (
        Literal["authentication", "transaction", "promotion", "service_request", "acknowledgement"] | None
    ) = Field(None, description="What the messages are for, as Google bills it")
    ttl: int | None = Field(
        None,
        ge=10,
        le=1_296_000,
        description="Seconds after which Google revokes a message that did not arrive",
    )
    client_token: SecretStr | None = Field(
        None, description="The webhook's client token, to know Google's calls by"
    )
    folder: Path = Field(Path(), exclude=True)
    base_url: Url | None = Field(None, description="Where the API is, for a test")


class RbmProvider(Provider):
    """Builds RBM's requests and reads the answers."""

    title = "RCS for Business"
    table = "rbm"
    signs = True

    def __init__(self, name: str, block: RbmBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(
                frozenset({"rcs"}),
                concurrency=block.concurrency or 50,
                idempotent=True,
                receipts=True,
                revokes=True,
            ),
        )
        self._block = block
        region = f"{block.region}-" if block.region else ""
        self._base = (block.base_url or f"https://{region}rcsbusinessmessaging.googleapis.com").rstrip(
            "/"
        ) + "/v1"
        self._agent = "agentId=" + quote(block.agent_id, safe="")

    def account(self) -> ServiceAccount:
        """The service account of the settings. Raises ``InvalidInput``."""
        block = self._block
        return account_of(self.name, block.service_account, shown(block.service_account_key), block.folder)

    def signed_in(self, token: str) -> None:
        """Use this token for every request from now on."""
        self.headers["Authorization"] = f"Bearer {token}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        traffic = self._block.traffic
        data = {
            "contentMessage": agent_message(message.body, message.content or {}),
            "messageTrafficType": traffic.upper() if traffic else None,
            "ttl": f"{self._block.ttl}s" if self._block.ttl else None,
        }
        url = f"{self._messages(message.to)}?messageId={message_id(message.reference)}&{self._agent}"
        return self.post_json(url, data)

    def _messages(self, to: str) -> str:
        return f"{self._base}/phones/{quote(to, safe='+')}/agentMessages"

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        identifier = message_id(message.reference)
        if 200 <= response.status < 300:
            # The name is phones/{number}/agentMessages/{id}.
            return (
                Outcome(Verdict.ACCEPTED, identifier)
                if str(data.get("name") or "").rpartition("/")[2] == identifier
                else unreadable(response)
            )
        status = inside(data, "error", "status")
        if status == "ALREADY_EXISTS" and response.status == 409:
            return Outcome(Verdict.ACCEPTED, identifier)  # an earlier request with this id was taken
        if response.status == 404 and status != "NOT_FOUND":
            return by_status(response)  # not RBM's answer: the address is wrong
        return self.refused(response, status)

    def revoke_request(self, to: str, reference: str) -> HttpRequest:
        """Build the request that revokes a message not delivered yet."""
        url = f"{self._messages(to)}/{message_id(reference)}?{self._agent}"
        return HttpRequest("DELETE", url, self.headers, timeout=self._timeout)

    def read_revoke(self, response: HttpResponse) -> bool | None:
        """Return whether Google confirms that the message will not be delivered; None if it does not say. The
        message may still be delivered: its receipt decides."""
        if 200 <= response.status < 300:
            return True
        return False if inside(json_object(response), "error", "status") == "NOT_FOUND" else None

    def reachability_request(self, numbers: Sequence[str]) -> HttpRequest:
        """Build the request that asks which of up to ``MOST_ASKED`` numbers of one region can receive RCS."""
        return self.post_json(
            f"{self._base}/users:batchGet", {"users": list(numbers), "agentId": self._block.agent_id}
        )

    def read_reachability(self, numbers: Sequence[str], response: HttpResponse) -> frozenset[str] | None:
        """Return the numbers that can receive RCS; None if the answer does not say."""
        data = json_of(response)
        if response.status != 200 or not isinstance(data, dict):
            return None
        found = data.get("reachableUsers", [])
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            return None
        # An answer without any of RBM's keys is not RBM's.
        if not found and not {"reachableUsers", "totalRandomSampleUserCount"} & set(data) and data:
            return None
        return frozenset(numbers) & frozenset(found)

    def check_request(self) -> HttpRequest:
        """Build a reachability request without numbers, which needs a valid token and agent."""
        return self.reachability_request([])

    def read_check(self, response: HttpResponse) -> Health:
        """Return whether the token was accepted and the service account may use the agent."""
        status = inside(json_object(response), "error", "status")
        if status == "INVALID_ARGUMENT":  # no numbers to ask about, and no fault with the rest
            return Health(True, "Google took the service account; the agent is proved by the first message")
        if status == "PERMISSION_DENIED":
            return Health(False, "the service account may not use this agent")
        return super().read_check(response)

    def is_ours(self, data: Any) -> bool:
        """Whether the data is an answer about reachability; Google omits empty lists."""
        return isinstance(data, dict) and not set(data) - {
            "reachableUsers", "totalRandomSampleUserCount", "reachableRandomSampleUserCount", "reachableUsersMap",
        }  # fmt: skip

    @property
    def callback_secret(self) -> str | None:
        """Return the webhook's client token."""
        return shown(self._block.client_token) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read an event (delivered, read, revoked), or what a person wrote or tapped."""
        event = _event(request)
        person, identifier = inside(event, "senderPhoneNumber"), inside(event, "messageId")
        at = inside(event, "sendTime")
        status = _DELIVERIES.get(str(inside(event, "eventType")))
        if status is not None:
            return Callback(
                one_receipt(request, id=identifier, status=status, at=at, reference=reference_of(identifier))
            )
        tapped = inside(event, "suggestionResponse")
        leaves = inside(event, "eventType") == "UNSUBSCRIBE"
        return Callback(
            replies=one_reply(
                sender=person, to=inside(event, "agentId") or self._block.agent_id,
                body=inside(event, "text") or inside(tapped, "text") or ("UNSUBSCRIBE" if leaves else None),
                id=identifier or inside(event, "eventId"), at=at, is_opt_out=leaves,
                media=[inside(event, "userFile", "payload", "fileUri")],
            )
        )  # fmt: skip

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Goog-Signature``: HMAC-SHA512 over the decoded event with the client token, in base64."""
        mine = hmac.new(secret.encode(), _data(request), hashlib.sha512).digest()
        return is_same(base64.b64encode(mine).decode(), request.headers.get("x-goog-signature", "").strip())


def _data(request: CallbackRequest) -> bytes:
    """Return the event of a webhook: base64 in ``message.data``, or the body itself."""
    data = inside(request.json, "message", "data")
    if not isinstance(data, str):
        return request.body
    try:
        return base64.b64decode(data)
    except (ValueError, binascii.Error):
        return b""


def _event(request: CallbackRequest) -> Any:
    try:
        return json.loads(_data(request))
    except (ValueError, RecursionError):
        return None


class RbmGateway(ProviderGateway):
    """RCS for Business, with a token of the service account."""

    block_model = RbmBlock
    provider_class = RbmProvider
    provider: RbmProvider

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._signed = Signed(self.provider.account)

    async def open(self) -> None:
        """Read the key. Raises ``InvalidInput`` if the service account cannot be used."""
        self._signed.prepare()
        await super().open()

    def read_files(self) -> None:
        """Read the service account's key and the certificates. Raises ``InvalidInput`` where they are none."""
        super().read_files()
        self._signed.prepare()

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch, with a new token if the last one has expired; nothing is sent without one."""
        refused = await self._sign_in()
        if refused is not None:
            return [refused] * len(batch)
        outcomes = await super().submit(batch)
        if any(one.cause is Cause.ACCOUNT and one.code == "UNAUTHENTICATED" for one in outcomes):
            self._signed.forget()
        return outcomes

    async def check(self) -> Health:
        """Return whether Google accepts the key and knows the agent."""
        refused = await self._sign_in()
        return Health(False, refused.detail or "") if refused is not None else await super().check()

    async def reachable(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Return which of the numbers can receive RCS; numbers Google does not report on are absent."""
        found: dict[str, bool] = {}
        for start in range(0, len(numbers), MOST_ASKED):
            piece = numbers[start : start + MOST_ASKED]
            response = await self._ask(partial(self.provider.reachability_request, piece))
            known = self.provider.read_reachability(piece, response) if response is not None else None
            if known is not None:
                found |= {number: number in known for number in piece}
        return found

    async def revoke(self, to: str, reference: str) -> bool | None:
        """Revoke a message. Return True if Google confirms it, None if it does not say."""
        response = await self._ask(lambda: self.provider.revoke_request(to, reference))
        return None if response is None else self.provider.read_revoke(response)

    async def _ask(self, request: Callable[[], HttpRequest]) -> HttpResponse | None:
        """Return the answer to a request about messages or people; None if there is none."""
        if await self._sign_in() is not None:
            return None
        try:
            return await self._opened().send(request())
        except (NotSent, MaybeSent, Unsendable) as error:
            log.warning("gateway %s: %s", self.name, error)
            return None

    async def _sign_in(self) -> Outcome | None:
        """Return None if requests are authenticated, else the outcome of messages, none of which was sent."""
        try:
            self.provider.signed_in(await self._signed.token(self._opened()))
        except TokenRefused as error:
            return error.outcome
        except NotSent as error:  # the gateway is closed
            return Outcome(Verdict.NOT_SENT, cause=Cause.UNREACHABLE, code=error.code, detail=error.detail)
        return None
