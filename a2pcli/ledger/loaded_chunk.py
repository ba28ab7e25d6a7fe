"""A chunk of a plan that is being sent: which of its messages are left, and these as rows."""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from a2pcli.ledger.chunks import Chunk
    from a2pcli.ledger.plan_store import ChunkHead

RowKind: TypeAlias = tuple[int | None, str | None]
"""A message's clock, and its channel if that is not the run's: together they decide whether it may be claimed now."""

NO_KIND: RowKind = (None, None)


class Fresh(NamedTuple):
    """A message of the plan without attempts. ``sender`` is its own; ``person``, ``variant`` and ``consent_until``
    go into its attempt; the others are as in ``AcceptedRows``."""

    id: int
    address: str
    body: str
    country: str | None
    parts: int
    tries: int
    cost: int | None
    currency: str | None
    clock: int | None
    sender: str | None
    person: int | None
    variant: str | None
    consent_until: int | None
    spelling: str | None
    others: str | None
    content: str | None
    channel: str | None
    alternatives: str | None
    route: str | None


COLUMNS = (
    "address", "body", "country", "parts", "cost", "currency", "clock", "sender", "person", "variant",
    "consent_until", "spelling", "others", "content", "channel", "alternatives", "route",
    "reason",
)  # fmt: skip
"""What a claim needs of a chunk."""


class LoadedChunk:
    """The places that are left of a chunk, and its columns as Python values."""

    def __init__(self, head: ChunkHead, chunk: Chunk, left: npt.NDArray[np.int64]) -> None:
        import numpy as np

        self.head = head
        self.left = left
        self._gone = np.zeros(head.rows, dtype=np.bool_)
        self._values = [chunk.values(name) for name in COLUMNS[:-1]]
        self.kinds, self._kind = _kinds_of(chunk)
        self._open: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._of: frozenset[RowKind] | None = None

    def count(self) -> Counter[RowKind]:
        """Number of messages left, by kind."""
        import numpy as np

        self.left = self.left[~self._gone[self.left]]
        if self._kind is None:
            return Counter({self.kinds[0]: len(self.left)})
        many = np.bincount(self._kind[self.left], minlength=len(self.kinds)).tolist()
        return Counter({kind: count for kind, count in zip(self.kinds, many, strict=True) if count})

    def take(self, most: int, kinds: frozenset[RowKind]) -> list[Fresh]:
        """The next of these kinds, in the file's order; they are left no more."""
        if self._of != kinds:
            self._of = kinds
            self._open = self._left_of(kinds)
        chosen, self._open = self._open[:most], self._open[most:]
        self._gone[chosen] = True
        return self._rows(chosen.tolist())

    def _left_of(self, kinds: frozenset[RowKind]) -> npt.NDArray[np.int64]:
        import numpy as np

        self.left = self.left[~self._gone[self.left]]
        if self._kind is None:
            return self.left if self.kinds[0] in kinds else self.left[:0]
        places = [place for place, kind in enumerate(self.kinds) if kind in kinds]
        return self.left[np.isin(self._kind[self.left], places)]

    def _rows(self, places: list[int]) -> list[Fresh]:
        """The messages at these positions, as rows."""
        columns = [[values[place] for place in places] for values in self._values]
        address, body, country, parts, *more = columns
        ids = [self.head.first_id + place for place in places]
        return list(map(Fresh._make, zip(ids, address, body, country, parts, repeat(0), *more, strict=False)))


def _kinds_of(chunk: Chunk) -> tuple[list[RowKind], npt.NDArray[np.int64] | None]:
    """The kinds of a chunk's messages, and of each message the place of its own; None where all have the same."""
    import numpy as np

    clock, channel = chunk.column("clock"), chunk.column("channel")
    if channel is not None and channel.null_count == len(channel):
        channel = None
    if clock is None and channel is None:
        return [NO_KIND], None
    numbers = np.zeros(len(chunk.table), dtype=np.int64)
    if clock is not None:
        numbers = clock.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    names: list[str] = []
    if channel is not None:
        plain = channel.cast("string").dictionary_encode()
        names = plain.dictionary.to_pylist()
        codes = plain.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        numbers = numbers * (len(names) + 1) + codes
    found, places = np.unique(numbers, return_inverse=True)
    kinds: list[RowKind] = []
    for number in found.tolist():
        clock_number, code = divmod(number, len(names) + 1)
        kinds.append((clock_number - 1 if clock_number else None, names[code - 1] if code else None))
    return kinds, places.reshape(-1).astype(np.int64)
