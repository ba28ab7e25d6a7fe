"""Viber: the content of a message, of the rendered ``viber:`` or ``viber_business:`` block.

Limits: developers.viber.com/docs/api/rest-bot-api (text, picture, keyboards) for bots, which write to their
subscribers; infobip.com/docs/viber/business-messages for business messages, which go to phone numbers.
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
    """``{image?, button?}``, of a bot."""
    return _made("viber", block, body), None


def made_for_business(
    block: Mapping[str, Any], body: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, None]:
    """``{image?, button?}``, of a business message."""
    return _made("viber_business", block, body), None


def _made(channel: str, block: Mapping[str, Any], body: str) -> Mapping[str, Any] | None:
    content: dict[str, Any] = {}
    if image := block.get("image"):
        content["image"] = web_address(image, f"{channel}.image")
        within(body, channel_of(channel).caption, "the text of a Viber picture")
    button = block.get("button")
    if button and button["text"] and button["url"]:
        content["button"] = {
            "text": within(button["text"], LONGEST_BUTTON, f"the text of '{channel}.button'"),
            "url": web_address(button["url"], f"{channel}.button"),
        }
    return content or None
