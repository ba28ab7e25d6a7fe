"""Templates of a WhatsApp Business Account, as Meta's API lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a2pcli.content.whatsapp_templates import CATEGORIES, HEADERS, OTHER, TemplateButton, WhatsAppTemplate

FIELDS = "id,name,language,status,category,components"
A_PAGE = 50
"""Templates a page: answers are read up to 1 MB."""
_FILLED = {"header", "body", "footer", "buttons"}
_BUTTONS = {"quick_reply", "url", "phone_number", "copy_code", "otp", "voice_call"}


def templates_of(data: Mapping[str, Any]) -> Iterator[WhatsAppTemplate]:
    """Yield the templates of a page, including those that campaigns cannot send (carousels, catalogues), with their
    texts. Raises ``ValueError`` if the data is not such a list."""
    items = data.get("data")
    if not isinstance(items, list):
        raise ValueError("the answer has no list of templates")
    for item in items:
        if not isinstance(item, dict):
            raise ValueError("an entry of the list is no template")
        yield _template(item)


def next_page(data: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page; None on the last."""
    paging = data.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None


def _template(item: Mapping[str, Any]) -> WhatsAppTemplate:
    components = {
        str(one.get("type")).lower(): one for one in _list(item.get("components")) if isinstance(one, dict)
    }
    header = components.get("header", {})
    kind = str(header.get("format") or "").lower()
    category = _needed(item, "category").lower()
    buttons = tuple(
        TemplateButton(
            str(one.get("type") or "other").lower(), str(one.get("text") or ""), str(one.get("url") or "")
        )
        for one in _list(components.get("buttons", {}).get("buttons"))
        if isinstance(one, dict)
    )
    beyond = {*components} - _FILLED | {one.type for one in buttons} - _BUTTONS
    beyond |= {kind} - {"", *HEADERS} | ({"location"} & {kind})
    if category not in CATEGORIES:
        beyond.add(f"the category {category}")
    return WhatsAppTemplate(
        name=_needed(item, "name"),
        language=_needed(item, "language"),
        category=category if category in CATEGORIES else OTHER,
        status=_needed(item, "status").lower(),
        body=str(components.get("body", {}).get("text") or "(no text)"),
        header=kind if kind in HEADERS else "",
        header_text=str(header.get("text") or "") if kind == "text" else "",
        footer=str(components.get("footer", {}).get("text") or ""),
        buttons=buttons,
        beyond=", ".join(sorted(one.replace("_", " ") for one in beyond)),
    )


def _needed(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"a template has no {key}")
    return value


def _list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []
