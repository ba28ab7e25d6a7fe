"""Telegram: the content of a message, of the rendered ``telegram:`` block.

Limits: core.telegram.org/bots/api (sendMessage, sendPhoto, InlineKeyboardButton) and limits.tginfo.me.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.channels import channel_of
from a2pcli.content.fitness import Unfit, web_address, within
from a2pcli.content.markup import TELEGRAM_HTML, TELEGRAM_MARKDOWN
from a2pcli.content.telegram_html import text_of_html
from a2pcli.content.telegram_markdown import text_of_markdown

MOST_IN_A_ROW = 8
MOST_BUTTONS = 100
LONGEST_BUTTON = 64
"""Characters; longer ones are cut on every screen."""

_MARKUPS = {"HTML": TELEGRAM_HTML, "MarkdownV2": TELEGRAM_MARKDOWN}
_READERS = {"HTML": text_of_html, "MarkdownV2": text_of_markdown}


def markup_of(block: Any) -> str | None:
    """What the block's text is written in, by its name in ``content.markup``."""
    return _MARKUPS.get(block.parse_mode or "") if block.text is not None else None


def made(
    block: Mapping[str, Any], body: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, str | None]:
    """``{text?, parse_mode?, photo?, buttons?, silent?, link_preview?}``, where ``text`` is only there if it is not
    the message's text itself; and the text of a markup."""
    limits = channel_of("telegram")
    content: dict[str, Any] = {}
    text = None
    if (mode := block.get("parse_mode")) and "text" in block:
        text = _READERS[mode](block["text"])
        content |= {"text": block["text"], "parse_mode": mode}
    if photo := block.get("photo"):
        content["photo"] = web_address(photo, "telegram.photo")
        within(body if text is None else text, limits.caption, "the text of a Telegram picture")
    if rows := list(filter(None, map(_row, block.get("buttons") or ()))):
        if sum(map(len, rows)) > MOST_BUTTONS:
            raise Unfit(f"'telegram.buttons' has more than {MOST_BUTTONS} buttons")
        content["buttons"] = rows
    if block.get("silent"):
        content["silent"] = True
    if block.get("link_preview") is False:
        content["link_preview"] = False
    return content or None, text


def _row(row: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Buttons side by side. One whose text or URL came out empty is not there: it is for some people only."""
    buttons = [
        {
            "text": within(one["text"], LONGEST_BUTTON, "a button of 'telegram.buttons'"),
            "url": web_address(one["url"], "telegram.buttons"),
        }
        for one in row
        if one["text"] and one["url"]
    ]
    if len(buttons) > MOST_IN_A_ROW:
        raise Unfit(f"a row of 'telegram.buttons' has more than {MOST_IN_A_ROW} buttons")
    return buttons
