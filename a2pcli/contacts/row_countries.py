"""The country that each row of a file names: the numbering plan of its numbers without +, and whose rules apply."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.by_region import UNREADABLE
from a2pcli.addresses.zones.cells import read_country
from a2pcli.frame import Frame


def row_countries(frame: Frame, columns: Collection[str]) -> pa.StringArray:
    """Return the two-letter country that each row names in these columns: the first that can be read; null where all
    are empty, ``UNREADABLE`` where none can be read."""
    found = unreadable = pa.nulls(len(frame), pa.string())
    for name in columns:
        if name in frame:
            cells = pc.fill_null(frame[name].cast(pa.string()), "").dictionary_encode()
            read = [read_country(text) for text in cells.dictionary.to_pylist()]
            codes = pa.array([one.regions[0] if one.regions else None for one in read], pa.string())
            wrong = pa.array([UNREADABLE if one.problem else None for one in read], pa.string())
            found = pc.coalesce(found, codes.take(cells.indices))
            unreadable = pc.coalesce(unreadable, wrong.take(cells.indices))
    return pc.coalesce(found, unreadable)


def readable(countries: pa.StringArray) -> pa.StringArray:
    """Return the countries alone, null for the others."""
    return pc.if_else(pc.equal(countries, UNREADABLE), pa.scalar(None, pa.string()), countries)
