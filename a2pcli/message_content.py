"""What a person sees of a message besides its text: the subject of an email, its attachments, …"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def size_text(size: int) -> str:
    """A size for people: ``812 bytes``, ``14 kB``, ``3.2 MB``."""
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def content_of(text: str | None) -> dict[str, Any] | None:
    """The content that a plan stores as JSON text; None for none."""
    return None if text is None else json.loads(text)


def needs_window(text: str | None) -> bool:
    """Whether a message with this content (JSON text) leaves only while the service window is open: on channels with
    one, all but approved templates and messages with a tag do."""
    given = content_of(text) or {}
    return not ("template" in given or "tag" in given)


def head_lines(content: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The lines that stand above the text: ``Subject: …``."""
    return tuple(_head(content)) if content else ()


def tail_lines(content: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The lines that stand below it: what is attached, where replies and unsubscriptions go."""
    return tuple(_tail(content)) if content else ()


def media_of(content: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The URLs of the files that an MMS has of its own."""
    return tuple(one["url"] for one in (content or {}).get("media") or ())


def pictures_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The URLs of the pictures that stand above the text."""
    files = content.get("media") or ()
    shown = [
        one["url"]
        for one in files
        if isinstance(one, dict) and str(one.get("type", "image/")).startswith("image/")
    ]
    header = (content.get("template") or {}).get("header") or {}
    card = content.get("card") or {}
    own = header.get("link") if header.get("type") == "image" else None
    above = (content.get("photo"), content.get("image"), own, (card.get("media") or {}).get("url"))
    return tuple(filter(None, (*above, *shown)))


def _head(content: Mapping[str, Any]) -> Iterator[str]:
    for key, words in (("subject", "Subject"), ("preheader", "Preheader")):
        if content.get(key):
            yield f"{words}: {content[key]}"
    if content.get("template"):
        yield from _head_of_template(content["template"])
    if content.get("card"):
        yield from _media_of_card(content["card"])
    for key in ("photo", "image"):
        if content.get(key):
            yield f"Picture: {content[key]}"
    for one in content.get("media") or ():
        about = ", ".join(
            filter(None, (one.get("type"), size_text(one["size"]) if one.get("size") else None))
        )
        yield f"File: {one['url']}" + (f" ({about})" if about else "")


def _tail(content: Mapping[str, Any]) -> Iterator[str]:
    for row in buttons_of(content):
        yield "  ".join(_button(one) for one in row)
    yield from (content.get("template") or {}).get("shown") or ()
    yield from _tail_of_rcs(content)
    if content.get("tag"):
        yield f"Message tag: {content['tag']}"
    if content.get("silent"):
        yield "Arrives without a sound"
    for one in content.get("attachments") or ():
        yield f"Attachment: {one['name']} ({one['type']}, {size_text(one['size'])})"
    if content.get("html"):
        yield f"HTML: {size_text(len(content['html'].encode('utf-8', 'replace')))}"
    if content.get("reply_to"):
        yield f"Reply-To: {content['reply_to']}"
    leaving = content.get("unsubscribe") or {}
    for key in ("url", "mailto"):
        if leaving.get(key):
            how = " (one click)" if key == "url" and leaving.get("one_click") else ""
            yield f"Unsubscribe: {leaving[key]}{how}"
    for name, value in (content.get("headers") or {}).items():
        yield f"{name}: {value}"


def _button(one: Mapping[str, Any]) -> str:
    """A button as people see it, and what it does; a reply does nothing but answer."""
    return f"[ {one['text']} ]" + (f" {one['url']}" if one.get("url") else "")


def _head_of_template(template: Mapping[str, Any]) -> Iterator[str]:
    yield f"Template: {template['name']} ({template['language']}, {template['category']})"
    header = template.get("header") or {}
    if header.get("link"):
        yield f"{_KINDS[header['type']]}: {header['link']}" + (
            f" ({header['filename']})" if header.get("filename") else ""
        )


def _media_of_card(card: Mapping[str, Any]) -> Iterator[str]:
    if card.get("media"):
        yield f"Picture: {card['media']['url']}"


def _tail_of_rcs(content: Mapping[str, Any]) -> Iterator[str]:
    cards = [content["card"]] if content.get("card") else content.get("carousel") or ()
    for number, card in enumerate(cards, 1):
        if content.get("carousel"):
            yield f"Card {number} of {len(cards)}: {card.get('title') or card.get('description') or 'a picture'}"
            yield from _media_of_card(card)
        yield from map(_suggestion, card.get("suggestions") or ())
    yield from map(_suggestion, content.get("suggestions") or ())


def _suggestion(one: Mapping[str, Any]) -> str:
    if "reply" in one:
        return f"[ {one['reply']} ]"
    what = one.get("open_url") or one.get("dial") or ""
    if place := one.get("location"):
        what = f"map {place['latitude']}, {place['longitude']}"
    if event := one.get("calendar"):
        what = f"calendar {event['title']}, {event['start']}"
    if one.get("share_location"):
        what = "asks where the person is"
    return f"[ {one['text']} ] {what}"


_KINDS = {"image": "Picture", "video": "Video", "document": "Document"}


def buttons_of(content: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    """The buttons by row, of whatever channel."""
    buttons = content.get("buttons") or ([content["button"]] if content.get("button") else [])
    return [one if isinstance(one, list) else [one] for one in buttons]
