"""The first line each address stands on, for tens of millions of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.columns import keys_of

Longs = npt.NDArray[np.int64]


class FirstLines:
    """People met so far, by their keys (``addresses.columns.keys_of``), in sorted runs that are merged as they grow: 16
    bytes a person, where a dict needs 150."""

    def __init__(self) -> None:
        self._runs: list[tuple[Longs, Longs]] = []

    def earlier(self, addresses: pa.Array, lines: Longs) -> Longs:
        """For each address the line of its first row, where that is an earlier one; else 0 (also where null)."""
        known = np.asarray(pc.is_valid(addresses).to_numpy(zero_copy_only=False), dtype=bool)
        places = np.flatnonzero(known)
        keys = keys_of(addresses.take(pa.array(places)))
        unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        first_lines = lines[places[first]]
        new = np.ones(len(unique), dtype=bool)
        for run, run_lines in self._runs:
            at = np.minimum(np.searchsorted(run, unique), len(run) - 1)
            met = run[at] == unique
            first_lines[met] = run_lines[at[met]]
            new &= ~met
        self._add(unique[new], first_lines[new])
        found = np.zeros(len(addresses), dtype=np.int64)
        found[places] = np.where(first_lines[inverse] == lines[places], 0, first_lines[inverse])
        return found

    def _add(self, keys: Longs, lines: Longs) -> None:
        if not len(keys):
            return
        self._runs.append((keys, lines))
        while len(self._runs) > 1 and len(self._runs[-2][0]) <= 2 * len(self._runs[-1][0]):
            (keys, lines), (more, more_lines) = self._runs.pop(), self._runs.pop()
            both = np.concatenate([keys, more])
            order = np.argsort(both, kind="stable")
            self._runs.append((both[order], np.concatenate([lines, more_lines])[order]))
