"""What Infobip takes of a message. By its Messages API: SMS; WhatsApp and Viber business messages as a text, a picture,
with buttons; WhatsApp as a template, too. By its MMS API: files and a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2pcli.content.mms import type_of
from a2pcli.messages import Message

CHANNELS = {"sms": "SMS", "whatsapp": "WHATSAPP", "viber_business": "VIBER_BM"}
"""The channels of the Messages API."""


def content_of(message: Message) -> dict[str, Any]:
    """Return the fields of a request that say what is sent. Raises ``ValueError`` for buttons that it cannot carry."""
    content = message.content or {}
    if template := content.get("template"):
        return {
            "template": {"templateName": template["name"], "language": template["language"]},
            "content": {
                "header": _header(template.get("header") or {}),
                "body": _values(template.get("body") or []),
                "buttons": list(_template_buttons(template.get("buttons") or ())) or None,
            },
        }
    image = content.get("image")
    body = {"type": "IMAGE", "url": image, "text": message.body or None} if image else _text(message.body)
    given = content.get("buttons") or [one for one in [content.get("button")] if one]
    buttons = [_button(one) for one in given]
    return {"content": {"body": body, "buttons": buttons or None}}


def mms_content(message: Message) -> dict[str, Any]:
    """Return ``content`` of an MMS: its subject, its text, then its files."""
    content = message.content or {}
    types = {one["url"]: one.get("type") for one in content.get("media") or ()}
    files = [
        {"type": "LINK", "contentUrl": url, "contentType": types.get(url) or type_of(url)}
        for url in message.media
    ]
    text = [{"type": "TEXT", "text": message.body}] if message.body else []
    return {"title": content.get("subject"), "messageSegments": [*text, *files]}


def _text(text: str) -> dict[str, Any]:
    return {"type": "TEXT", "text": text}


def _button(one: Mapping[str, Any]) -> dict[str, Any]:
    if url := one.get("url"):
        return {"type": "OPEN_URL", "text": one["text"], "url": url}
    return {"type": "REPLY", "text": one["text"], "postbackData": one.get("payload") or one["text"]}


def _values(values: Sequence[str] | Mapping[str, str]) -> dict[str, Any] | None:
    """The values of a template's text: by their names, or numbered from 1."""
    if not isinstance(values, Mapping):
        values = {str(number): one for number, one in enumerate(values, 1)}
    return {"type": "TEXT", **values} if values else None


def _header(header: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = header.get("type")
    if not kind:
        return None
    if kind == "text":
        return _values({header.get("name") or "1": header["text"]})
    if kind == "document":
        name = header.get("filename") or header["link"].rpartition("/")[2]
        return {"type": "DOCUMENT", "url": header["link"], "filename": name}
    return {"type": kind.upper(), "url": header["link"]}


_TEMPLATE_BUTTONS = {
    "quick_reply": ("QUICK_REPLY", "postbackData"), "url": ("OPEN_URL", "suffix"), "copy_code": ("COPY_CODE", "code"),
}  # fmt: skip


def _template_buttons(buttons: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The buttons of a template. Infobip counts them in their order, so none may be left out before another."""
    for place, one in enumerate(sorted(buttons, key=lambda one: int(one["index"]))):
        if int(one["index"]) != place or one["type"] not in _TEMPLATE_BUTTONS:
            raise ValueError("Infobip takes values for the first buttons of a template only")
        kind, key = _TEMPLATE_BUTTONS[one["type"]]
        yield {"type": kind, key: one["value"]}
