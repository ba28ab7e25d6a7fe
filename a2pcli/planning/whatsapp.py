"""The ``whatsapp:`` block: an approved template for everybody, a free text for those in the service window.

Who wrote to us within the last 24 hours is known from the replies in the ledger (the stage ``windowed``); to anybody
else WhatsApp delivers only a template. A row outside the window gets the template where the campaign has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.config.blocks import name_of, shape_of, templates_of
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.templates import MessageTemplate
from a2pcli.content.whatsapp import free_content, template_content
from a2pcli.content.whatsapp_templates import WhatsAppTemplate
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.frame import Frame
from a2pcli.planning.blocks import BlockTexts, CompiledBlock
from a2pcli.planning.contents import CompiledContent, rendered
from a2pcli.planning.email_files import source_at
from a2pcli.planning.frames import Mask, alive, drop, mask_of
from a2pcli.planning.whatsapp_check import template_problems
from a2pcli.planning.window import OUTSIDE, WINDOW
from a2pcli.reasons import Reason

CHANNEL = "whatsapp"
TEMPLATE = "template"
TEXT = "text"


@dataclass(frozen=True, slots=True)
class WhatsAppTexts(BlockTexts):
    """The templates of the block. ``template`` is the account's approved template, None for free text only. With
    ``both``, people in the window get the block's own text instead."""

    template: WhatsAppTemplate | None = None
    both: bool = False

    @property
    def settled(self) -> Mapping[str, Any]:
        """Everything that is not a template of the campaign, including the account's template."""
        own = BlockTexts.settled.__get__(self)
        return {**own, "account": asdict(self.template) if self.template is not None else None}

    @property
    def category(self) -> str | None:
        """The template's category, which determines WhatsApp's price."""
        return self.template.category if self.template is not None else None

    @property
    def is_free_in_window(self) -> bool:
        """Whether WhatsApp charges nothing for a message to a person who wrote within the last 24 hours."""
        return self.template is None or self.both or self.template.category == "utility"

    def compiled(self, templates: Mapping[str, MessageTemplate]) -> CompiledContent:
        """Return the block with compiled templates."""
        return CompiledWhatsApp(self, templates)


class CompiledWhatsApp(CompiledBlock):
    """A ``WhatsAppTexts`` with compiled templates."""

    texts: WhatsAppTexts

    def apply(self, frame: Frame, rows: Mask) -> None:
        """Give these rows the template or the free text, depending on their service window."""
        template = self.texts.template
        inside = mask_of(frame[WINDOW]) if WINDOW in frame else None
        if template is None:
            if inside is not None:
                drop(frame, rows & ~inside, Reason.OUTSIDE_WINDOW, OUTSIDE)
            self._give(frame, rows, self._of(free=True), free_content)
            return
        written = rows & inside if self.texts.both and inside is not None else np.zeros_like(rows)
        self._give(
            frame,
            rows & ~written,
            self._of(free=False),
            lambda block, text: template_content(block, template, text),
        )
        if written.any():
            body = rendered(frame, written, self.templates[TEXT], "'whatsapp.text'", wanted=True)
            frame["@body"] = pc.if_else(pa.array(written), body, frame["@body"])
            self._give(frame, written, self._of(free=True), free_content)

    def _of(self, *, free: bool) -> list[str]:
        """Return the names of the templates used by free text (pictures, buttons) or by the approved template."""
        return [
            name for name in self.templates if name != TEXT and name.startswith(f"{TEMPLATE}.") is not free
        ]

    def _give(
        self,
        frame: Frame,
        rows: Mask,
        names: list[str],
        make: Callable[[Mapping[str, Any], str], Mapping[str, Any] | None],
    ) -> None:
        rows = rows & alive(frame)
        if rows.any():
            free = make is free_content
            shape = {key: one for key, one in self.texts.shape.items() if (key == TEMPLATE) is not free}
            self.make_rows(frame, rows, names, shape, lambda block, text: (make(block, text), None))


def whatsapp_texts(loaded: LoadedCampaign, problems: list[Problem]) -> WhatsAppTexts:
    """Return what the campaign sends on WhatsApp. Problems with its template are added to ``problems``."""
    block = loaded.campaign.whatsapp
    template = None
    if block is not None and block.template is not None:
        template, wrong = template_problems(loaded)
        problems += wrong
    shape = shape_of(block) if block is not None else {}
    both = template is not None and block is not None and block.text is not None
    for key in (TEXT, "templates"):
        shape.pop(key, None)
    if template is None:
        shape.pop(TEMPLATE, None)
    sources = {
        name_of(loc): source_at(loaded, (CHANNEL, *loc), text)
        for loc, text in (templates_of(block) if block is not None else ())
        if (both or loc != (TEXT,)) and (template is not None or loc[0] != TEMPLATE)
    }
    return WhatsAppTexts(CHANNEL, sources, shape, template=template, both=both)
