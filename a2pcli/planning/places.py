"""Where each recipient is, as one value a row: what decides their clock. Runs in whichever process plans the row."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.zones.locate import locate_column
from a2pcli.contacts.facts import PLACE_FACTS
from a2pcli.frame import Frame
from a2pcli.planning.frames import alive, spread
from a2pcli.planning.spec import CompiledSpec

SEPARATOR = "|"
PLACE = pa.dictionary(pa.int32(), pa.string())
"""Country, regions, zones and cell problems, joined; a million rows have few distinct values."""


def placed(frame: Frame, compiled: CompiledSpec) -> None:
    """Set ``@place``; null in excluded rows, and in all rows if no clock applies to the campaign."""
    rows = alive(frame)
    if not compiled.spec.is_timed or not rows.any():
        frame["@place"] = pa.nulls(len(frame), PLACE)
        return
    taken = None if rows.all() else pa.array(rows)

    def column(name: str) -> pa.Array:
        values = frame[name]
        return values if taken is None else values.filter(taken)

    given = {
        fact: [column(name).cast(pa.string()) for name in compiled.spec.facts.columns(fact) if name in frame]
        for fact in PLACE_FACTS
    }
    numbers, countries = column("@address"), column("@country")
    if compiled.channel.kind is not Kind.PHONE:  # only the contact's own cells say where the person is
        numbers = countries = pa.nulls(len(numbers), pa.string())
    places = locate_column(
        numbers,
        countries,
        timezone=given["timezone"],
        state=given["state"],
        postcode=given["postcode"],
        residence=given["country"],
    )
    wrong = pc.replace_substring(pc.fill_null(places.problems, ""), SEPARATOR, "/")
    pieces = [pc.fill_null(part, "") for part in (places.country, places.regions, places.zones)]
    joined = pc.binary_join_element_wise(*pieces, wrong, SEPARATOR)
    frame["@place"] = spread(joined.dictionary_encode().cast(PLACE), rows)


def taken_apart(place: str) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    """Return country, regions, zones and cell problems ("" for none)."""
    country, regions, zones, wrong = place.split(SEPARATOR)
    return country, _several(regions), _several(zones), wrong


def _several(joined: str) -> tuple[str, ...]:
    return tuple(part for part in joined.split(",") if part)
