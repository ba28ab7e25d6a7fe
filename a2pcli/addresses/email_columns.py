"""Judge a column of email addresses at once: what ``email.read_email`` says of each cell.

Cells that are plainly one address are split and joined by Arrow, their domains judged once each; all others go through
``read_email`` one by one.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.email import (
    LONGEST,
    LONGEST_LOCAL,
    PLAIN_DOMAIN,
    PLAIN_LOCAL,
    domain_name,
    read_email,
)
from a2pcli.addresses.kinds import Address
from a2pcli.addresses.phone.strings import lengths, pick, whole_strings

_PLAIN = f"^(?P<local>{PLAIN_LOCAL})@(?P<domain>{PLAIN_DOMAIN})$"


def read_emails(cells: pa.Array | pa.ChunkedArray, *, allow_test: bool = False) -> dict[str, pa.Array]:
    """``read_email`` over a column: ``@address @spelling @repairs @reason @detail``, Arrow strings in the order of
    ``cells``; a null cell counts as empty."""
    text = whole_strings(cells)
    size = len(text)
    parts = pc.extract_regex(text, _PLAIN)
    local, domain = parts.field(0), parts.field(1)
    plain = np.asarray(parts.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    plain &= (lengths(text) <= LONGEST) & (lengths(pc.fill_null(local, "")) <= LONGEST_LOCAL)
    names = _names(domain.filter(pa.array(plain)), allow_test)
    places = np.flatnonzero(plain)
    good = np.asarray(names.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    if not good.all():  # `read_email` says what is wrong with them
        places, names = places[good], names.drop_null()
    written = pick(local, places)
    kept = pc.ascii_lower(written)
    address = pc.binary_join_element_wise(kept, names, "@")
    spelling = pc.if_else(
        pc.equal(kept, written),
        pa.scalar(None, pa.string()),
        pc.binary_join_element_wise(written, names, "@"),
    )
    if len(places) == size:
        nothing = pa.nulls(size, pa.string())
        return {
            "@address": address,
            "@spelling": spelling,
            "@repairs": nothing,
            "@reason": nothing,
            "@detail": nothing,
        }
    others = np.ones(size, dtype=bool)
    others[places] = False
    rest = [read_email(cell, allow_test=allow_test) for cell in pick(text, others).to_pylist()]
    return _together(size, places, np.flatnonzero(others), address, spelling, rest)


def _names(domains: pa.StringArray, allow_test: bool) -> pa.StringArray:
    """Each domain as DNS writes it; null for one that can have no mailboxes. Judged once each."""
    encoded = domains.dictionary_encode()
    judged = [domain_name(domain, allow_test)[0] for domain in encoded.dictionary.to_pylist()]
    return pa.array(judged, pa.string()).take(encoded.indices)


def _together(
    size: int,
    places: np.ndarray[tuple[int], np.dtype[np.int64]],
    others: np.ndarray[tuple[int], np.dtype[np.int64]],
    address: pa.StringArray,
    spelling: pa.StringArray,
    rest: list[Address],
) -> dict[str, pa.Array]:
    """Merge the results of both paths, each at its position."""
    source = np.empty(size, dtype=np.int64)
    source[places] = np.arange(len(places))
    source[others] = len(places) + np.arange(len(others))
    order = pa.array(source)

    def column(known: pa.StringArray | None, values: list[str | None]) -> pa.StringArray:
        first = pa.nulls(len(places), pa.string()) if known is None else known
        return pa.concat_arrays([first, pa.array(values, pa.string())]).take(order)

    return {
        "@address": column(address, [one.address for one in rest]),
        "@spelling": column(spelling, [one.spelling for one in rest]),
        "@repairs": column(None, [",".join(one.repairs) or None for one in rest]),
        "@reason": column(None, [one.reason for one in rest]),
        "@detail": column(None, [one.detail for one in rest]),
    }
