"""Messenger: the content of a message, of the rendered ``messenger:`` block.

Limits: developers.facebook.com/docs/messenger-platform, Send API (text), button template, generic template. Messenger
has no message of a picture with a text, but a card: its title is the first line of the text, its subtitle the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.content.fitness import Unfit, web_address, within

MOST_BUTTONS = 3
LONGEST_BUTTON = 20
WITH_BUTTONS = 640
LONGEST_TITLE = 80
LONGEST_SUBTITLE = 80


def made(
    block: Mapping[str, Any], body: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, None]:
    """``{image?, title?, subtitle?, buttons?, tag?}``; with an image there is a title."""
    content: dict[str, Any] = {}
    buttons = [
        {
            "text": within(one["text"], LONGEST_BUTTON, "a button of 'messenger.buttons'"),
            "url": web_address(one["url"], "messenger.buttons"),
        }
        for one in block.get("buttons") or ()
        if one["text"] and one["url"]
    ]
    if len(buttons) > MOST_BUTTONS:
        raise Unfit(f"'messenger.buttons' has more than {MOST_BUTTONS} buttons")
    if image := block.get("image"):
        title, _, rest = body.partition("\n")
        content["image"] = web_address(image, "messenger.image")
        content["title"] = within(title.strip(), LONGEST_TITLE, "the first line beside a Messenger picture")
        if rest.strip():
            content["subtitle"] = within(
                rest.strip(), LONGEST_SUBTITLE, "the rest beside a Messenger picture"
            )
    if buttons:
        within(body, WITH_BUTTONS, "a Messenger text with buttons")
        content["buttons"] = buttons
    if tag := block.get("tag"):
        content["tag"] = tag
    return content or None, None
