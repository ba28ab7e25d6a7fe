"""Small tools for chunks of rows (docs/architecture.md)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.frame import Frame
from a2pcli.reasons import Reason

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]


IDENTITY = "@identity"
"""Of a campaign of several channels: the address that stands for the row's person, whichever of them is used."""

OWN = "@own"
"""There: the key of the address of one channel, as duplicates are compared (``people``)."""


def identities(frame: Frame) -> pa.Array:
    """The addresses that stand for the people of the rows."""
    return frame[IDENTITY] if IDENTITY in frame else frame["@address"]


def alive(frame: Frame) -> Mask:
    """The rows that have not dropped out."""
    return mask_of(pc.is_null(frame["@reason"]))


def mask_of(values: pa.Array) -> Mask:
    """A boolean Arrow array as numpy; null counts as false."""
    mask: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask


def drop(
    frame: Frame, where: Mask, reason: Reason, detail: str | None = None, rule: str | None = None
) -> None:
    """Let the rows in ``where`` drop out; those that dropped out before keep their reason.

    ``rule`` is the id of the named rule that made them drop out.
    """
    if not where.any():
        return
    reasons = frame["@reason"]
    fresh = pc.and_(pa.array(where), pc.is_null(reasons))
    frame["@reason"] = pc.if_else(fresh, pa.scalar(str(reason)), reasons)
    for column, value in (("@detail", detail), ("@rule", rule)):
        if value is not None:
            frame[column] = pc.if_else(fresh, pa.scalar(value), frame[column])


def drop_with(frame: Frame, where: Mask, reason: Reason, details: pa.Array, rule: str | None = None) -> None:
    """``drop`` with a detail of its own for each row."""
    if not where.any():
        return
    fresh = pc.and_(pa.array(where), pc.is_null(frame["@reason"]))
    frame["@detail"] = pc.if_else(fresh, details, frame["@detail"])
    drop(frame, where, reason, rule=rule)


def spread(values: pa.Array, rows: Mask) -> pa.Array:
    """Values for the rows in ``rows``, spread over the whole chunk; null elsewhere."""
    if rows.all():
        return values
    places = np.cumsum(rows) - 1
    return values.take(pa.array(places, mask=~rows))


def among(keys: Keys, members: Keys) -> Mask:
    """Which keys are in ``members`` (sorted)."""
    if len(members) == 0:
        return np.zeros(len(keys), dtype=np.bool_)
    at = np.searchsorted(members, keys)
    at[at == len(members)] = 0
    found: Mask = members[at] == keys
    return found


def merge_reasons(frame: Frame, reasons: pa.Array, details: pa.Array) -> None:
    """Take over reasons, with their details, for rows that have none yet."""
    old = frame["@reason"]
    fresh = pc.and_(pc.is_null(old), pc.is_valid(reasons))
    frame["@detail"] = pc.if_else(fresh, details, frame["@detail"])
    frame["@reason"] = pc.coalesce(old, reasons)


def selected(frame: Frame, rows: Mask, columns: frozenset[str]) -> Frame:
    """The rows in the mask, with those of the columns that there are."""
    names = [name for name in frame if name in columns]
    return frame.select(names).filter(rows)
