"""Rules about the blocks of channels (``email:``, ``telegram:``, …) that concern more than one key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2pcli.channels import CHANNELS, DEFAULT, OFFERED
from a2pcli.config.chat import BLOCKS
from a2pcli.config.document import Document
from a2pcli.errors import Problem

_ALL = ("email", *BLOCKS)


def channels_of(document: Document) -> list[str]:
    """The channels that the campaign uses, as far as they are right."""
    data = document.data
    named = data.get("channels") or [data.get("channel", DEFAULT)]
    return [one for one in named if isinstance(one, str)] if isinstance(named, (dict, list)) else []


def has_own_text(document: Document) -> bool:
    """Whether every channel of the campaign has a text of its own, so that it needs no ``message``."""
    used = channels_of(document)
    return bool(used) and all("text" in _block(document, one) for one in used)


def block_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with blocks as such: their channel is not used, codes must not be stored, texts come twice."""
    used = channels_of(document)
    if not all(one in OFFERED for one in used):
        return
    for channel in _ALL:
        if channel not in document.data:
            continue
        if channel not in used:
            message = f"'{channel}' does not apply to {' and '.join(used)}"
            hint = f"add 'channel: {channel}', or remove the block"
            yield document.problem(message, (channel,), of="key", hint=hint, code=channel)
        if document.data.get("purpose") == "otp":
            message = f"one-time codes have no {channel}: block yet, because their content must not be stored"
            yield document.problem(message, (channel,), of="key", code=channel)
        yield from _texts(document, channel)
    yield from _telegram(document)
    yield from _mms(document)


def _texts(document: Document, channel: str) -> Iterator[Problem]:
    if "text" in _block(document, channel) and "variants" in document.data:
        hint = f"remove '{channel}.text': every variant would have the same text"
        message = "'text' and 'variants' cannot be combined"
        yield document.problem(message, (channel, "text"), of="key", hint=hint, code=channel)


def _telegram(document: Document) -> Iterator[Problem]:
    block = _block(document, "telegram")
    if "parse_mode" in block and "text" not in block:
        hint = "'message' is plain text on every channel; write the marked text under 'telegram: text:'"
        message = "'parse_mode' needs 'text'"
        yield document.problem(message, ("telegram", "parse_mode"), of="key", hint=hint, code="telegram")


def _mms(document: Document) -> Iterator[Problem]:
    if "media" in document.data and "media" in _block(document, "mms"):
        hint = "put all files under 'mms: media:'"
        yield document.problem("'media' is there twice", ("media",), of="key", hint=hint, code="mms")


def _block(document: Document, channel: str) -> dict[str, Any]:
    block = document.data.get(channel)
    return block if isinstance(block, dict) and channel in CHANNELS else {}
