"""The blocks of channels (``telegram:``, ``mms:``, …): their templates, and the content they make for each person.

One class serves all of these channels. What a channel makes of the rendered texts is a function of the station
``content`` (``kinds.KINDS``): it takes the block with the texts in it, and the message's text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.config.blocks import Loc, Slot, filled, name_of, shape_of, templates_of
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.fitness import Unfit
from a2pcli.content.templates import MessageTemplate
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.frame import Frame
from a2pcli.planning.composed import composed_text
from a2pcli.planning.contents import CompiledContent, rendered
from a2pcli.planning.email_files import source_at
from a2pcli.planning.frames import Mask, alive, drop_with, spread
from a2pcli.planning.kinds import KINDS
from a2pcli.reasons import Reason

TEXT = "text"
"""The key of a block's own text."""


@dataclass(frozen=True, slots=True)
class BlockTexts:
    """The templates of one channel's block; implements ``contents.ContentTexts``.

    ``shape`` is the block with slots in place of its templates, and without ``text`` if that is the message itself.
    ``markup`` is the markup of the block's own text, which is then one of the ``sources``. ``given`` is passed on to
    the function that makes the channel's content.
    """

    channel: str
    sources: Mapping[str, Any]
    shape: Mapping[str, Any]
    markup: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str | None:
        """Name of the source that the message text comes from, if the block's text uses markup."""
        return TEXT if self.markup is not None else None

    @property
    def settled(self) -> Mapping[str, Any]:
        """Everything that is not a template, as one text."""
        return {"settings": json.dumps(self.shape, default=_slot, ensure_ascii=False, sort_keys=True)}

    def markup_of(self, name: str) -> str | None:
        """Return the markup of a template; only the text can have one."""
        return self.markup if name == TEXT else None

    def compiled(self, templates: Mapping[str, MessageTemplate]) -> CompiledContent:
        """Return the block with its compiled templates."""
        return CompiledBlock(self, templates)


class CompiledBlock:
    """A ``BlockTexts`` with compiled templates."""

    def __init__(self, texts: BlockTexts, templates: Mapping[str, MessageTemplate]) -> None:
        self.texts = texts
        self.templates = templates
        self._make = KINDS[texts.channel].make

    def apply(self, frame: Frame, rows: Mask) -> None:
        """Set ``@content`` of these rows, and ``@body`` if the text uses markup; exclude rows whose message the
        channel would not accept, with a reason."""
        given = self.texts.given
        self.make_rows(
            frame, rows, self.templates, self.texts.shape, lambda block, body: self._make(block, body, given)
        )

    def make_rows(
        self,
        frame: Frame,
        rows: Mask,
        names: Iterable[str],
        shape: Mapping[str, Any],
        make: Callable[[Mapping[str, Any], str], tuple[Mapping[str, Any] | None, str | None]],
    ) -> None:
        """Like ``apply``, with only some of the templates, a given shape, and a given function that makes the
        content."""
        columns = {
            name: rendered(
                frame, rows, self.templates[name], f"'{self.texts.channel}.{name}'", wanted=name == TEXT
            )
            for name in names
        }
        rows = rows & alive(frame)
        if not rows.any():
            return
        chosen = pa.array(rows)
        columns = {name: texts.filter(chosen) for name, texts in columns.items()}
        made = list(_made(columns, frame["@body"].filter(chosen), shape, make))
        contents, bodies, reasons, details = (spread(_texts(one), rows) for one in zip(*made, strict=True))
        frame["@content"] = pc.coalesce(contents, frame["@content"])
        if self.texts.words:
            frame["@body"] = pc.coalesce(bodies, frame["@body"])
        for reason in pc.unique(reasons.drop_null()).to_pylist():
            mine = np.asarray(pc.fill_null(pc.equal(reasons, reason), False))
            drop_with(frame, mine, Reason(reason), details)


def _made(
    columns: Mapping[str, pa.Array],
    bodies: pa.Array,
    shape: Mapping[str, Any],
    make: Callable[[Mapping[str, Any], str], tuple[Mapping[str, Any] | None, str | None]],
) -> Iterator[tuple[str | None, str | None, str | None, str | None]]:
    """Yield content (JSON), text, exclusion reason and detail of each row."""
    lists = [column.to_pylist() for column in columns.values()]
    texts: Sequence[tuple[str | None, ...]] = list(zip(*lists, strict=True)) or [()] * len(bodies)
    for row, body in zip(texts, bodies.to_pylist(), strict=True):
        block = filled(shape, dict(zip(columns, row, strict=True)))
        try:
            content, text = make(block, body or "")
        except Unfit as error:
            yield None, None, str(error.reason), str(error)
        else:
            # Cells are encoded as JSON values, so their text cannot change the structure.
            yield (_JSON.encode(content) if content else None), text, None, None


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def block_texts(loaded: LoadedCampaign, channel: str, problems: list[Problem]) -> BlockTexts | None:
    """Return the templates of the campaign's block for a channel; None if it has no such block."""
    block = getattr(loaded.campaign, channel, None)
    if block is None or channel not in KINDS:
        return None
    kind = KINDS[channel]
    markup = kind.markup(block)
    shape = shape_of(block)
    if markup is None:
        shape.pop(TEXT, None)
    sources = {
        name_of(loc): source_at(loaded, (channel, *loc), text)
        for loc, text in templates_of(block)
        if markup is not None or loc != (TEXT,)
    }
    return BlockTexts(channel, sources, shape, markup, kind.given(loaded, problems))


def markup_of(loaded: LoadedCampaign, channel: str | None = None) -> str | None:
    """Return the markup of the text in a channel's block (None: the campaign's channel); None for plain text."""
    channel = channel or loaded.campaign.channel
    block = getattr(loaded.campaign, channel, None)
    return KINDS[channel].markup(block) if block is not None and channel in KINDS else None


def own_text(loaded: LoadedCampaign, channel: str) -> tuple[Loc, str] | None:
    """Return place and template of the text in a channel's block; None if it has none. The text of a card or an
    approved template is composed."""
    composed = composed_text(loaded, channel)
    if composed is not None:
        return composed.loc, composed.text
    text = getattr(getattr(loaded.campaign, channel, None), TEXT, None)
    return None if text is None else ((channel, TEXT), str(text))


def _slot(value: Any) -> Any:
    return value.name if isinstance(value, Slot) else str(value)


def _texts(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())
