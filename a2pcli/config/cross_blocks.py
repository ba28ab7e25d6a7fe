"""Rules about the blocks of channels (``email:``, ``telegram:``, …) that concern more than one key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2pcli.channels import CHANNELS, DEFAULT, NAMES, OFFERED
from a2pcli.config.document import Document
from a2pcli.errors import Problem

FEWEST_CARDS, MOST_CARDS = 2, 10
MOST_ON_A_CARD, MOST_SUGGESTIONS = 4, 11
"""Of RCS; what is made for each person is looked at again, where the content is made."""

_OWN_TEXTS = {"text", "template", "card", "carousel"}
"""Keys of blocks that a message's text is made of."""
_OF_EMAIL = {"text", "html"}
"""The same of the email block."""


def channels_of(document: Document) -> list[str]:
    """The channels that the campaign uses, as far as they are right."""
    data = document.data
    named = data.get("channels") or [data.get("channel", DEFAULT)]
    return [one for one in named if isinstance(one, str)] if isinstance(named, (dict, list)) else []


def has_own_text(document: Document) -> bool:
    """Whether every channel of the campaign has a text of its own, so that it needs no ``message``."""
    used = channels_of(document)
    return bool(used) and all(
        (_OF_EMAIL if one == "email" else _OWN_TEXTS) & _block(document, one).keys() for one in used
    )


def block_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with blocks as such: their channel is not used, codes must not be stored, texts come twice."""
    used = channels_of(document)
    if not all(one in OFFERED for one in used):
        return
    for channel in NAMES:
        if channel not in document.data:
            continue
        if channel not in used:
            message = f"'{channel}' does not apply to {' and '.join(used)}"
            hint = f"add 'channel: {channel}', or remove the block"
            yield document.problem(message, (channel,), of="key", hint=hint, code=channel)
        yield from _texts(document, channel)
    yield from _telegram(document)
    yield from _mms(document)
    yield from _whatsapp(document, used)
    yield from _rcs(document)


def _texts(document: Document, channel: str) -> Iterator[Problem]:
    for key in sorted(_OWN_TEXTS & _block(document, channel).keys()):
        if "variants" in document.data:
            hint = f"remove '{channel}.{key}': every variant would have the same text"
            message = f"'{key}' and 'variants' cannot be combined"
            yield document.problem(message, (channel, key), of="key", hint=hint, code=channel)


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


def _whatsapp(document: Document, used: list[str]) -> Iterator[Problem]:
    block = _block(document, "whatsapp")
    if "template" not in block:
        return
    if "message" in document.data and "text" not in block and used == ["whatsapp"]:
        hint = "remove it; a free text for those who wrote within the last 24 hours is 'whatsapp: text:'"
        message = "'message' is not sent: the text is the template's"
        yield document.problem(message, ("message",), of="key", hint=hint, code="whatsapp")
    for key in ("image", "buttons"):
        if key in block and "text" not in block:
            hint = f"those of a template are under 'template:'; '{key}' here belongs to a free text"
            yield document.problem(
                f"'{key}' needs 'text'", ("whatsapp", key), of="key", hint=hint, code="whatsapp"
            )
    header = block["template"].get("header") if isinstance(block["template"], dict) else None
    if isinstance(header, dict) and "filename" in header and "document" not in header:
        loc = ("whatsapp", "template", "header", "filename")
        yield document.problem("'filename' needs 'document'", loc, of="key", code="whatsapp")


_ACTIONS = ("open_url", "dial", "location", "share_location", "calendar")


def _rcs(document: Document) -> Iterator[Problem]:
    block = _block(document, "rcs")
    forms = [key for key in ("text", "card", "carousel") if key in block]
    for extra in forms[1:]:
        message = f"'{forms[0]}' and '{extra}' cannot be combined"
        hint = "a message is a text, a card or a carousel; the words of a card are its 'description'"
        yield document.problem(message, ("rcs", extra), of="key", hint=hint, code="rcs")
    cards = block.get("carousel")
    if isinstance(cards, list) and not FEWEST_CARDS <= len(cards) <= MOST_CARDS:
        message = f"a carousel has {FEWEST_CARDS} to {MOST_CARDS} cards; this one has {len(cards)}"
        yield document.problem(message, ("rcs", "carousel"), of="key", code="rcs")
    yield from _suggestions(document, block, ("rcs",), MOST_SUGGESTIONS)
    if isinstance(block.get("card"), dict):
        yield from _suggestions(document, block["card"], ("rcs", "card"), MOST_ON_A_CARD)
        yield from _card(document, block["card"], ("rcs", "card"))
    for place, card in enumerate(cards if isinstance(cards, list) else ()):
        if isinstance(card, dict):
            yield from _suggestions(document, card, ("rcs", "carousel", place), MOST_ON_A_CARD)
            yield from _card(document, card, ("rcs", "carousel", place))


def _card(document: Document, card: dict[str, Any], loc: tuple[str | int, ...]) -> Iterator[Problem]:
    if not {"title", "description", "media"} & card.keys():
        yield document.problem("a card needs a title, a description or media", loc, code="rcs")


def _suggestions(
    document: Document, block: dict[str, Any], loc: tuple[str | int, ...], most: int
) -> Iterator[Problem]:
    found = block.get("suggestions")
    found = found if isinstance(found, list) else []
    if len(found) > most:
        message = f"at most {most} suggestions are possible here; these are {len(found)}"
        yield document.problem(message, (*loc, "suggestions", most), code="rcs")
    for place, one in enumerate(found):
        if not isinstance(one, dict):
            continue
        here = (*loc, "suggestions", place)
        actions = [key for key in _ACTIONS if key in one]
        if ("reply" in one) == ("text" in one):
            hint = "a reply is 'reply: …'; an action has a 'text:' and what it does"
            yield document.problem("a suggestion has a 'reply' or a 'text'", here, hint=hint, code="rcs")
        elif "text" in one and len(actions) != 1:
            yield document.problem(f"a suggestion does one thing: {', '.join(_ACTIONS)}", here, code="rcs")
        elif "reply" in one and actions:
            yield document.problem(f"'reply' and '{actions[0]}' cannot be combined", here, code="rcs")


def _block(document: Document, channel: str) -> dict[str, Any]:
    block = document.data.get(channel)
    return block if isinstance(block, dict) and channel in CHANNELS else {}
