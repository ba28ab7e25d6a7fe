"""Bird, as its MessageBird REST API: SMS and MMS.

It takes our reference and hands it back in each receipt, but no idempotency key, and cannot be asked by it: a request
without an answer stays ``unknown``. One request may name many numbers for one text; each message goes alone, since
one wrong number in it fails all of them.

Codes: ``codes/bird.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import (
    Callback,
    CallbackRequest,
    as_text,
    inside,
    is_hash_of,
    jwt_claims,
    one_receipt,
    told,
)
from a2pcli.gateways.codes import outcome_of, safe_code, safe_id
from a2pcli.gateways.engine.statuses import unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined, next_url, utc
from a2pcli.gateways.providers.common import (
    CallbackBlock,
    Provider,
    ProviderGateway,
    Url,
    accepted,
    digits,
    is_to_another,
    is_unicode,
    json_object,
    shown,
    validity_of,
)  # fmt: skip
from a2pcli.messages import Message, Outcome

_PARAMETER_CODES = frozenset({"9", "10"})  # something is missing, or not valid: which says ``parameter``


class BirdBlock(CallbackBlock):
    """Settings of Bird (MessageBird)."""

    access_key: SecretStr = Field(description="A live access key")
    signing_key: SecretStr | None = Field(None, description="The signing key, to know Bird's callbacks by")
    validity: int | None = Field(None, ge=1, description="Seconds after which Bird gives up on a message")
    base_url: Url = Field("https://rest.messagebird.com", description="Where the API is, for a test")


class BirdProvider(Provider):
    """Builds Bird's requests and reads the answers."""

    title = "Bird"
    table = "bird"
    signs = True
    lists = frozenset({Listed.RECEIPTS})

    def __init__(self, name: str, block: BirdBlock) -> None:
        channels = frozenset({"sms", "mms"})
        super().__init__(
            name,
            block,
            Capabilities(channels, concurrency=block.concurrency or 20, receipts=True, expires=True),
        )
        self._block = block
        self._base = block.base_url.rstrip("/")
        self.headers["Authorization"] = f"AccessKey {shown(block.access_key)}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        sender = self.sender_of(message)
        data: dict[str, Any] = {
            "originator": digits(sender) if sender else None,
            "recipients": [digits(message.to)],
            "body": message.body,
            "reference": message.reference,
        }
        if message.channel == "mms":
            subject = (message.content or {}).get("subject")
            return self.post_json(
                f"{self._base}/mms", {**data, "subject": subject, "mediaUrls": list(message.media)}
            )
        data["datacoding"] = "unicode" if is_unicode(message) else "plain"
        # Bird adds our reference to the URL itself.
        data["reportUrl"] = self._block.status_callback
        data["validity"] = validity_of(self._block.validity, message)
        return self.post_json(f"{self._base}/messages", data)

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if not 200 <= response.status < 300:
            return self._refused(response, inside(data, "errors", 0))
        person, identifier = inside(data, "recipients", "items", 0), safe_id(data.get("id"))
        if is_to_another(as_text(inside(person, "recipient")), message.to):
            return unreadable(response)
        if data.get("reference") not in (None, message.reference):
            return unreadable(response)
        if identifier is not None and inside(person, "status") == "delivery_failed":
            return outcome_of(
                "content", code="delivery_failed", detail="Bird took it and failed", gateway_id=identifier
            )
        return accepted(response, identifier)

    def check_request(self) -> HttpRequest:
        """Build a request for the balance."""
        return self.get(f"{self._base}/balance")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a balance."""
        return isinstance(data, dict) and "amount" in data and "payment" in data

    @property
    def callback_secret(self) -> str | None:
        """Return the signing key."""
        return shown(self._block.signing_key) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a status report. The form of incoming messages depends on the number's flow at Bird, so they are not
        read."""
        fields = request.fields
        if "status" not in fields:
            return Callback()
        return Callback(
            one_receipt(
                request, id=fields.get("id"), status=fields["status"], reference=fields.get("reference"),
                at=fields.get("statusDatetime"),
            )
        )  # fmt: skip

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for a page of the messages since a time."""
        if page is not None:
            return self.get(page)
        fields = {"from": utc(span.since), "until": utc(span.until + 999), "limit": "100", "offset": "0"}
        return self.get(f"{self._base}/messages", fields)

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page."""
        data = json_object(response)
        found = [one for one in items(data, "items") if one.get("direction") != "mo"]
        following = next_url(self._base, inside(data, "links", "next"))
        return ListPage(joined(map(_listed_receipt, found)), next=following)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check the token in ``MessageBird-Signature-JWT``, which holds hashes of the URL and the body."""
        claims = jwt_claims(request.headers.get("messagebird-signature-jwt", ""), secret, now)
        if claims is None or claims.get("iss") != "MessageBird":
            return False
        if not is_hash_of(request.url.encode("utf-8", "replace"), claims.get("url_hash")):
            return False
        said = claims.get("payload_hash")
        return is_hash_of(request.body, said) if request.body else not said

    def _refused(self, response: HttpResponse, error: Any) -> Outcome:
        code = safe_code(inside(error, "code"))
        if response.status < 500 and code in _PARAMETER_CODES and inside(error, "parameter") == "originator":
            return outcome_of("sender", code=code, detail="Bird refused the sender")
        return self.refused(response, code)


def _listed_receipt(one: Mapping[str, Any]) -> tuple[Receipt, ...]:
    person = inside(one, "recipients", "items", 0)
    return told(
        id=one.get("id"), reference=one.get("reference"), status=inside(person, "status"),
        at=inside(person, "statusDatetime"), price=inside(person, "price", "amount"),
        currency=inside(person, "price", "currency"),
    )  # fmt: skip


class BirdGateway(ProviderGateway):
    """Bird (MessageBird), SMS and MMS."""

    block_model = BirdBlock
    provider_class = BirdProvider
