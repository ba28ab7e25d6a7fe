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

    ``sources`` map names to ``spec.TemplateText``. ``words`` names the template that the message text comes from,
    None if the message has its own text. ``settled`` is everything that is not a template, JSON-ready, for comparing
    a campaign with its plan.
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
        """Return the markup of a template (see ``content.markup``)."""
        ...

    def compiled(self, templates: Mapping[str, MessageTemplate]) -> CompiledContent:
        """Return the content with compiled templates."""
        ...


class CompiledContent(Protocol):
    """The compiled templates of one arm's content."""

    texts: Any
    templates: Mapping[str, MessageTemplate]

    def apply(self, frame: Frame, rows: Mask) -> None:
        """Set the content of these rows; exclude those for which none can be made, with a reason."""
        ...


def columns_of(content: CompiledContent) -> frozenset[str]:
    """Return the columns that the content's templates read."""
    return frozenset().union(*(one.columns for one in content.templates.values()))


def composed(frame: Frame, contents: Mapping[str | None, CompiledContent]) -> None:
    """Set the content of each row by its arm."""
    for arm, content in contents.items():
        rows = alive(frame)
        if arm is not None:
            rows &= np.asarray(pc.fill_null(pc.equal(frame["@variant"], arm), False))
        if rows.any():
            content.apply(frame, rows)


def rendered(frame: Frame, rows: Mask, template: MessageTemplate, said: str, *, wanted: bool) -> pa.Array:
    """Return the texts of one template over the whole frame, null where optional and empty. Rows on which it fails,
    or whose ``wanted`` text is empty, are excluded. ``said`` names the template in reasons."""
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
