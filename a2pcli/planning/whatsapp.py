"""The ``whatsapp:`` block: an approved template for everybody, a free text for those in the service window.

Who wrote to us within the last 24 hours is known from the replies in the ledger (the stage ``windowed``); to anybody
else WhatsApp delivers only a template. A row outside the window gets the template where the campaign has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, field
from functools import partial
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
from a2pcli.planning.composed import in_another_language
from a2pcli.planning.contents import CompiledContent, rendered
from a2pcli.planning.email_files import source_at
from a2pcli.planning.frames import Mask, alive, drop, mask_of, selected, spread
from a2pcli.planning.template_files import approved_languages, is_each_language, templates_file
from a2pcli.planning.whatsapp_check import template_problems
from a2pcli.planning.window import OUTSIDE, WINDOW
from a2pcli.reasons import Reason

CHANNEL = "whatsapp"
TEMPLATE = "template"
TEXT = "text"
LANGUAGE = "template.language"
WORDS = "words."
"""Begins the names of the texts that people read in each language."""


@dataclass(frozen=True, slots=True)
class WhatsAppTexts(BlockTexts):
    """The templates of the block. ``template`` is the account's approved template, None for free text only. With
    ``both``, people in the window get the block's own text instead."""

    template: WhatsAppTemplate | None = None
    both: bool = False
    languages: Mapping[str, WhatsAppTemplate] = field(default_factory=dict)
    """The approved languages, if each person gets their own."""
    has_fallback: bool = True
    """Whether people in whose language it is not approved get ``template``."""

    @property
    def settled(self) -> Mapping[str, Any]:
        """Everything that is not a template of the campaign, including the account's template."""
        own = BlockTexts.settled.__get__(self)
        found = {**own, "account": asdict(self.template) if self.template is not None else None}
        if self.languages:
            found["languages"] = [asdict(one) for one in self.languages.values()]
        return found

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
        for one, mine in self._by_language(frame, rows & ~written, template):
            self._give(frame, mine, self._of(free=False), partial(_of_template, one))
        if written.any():
            body = rendered(frame, written, self.templates[TEXT], "'whatsapp.text'", wanted=True)
            frame["@body"] = pc.if_else(pa.array(written), body, frame["@body"])
            self._give(frame, written, self._of(free=True), free_content)

    def _by_language(
        self, frame: Frame, rows: Mask, main: WhatsAppTemplate
    ) -> list[tuple[WhatsAppTemplate, Mask]]:
        """Return the rows of each language with its template, and set their texts; exclude those without one."""
        if not self.texts.languages:
            return [(main, rows)]
        language = self.templates[LANGUAGE]
        rows = rows & alive(frame)
        # Whoever has no language, or one that cannot be read, gets the fallback.
        said = language.render_column(selected(frame, rows, language.columns)).bodies
        codes = pc.fill_null(spread(said, rows), "").dictionary_encode()
        at = codes.indices.to_numpy(zero_copy_only=False)
        found = []
        for place, text in enumerate(codes.dictionary.to_pylist()):
            mine = rows & (at == place)
            if not mine.any():
                continue
            one = language_for(text, self.texts.languages)
            if one is None and not self.texts.has_fallback:
                wanted = f"not approved in '{text[:40]}'" if text.strip() else "wanted in no language"
                drop(frame, mine, Reason.MISSING_VALUE, f"the template '{main.name}' is {wanted}")
                continue
            one = one or main
            if one.language != main.language:
                body = rendered(
                    frame, mine, self.templates[f"{WORDS}{one.language}"], "the template", wanted=True
                )
                frame["@body"] = pc.if_else(pa.array(mine), body, frame["@body"])
            found.append((one, mine))
        return found

    def _of(self, *, free: bool) -> list[str]:
        """Return the names of the templates used by free text (pictures, buttons) or by the approved template."""
        own = (name for name in self.templates if name not in (TEXT, LANGUAGE) and not name.startswith(WORDS))
        return [name for name in own if name.startswith(f"{TEMPLATE}.") is not free]

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


def _of_template(template: WhatsAppTemplate, block: Mapping[str, Any], text: str) -> Mapping[str, Any]:
    return template_content(block, template, text)


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
    languages: dict[str, WhatsAppTemplate] = {}
    if template is not None and block is not None and is_each_language(block.template):
        languages = approved_languages(templates_file(loaded), template.name)
        shape[TEMPLATE] = {key: one for key, one in shape[TEMPLATE].items() if key != "language"}
        for language, one in languages.items():
            if language != template.language:
                text = in_another_language(loaded, one)
                sources[f"{WORDS}{language}"] = source_at(loaded, (CHANNEL, TEMPLATE, "name"), text)
    has_fallback = block is None or block.template is None or block.template.fallback_language is not None
    return WhatsAppTexts(
        CHANNEL, sources, shape, template=template, both=both, languages=languages, has_fallback=has_fallback
    )


def language_for(text: str, known: Mapping[str, WhatsAppTemplate]) -> WhatsAppTemplate | None:
    """Return the template in a person's language (``de``, ``de-AT``, ``pt_br``): in exactly this one, else in the
    language without a country, else in the only country's of the language; None if there is none."""
    base, _, country = text.strip().replace("-", "_").partition("_")
    base = base.lower()
    exact = f"{base}_{country.upper()}" if country else base
    same = [one for language, one in known.items() if language.partition("_")[0] == base]
    return known.get(exact) or known.get(base) or (same[0] if len(same) == 1 else None)
