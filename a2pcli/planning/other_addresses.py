"""The other addresses of the people in a file: who says no by phone gets no email either, where one row has both.

An opt-out from everything, or from a programme, an erasure and an exclude list count by any address of the row. An
opt-out from a channel or a sender counts by the address that the message would go to. What makes a person one person
in a campaign is that address alone: two rows that share another one may be a household.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import any_column, keys_of
from a2pcli.addresses.kinds import OTHERS
from a2pcli.channels import CHANNELS
from a2pcli.contacts.columns import find_address
from a2pcli.contacts.fact_names import ADDRESSES
from a2pcli.contacts.table import Table, address_column
from a2pcli.frame import Frame
from a2pcli.planning.frames import Keys, Mask, among
from a2pcli.planning.spec import AddressColumn, PlanSpec, Timed

BY_OTHER = "by another address of the row"
"""What a detail says where it was not the address that the message would go to."""


def other_columns(table: Table, own: AddressColumn) -> tuple[AddressColumn, ...]:
    """The columns of the file with other addresses than the channel's, one of each kind."""
    found: dict[str, AddressColumn] = {}
    for one in CHANNELS.values():
        if (one.kind, one.network) == (own.kind, own.network) or one.column in found:
            continue
        column = find_address(table.described, one.column)
        if column is not None and column != own.column and column not in table.described.duplicates:
            found[one.column] = AddressColumn(column, one.kind, one.network)
    return tuple(found.values())


def address_columns(table: Table) -> tuple[AddressColumn, ...]:
    """Every column of a list with addresses of people, one of each kind. Raises ``InvalidInput`` for none."""
    first = address_column(table, ADDRESSES)
    fact = next(fact for fact in ADDRESSES if find_address(table.described, fact) == first)
    channel = next(one for one in CHANNELS.values() if one.column == fact)
    own = AddressColumn(first, channel.kind, channel.network)
    return (own, *other_columns(table, own))


def other_addresses(frame: Frame, spec: PlanSpec) -> pa.StringArray:
    """``@others``: the row's other addresses, null where it has none. A cell without a good address has none."""
    joined = None
    for other in spec.others:
        if other.column not in frame:
            continue
        found = any_column(frame[other.column], other.kind, spec.policy.region, other.network)["@address"]
        if found.null_count == len(found):
            continue
        joined = found if joined is None else _both(joined, found)
    return pa.nulls(len(frame), pa.string()) if joined is None else joined


def _both(one: pa.StringArray, other: pa.StringArray) -> pa.StringArray:
    return pc.coalesce(pc.binary_join_element_wise(one, other, OTHERS), one, other)


def among_others(frame: Frame, members: Keys) -> Mask:
    """The rows one of whose other addresses is among these people (sorted keys)."""
    if not len(members):
        return np.zeros(len(frame), dtype=np.bool_)
    return any_other(frame, lambda addresses: among(keys_of(addresses), members))


def latest_of_others(frame: Frame, known: Timed) -> Keys:
    """For each row the latest moment kept with one of its other addresses; -1 where there is none."""
    latest = np.full(len(frame), -1, dtype=np.int64)
    if len(known.keys):
        addresses, rows = listed(frame["@others"])
        keys = keys_of(addresses)
        met = among(keys, known.keys)
        np.maximum.at(latest, rows[met], known.at[np.searchsorted(known.keys, keys[met])])
    return latest


def any_other(frame: Frame, is_meant: Callable[[pa.StringArray], Mask]) -> Mask:
    """The rows one of whose other addresses is meant, by a question about a column of addresses."""
    found: Mask = np.zeros(len(frame), dtype=np.bool_)
    addresses, rows = listed(frame["@others"])
    if len(rows):
        found[rows[is_meant(addresses)]] = True
    return found


def listed(others: pa.StringArray) -> tuple[pa.StringArray, Keys]:
    """Every address in a column of ``@others``, and the place of its row."""
    if others.null_count == len(others):
        return pa.array([], pa.string()), np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(others.is_valid().to_numpy(zero_copy_only=False))
    split = pc.split_pattern(others.drop_null(), OTHERS)
    return split.flatten(), rows[pc.list_parent_indices(split).to_numpy()]
