"""A planned chunk in two halves, those who get a message and those who do not, and the rows they are in the ledger."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.records import AcceptedRows, ExcludedRows, PlannedRows
from a2pcli.planning.frames import alive
from a2pcli.planning.routing import ROUTE

_ACCEPTED = (
    "@line", "@address", "@person", "@body", "@country", "@ucs2", "@units", "@parts", "@cost", "@currency", "@variant",
    "@sender", "@clock", "@consent_until", "@consent", "@repairs", "@replaced", "@spelling", "@others",
    "@content", "@detail", ROUTE,
)  # fmt: skip
_OF_SEVERAL = ("@channel", "@alternatives")
"""Present only in campaigns with several channels."""
_EXCLUDED = (
    "@line", "@reason", "@detail", "@rule", "@cell", "@address", "@person", "@country", "@variant", "@others",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SplitChunk:
    """The columns still needed of accepted and excluded rows, in file order, and their positions in the chunk. Split
    once for counting and storing."""

    accepted: pa.RecordBatch
    excluded: pa.RecordBatch
    accepted_at: npt.NDArray[np.int64]
    excluded_at: npt.NDArray[np.int64]


def split_chunk(frame: Frame) -> SplitChunk:
    """Split a planned chunk by ``@reason``."""
    rows = alive(frame)
    names = (*_ACCEPTED, *(one for one in _OF_SEVERAL if one in frame))
    accepted = frame.select(names).filter(rows).batch()
    excluded = frame.select(_EXCLUDED).filter(~rows).batch()
    return SplitChunk(accepted, excluded, np.flatnonzero(rows), np.flatnonzero(~rows))


def ledger_rows(split: SplitChunk, first: int) -> PlannedRows:
    """Return the chunk in the ledger's form; its rows are numbered from ``first``."""
    return PlannedRows(
        accepted=_accepted(split, first) if len(split.accepted_at) else None,
        excluded=_excluded(split, first) if len(split.excluded_at) else None,
    )


def _accepted(split: SplitChunk, first: int) -> AcceptedRows:
    take = split.accepted.column
    several = "@channel" in split.accepted.schema.names
    return AcceptedRows(
        row=split.accepted_at + first,
        line=take("@line"),
        address=take("@address"),
        person=take("@person"),
        body=take("@body"),
        country=take("@country"),
        encoding=pa.DictionaryArray.from_arrays(take("@ucs2").cast(pa.int32()), ["GSM-7", "UCS-2"]),
        units=take("@units"),
        parts=take("@parts"),
        sender=take("@sender"),
        clock=take("@clock"),
        consent_until=take("@consent_until"),
        consent=take("@consent"),
        cost=take("@cost"),
        currency=take("@currency"),
        variant=take("@variant"),
        spelling=take("@spelling"),
        others=take("@others"),
        content=take("@content"),
        channel=take("@channel") if several else None,
        alternatives=take("@alternatives") if several else None,
        route=take(ROUTE),
    )


def _excluded(split: SplitChunk, first: int) -> ExcludedRows:
    take = split.excluded.column
    return ExcludedRows(
        row=split.excluded_at + first,
        line=take("@line"),
        reason=take("@reason"),
        detail=take("@detail"),
        rule=take("@rule"),
        cell=pc.if_else(pc.is_null(take("@address")), take("@cell"), None),
        address=take("@address"),
        person=take("@person"),
        country=take("@country"),
        variant=take("@variant"),
        others=take("@others"),
    )
