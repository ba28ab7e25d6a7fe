"""One integer for each person: what duplicates, earlier runs and suppressions are compared by.

It is the key of the address (``addresses.columns.keys_of``); with ``once_per``, a 63-bit hash of the address with what
makes it distinct.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from a2pcli.addresses.columns import keys_of
from a2pcli.addresses.kinds import NOBODY, hashed_key
from a2pcli.planning.frames import Keys, Mask

__all__ = ["NOBODY", "Seen", "hashed_key", "hashed_keys", "keys_of"]


def hashed_keys(addresses: Sequence[str | None], distinctions: Sequence[str | None]) -> Keys:
    """``hashed_key`` over columns; a null address gives ``NOBODY``."""
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

    Ten million people cost 80 MB here and about 900 MB in a Python set. A table of bytes tells of most people at
    once that they are new (measured: a third of the time for a million people); only the others are searched for.
    """

    _BITS = 24

    def __init__(self) -> None:
        self._runs: list[Keys] = []
        self._marks = np.zeros(1 << self._BITS, dtype=np.bool_)

    def first_time(self, keys: Keys) -> Mask:
        """For each key, whether it is met for the first time (within the call and over all calls)."""
        # Keys are numbered as they come, so the first of each is the one that raises the highest number so far.
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

    def _add(self, fresh: Keys) -> None:
        if len(fresh) == 0:
            return
        self._runs.append(fresh)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            merged = np.concatenate((self._runs.pop(), self._runs.pop()))
            merged.sort(kind="stable")
            self._runs.append(merged)
