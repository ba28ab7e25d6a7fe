"""Viber: the content of a message, of the rendered ``viber:`` block.

Limits: developers.viber.com/docs/api/rest-bot-api (text, picture, keyboards).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.channels import channel_of
from a2pcli.content.fitness import web_address, within

LONGEST_BUTTON = 30


def made(
    block: Mapping[str, Any], body: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, None]:
    """``{image?, button?}``."""
    content: dict[str, Any] = {}
    if image := block.get("image"):
        content["image"] = web_address(image, "viber.image")
        within(body, channel_of("viber").caption, "the text of a Viber picture")
    button = block.get("button")
    if button and button["text"] and button["url"]:
        content["button"] = {
            "text": within(button["text"], LONGEST_BUTTON, "the text of 'viber.button'"),
            "url": web_address(button["url"], "viber.button"),
        }
    return content or None, None
