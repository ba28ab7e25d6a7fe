"""WhatsApp: the content of a message, of the rendered ``whatsapp:`` block.

Rules of templates and their parameters: developers.facebook.com/docs/whatsapp (message templates, Cloud API messages).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2pcli.content.fitness import Unfit, web_address, within
from a2pcli.content.whatsapp_templates import MEDIA, PLACEHOLDER, WhatsAppTemplate
from a2pcli.reasons import Reason

LONGEST_TEXT = 4_096
LONGEST_CAPTION = 1_024
LONGEST_BODY = 1_024
"""Characters of a template's body with its values, and of a free text with buttons."""
LONGEST_HEADER = 60
LONGEST_BUTTON = 20
LONGEST_CODE = 15
"""Characters of a code to copy and of an authentication code."""
MOST_REPLIES = 3
_NOT_ALLOWED = re.compile(r"[\n\r\t]| {5,}")
"""What no value may have: Meta refuses line breaks, tabs and more than four spaces in a row."""


def template_content(block: Mapping[str, Any], template: WhatsAppTemplate, text: str) -> dict[str, Any]:
    """``{template: {name, language, category, header?, body?, buttons?}}`` of the ``template:`` in the block."""
    given = block["template"]
    content: dict[str, Any] = {
        "name": template.name, "language": template.language, "category": template.category,
    }  # fmt: skip
    if template.id:
        content["id"] = template.id
    header = _header(given.get("header") or {}, template)
    if header:
        content["header"] = header
    values = _values(given.get("body") or {}, "body")
    if values:
        content["body"] = values
    body = text.removeprefix(template.header_text).strip() if template.header == "text" else text
    within(body.removesuffix(template.footer).strip(), LONGEST_BODY, "the body of a WhatsApp template")
    buttons = list(_buttons(given.get("buttons") or {}, template))
    if buttons:
        content["buttons"] = buttons
    content["shown"] = list(_shown(template, {one["index"]: one["value"] for one in buttons}))
    return {"template": {key: value for key, value in content.items() if value != []}}


def _shown(template: WhatsAppTemplate, values: Mapping[int, str]) -> Iterator[str]:
    """The buttons as a person sees them."""
    for index, button in enumerate(template.buttons):
        found = PLACEHOLDER.search(button.url)
        url = button.url.replace(found[0], values.get(index, "")) if found else button.url
        yield f"[ {button.text or button.type.replace('_', ' ')} ]" + (f" {url}" if url else "")


def free_content(block: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """``{image?, buttons?}`` of a free text; None where the text is all."""
    content: dict[str, Any] = {}
    if image := block.get("image"):
        content["image"] = web_address(image, "whatsapp.image")
    buttons = [
        {
            "text": within(one["text"], LONGEST_BUTTON, "a WhatsApp button"),
            **({"url": web_address(one["url"], "whatsapp.buttons")} if one.get("url") else {}),
        }
        for one in block.get("buttons") or ()
        if one["text"]
    ]
    if len(buttons) > MOST_REPLIES or (len(buttons) > 1 and any("url" in one for one in buttons)):
        raise Unfit(f"'whatsapp.buttons' may be one link, or up to {MOST_REPLIES} replies")
    if len({one["text"] for one in buttons}) < len(buttons):
        raise Unfit("two of 'whatsapp.buttons' say the same")
    if buttons:
        content["buttons"] = buttons
        within(text, LONGEST_BODY, "a WhatsApp text with buttons")
    elif image:
        within(text, LONGEST_CAPTION, "the text of a WhatsApp picture")
    else:
        within(text, LONGEST_TEXT, "a WhatsApp text")
    return content or None


def _header(given: Mapping[str, Any], template: WhatsAppTemplate) -> dict[str, str] | None:
    if template.header in MEDIA:
        url = given.get(template.header)
        if not url:
            raise _missing(f"header.{template.header}")
        header = {
            "type": template.header,
            "link": web_address(url, f"whatsapp.template.header.{template.header}"),
        }
        return {**header, "filename": given["filename"]} if given.get("filename") else header
    if template.header == "text" and template.header_places:
        value = _value(given.get("text"), "header.text")
        within(template.header_text, LONGEST_HEADER, "the header of a WhatsApp template")
        (place,) = template.header_places
        named = {} if place.isdigit() else {"name": place}
        return {"type": "text", "text": value, **named}
    return None


def _values(given: Any, what: str) -> list[str] | dict[str, str]:
    if isinstance(given, Mapping):
        return {name: _value(value, f"{what}.{name}") for name, value in given.items()}
    return [_value(value, f"{what}.{place}") for place, value in enumerate(given)]


def _buttons(given: Any, template: WhatsAppTemplate) -> Iterator[dict[str, Any]]:
    for index, kind, key in places_of_buttons(given, template):
        value = _value(given[key], f"buttons.{key}")
        if kind == "copy_code":
            within(value, LONGEST_CODE, "a WhatsApp code to copy")
        place = PLACEHOLDER.search(template.buttons[index].url)
        named = {"name": place[1]} if template.id and place else {}
        yield {"index": index, "type": kind, "value": value, **named}


def places_of_buttons(
    given: Mapping[str, Any] | Sequence[Any], template: WhatsAppTemplate
) -> list[tuple[int, str, Any]]:
    """Of each given value the index of its button, as what it is sent, and its key in ``given``."""
    found: list[tuple[int, str, Any]] = []
    if isinstance(given, Mapping):
        for index, button in enumerate(template.buttons):
            if button.text in given and button.takes:
                found.append((index, button.takes, button.text))
        return found
    wanting = [(index, button.wants) for index, button in enumerate(template.buttons) if button.wants]
    return [(index, str(kind), place) for place, (index, kind) in enumerate(wanting) if place < len(given)]


def _value(value: str | None, what: str) -> str:
    if value is None or not value.strip():
        raise _missing(what)
    if _NOT_ALLOWED.search(value):
        raise Unfit(
            f"'whatsapp.template.{what}' has a line break, a tab or more than four spaces in a row, which WhatsApp"
            " refuses"
        )
    return value


def _missing(what: str) -> Unfit:
    return Unfit(f"'whatsapp.template.{what}' is empty", Reason.MISSING_VALUE)
