"""The content of an RCS message as Google's API writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_OF_DATA = 2048
"""Maximum length in characters of what a tapped suggestion sends back."""


def agent_message(text: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``contentMessage`` of a text, a card, a carousel or a file, with its suggestions."""
    suggestions = [suggestion(one) for one in content.get("suggestions") or ()] or None
    if card := content.get("card"):
        return {"richCard": {"standaloneCard": _standalone(card)}, "suggestions": suggestions}
    if cards := content.get("carousel"):
        width = content.get("width", "medium").upper()
        contents = [_card(one, "MEDIUM") for one in cards]
        return {
            "richCard": {"carouselCard": {"cardWidth": width, "cardContents": contents}},
            "suggestions": suggestions,
        }
    return {"text": content.get("text") or text, "suggestions": suggestions}


def _standalone(card: Mapping[str, Any]) -> dict[str, Any]:
    orientation = card.get("orientation", "vertical").upper()
    alignment = card.get("image_side", "left").upper() if orientation == "HORIZONTAL" else None
    return {
        "cardOrientation": orientation,
        "thumbnailImageAlignment": alignment,
        "cardContent": _card(card, "TALL" if orientation == "VERTICAL" else None),
    }


def _card(card: Mapping[str, Any], height: str | None) -> dict[str, Any]:
    media = card.get("media")
    if isinstance(media, str):
        media = {"url": media}
    return {
        "title": card.get("title"),
        "description": card.get("description"),
        "media": _media(media, height) if media else None,
        "suggestions": [suggestion(one) for one in card.get("suggestions") or ()] or None,
    }


def _media(media: Mapping[str, Any], height: str | None) -> dict[str, Any]:
    return {
        "height": str(media.get("height") or height or "").upper() or None,
        "contentInfo": {"fileUrl": media["url"], "thumbnailUrl": media.get("thumbnail")},
    }


def suggestion(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a suggestion as the API takes it: ``{reply}``, or ``{text}`` with an action (``open_url``, ``dial``,
    ``location``, …)."""
    if "reply" in one:
        text = str(one["reply"])
        return {"reply": {"text": text, "postbackData": one.get("data") or text[:MOST_OF_DATA]}}
    text = str(one["text"])
    action: dict[str, Any] = {"text": text, "postbackData": one.get("data") or text}
    if url := one.get("open_url"):
        action["openUrlAction"] = {"url": url}
    elif number := one.get("dial"):
        action["dialAction"] = {"phoneNumber": number}
    elif place := one.get("location"):
        where = {"latLong": {"latitude": place["latitude"], "longitude": place["longitude"]}}
        action["viewLocationAction"] = {**where, "label": place.get("label")}
    elif one.get("share_location"):
        action["shareLocationAction"] = {}
    elif event := one.get("calendar"):
        action["createCalendarEventAction"] = {
            "startTime": event["start"],
            "endTime": event["end"],
            "title": event["title"],
            "description": event.get("description"),
        }
    return {"action": action}
