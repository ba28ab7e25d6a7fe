"""Texts that some people of a WhatsApp campaign get in place of its own: the free text of those who wrote within the
last 24 hours, and the template in other languages. Each must say what the campaign's own text must say."""

from __future__ import annotations

from collections.abc import Iterator

from a2pcli.config.blocks import Loc
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.templates import MessageTemplate, compile_template
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError
from a2pcli.planning.buttons import button_texts
from a2pcli.planning.composed import in_another_language
from a2pcli.planning.email_files import source_place
from a2pcli.planning.template_files import templates_in_use


@dataclass(frozen=True, slots=True)
class StandIn:
    """A text with its place in the campaign. ``whose`` follows what is wrong with it; ``compiled`` is None for one
    that has no partials."""

    loc: Loc
    text: str
    buttons: tuple[str, ...]
    whose: str = ""
    compiled: MessageTemplate | None = None


def stand_ins(loaded: LoadedCampaign) -> Iterator[StandIn]:
    """Return those texts; none where a campaign has only one."""
    block = loaded.campaign.whatsapp
    if loaded.campaign.channel != "whatsapp" or block is None or block.template is None:
        return
    if block.text is not None:
        loc: Loc = ("whatsapp", "text")
        yield StandIn(
            loc,
            block.text,
            button_texts(loaded, free=True),
            " (the text within the service window)",
            _compiled(loaded, loc, block.text),
        )
    for template in templates_in_use(loaded)[1:]:
        text = in_another_language(loaded, template)
        buttons = button_texts(loaded, template)
        whose = f" (the template in '{template.language}')"
        yield StandIn(("whatsapp", "template", "name"), text, buttons, whose)


def _compiled(loaded: LoadedCampaign, loc: Loc, text: str) -> MessageTemplate | None:
    """Return the compiled text; None if it is invalid, which is reported elsewhere."""
    try:
        return compile_template(text, where=source_place(loaded, loc), folder=loaded.folder)
    except A2PError:
        return None
