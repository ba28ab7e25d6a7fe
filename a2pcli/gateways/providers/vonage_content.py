"""What Vonage's Messages API takes as the content of a message, by channel: texts, files of MMS, WhatsApp, RCS,
Viber business messages.

Templates and buttons of WhatsApp are passed on to Meta as they are (``custom``), so they are written in Meta's form; so
are cards and suggestions of RCS, in Google's.
"""

from __future__ import annotations

from typing import Any

from a2pcli.content.mms import type_of
from a2pcli.gateways.providers.rbm_content import agent_message
from a2pcli.gateways.providers.whatsapp import interactive_of, template_of
from a2pcli.messages import Message

_KINDS = ("image", "video", "audio")
CHANNELS = {"viber_business": "viber_service"}
"""Vonage's names for channels, where they differ from ours."""
SHORTEST_OF_VIBER = 30
"""Seconds."""
_VCARD = ("text/vcard", "text/x-vcard")


def content_of(message: Message, validity: int | None = None) -> dict[str, Any]:
    """The fields of a request that say what is sent; ``validity`` in seconds, where it stands among them."""
    if message.channel == "mms" and message.media:
        return _files(message)
    if message.channel == "whatsapp":
        return _whatsapp(message)
    if message.channel == "rcs" and message.content:
        own = {"contentMessage": agent_message(message.body, message.content)}
        return {"message_type": "custom", "custom": own}
    if message.channel == "viber_business":
        return _viber(message, validity)
    return {"message_type": "text", "text": message.body}


def _viber(message: Message, validity: int | None) -> dict[str, Any]:
    """A text or a picture, with a button. Viber wants to know whether it advertises something."""
    content = message.content or {}
    button = content.get("button")
    options = {
        "category": "promotion" if message.purpose == "marketing" else "transaction",
        "ttl": max(validity, SHORTEST_OF_VIBER) if validity else None,
        "action": {"url": button["url"], "text": button["text"]} if button else None,
    }
    if image := content.get("image"):
        sent = {"message_type": "image", "image": {"url": image, "caption": message.body or None}}
    else:
        sent = {"message_type": "text", "text": message.body}
    return {**sent, "viber_service": options}


def _files(message: Message) -> dict[str, Any]:
    """The files of an MMS; its text is the caption of the first."""
    given = {one["url"]: one.get("type") for one in (message.content or {}).get("media") or ()}
    captions = [message.body or None, *([None] * (len(message.media) - 1))]
    files = [
        (_kind(given.get(url) or type_of(url)), {"url": url, "caption": caption})
        for url, caption in zip(message.media, captions, strict=True)
    ]
    if len(files) == 1:
        ((kind, file),) = files
        return {"message_type": kind, kind: file}
    return {"message_type": "content", "content": [{"type": kind, **file} for kind, file in files]}


def _kind(media_type: str | None) -> str:
    whole = media_type or ""
    kind = whole.partition("/")[0]
    return "vcard" if whole in _VCARD else kind if kind in _KINDS else "file"


def _whatsapp(message: Message) -> dict[str, Any]:
    content = message.content or {}
    image, buttons = content.get("image"), content.get("buttons")
    if template := content.get("template"):
        return {"message_type": "custom", "custom": template_of(template)}
    if buttons:
        own = {"type": "interactive", "interactive": interactive_of(message.body, image, buttons)}
        return {"message_type": "custom", "custom": own}
    if image:
        return {"message_type": "image", "image": {"url": image, "caption": message.body or None}}
    return {"message_type": "text", "text": message.body}
