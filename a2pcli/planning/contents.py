"""Contents of messages: what every channel's templates have in common, whatever is made of them.

A channel has a class of texts (``EmailTexts``, ``BlockTexts``): picklable, with the templates as written. Compiled, it
gives the rows of a frame their ``@content``, JSON text, and their ``@body`` where the text is written in a markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.content.templates import MessageTemplate
from a2pcli.frame import Frame
from a2pcli.planning.frames import Mask, alive, drop_with, spread
from a2pcli.reasons import Reason


class ContentTexts(Protocol):
    """The templates of one arm's content.

    ``sources`` are as ``spec.TemplateText`` has them. ``words`` names the template whose text the message is made of;
    None where the message has a text of its own. ``settled`` is what is no template, JSON-ready: it counts when a
    campaign is compared with its plan.
    """

    @property
    def channel(self) -> str: ...  # noqa: D102

    @property
    def sources(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def words(self) -> str | None: ...  # noqa: D102

    @property
    def settled(self) -> Mapping[str, Any]: ...  # noqa: D102

    def markup_of(self, name: str) -> str | None:
        """What a template is written in (``content.markup``)."""
        ...

    def compiled(self, templates: Mapping[str, MessageTemplate]) -> CompiledContent:
        """The same with its templates compiled."""
        ...


class CompiledContent(Protocol):
    """The templates of one arm's content, ready."""

    texts: Any
    templates: Mapping[str, MessageTemplate]

    def apply(self, frame: Frame, rows: Mask) -> None:
        """Give these rows their content; those that can have none drop out with a reason."""
        ...


def columns_of(content: CompiledContent) -> frozenset[str]:
    """The columns that its templates read."""
    return frozenset().union(*(one.columns for one in content.templates.values()))


def composed(frame: Frame, contents: Mapping[str | None, CompiledContent]) -> None:
    """The content of each row by its arm."""
    for arm, content in contents.items():
        rows = alive(frame)
        if arm is not None:
            rows &= np.asarray(pc.fill_null(pc.equal(frame["@variant"], arm), False))
        if rows.any():
            content.apply(frame, rows)


def rendered(frame: Frame, rows: Mask, template: MessageTemplate, said: str, *, wanted: bool) -> pa.Array:
    """The texts of one template over the whole frame; null where one is empty and need not be there. Rows on which it
    fails, and those where a ``wanted`` text comes out empty, drop out. ``said`` is what a reason calls it."""
    rows = rows & alive(frame)
    if not rows.any():
        return pa.nulls(len(frame), pa.string())
    found = template.render_column(frame.select([c for c in frame if c in template.columns]).filter(rows))
    if found.reasons.null_count < len(found.reasons):
        empty = pc.fill_null(pc.equal(found.reasons, str(Reason.EMPTY_MESSAGE)), False)
        if wanted:
            details, reasons = pc.if_else(empty, f"{said} is empty", found.details), found.reasons
        else:
            details = found.details
            reasons = pc.if_else(empty, pa.scalar(None, pa.string()), found.reasons)
        spread_reasons = spread(reasons, rows)
        for reason in pc.unique(reasons.drop_null()).to_pylist():
            mine = np.asarray(pc.fill_null(pc.equal(spread_reasons, reason), False))
            drop_with(frame, mine, Reason(reason), spread(details, rows))
    return spread(found.bodies, rows)
