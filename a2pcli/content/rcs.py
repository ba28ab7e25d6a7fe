"""RCS: the content of a message, of the rendered ``rcs:`` block.

Limits: developers.google.com/business-communications/rcs-business-messaging (rich cards, suggestions).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from a2pcli.content.fitness import Unfit, web_address, within
from a2pcli.reasons import Reason

LONGEST_TEXT = 3_072
LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 2_000
LONGEST_SUGGESTION = 25
LONGEST_DATA = 2_048
MOST_ON_A_CARD = 4
MOST_SUGGESTIONS = 11
FEWEST_CARDS, MOST_CARDS = 2, 10
LARGEST = 250_000
"""Bytes of a whole message."""

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")


def made(
    block: Mapping[str, Any], body: str, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any] | None, None]:
    """``{card?|carousel?, width?, suggestions?}``; the text of a plain message is the message's own."""
    content: dict[str, Any] = {}
    if card := block.get("card"):
        content["card"] = {**_card(card, "rcs.card"), **_layout(card)}
    elif cards := block.get("carousel"):
        content["carousel"] = [_card(one, f"rcs.carousel.{place}") for place, one in enumerate(cards)]
        content["width"] = block.get("width", "medium")
    else:
        within(body, LONGEST_TEXT, "an RCS text")
    if some := list(_suggestions(block, "rcs", MOST_SUGGESTIONS)):
        content["suggestions"] = some
    size = len(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")) + len(
        body.encode("utf-8", "replace")
    )
    if size > LARGEST:
        raise Unfit(f"the RCS message has {size:,} bytes; it may have {LARGEST:,}", Reason.TOO_LONG)
    return content or None, None


def _layout(card: Mapping[str, Any]) -> dict[str, str]:
    if card.get("orientation") != "horizontal":
        return {}
    return {"orientation": "horizontal", "image_side": card.get("image_side", "left")}


def _card(card: Mapping[str, Any], what: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if title := card.get("title"):
        made["title"] = within(title, LONGEST_TITLE, "the title of an RCS card")
    if description := card.get("description"):
        made["description"] = within(description, LONGEST_DESCRIPTION, "the text of an RCS card")
    if media := card.get("media"):
        if not media.get("url"):
            raise Unfit(f"'{what}.media.url' is empty", Reason.MISSING_VALUE)
        made["media"] = {"url": web_address(media["url"], f"{what}.media.url")}
        if media.get("height"):
            made["media"]["height"] = media["height"]
        if media.get("thumbnail"):
            made["media"]["thumbnail"] = web_address(media["thumbnail"], f"{what}.media.thumbnail")
    if not made.keys() & {"title", "description", "media"}:
        raise Unfit(f"'{what}' is empty: it has no title, no description and no media", Reason.EMPTY_MESSAGE)
    if some := list(_suggestions(card, what, MOST_ON_A_CARD)):
        made["suggestions"] = some
    return made


def _suggestions(block: Mapping[str, Any], what: str, most: int) -> Iterator[dict[str, Any]]:
    """The suggestions. One whose text came out empty is not there: it is for some people only."""
    count = 0
    for place, one in enumerate(block.get("suggestions") or ()):
        made = _suggestion(one, f"{what}.suggestions.{place}")
        if made is None:
            continue
        count += 1
        if count > most:
            raise Unfit(f"'{what}.suggestions' has more than {most} suggestions")
        yield made


def _suggestion(one: Mapping[str, Any], what: str) -> dict[str, Any] | None:
    text = one.get("reply") or one.get("text")
    if not text:
        return None
    key = "reply" if one.get("reply") else "text"
    made: dict[str, Any] = {key: within(text, LONGEST_SUGGESTION, "an RCS suggestion")}
    if data := one.get("data"):
        made["data"] = within(data, LONGEST_DATA, "what an RCS suggestion sends back")
    if key == "text":
        made |= _action(one, what)
    return made


def _action(one: Mapping[str, Any], what: str) -> dict[str, Any]:
    if url := one.get("open_url"):
        return {"open_url": web_address(url, f"{what}.open_url")}
    if number := one.get("dial"):
        typed = re.sub(r"[ ()./-]", "", number)
        if not _NUMBER.fullmatch(typed):
            raise Unfit(f"'{what}.dial' is not a phone number that begins with +")
        return {"dial": typed}
    if place := one.get("location"):
        where: dict[str, Any] = {
            "latitude": _degrees(place.get("latitude"), 90, f"{what}.location.latitude"),
            "longitude": _degrees(place.get("longitude"), 180, f"{what}.location.longitude"),
        }
        return {"location": {**where, "label": place["label"]} if place.get("label") else where}
    if one.get("share_location"):
        return {"share_location": True}
    if event := one.get("calendar"):
        return {"calendar": _event(event, f"{what}.calendar")}
    raise Unfit(f"'{what}' does nothing: its action is empty", Reason.MISSING_VALUE)


def _degrees(value: str | None, most: int, what: str) -> float:
    try:
        found = float(value or "")
    except ValueError:
        found = float("nan")
    if not -most <= found <= most:
        raise Unfit(f"'{what}' is not a number of degrees")
    return found


def _event(event: Mapping[str, Any], what: str) -> dict[str, Any]:
    start, end = (_moment(event.get(key), f"{what}.{key}") for key in ("start", "end"))
    if end <= start:
        raise Unfit(f"'{what}.end' is not after its start")
    made = {
        "title": within(event.get("title") or "", 100, "the title of an RCS calendar entry"),
        "start": start.isoformat(),
        "end": end.isoformat(),
    }
    if not made["title"]:
        raise Unfit(f"'{what}.title' is empty", Reason.MISSING_VALUE)
    if event.get("description"):
        made["description"] = within(event["description"], 500, "the text of an RCS calendar entry")
    return made


def _moment(value: str | None, what: str) -> datetime:
    try:
        found = datetime.fromisoformat((value or "").strip())
    except ValueError:
        raise Unfit(f"'{what}' is not a moment such as 2026-12-01T10:00:00Z") from None
    if found.tzinfo is None:
        raise Unfit(f"'{what}' has no zone: write 2026-12-01T10:00:00Z or …+01:00")
    return found
