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
"""In campaigns with several channels, the address that identifies the row's person, whichever address is used."""

OWN = "@own"
"""In campaigns with several channels, the key of one channel's address, as duplicates are compared (see ``people``)."""


def identities(frame: Frame) -> pa.Array:
    """Return the addresses that identify the people of the rows."""
    return frame[IDENTITY] if IDENTITY in frame else frame["@address"]


def alive(frame: Frame) -> Mask:
    """Return a mask of the rows that are not excluded."""
    return mask_of(pc.is_null(frame["@reason"]))


def mask_of(values: pa.Array) -> Mask:
    """Return a boolean Arrow array as numpy; null counts as false."""
    mask: Mask = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return mask


def drop(
    frame: Frame, where: Mask, reason: Reason, detail: str | None = None, rule: str | None = None
) -> None:
    """Exclude the rows in ``where``; rows excluded earlier keep their reason.

    ``rule`` is the id of the rule that excludes them.
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
    """Like ``drop``, with a separate detail for each row."""
    if not where.any():
        return
    fresh = pc.and_(pa.array(where), pc.is_null(frame["@reason"]))
    frame["@detail"] = pc.if_else(fresh, details, frame["@detail"])
    drop(frame, where, reason, rule=rule)


def spread(values: pa.Array, rows: Mask) -> pa.Array:
    """Spread the values of the rows in ``rows`` over the whole chunk; null elsewhere."""
    if rows.all():
        return values
    places = np.cumsum(rows) - 1
    return values.take(pa.array(places, mask=~rows))


def among(keys: Keys, members: Keys) -> Mask:
    """Return which keys are in ``members`` (sorted)."""
    if len(members) == 0:
        return np.zeros(len(keys), dtype=np.bool_)
    at = np.searchsorted(members, keys)
    at[at == len(members)] = 0
    found: Mask = members[at] == keys
    return found


def merge_reasons(frame: Frame, reasons: pa.Array, details: pa.Array) -> None:
    """Copy reasons and details to rows that have none yet."""
    old = frame["@reason"]
    fresh = pc.and_(pc.is_null(old), pc.is_valid(reasons))
    frame["@detail"] = pc.if_else(fresh, details, frame["@detail"])
    frame["@reason"] = pc.coalesce(old, reasons)


def selected(frame: Frame, rows: Mask, columns: frozenset[str]) -> Frame:
    """Return the rows in the mask, with those of the columns that exist."""
    names = [name for name in frame if name in columns]
    return frame.select(names).filter(rows)
