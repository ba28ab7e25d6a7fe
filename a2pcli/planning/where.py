"""``where:``: which rows a campaign is meant for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.content.templates import Expression
from a2pcli.frame import Frame
from a2pcli.planning.frames import alive, drop_with, mask_of, merge_reasons, selected, spread
from a2pcli.planning.spec import COUNTRY, CompiledSpec
from a2pcli.reasons import OF_THE_ADDRESS, Reason

SHOWN_CELL = 40
"""Number of characters of a cell shown in an explanation."""

_OF_THE_ADDRESS = pa.array(map(str, OF_THE_ADDRESS))


def filtered(frame: Frame, compiled: CompiledSpec) -> None:
    """Exclude rows that ``where:`` does not select."""
    if compiled.where is None:
        return
    _not_meant(frame, compiled, compiled.where)
    rows = alive(frame)
    if not rows.any():
        return
    seen = selected(frame, rows, compiled.where.columns)
    if COUNTRY in compiled.where.columns and COUNTRY not in compiled.spec.known:
        seen[COUNTRY] = pc.fill_null(frame["@country"], "").filter(pa.array(rows))
    found = compiled.where.evaluate_column(seen)
    if found.reasons is not None:
        merge_reasons(frame, spread(found.reasons, rows), spread(found.details, rows))
    keep = np.ones(len(frame), dtype=np.bool_)
    keep[rows] = found.keep
    drop_with(frame, ~keep, Reason.FILTERED, spread(_looked_at(seen), rows))


def _not_meant(frame: Frame, compiled: CompiledSpec, where: Expression) -> None:
    """Mark rows without a valid address as filtered if ``where:`` excludes them too, because there is nothing to fix
    in them. Not possible if ``where:`` uses the number's country."""
    if COUNTRY in where.columns and COUNTRY not in compiled.spec.known:
        return
    rows = mask_of(pc.is_in(frame["@reason"], _OF_THE_ADDRESS))
    if not rows.any():
        return
    seen = selected(frame, rows, where.columns)
    found = where.evaluate_column(seen)
    unwanted = ~found.keep
    if found.reasons is not None:
        unwanted &= mask_of(pc.is_null(found.reasons))
    out = np.zeros(len(frame), dtype=np.bool_)
    out[rows] = unwanted
    frame["@reason"] = pc.if_else(pa.array(out), pa.scalar(None, pa.string()), frame["@reason"])
    drop_with(frame, out, Reason.FILTERED, spread(_looked_at(seen), rows))


def _looked_at(seen: Frame) -> pa.Array:
    """Return the cells that ``where:`` used, for explanations: ``plan 'basic', points '90'``."""
    pieces: list[Any] = []
    for name in sorted(seen):
        cells = pc.utf8_slice_codeunits(pc.fill_null(seen[name], ""), 0, SHOWN_CELL)
        pieces += [f"{', ' if pieces else ''}{name} '", cells, "'"]
    return pc.binary_join_element_wise(*pieces, "") if pieces else pa.nulls(len(seen), pa.string())
