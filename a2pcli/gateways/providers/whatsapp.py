"""WhatsApp Business Cloud API (Meta): approved templates, and free text within the service window.

Meta takes one message a request and no idempotency key, and it cannot be asked by a reference of ours: a request
without an answer stays ``unknown``. Our reference is ``biz_opaque_callback_data``, which comes back in every status
webhook, so that receipts resolve such a message. ``marketing_messages: true`` sends marketing templates by Meta's
endpoint of that name (Marketing Messages API), which takes nothing else; other messages go the usual way.

Codes: ``codes/whatsapp.csv``, the same in answers and in webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.content.whatsapp_templates import WhatsAppTemplate
from a2pcli.errors import GatewayUnusable, Problem
from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import (
    Callback,
    CallbackRequest,
    Reply,
    inside,
    one_receipt,
    one_reply,
)
from a2pcli.gateways.codes import outcome_of, safe_code, safe_id
from a2pcli.gateways.engine.statuses import sentence, unreadable
from a2pcli.gateways.providers.chat import confirmation, is_signed
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
from a2pcli.gateways.providers.template_pages import all_templates
from a2pcli.gateways.providers.whatsapp_templates import A_PAGE, FIELDS, next_page, templates_of
from a2pcli.messages import Message, Outcome

_ID = re.compile(r"\d{6,20}")
_MARKETING = "marketing"


class WhatsAppBlock(ProviderBlock):
    """Settings of the WhatsApp Cloud API."""

    phone_number_id: str = Field(
        pattern=r"^\d{6,20}$", description="The id of the sending number (digits; not the number itself)"
    )
    access_token: SecretStr = Field(description="A system user's access token")
    waba_id: str | None = Field(
        None, pattern=r"^\d{6,20}$", description="The WhatsApp Business Account, for `a2pcli templates sync`"
    )
    app_secret: SecretStr | None = Field(None, description="The app's secret, to know Meta's webhooks by")
    marketing_messages: bool = Field(
        False, description="Send marketing templates by the Marketing Messages API"
    )
    preview_url: bool = Field(False, description="Show a preview of the first link of a free text")
    version: str = Field("v23.0", pattern=r"^v\d{1,2}\.\d$", description="Version of the Graph API")
    base_url: Url = Field("https://graph.facebook.com", description="Where the API is, for a test")


class WhatsAppProvider(Provider):
    """Builds the Cloud API's requests and reads the answers."""

    title = "WhatsApp"
    table = "whatsapp"
    signs = True

    def __init__(self, name: str, block: WhatsAppBlock) -> None:
        super().__init__(
            name,
            block,
            Capabilities(frozenset({"whatsapp"}), concurrency=block.concurrency or 50, receipts=True),
        )
        self._block = block
        self._base = f"{block.base_url.rstrip('/')}/{block.version}"
        self.headers["Authorization"] = f"Bearer {shown(block.access_token)}"

    def number_of(self, message: Message) -> str | None:
        """Return the id of the number that sends the message; None if its sender is not an id."""
        sender = self.sender_of(message)
        if sender is None:
            return self._block.phone_number_id
        return sender if _ID.fullmatch(sender) else None

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message. Raises ``ValueError`` for a sender that is not an id."""
        (message,) = batch
        sender = self.number_of(message)
        if sender is None:
            raise ValueError("the sender is no phone number id")
        content = message.content or {}
        template = content.get("template")
        data = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.to,
            **(template_of(template) if template else self._free(message, content)),
            "biz_opaque_callback_data": message.reference,
        }
        by_marketing = self._block.marketing_messages and template and template.get("category") == _MARKETING
        kind = "marketing_messages" if by_marketing else "messages"
        return self.post_json(f"{self._base}/{sender}/{kind}", data)

    def _free(self, message: Message, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return a message without a template, which WhatsApp delivers only within the service window."""
        text, image, buttons = message.body, content.get("image"), content.get("buttons")
        if buttons:
            return {"type": "interactive", "interactive": interactive_of(text, image, buttons)}
        if image:
            return {"type": "image", "image": {"link": image, "caption": text or None}}
        return {"type": "text", "text": {"body": text, "preview_url": self._block.preview_url}}

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if not 200 <= response.status < 300 or "error" in data:
            return self.refused(response, inside(data, "error", "code"))
        if is_to_another(inside(data, "contacts", 0, "input"), message.to):
            return unreadable(response)
        return accepted(response, safe_id(inside(data, "messages", 0, "id")))

    def templates_request(self, after: str | None = None) -> HttpRequest:
        """Build the request for a page of the account's templates. Raises ``GatewayUnusable`` without ``waba_id``."""
        if not self._block.waba_id:
            raise GatewayUnusable(
                Problem(
                    f"gateways.{self.name}: to list templates, the WhatsApp Business Account must be known",
                    hint="add waba_id: its id, from WhatsApp Manager",
                    code="gateway-settings",
                )
            )
        query = {"fields": FIELDS, "limit": str(A_PAGE), **({"after": after} if after else {})}
        return self.get(f"{self._base}/{self._block.waba_id}/message_templates", query)

    def read_templates(self, response: HttpResponse) -> tuple[list[WhatsAppTemplate], str | None]:
        """Return the templates of a page, and the cursor of the next. Raises ``ValueError`` with a sentence."""
        data = json_object(response)
        if response.status != 200 or "error" in data:
            known = self.codes.get(safe_code(inside(data, "error", "code")) or "")
            raise ValueError(known.detail if known else sentence(response.status))
        return list(templates_of(data)), next_page(data)

    def check_request(self) -> HttpRequest:
        """Build a request for the number."""
        return self.get(
            f"{self._base}/{self._block.phone_number_id}", {"fields": "display_phone_number,verified_name"}
        )

    def is_ours(self, data: Any) -> bool:
        """Whether the data is the number in the settings."""
        return isinstance(data, dict) and data.get("id") == self._block.phone_number_id

    @property
    def callback_secret(self) -> str | None:
        """Return the app's secret."""
        return shown(self._block.app_secret) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read a webhook with any number of statuses, incoming messages and opt-outs from marketing messages."""
        values = list(_values(request.json))
        receipts = [one for value in values for one in _receipts(request, value)]
        replies = [one for value in values for one in _replies(value)]
        return Callback(tuple(receipts), tuple(replies))

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Hub-Signature-256``."""
        return is_signed(request, secret)

    def confirmation(self, request: CallbackRequest, token: str) -> bytes | None:
        """Return the answer to the verification of the webhook; None for other requests and a wrong token."""
        return confirmation(request, token)


class WhatsAppGateway(ProviderGateway):
    """The WhatsApp Business Cloud API."""

    block_model = WhatsAppBlock
    provider_class = WhatsAppProvider

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch. A sender that is not a phone number id stops the run, so that no message is lost."""
        if any(self.provider.number_of(one) is None for one in batch):  # type: ignore[attr-defined]
            detail = (
                "the sender must be a phone number id (digits from WhatsApp Manager), no number and no name"
            )
            return [outcome_of("sender", code="sender", detail=detail)] * len(batch)
        return await super().submit(batch)

    async def templates(self) -> Sequence[WhatsAppTemplate]:
        """Return all templates of the account. Raises ``GatewayUnusable``."""
        return await all_templates(self, "WhatsApp")


def template_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template and its values as the API takes them."""
    components = [*_header(template.get("header") or {}), *_body(template.get("body") or [])]
    components += [_button(one) for one in template.get("buttons") or ()]
    return {
        "type": "template",
        "template": {
            "name": template["name"],
            "language": {"policy": "deterministic", "code": template["language"]},
            "components": components or None,
        },
    }


def _header(header: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    kind = header.get("type")
    if not kind:
        return
    if kind == "text":
        parameter = {"type": "text", "parameter_name": header.get("name"), "text": header["text"]}
    else:
        parameter = {"type": kind, kind: {"link": header["link"], "filename": header.get("filename")}}
    yield {"type": "header", "parameters": [parameter]}


def _body(body: Sequence[str] | Mapping[str, str]) -> Iterator[dict[str, Any]]:
    named: Iterable[tuple[str | None, str]] = (
        body.items() if isinstance(body, Mapping) else ((None, one) for one in body)
    )
    parameters = [{"type": "text", "parameter_name": name, "text": text} for name, text in named]
    if parameters:
        yield {"type": "body", "parameters": parameters}


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    kind = button["type"]
    key = {"quick_reply": "payload", "copy_code": "coupon_code"}.get(kind, "text")
    return {
        "type": "button",
        "sub_type": kind,
        "index": str(button["index"]),
        "parameters": [{"type": key, key: button["value"]}],
    }


def interactive_of(text: str, image: str | None, buttons: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a text with one link or up to three replies, as the API takes it."""
    header = {"type": "image", "image": {"link": image}} if image else None
    link = next((one for one in buttons if one.get("url")), None)
    if link is not None:
        action: dict[str, Any] = {
            "name": "cta_url",
            "parameters": {"display_text": link["text"], "url": link["url"]},
        }
        return {"type": "cta_url", "header": header, "body": {"text": text}, "action": action}
    action = {
        "buttons": [
            {"type": "reply", "reply": {"id": one.get("payload") or one["text"], "title": one["text"]}}
            for one in buttons
        ]
    }
    return {"type": "button", "header": header, "body": {"text": text}, "action": action}


def _values(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the values of all changes in a webhook."""
    for entry in _list(inside(data, "entry")):
        for change in _list(inside(entry, "changes")):
            value = inside(change, "value")
            if isinstance(value, dict):
                yield value


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def _receipts(request: CallbackRequest, value: Mapping[str, Any]) -> Iterator[Any]:
    for status in _list(value.get("statuses")):
        code = safe_code(inside(status, "errors", 0, "code"))
        yield from one_receipt(
            request, id=inside(status, "id"), status=inside(status, "status"), code=code,
            at=inside(status, "timestamp"), reference=inside(status, "biz_opaque_callback_data"),
        )  # fmt: skip


def _replies(value: Mapping[str, Any]) -> Iterator[Reply]:
    ours = inside(value, "metadata", "display_phone_number")
    for message in _list(value.get("messages")):
        kind = inside(message, "type")
        if not isinstance(kind, str) or kind == "reaction":
            continue
        said = inside(message, kind)
        text = _said(kind, message, said)
        yield from one_reply(
            sender=inside(message, "from"), to=ours, body=text, id=inside(message, "id"),
            at=inside(message, "timestamp"), media=[inside(said, "url") or inside(said, "id")],
        )  # fmt: skip
    for wish in _list(value.get("user_preferences")):
        if inside(wish, "category") == "marketing_messages" and inside(wish, "value") == "stop":
            # The person pressed "Stop offers and announcements": an opt-out without a text.
            yield from one_reply(
                sender=inside(wish, "wa_id"), to=ours, body=inside(wish, "detail") or "stop",
                at=inside(wish, "timestamp"), is_opt_out=True,
            )  # fmt: skip


def _said(kind: str, message: Any, said: Any) -> Any:
    """Return what the person wrote, or the label of the button that was pressed."""
    if kind == "text":
        return inside(said, "body")
    if kind == "button":
        return inside(said, "text")
    if kind == "interactive":
        return inside(said, "button_reply", "title") or inside(said, "list_reply", "title")
    return inside(said, "caption")
