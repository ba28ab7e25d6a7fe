"""Addresses by the column, whatever their kind: judged, read to suppress them, and as keys of people."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.any_address import any_address
from a2pcli.addresses.by_region import read_by_region
from a2pcli.addresses.handle import read_recipient
from a2pcli.addresses.kinds import LEAST_HASH, NOBODY, Address, Kind
from a2pcli.addresses.phone.any_number import any_number_column
from a2pcli.addresses.phone.columns import normalise_column
from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.addresses.phone.strings import starts, whole_strings
from a2pcli.addresses.phone.types import REPAIRS as PHONE_REPAIRS
from a2pcli.addresses.phone.types import PhonePolicy
from a2pcli.frame import Frame

REPAIRS: dict[str, str] = {
    **PHONE_REPAIRS,
    "display-name-dropped": "the name around the address was dropped: Anna <anna@example.com>",
    "repeated-dropped": "the same address stood in the cell more than once",
    "full-stop-dropped": "a full stop after the address was dropped",
    "link-shortened": "a link to a chat became the name in it",
}
"""Every repair. Letter case, full-width signs and invisible marks are ways to write an address: to read them is no
repair."""


Keys = npt.NDArray[np.int64]

COLUMNS = ("@address", "@spelling", "@type", "@country", "@repairs", "@reason", "@detail")
"""What is said of each cell, as Arrow strings; see ``kinds.Address``."""


def read_column(
    cells: pa.Array,
    kind: Kind,
    policy: PhonePolicy,
    network: str | None = None,
    regions: pa.StringArray | None = None,
) -> Frame:
    """Judge a column of addresses of one kind: ``COLUMNS``, in the order of ``cells``; a null cell counts as empty.

    ``network`` is the chat network where the kind is a chat id. ``regions`` are those of the rows' numbers without +,
    null for the policy's.
    """
    if kind is Kind.PHONE:
        return read_by_region(
            cells,
            regions,
            policy.region,
            lambda some, region: _as_addresses(normalise_column(some, replace(policy, region=region))),
        )
    if kind is Kind.EMAIL:
        from a2pcli.addresses.email_columns import read_emails

        found = read_emails(cells, allow_test=policy.allow_fictional)
        nothing = pa.nulls(len(cells), pa.string())
        return Frame({name: found.get(name, nothing) for name in COLUMNS}, len(cells))
    return _of_texts(whole_strings(cells), lambda cell: read_recipient(cell, network or "telegram"))


def any_column(
    cells: pa.Array,
    kind: Kind | None,
    region: str | None,
    network: str | None = None,
    regions: pa.StringArray | None = None,
) -> Frame:
    """``any_address`` over a column: as ``read_column``, but whoever could be meant counts, whether or not a message
    can go there. ``kind`` None takes each cell for what it looks like. ``regions``: see ``read_column``; where a number
    is none of its row's region, ``region`` counts."""
    if regions is not None and kind in (Kind.PHONE, None):
        return read_by_region(
            cells, regions, region, lambda some, own: any_column(some, kind, own, network), refuses=True
        )
    text = whole_strings(cells)
    if kind is Kind.PHONE:
        return _as_addresses(any_number_column(text, region))
    if kind is None:
        phones = ~np.asarray(
            pc.match_substring_regex(text, "[@:＠]").to_numpy(zero_copy_only=False), dtype=bool
        )
        if phones.all():
            return _as_addresses(any_number_column(text, region))
    elif kind is Kind.EMAIL:
        return read_column(text, kind, PhonePolicy(allow_fictional=True))
    return _of_texts(text, lambda cell: any_address(cell, region, network))


def _as_addresses(phones: Frame) -> Frame:
    """What is said of phone numbers, under the names of addresses."""
    columns = {"@address": phones["@number"], "@spelling": pa.nulls(len(phones), pa.string())}
    columns |= {name: phones[name] for name in COLUMNS if name in phones}
    return Frame({name: columns[name] for name in COLUMNS}, len(phones))


def _of_texts(text: pa.StringArray, judge: object) -> Frame:
    """Judge each distinct cell once, and return a frame with a row for each cell."""
    assert callable(judge)
    encoded = text.dictionary_encode()
    found: list[Address] = [judge(cell) for cell in encoded.dictionary.to_pylist()]
    values: dict[str, list[str | None]] = {
        "@address": [one.address for one in found],
        "@spelling": [one.spelling for one in found],
        "@type": [one.type for one in found],
        "@country": [one.country for one in found],
        "@repairs": [",".join(one.repairs) or None for one in found],
        "@reason": [one.reason for one in found],
        "@detail": [one.detail for one in found],
    }
    return Frame(
        {name: pa.array(column, pa.string()).take(encoded.indices) for name, column in values.items()},
        len(text),
    )


def keys_of(addresses: pa.Array) -> Keys:
    """The integers by which people are compared; null gives ``NOBODY``.

    Of a phone number its digits in today's form (exact: E.164 has at most 15, ITU-T E.164 section 6.1, so that equal
    keys are one phone). Of any other address a hash of 63 bits above all phone numbers: among ten million people the
    chance that any two are equal is about 5 in a million, and then one of them is left out rather than messaged twice.
    """
    text = whole_strings(addresses)
    phone = starts(text, "+")
    if phone.all() or not len(text):
        return _numbers(text)
    keys = np.full(len(text), NOBODY, dtype=np.int64)
    places = np.flatnonzero(phone)
    if len(places):
        keys[places] = _numbers(text.take(pa.array(places)))
    others = np.flatnonzero(~phone & (pc.binary_length(text).to_numpy(zero_copy_only=False) > 0))
    if len(others):
        keys[others] = _hashes(text.take(pa.array(others)))
    return keys


def _numbers(numbers: pa.StringArray) -> Keys:
    keys: Keys = pc.cast(pc.utf8_slice_codeunits(numbers, start=1), pa.int64()).to_numpy(zero_copy_only=False)
    return same_phone_keys(keys)


def _hashes(addresses: pa.StringArray) -> Keys:
    digests = b"".join(
        [blake2b(one, digest_size=8).digest() for one in addresses.cast(pa.binary()).to_pylist()]
    )
    hashes = np.frombuffer(digests, dtype=">u8") % np.uint64(2**63 - LEAST_HASH)
    return hashes.astype(np.int64) + LEAST_HASH
