"""What each row of a file says of its country: the region of its numbers without +, and where the person lives."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.by_region import UNREADABLE
from a2pcli.addresses.zones.cells import read_country, region_called
from a2pcli.frame import Frame


def number_regions(frame: Frame, columns: Collection[str]) -> pa.StringArray:
    """Return the region of each row's numbers without + by these columns of countries or calling codes.

    It is the first that can be read (``DE``, ``Germany``, ``49``), null where all are empty, else ``UNREADABLE``."""
    found = _first(frame, columns, lambda text: region_called(text) or _country(text))
    return pc.coalesce(
        found, _first(frame, columns, lambda text: UNREADABLE if read_country(text).problem else None)
    )


def residences(frame: Frame, columns: Collection[str]) -> pa.StringArray:
    """Return the country where each row says that the person lives, null if unknown: the first that can be read."""
    return _first(frame, columns, _country)


def _first(frame: Frame, columns: Collection[str], read: Callable[[str], str | None]) -> pa.StringArray:
    found = pa.nulls(len(frame), pa.string())
    for name in columns:
        if name in frame:
            cells = pc.fill_null(frame[name].cast(pa.string()), "").dictionary_encode()
            codes = pa.array([read(text) for text in cells.dictionary.to_pylist()], pa.string())
            found = pc.coalesce(found, codes.take(cells.indices))
    return found


def _country(text: str) -> str | None:
    regions = read_country(text).regions
    return regions[0] if regions else None
