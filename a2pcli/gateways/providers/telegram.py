"""Telegram, by the Bot API: texts and pictures with buttons, to people who started a chat with the bot.

Telegram has no idempotency key, no reference of ours, no look-up and no receipts: a request without an answer stays
``unknown``. Its errors have no codes of their own, only the HTTP status and a sentence; the sentence's words are the
code (``codes/telegram.csv``). ``retry_after`` stands in the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field, SecretStr

from a2pcli.gateways.base import Capabilities, HttpRequest, HttpResponse
from a2pcli.gateways.callbacks import Callback, CallbackRequest, Reply, inside, is_same, one_reply
from a2pcli.gateways.codes import outcome_of, safe_id
from a2pcli.gateways.engine.statuses import by_status, retry_after, seconds, unreadable
from a2pcli.gateways.lists import Listed, ListPage, Span, items, joined
from a2pcli.gateways.providers.chat import id_of, is_of_another
from a2pcli.gateways.providers.common import (
    Provider,
    ProviderBlock,
    ProviderGateway,
    Url,
    accepted,
    json_object,
    shown,
)
from a2pcli.messages import Message, Outcome

_LONGEST_CODE = 40
_PREFIX = re.compile(
    r"^(?:bad request|forbidden|unauthorized|conflict|too many requests)\s*:?\s*", re.IGNORECASE
)
_COMMAND = re.compile(r"/([A-Za-z0-9_]+)(?:@\w+)?(?=\s|$)")
_UNKNOWN_NAME = "a bot reaches people by their number alone, not by a name"


class TelegramBlock(ProviderBlock):
    """Settings of a Telegram bot."""

    bot_token: SecretStr = Field(description="The bot's token, from @BotFather")
    webhook_secret: SecretStr | None = Field(
        None, description="The `secret_token` of setWebhook, to know Telegram's webhooks by"
    )
    protect: bool = Field(False, description="Whether messages can be neither forwarded nor saved")
    base_url: Url = Field(
        "https://api.telegram.org", description="Where the API is: a server of your own, a test"
    )


class TelegramProvider(Provider):
    """Builds the Bot API's requests and reads the answers."""

    title = "Telegram"
    table = "telegram"
    signs = True
    lists = frozenset({Listed.REPLIES})

    def __init__(self, name: str, block: TelegramBlock) -> None:
        super().__init__(
            name, block, Capabilities(frozenset({"telegram"}), concurrency=block.concurrency or 20)
        )
        self._block = block
        # The API requires the token in the URL.
        self._base = f"{block.base_url.rstrip('/')}/bot{shown(block.bot_token)}"

    def request(self, batch: Sequence[Message]) -> HttpRequest:
        """Build the request for the batch's single message."""
        (message,) = batch
        content = message.content or {}
        text, photo = content.get("text") or message.body, content.get("photo")
        person = id_of(message)
        data: dict[str, Any] = {
            "chat_id": int(person) if person.isdigit() else person,
            "parse_mode": content.get("parse_mode"),
            "disable_notification": content.get("silent") or None,
            "protect_content": self._block.protect or None,
        }
        if buttons := content.get("buttons"):
            data["reply_markup"] = {"inline_keyboard": [[dict(one) for one in row] for row in buttons]}
        if photo:
            return self.post_json(
                f"{self._base}/sendPhoto", {**data, "photo": photo, "caption": text or None}
            )
        data["text"] = text
        if content.get("link_preview") is False:
            data["link_preview_options"] = {"is_disabled": True}
        return self.post_json(f"{self._base}/sendMessage", data)

    def read_one(self, message: Message, response: HttpResponse) -> Outcome:
        """Return the message's outcome."""
        data = json_object(response)
        if not 200 <= response.status < 300 or data.get("ok") is not True:
            return self._refusal(response, data)
        if is_of_another(inside(data, "result", "chat", "id"), message):
            return unreadable(response)
        return accepted(response, safe_id(inside(data, "result", "message_id")))

    def _refusal(self, response: HttpResponse, data: dict[str, Any]) -> Outcome:
        if response.status >= 500 or data.get("ok") is not False:
            return by_status(response) if not 200 <= response.status < 300 else unreadable(response)
        code = words_of(data.get("description"))
        pause = inside(data, "parameters", "retry_after")
        wait = seconds(str(pause)) if isinstance(pause, int) else retry_after(response.headers)
        found = next((word for word in self.codes if code == word or code.startswith(f"{word}-")), None)
        if found is not None:
            known = self.codes[found]
            return outcome_of(known.meaning, code=found, detail=known.detail, retry_after=wait)
        status = str(data.get("error_code"))
        if status in self.codes:
            known = self.codes[status]
            return outcome_of(known.meaning, code=status, detail=known.detail, retry_after=wait)
        return by_status(response)

    def check_request(self) -> HttpRequest:
        """Build a request for the bot."""
        return self.get(f"{self._base}/getMe")

    def is_ours(self, data: Any) -> bool:
        """Whether the data is a bot."""
        return inside(data, "result", "is_bot") is True

    @property
    def callback_secret(self) -> str | None:
        """Return the webhook's secret token."""
        return shown(self._block.webhook_secret) or None

    def read_callback(self, request: CallbackRequest) -> Callback:
        """Read an update: an incoming message, or that the person blocked the bot. Telegram has no receipts."""
        return Callback(replies=tuple(_replies(request.json)))

    def list_request(self, listed: Listed, span: Span, page: str | None) -> HttpRequest:
        """Build the request for the updates after those that were read, which Telegram forgets with it."""
        fields = {"timeout": "0", "limit": "100", "allowed_updates": '["message","my_chat_member"]'}
        after = page or span.mark
        return self.get(f"{self._base}/getUpdates", {**fields, **({"offset": after} if after else {})})

    def read_list(self, listed: Listed, span: Span, page: str | None, response: HttpResponse) -> ListPage:
        """Return the page; the one after the last is empty."""
        found = items(json_object(response), "result")
        ids = [one["update_id"] for one in found if isinstance(one.get("update_id"), int)]
        following = str(max(ids) + 1) if ids else None
        return ListPage(replies=joined(map(tuple, map(_replies, found))), next=following, mark=following)

    def is_genuine(self, request: CallbackRequest, secret: str, now: float | None = None) -> bool:
        """Check ``X-Telegram-Bot-Api-Secret-Token``, which is the secret itself."""
        return bool(secret) and is_same(secret, request.headers.get("x-telegram-bot-api-secret-token", ""))


class TelegramGateway(ProviderGateway):
    """A Telegram bot."""

    block_model = TelegramBlock
    provider_class = TelegramProvider

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Send the batch, except to names: a name would be a channel or a group."""
        by_name = [id_of(message).startswith("@") for message in batch]
        reached = [message for message, is_name in zip(batch, by_name, strict=True) if not is_name]
        told = iter(await super().submit(reached) if reached else ())
        refused = outcome_of("permanent", code="name", detail=_UNKNOWN_NAME)
        return [refused if is_name else next(told) for is_name in by_name]


def words_of(description: object) -> str:
    """Return the words of a refusal as a code: ``bot-was-blocked-by-the-user``. It contains nothing from the
    message."""
    if not isinstance(description, str):
        return ""
    text = _PREFIX.sub("", description[:200].strip()).lower()
    return re.sub(r"[^a-z]+", "-", text).strip("-")[:_LONGEST_CODE]


def _replies(update: Any) -> Iterator[Reply]:
    message = inside(update, "message")
    person = inside(message, "from", "id")
    if inside(message, "chat", "type") == "private" and person is not None:
        text = inside(message, "text") or inside(message, "caption")
        photos = inside(message, "photo")
        file = inside(photos, len(photos) - 1, "file_id") if isinstance(photos, list) and photos else None
        yield from one_reply(
            sender=f"telegram:{person}", to="", body=_without_slash(text), id=inside(message, "message_id"),
            at=inside(message, "date"), media=[file],
        )  # fmt: skip
    member = inside(update, "my_chat_member")
    person = inside(member, "from", "id")
    is_private = inside(member, "chat", "type") == "private"
    if is_private and person is not None and inside(member, "new_chat_member", "status") == "kicked":
        # The person blocked the bot: an opt-out without a text.
        yield from one_reply(
            sender=f"telegram:{person}",
            to="",
            body="blocked the bot",
            at=inside(member, "date"),
            is_opt_out=True,
        )


def _without_slash(text: Any) -> Any:
    """Return a command without its slash: ``stop`` for ``/stop@shop_bot``."""
    return _COMMAND.sub(r"\1", text, count=1) if isinstance(text, str) and text.startswith("/") else text
