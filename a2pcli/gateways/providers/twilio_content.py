"""Twilio's content templates: how the Content API lists them, and what of a message goes into their variables.

https://www.twilio.com/docs/content: a template is sent by its SID (``ContentSid``); the placeholders of its body, links
and codes are one set of variables (``ContentVariables``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from a2pcli.content.whatsapp_templates import CATEGORIES, PLACEHOLDER, TemplateButton, WhatsAppTemplate

_KINDS = {
    "twilio/text", "twilio/quick-reply", "twilio/call-to-action", "twilio/media", "twilio/card", "whatsapp/card",
    "whatsapp/authentication",
}  # fmt: skip
_BUTTONS = {
    "URL": "url",
    "PHONE_NUMBER": "phone_number",
    "QUICK_REPLY": "quick_reply",
    "COPY_CODE": "copy_code",
}


def variables_of(template: Mapping[str, Any]) -> str | None:
    """Return ``ContentVariables`` for a message's template; None if it has none."""
    body = template.get("body") or {}
    named = body if isinstance(body, Mapping) else {str(place): text for place, text in enumerate(body, 1)}
    found = dict(named)
    for part in ([template["header"]] if template.get("header") else []) + list(
        template.get("buttons") or ()
    ):
        name = part.get("name")
        if name:
            found[str(name)] = part.get("value") or part.get("text") or ""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None


def templates_of(data: Mapping[str, Any]) -> Iterator[WhatsAppTemplate]:
    """Yield the templates of a page that were submitted to WhatsApp. Raises ``ValueError`` if the data is not such a
    list."""
    items = data.get("contents")
    if not isinstance(items, list):
        raise ValueError("the answer has no list of templates")
    for item in items:
        if not isinstance(item, dict):
            raise ValueError("an entry of the list is no template")
        approval = item.get("approval_requests")
        approval = approval if isinstance(approval, dict) else {}
        category = str(approval.get("category") or "").lower()
        if category in CATEGORIES:
            yield _template(item, category, str(approval.get("status") or "unknown").lower())


def next_page(data: Mapping[str, Any]) -> str | None:
    """Return the URL of the next page; None on the last."""
    meta = data.get("meta")
    url = meta.get("next_page_url") if isinstance(meta, dict) else None
    return url if isinstance(url, str) and url else None


def _template(item: Mapping[str, Any], category: str, status: str) -> WhatsAppTemplate:
    types = item.get("types")
    kind, of = next(iter(types.items())) if isinstance(types, dict) and types else ("", {})
    of = of if isinstance(of, dict) else {}
    name, language, sid = (item.get(key) for key in ("friendly_name", "language", "sid"))
    if not all(isinstance(one, str) and one for one in (name, language, sid)):
        raise ValueError("a template has no name, language or SID")
    buttons = tuple(
        TemplateButton(
            _BUTTONS.get(str(one.get("type") or "QUICK_REPLY"), "other"),
            str(one.get("title") or ""),
            str(one.get("url") or ""),
        )
        for one in of.get("actions") or ()
        if isinstance(one, dict)
    )
    media = of.get("media")
    beyond = set() if kind in _KINDS else {kind.partition("/")[2] or "unknown type"}
    if any(PLACEHOLDER.search(str(url)) for url in (media if isinstance(media, list) else [media])):
        beyond.add("media with a placeholder")
    body = of.get("body") or of.get("title")
    if kind == "whatsapp/authentication":
        body = "{{1}} is your verification code."
    return WhatsAppTemplate(
        name=str(name),
        language=str(language),
        category=category,
        status=status,
        body=str(body or "(no text)"),
        header_text=str(of.get("header_text") or ""),
        header="text" if of.get("header_text") else "",
        footer=str(of.get("footer") or of.get("subtitle") or ""),
        buttons=buttons,
        id=str(sid),
        beyond=", ".join(sorted(beyond)),
    )
