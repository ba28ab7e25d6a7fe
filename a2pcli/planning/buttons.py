"""The words on a campaign's buttons, which people tap instead of writing: one may be how they opt out, and one that
says "Cancel" opts them out although nobody meant it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from a2pcli.config.blocks import Loc
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.whatsapp_templates import WhatsAppTemplate
from a2pcli.planning.template_files import template_used, templates_in_use

_TAG = ("{{", "{%")
_TAGS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_CONSTANT = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")
_NAMES = ("buttons", "suggestions", "button")


def button_texts(
    loaded: LoadedCampaign, template: WhatsAppTemplate | None = None, *, free: bool = False
) -> tuple[str, ...]:
    """What stands on the buttons that everybody gets; not those whose words come from columns, which may be empty.

    Of a WhatsApp campaign with a template: on those of ``template``, by default the one that the campaign names; with
    ``free`` on those of its free text.
    """
    block = getattr(loaded.campaign, loaded.campaign.channel, None)
    if getattr(block, "template", None) is not None and not free:
        template = template or template_used(loaded)
        found: Iterable[str] = [one.text for one in template.buttons] if template is not None else []
    else:
        found = (_label(button) for _, button in _buttons(block))
    return tuple(text for text in found if text and not any(tag in text for tag in _TAG))


def reply_labels(loaded: LoadedCampaign) -> list[tuple[Loc, str]]:
    """The words that come back as a reply if somebody taps them, each with its place in the campaign; of a label with
    tags, the texts in the tags that may be all of it."""
    channel = loaded.campaign.channel
    found: list[tuple[Loc, str]] = [
        (("whatsapp", "template", "name"), button.text)
        for template in (templates_in_use(loaded) if channel == "whatsapp" else ())
        for button in template.buttons
        if button.type == "quick_reply"
    ]
    for loc, button in _buttons(getattr(loaded.campaign, channel, None)):
        if (key := _reply_key(button)) is not None:
            found += [((channel, *loc, key), text) for text in _possible(_label(button))]
    return list(dict.fromkeys(found))


def labels_of_content(content: Mapping[str, Any]) -> Iterator[str]:
    """The words of a finished message that come back as a reply if somebody taps them."""
    cards = [content["card"]] if content.get("card") else content.get("carousel") or ()
    for one in (content, *cards):
        yield from (tap["reply"] for tap in one.get("suggestions") or () if "reply" in tap)
    for button in content.get("buttons") or ():
        if isinstance(button, Mapping) and not button.get("url"):
            yield str(button["text"])


def _buttons(block: Any) -> Iterator[tuple[Loc, Any]]:
    """Everything to tap in a block, with its place in it."""
    parts: list[tuple[Loc, Any]] = [((), block)]
    if getattr(block, "card", None):
        parts.append((("card",), block.card))
    parts += [
        (("carousel", place), card) for place, card in enumerate(getattr(block, "carousel", None) or ())
    ]
    for loc, part in parts:
        for name in _NAMES:
            for place, button in _flat(getattr(part, name, None)):
                yield (*loc, name, *place), button


def _flat(found: Any) -> Iterator[tuple[Loc, Any]]:
    """The buttons of a block: one, a list of them, or rows of them."""
    if not isinstance(found, list | tuple):
        yield from [((), found)] if found else ()
        return
    for place, one in enumerate(found):
        if isinstance(one, list | tuple):
            yield from (((place, beside), button) for beside, button in enumerate(one))
        else:
            yield (place,), one


def _label(button: Any) -> str:
    return str(getattr(button, "reply", None) or getattr(button, "text", None) or "")


def _reply_key(button: Any) -> str | None:
    """The key with the words that a tap sends back; None for a button that opens something."""
    if getattr(button, "reply", None):
        return "reply"
    opens = ("url", "open_url", "dial", "location", "share_location", "calendar")
    return None if any(getattr(button, name, None) for name in opens) else "text"


def _possible(label: str) -> list[str]:
    if not any(tag in label for tag in _TAG):
        return [label]
    if _TAGS.sub("", label).strip():
        return [text for text in _TAGS.sub("\n", label).splitlines() if text.strip()]
    return [one[1] or one[2] for one in _CONSTANT.finditer(label) if one[1] or one[2]]
