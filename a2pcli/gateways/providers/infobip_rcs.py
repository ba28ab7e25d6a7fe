"""What Infobip's RCS API v2 takes of a message, and what it says of whom RCS reaches.

Field names as Infobip's Java client writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from a2pcli.content.rcs import LONGEST_DATA
from a2pcli.gateways.base import HttpResponse
from a2pcli.gateways.providers.common import digits, json_object
from a2pcli.messages import Message

MOST_ASKED = 500
"""Numbers of one question whom RCS reaches."""
_REACHES = {"ENABLED": True, "UNREACHABLE": False}
_MOMENT = "%Y-%m-%dT%H:%M:%S.000%z"


def rcs_content(message: Message) -> dict[str, Any]:
    """Return ``content``: a text, a card or a carousel, with its suggestions."""
    content = message.content or {}
    suggestions = [_suggestion(one) for one in content.get("suggestions") or ()] or None
    if card := content.get("card"):
        return {
            "type": "CARD",
            "orientation": card.get("orientation", "vertical").upper(),
            "alignment": card.get("image_side", "left").upper(),
            "content": _card(card),
            "suggestions": suggestions,
        }
    if cards := content.get("carousel"):
        return {
            "type": "CAROUSEL",
            "cardWidth": content.get("width", "medium").upper(),
            "contents": [_card(one) for one in cards],
            "suggestions": suggestions,
        }
    return {"type": "TEXT", "text": content.get("text") or message.body, "suggestions": suggestions}


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    media = card.get("media")
    return {
        "title": card.get("title"),
        "description": card.get("description"),
        "media": _media({"url": media} if isinstance(media, str) else media) if media else None,
        "suggestions": [_suggestion(one) for one in card.get("suggestions") or ()] or None,
    }


def _media(media: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "file": {"url": media["url"]},
        "thumbnail": {"url": media["thumbnail"]} if media.get("thumbnail") else None,
        "height": str(media.get("height") or "medium").upper(),
    }


def _suggestion(one: Mapping[str, Any]) -> dict[str, Any]:
    text = str(one.get("reply") or one.get("text"))
    made = {"text": text, "postbackData": one.get("data") or text[:LONGEST_DATA]}
    if "reply" in one:
        return {"type": "REPLY", **made}
    if url := one.get("open_url"):
        return {"type": "OPEN_URL", **made, "url": url}
    if number := one.get("dial"):
        return {"type": "DIAL_PHONE", **made, "phoneNumber": number}
    if place := one.get("location"):
        where = {name: place.get(name) for name in ("latitude", "longitude", "label")}
        return {"type": "SHOW_LOCATION", **made, **where}
    if event := one.get("calendar"):
        start, end = (datetime.fromisoformat(event[name]).strftime(_MOMENT) for name in ("start", "end"))
        about = {"title": event["title"], "description": event.get("description")}
        return {"type": "ADD_CALENDAR_EVENT", **made, "startTime": start, "endTime": end, **about}
    return {"type": "REQUEST_LOCATION", **made}


def question(sender: str | None, numbers: Sequence[str]) -> dict[str, Any]:
    """Return the body of a question whom the sender's RCS reaches."""
    return {"sender": sender, "phoneNumbers": [digits(one) for one in numbers]}


def reached(numbers: Sequence[str], response: HttpResponse) -> dict[str, bool]:
    """Return whom RCS reaches; numbers of which Infobip is not sure are absent."""
    results = json_object(response).get("capabilityCheckResults") if response.status == 200 else None
    ours = {digits(number): number for number in numbers}
    found: dict[str, bool] = {}
    for one in results if isinstance(results, list) else []:
        if isinstance(one, dict):
            number, reaches = (
                ours.get(str(one.get("phoneNumber")).lstrip("+")),
                _REACHES.get(str(one.get("code"))),
            )
            if number is not None and reaches is not None:
                found[number] = reaches
    return found
