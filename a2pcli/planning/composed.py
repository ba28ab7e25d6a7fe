"""Texts that a campaign does not write in one piece: what people read of a WhatsApp template or an RCS card.

The text is a template like any other, put together from the values of the campaign and the words around them, so that
every check, preview and count sees what people read. A place in it leads back to the value's place in the file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from a2pcli.config.blocks import Loc
from a2pcli.config.document import Document
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.whatsapp_templates import PLACEHOLDER, WhatsAppTemplate
from a2pcli.dataclass import dataclass
from a2pcli.planning.template_files import template_used

_TAG = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed text that represents the whole at ``loc``. ``pieces`` are the offsets at which each piece begins,
    with its place in the campaign, or None for fixed words."""

    loc: Loc
    text: str
    pieces: tuple[tuple[int, Loc | None], ...]


@dataclass(frozen=True, slots=True)
class ComposedSpot:
    """Maps an offset in a composed text to line and column in the file."""

    document: Document
    of: Composed

    def __call__(self, offset: int) -> tuple[int, int]:
        """Return the place of the value at ``offset``; for fixed words, the place of the whole."""
        place = bisect_right([start for start, _ in self.of.pieces], offset) - 1
        start, loc = self.of.pieces[place] if place >= 0 else (0, None)
        if loc is None:
            return self.document.place(self.of.loc)
        return self.document.spot(loc, offset - start)


def composed_text(loaded: LoadedCampaign, channel: str) -> Composed | None:
    """Return the composed text of a channel's block; None if it has its own text or none."""
    block = getattr(loaded.campaign, channel, None)
    if channel == "whatsapp" and block is not None and block.template is not None:
        return _of_template(block.template, template_used(loaded))
    if channel == "rcs" and block is not None and (block.card is not None or block.carousel):
        return _of_cards(block)
    return None


def in_another_language(loaded: LoadedCampaign, template: WhatsAppTemplate) -> str:
    """Return the text of the campaign's WhatsApp template in one of its languages."""
    assert loaded.campaign.whatsapp is not None
    return _of_template(loaded.campaign.whatsapp.template, template).text


def composed_at(loaded: LoadedCampaign, loc: Loc) -> Composed | None:
    """Return the composed text that a place of the campaign represents; None for any other place."""
    if len(loc) < 2 or loc[0] not in ("whatsapp", "rcs"):
        return None
    found = composed_text(loaded, str(loc[0]))
    return found if found is not None and tuple(found.loc) == tuple(loc) else None


def _of_template(given: Any, template: WhatsAppTemplate | None) -> Composed:
    """Return the template's text with the campaign's values in its placeholders."""
    loc: Loc = ("whatsapp", "template", "name")
    if template is None:  # reported elsewhere
        return Composed(loc, f"template {given.name}", ())
    values: dict[str, tuple[str, Loc]] = {}
    body = given.body
    named = body.items() if isinstance(body, Mapping) else enumerate(body)
    for key, text in named:
        name = key if isinstance(key, str) else str(key + 1)
        values[name] = (str(text), ("whatsapp", "template", "body", key))
    header = dict(values)
    if given.header is not None and given.header.text is not None:
        place: Loc = ("whatsapp", "template", "header", "text")
        header = {name: (str(given.header.text), place) for name in template.header_places}
    parts = [(template.header_text, header), (template.body, values), (template.footer, {})]
    return _joined(
        loc, [piece for text, of in parts if text for piece in (("\n\n", None), *_pieces(text, of))][1:]
    )


def _pieces(text: str, values: Mapping[str, tuple[str, Loc]]) -> Iterable[tuple[str, Loc | None]]:
    """Yield the fixed words of a template, escaped for Jinja, and the values between them."""
    at = 0
    for found in PLACEHOLDER.finditer(text):
        yield _plain(text[at : found.start()]), None
        yield values.get(found[1], (_plain(found[0]), None))
        at = found.end()
    yield _plain(text[at:]), None


def _plain(text: str) -> str:
    """Escape a text so that a template prints it unchanged."""
    return _TAG.sub(lambda found: "{{ '" + found[0] + "' }}", text)


def _of_cards(block: Any) -> Composed:
    """Return the titles and texts of a card, or of all cards of a carousel."""
    cards = [(("rcs", "card"), block.card)] if block.card is not None else [
        (("rcs", "carousel", place), card) for place, card in enumerate(block.carousel)
    ]  # fmt: skip
    pieces: list[tuple[str, Loc | None]] = []
    loc: Loc = cards[0][0]
    for where, card in cards:
        for key, before in (("title", "\n\n"), ("description", "\n")):
            text = getattr(card, key)
            if text is None:
                continue
            place: Loc = (*where, key)
            if pieces:
                pieces.append((before, None))
            else:
                loc = place
            pieces.append((str(text), place))
    if not pieces:
        return Composed((*loc, "media", "url"), "", ())
    return _joined(loc, pieces)


def _joined(loc: Loc, pieces: Iterable[tuple[str, Loc | None]]) -> Composed:
    text, starts = "", []
    for piece, place in pieces:
        starts.append((len(text), place))
        text += piece
    return Composed(loc, text, tuple(starts))
