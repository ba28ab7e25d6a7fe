"""A planned chunk in two halves, those who get a message and those who do not, and the rows they are in the ledger."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.records import AcceptedRows, ExcludedRows, PlannedRows
from a2pcli.planning.frames import alive

_ACCEPTED = (
    "@line", "@address", "@person", "@body", "@country", "@ucs2", "@units", "@parts", "@cost", "@currency", "@variant",
    "@sender", "@clock", "@consent_until", "@consent", "@repairs", "@replaced",
)  # fmt: skip
_EXCLUDED = (
    "@line", "@reason", "@detail", "@rule", "@cell", "@address", "@person", "@country", "@variant",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Halves:
    """``accepted`` and ``excluded``: the columns that are still needed of either, in file order; ``accepted_at`` and
    ``excluded_at``: their places in the chunk. Split once: counting and storing would each do it otherwise."""

    accepted: pa.RecordBatch
    excluded: pa.RecordBatch
    accepted_at: npt.NDArray[np.int64]
    excluded_at: npt.NDArray[np.int64]


def halves(frame: Frame) -> Halves:
    """Split a planned chunk by ``@reason``."""
    rows = alive(frame)
    accepted = frame.select(_ACCEPTED).filter(rows).batch()
    excluded = frame.select(_EXCLUDED).filter(~rows).batch()
    return Halves(accepted, excluded, np.flatnonzero(rows), np.flatnonzero(~rows))


def ledger_rows(split: Halves, first: int) -> PlannedRows:
    """The chunk as the ledger takes it; its rows are numbered from ``first``."""
    return PlannedRows(
        accepted=_accepted(split, first) if len(split.accepted_at) else None,
        excluded=_excluded(split, first) if len(split.excluded_at) else None,
    )


def _accepted(split: Halves, first: int) -> AcceptedRows:
    take = _Columns(split.accepted)
    return AcceptedRows(
        row=(split.accepted_at + first).tolist(),
        line=take("@line"),
        address=take("@address"),
        person=take("@person"),
        body=take("@body"),
        country=take.few("@country"),
        encoding=take.encoding(),
        units=take("@units"),
        parts=take("@parts"),
        sender=take.few("@sender"),
        clock=take("@clock"),
        consent_until=take("@consent_until"),
        consent=take("@consent"),
        cost=take("@cost"),
        currency=take.few("@currency"),
        variant=take.few("@variant"),
    )


def _excluded(split: Halves, first: int) -> ExcludedRows:
    take = _Columns(split.excluded)
    number, cell = take.column("@address"), take.column("@cell")
    return ExcludedRows(
        row=(split.excluded_at + first).tolist(),
        line=take("@line"),
        reason=take.few("@reason"),
        detail=take.few("@detail"),
        rule=take.few("@rule"),
        cell=_values(pc.if_else(pc.is_null(number), cell, None)),
        address=take("@address"),
        person=take("@person"),
        country=take.few("@country"),
        variant=take.few("@variant"),
    )


class _Columns:
    """Columns as Python values; one that says the same in each row as that value, one without any as None."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows

    def column(self, name: str) -> pa.Array:
        return self._rows.column(name)

    def __call__(self, name: str) -> Any:
        return _values(self.column(name))

    def few(self, name: str) -> Any:
        """A column of few different texts: one Python object for each text, not for each row."""
        return _few(self.column(name).dictionary_encode())

    def encoding(self) -> Any:
        ucs2 = self.column("@ucs2").cast(pa.int32())
        return _few(pa.DictionaryArray.from_arrays(ucs2, ["GSM-7", "UCS-2"]))


def _values(column: pa.Array) -> Any:
    if column.null_count == len(column):
        return None
    if column.null_count:
        return column.to_pylist()
    return column.to_numpy(zero_copy_only=False).tolist()


def _few(column: pa.DictionaryArray) -> Any:
    texts = column.dictionary.to_pylist()
    if len(texts) <= 1 and column.null_count in (0, len(column)):
        return texts[0] if texts else None
    places = column.indices.fill_null(len(texts)).to_numpy()
    return np.array([*texts, None], dtype=object)[places].tolist()
