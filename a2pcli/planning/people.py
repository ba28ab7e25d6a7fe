"""One integer for each person: what duplicates, earlier runs and suppressions are compared by.

A phone number's key is its digits (E.164 has at most 15, ITU-T E.164 section 6.1, so they fit 63 bits): exact,
no collisions. Numbers that reach the same phone have the same key (``contacts.same_phone``). With ``once_per``, and
for addresses that are no numbers, it is a 63-bit hash: among ten million people of one campaign the chance that any
two collide is about 5 in a million, and then one of them is left out rather than messaged twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.phone.same_phone import same_phone_keys
from a2pcli.planning.frames import Keys, Mask

NOBODY = -1


def number_keys(numbers: pa.Array) -> Keys:
    """Keys of E.164 numbers; null gives ``NOBODY``."""
    digits = pc.utf8_slice_codeunits(numbers, start=1)
    keys: Keys = pc.fill_null(pc.cast(digits, pa.int64()), NOBODY).to_numpy(zero_copy_only=False)
    return same_phone_keys(keys)


def hashed_key(*parts: str) -> int:
    """The key of an address together with what makes it distinct (``once_per``), or of no number at all."""
    digest = blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


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
