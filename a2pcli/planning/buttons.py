"""The words on a campaign's buttons, which people tap instead of writing: one may be how they opt out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from a2pcli.config.load import LoadedCampaign
from a2pcli.planning.template_files import template_used

_TAG = ("{{", "{%")


def button_texts(loaded: LoadedCampaign) -> tuple[str, ...]:
    """What stands on the buttons that everybody gets; not those whose words come from columns, which may be empty."""
    found = _texts(loaded, getattr(loaded.campaign, loaded.campaign.channel, None))
    return tuple(text for text in found if text and not any(tag in text for tag in _TAG))


def _texts(loaded: LoadedCampaign, block: Any) -> Iterator[str]:
    if getattr(block, "template", None) is not None:
        template = template_used(loaded)
        yield from (button.text for button in template.buttons) if template is not None else ()
        return
    cards = getattr(block, "carousel", None) or filter(None, [getattr(block, "card", None)])
    for one in (block, *cards):
        for name in ("buttons", "suggestions", "button"):
            for button in _flat(getattr(one, name, None)):
                yield str(getattr(button, "reply", None) or getattr(button, "text", None) or "")


def _flat(found: Any) -> Iterable[Any]:
    """The buttons of a block: one, a list of them, or rows of them."""
    for one in found if isinstance(found, list | tuple) else filter(None, [found]):
        yield from one if isinstance(one, list | tuple) else (one,)
