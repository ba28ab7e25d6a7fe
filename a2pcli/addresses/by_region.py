"""Phone numbers without a country code, each read in the region of its own row.

A file of customers from several countries has numbers as people write them at home. ``06 12345678`` is a mobile in
France and another person's in the Netherlands: read in one region for the whole file, the message goes to a stranger.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.any_number import DOUBTFUL
from a2pcli.addresses.phone.strings import Flags, pick, whole_strings
from a2pcli.frame import Frame
from a2pcli.reasons import Reason

Read = Callable[[pa.Array, str | None], Frame]
"""Reads cells, with the region of numbers without +; ``columns.COLUMNS`` in the order of the cells."""

UNREADABLE = "?"
"""The region of a row whose country cannot be read."""

_WITH_CODE = r"^\P{Nd}*[+＋]\P{Nd}*[1-9１-９]"
_STATES_CODE = "international-prefix|plus-restored"
"""Repairs of numbers that hold their country code."""


def read_by_region(
    cells: pa.Array, regions: pa.StringArray | None, default: str | None, read: Read, *, refuses: bool = False
) -> Frame:
    """Return what ``read`` says of each cell in the region of its row.

    ``regions`` are two letters, null where the row names none (``default`` counts), or ``UNREADABLE``. Read in
    ``default`` against what its row says, a national number would be somebody else's: there, only numbers that hold
    their country code count. A cell that ``refuses`` counts in either region: who says no is found even if the row's
    country is wrong.
    """
    if regions is None or regions.null_count == len(regions):
        return read(cells, default)
    text = whole_strings(cells)
    national = pc.invert(pc.match_substring_regex(text, _WITH_CODE))
    known = pc.is_in(regions, pa.array([one for one in _with_plan() if one != default], pa.string()))
    own = pc.if_else(pc.and_(known, national), regions, pa.scalar(None, pa.string()))
    found = read(text, default) if own.null_count == len(own) else _each_in_its_own(text, own, default, read)
    lost = _flags(pc.and_(pc.is_valid(own), pc.invert(_is_certain(found))))
    if lost.any():
        _read_again(found, text, lost, default, read, refuses)
    if not refuses:
        _refuse_unreadable(found, _flags(pc.and_(pc.equal(regions, UNREADABLE), national)))
    return found


@cache
def _with_plan() -> tuple[str, ...]:
    from phonenumbers import SUPPORTED_REGIONS

    return tuple(sorted(SUPPORTED_REGIONS))


def _each_in_its_own(text: pa.StringArray, regions: pa.StringArray, default: str | None, read: Read) -> Frame:
    groups = pc.fill_null(regions, "").dictionary_encode()
    indices = groups.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(indices, kind="stable")
    pieces = []
    for group, region in enumerate(groups.dictionary.to_pylist()):
        places = order[
            np.searchsorted(indices, group, "left", order) : np.searchsorted(indices, group, "right", order)
        ]
        pieces.append(read(text.take(pa.array(places)), region or default))
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    rows = pa.array(back)
    return Frame(
        {name: pa.concat_arrays([one[name] for one in pieces]).take(rows) for name in pieces[0]}, len(text)
    )


def _read_again(
    found: Frame, text: pa.StringArray, lost: Flags, default: str | None, read: Read, refuses: bool
) -> None:
    """Put what the default region makes of the ``lost`` cells into ``found``, where that counts."""
    again = read(pick(text, lost), default)
    counts = _is_certain(again)
    if not refuses:
        counts = pc.and_(counts, _holds_code(again["@repairs"]))
    mask = pa.array(lost)
    is_none = pc.equal(found["@reason"].filter(mask), str(Reason.INVALID_NUMBER))
    for name in again:
        kept = found[name].filter(mask)
        if name == "@detail":
            told = pc.binary_join_element_wise(kept, "the country in its row", ", ")
            kept = pc.if_else(is_none, told, kept)
        found[name] = pc.replace_with_mask(found[name], mask, pc.if_else(counts, again[name], kept))


def _refuse_unreadable(found: Frame, where: Flags) -> None:
    """Numbers without their country code in rows with a country that cannot be read are nobody's."""
    read_as_one = pc.or_kleene(
        pc.is_valid(found["@address"]), pc.equal(found["@reason"], str(Reason.INVALID_NUMBER))
    )
    guessed = where & _flags(pc.and_kleene(read_as_one, pc.invert(_holds_code(found["@repairs"]))))
    if not guessed.any():
        return
    for name, value in (
        ("@address", None),
        ("@type", None),
        ("@country", None),
        ("@repairs", None),
        ("@reason", str(Reason.INVALID_NUMBER)),
        ("@detail", "it has no country code, and the country in its row cannot be read"),
    ):
        found[name] = pc.if_else(pa.array(guessed), pa.scalar(value, pa.string()), found[name])


def _is_certain(read: Frame) -> pa.BooleanArray:
    """Which cells are numbers of a numbering plan; who refuses may also have one of none."""
    return pc.and_(pc.is_valid(read["@address"]), pc.not_equal(pc.fill_null(read["@detail"], ""), DOUBTFUL))


def _holds_code(repairs: pa.StringArray) -> pa.BooleanArray:
    return pc.match_substring_regex(pc.fill_null(repairs, ""), _STATES_CODE)


def _flags(values: pa.BooleanArray) -> Flags:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=bool)
