"""Rules about the keys of a campaign of several channels, as far as no single key can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import CHANNELS, OFFERED
from a2pcli.config.document import Document
from a2pcli.errors import Problem


def named_channels(data: dict[str, Any]) -> list[str]:
    """The channels under ``channels:``, as far as they can be read, in the order of the file; empty for none."""
    typed = data.get("channels")
    return [one for one in typed if one in OFFERED] if isinstance(typed, (dict, list)) else []


def several_problems(document: Document, channels: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with ``channels:`` and ``fallback:`` beside the other keys."""
    data = document.data
    if "channel" in data and "channels" in data:
        hint = "remove 'channel', or put it first under 'channels'"
        message = "'channel' and 'channels' cannot be combined"
        yield document.problem(message, ("channel",), of="key", hint=hint, code="channels")
    if len(channels) > 1:
        yield from _of_each(document, channels)
    elif "fallback" in data and (channels or "channels" not in data):
        hint = "for example 'channels: [email, sms]' instead of 'channel'"
        message = "'fallback' needs a second channel"
        yield document.problem(message, ("fallback",), of="key", hint=hint, code="fallback")
    fallback = data.get("fallback")
    if isinstance(fallback, dict) and fallback.get("when") == [] and "after" not in fallback:
        hint = "name rejected or undelivered, or remove 'fallback'"
        yield document.problem("'fallback' would never happen", ("fallback",), hint=hint, code="fallback")


def _of_each(document: Document, channels: Sequence[str]) -> Iterator[Problem]:
    data = document.data
    if "sender" in data:
        hint = f"say it for each channel: 'channels:' with '{channels[0]}: {{sender: …}}'"
        message = "'sender' cannot be the same for several channels"
        yield document.problem(message, ("sender",), of="key", hint=hint, code="sender")
    if data.get("purpose") == "otp":
        message = "one-time codes are sent by one channel"
        hint = "a code must not be stored, as the text of a second channel would be"
        yield document.problem(message, ("channels",), of="key", hint=hint, code="channels")
    if "message" in data or "variants" in data:
        return
    for name in channels:
        block = data.get(name)
        if CHANNELS[name].kind is not Kind.EMAIL and not (isinstance(block, dict) and "text" in block):
            message = f"'message' is missing: {name} needs a text"
            hint = "the message, a Jinja template over the contact's columns"
            yield document.problem(message, (), hint=hint, code="missing-key")
            return
