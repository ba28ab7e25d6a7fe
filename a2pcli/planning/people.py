"""Who a row is: one integer for each person, and the other addresses of the people in a file.

Duplicates, earlier runs and opt-outs are compared by the integer: the key of the address
(``addresses.columns.keys_of``) or, with ``once_per``, a 63-bit hash of the address with what makes it distinct.
Who says no by phone gets no email either, where one row has both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import any_column, keys_of
from a2pcli.addresses.kinds import NOBODY, OTHERS, hashed_key
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.channels import CHANNELS
from a2pcli.contacts.columns import find_address
from a2pcli.contacts.fact_names import ADDRESSES
from a2pcli.contacts.facts import recognise
from a2pcli.contacts.number_regions import number_regions
from a2pcli.contacts.table import Table, address_column, open_table
from a2pcli.errors import Problem, Severity
from a2pcli.frame import Frame
from a2pcli.planning.frames import Keys, Mask, among
from a2pcli.planning.spec import AddressColumn, PlanSpec, Timed
from a2pcli.reasons import NO_ADDRESS, SENTENCES, Reason

__all__ = ["NOBODY", "Seen", "hashed_key", "hashed_keys", "keys_of"]


def hashed_keys(addresses: Sequence[str | None], distinctions: Sequence[str | None]) -> Keys:
    """Return ``hashed_key`` of each row; ``NOBODY`` for a null address."""
    return np.fromiter(
        (
            NOBODY if address is None else hashed_key(address, distinction or "")
            for address, distinction in zip(addresses, distinctions, strict=True)
        ),
        dtype=np.int64,
        count=len(addresses),
    )


class Seen:
    """The people met so far, in sorted runs of integers: 8 bytes a person, merged as they grow.

    Ten million people use 80 MB here and about 900 MB in a Python set. A byte table recognises most new people at
    once (measured: a third of the time for a million people); only the others are searched for.
    """

    _BITS = 24

    def __init__(self) -> None:
        self._runs: list[Keys] = []
        self._marks = np.zeros(1 << self._BITS, dtype=np.bool_)

    def first_time(self, keys: Keys) -> Mask:
        """Return which keys occur for the first time, within this call and all earlier ones."""
        # Keys are numbered in order of appearance, so the first of each raises the highest number so far.
        numbers = pa.array(keys).dictionary_encode().indices.to_numpy()
        first: Mask = np.diff(np.maximum.accumulate(numbers), prepend=-1) > 0
        # Multiplication by 2**64 over the golden ratio (Knuth, TAOCP 6.4) spreads neighbouring numbers.
        spread = keys.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        places = (spread >> np.uint64(64 - self._BITS)).view(np.int64)
        maybe = np.flatnonzero(self._marks[places] & first)
        self._marks[places] = True
        for run in self._runs:
            at = np.searchsorted(run, keys[maybe])
            at[at == len(run)] = 0
            first[maybe] &= run[at] != keys[maybe]
        self._add(np.sort(keys[first]))
        return first

    def known(self, keys: Keys) -> Mask:
        """Return which keys were met before this call; nothing is added."""
        found: Mask = np.zeros(len(keys), dtype=np.bool_)
        for run in self._runs:
            found |= among(keys, run)
        return found

    def _add(self, fresh: Keys) -> None:
        if len(fresh) == 0:
            return
        self._runs.append(fresh)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            merged = np.concatenate((self._runs.pop(), self._runs.pop()))
            merged.sort(kind="stable")
            self._runs.append(merged)


BY_OTHER = "by another address of the row"
"""Detail of an exclusion caused by another address than the one the message would go to."""


def other_columns(table: Table, own: AddressColumn) -> tuple[AddressColumn, ...]:
    """Return the columns with other addresses than the channel's, one of each kind."""
    found: dict[str, AddressColumn] = {}
    for one in CHANNELS.values():
        if (one.kind, one.network) == (own.kind, own.network) or one.column in found:
            continue
        column = find_address(table.described, one.column)
        if column is not None and column != own.column and column not in table.described.duplicates:
            found[one.column] = AddressColumn(column, one.kind, one.network)
    return tuple(found.values())


def address_columns(table: Table) -> tuple[AddressColumn, ...]:
    """Return all columns of a list with addresses, one of each kind. Raises ``InvalidInput`` if there are none."""
    first = address_column(table, ADDRESSES)
    fact = next(fact for fact in ADDRESSES if find_address(table.described, fact) == first)
    channel = next(one for one in CHANNELS.values() if one.column == fact)
    own = AddressColumn(first, channel.kind, channel.network)
    return (own, *other_columns(table, own))


def read_exclude_file(folder: Path, file: str, policy: PhonePolicy) -> tuple[Keys, list[Problem]]:
    """Return the people of an exclude file (sorted keys) by every address in it, and a warning for each column with
    unreadable addresses, because those exclude nobody. Raises ``InvalidInput``."""
    table = open_table(file, base=folder)
    columns = address_columns(table)
    countries = recognise(table.described, columns[0].column, columns[0].kind).columns("country")
    found = [np.empty(0, dtype=np.int64)]
    counts: Counter[str] = Counter()
    first: dict[str, tuple[int, str]] = {}
    for chunk in table.chunks([*(one.column for one in columns), *countries]):
        regions = number_regions(chunk, countries)
        for place, one in enumerate(columns):
            judged = any_column(chunk[one.column], one.kind, policy.region, one.network, regions)
            found.append(keys_of(judged["@address"].drop_null()))
            # Broken rows are reported once, with the first column.
            reasons = judged["@reason"] if place else pc.coalesce(chunk["@reason"], judged["@reason"])
            bad = reasons.filter(pc.invert(pc.is_in(reasons, _NOTHING_THERE)))
            if not len(bad):
                continue
            counts[one.column] += len(bad)
            at = pc.index(reasons, bad[0]).as_py()
            first.setdefault(one.column, (chunk["@line"][at].as_py(), SENTENCES[Reason(bad[0].as_py())]))
    return np.unique(np.concatenate(found)), [
        _excludes_nobody(table, name, counts[name], *first[name]) for name in first
    ]


_NOTHING_THERE = pa.array([None, *NO_ADDRESS], pa.string())


def _excludes_nobody(table: Table, column: str, count: int, line: int, why: str) -> Problem:
    cannot = "1 address cannot" if count == 1 else f"{count:,} addresses cannot"
    text = f"{cannot} be read in the column {column} of the exclude file: nobody is excluded by "
    text += f"{'it' if count == 1 else 'them'} ({'' if count == 1 else 'the first: '}{why})"
    hint = "correct the file and plan again"
    return Problem(text, table.path, line, hint=hint, severity=Severity.WARNING, code="exclude-unread")


def other_addresses(frame: Frame, spec: PlanSpec) -> pa.StringArray:
    """Return ``@others``: the row's other valid addresses, null if it has none."""
    joined = None
    regions = number_regions(frame, spec.facts.columns("country"))
    for other in spec.others:
        if other.column not in frame:
            continue
        cells = frame[other.column]
        found = any_column(cells, other.kind, spec.policy.region, other.network, regions)["@address"]
        if found.null_count == len(found):
            continue
        joined = found if joined is None else _both(joined, found)
    return pa.nulls(len(frame), pa.string()) if joined is None else joined


def _both(one: pa.StringArray, other: pa.StringArray) -> pa.StringArray:
    return pc.coalesce(pc.binary_join_element_wise(one, other, OTHERS), one, other)


def among_others(frame: Frame, members: Keys) -> Mask:
    """Return the rows of which another address belongs to these people (sorted keys)."""
    if not len(members):
        return np.zeros(len(frame), dtype=np.bool_)
    return any_other(frame, lambda addresses: among(keys_of(addresses), members))


def latest_of_others(frame: Frame, known: Timed) -> Keys:
    """Return for each row the latest time stored for one of its other addresses; -1 if there is none."""
    latest = np.full(len(frame), -1, dtype=np.int64)
    if len(known.keys):
        addresses, rows = listed(frame["@others"])
        keys = keys_of(addresses)
        met = among(keys, known.keys)
        np.maximum.at(latest, rows[met], known.at[np.searchsorted(known.keys, keys[met])])
    return latest


def any_other(frame: Frame, is_meant: Callable[[pa.StringArray], Mask]) -> Mask:
    """Return the rows of which another address satisfies ``is_meant``."""
    found: Mask = np.zeros(len(frame), dtype=np.bool_)
    addresses, rows = listed(frame["@others"])
    if len(rows):
        found[rows[is_meant(addresses)]] = True
    return found


def listed(others: pa.StringArray) -> tuple[pa.StringArray, Keys]:
    """Return every address in a column of ``@others``, and the index of its row."""
    if others.null_count == len(others):
        return pa.array([], pa.string()), np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(others.is_valid().to_numpy(zero_copy_only=False))
    split = pc.split_pattern(others.drop_null(), OTHERS)
    return split.flatten(), rows[pc.list_parent_indices(split).to_numpy()]
