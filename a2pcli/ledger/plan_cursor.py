"""Where one sender is in the plan of a run: which chunks have somebody left whose clock is open, and who is next.

Of every chunk it is known how many are left of each clock; a chunk in which no open clock has anybody is not read.
The chunk that is being sent is in memory, without those that have an attempt. Its bytes are compared with their
digest when they are read, and the digests with the plan's, so what is sent is what was verified.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import OTHERS
from a2pcli.ledger import approved, plan_store
from a2pcli.ledger.attempt_ids import is_later, message_of
from a2pcli.ledger.plan_store import ChunkHead, End, end_of
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from a2pcli.ledger.chunks import Chunk

_a = attempts.c

KEPT = 4
"""Chunks kept in memory for retries, which come in plan order and so are close together."""


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


class Beside(NamedTuple):
    """Values of a message that only its chunk has: the spelling to send to, the person's other addresses, the
    content, its alternatives, and its possible gateways."""

    spelling: str | None
    others: str | None
    content: str | None
    alternatives: str | None
    route: str | None


_NOTHING_BESIDE = Beside(None, None, None, None, None)

_COLUMNS = (
    "address", "body", "country", "parts", "cost", "currency", "clock", "sender", "person", "variant",
    "consent_until", "spelling", "others", "content", "channel", "alternatives", "route",
    "reason",
)  # fmt: skip
"""Columns of a chunk that a claim needs."""


class _Loaded:
    """The chunk being sent: its remaining positions, and its columns as Python values."""

    def __init__(self, head: ChunkHead, chunk: Chunk, left: npt.NDArray[np.int64]) -> None:
        import numpy as np

        self.head = head
        self.left = left
        self._gone = np.zeros(head.rows, dtype=np.bool_)
        self._values = [chunk.values(name) for name in _COLUMNS[:-1]]
        clock = chunk.column("clock")
        self._clocks = None if clock is None else clock.fill_null(-1).to_numpy(zero_copy_only=False)
        self._open: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._of: frozenset[int | None] | None = None

    def count(self) -> Counter[int | None]:
        """Return the number of remaining messages by clock."""
        import numpy as np

        self.left = self.left[~self._gone[self.left]]
        if self._clocks is None:
            return Counter({None: len(self.left)})
        found, many = np.unique(self._clocks[self.left], return_counts=True)
        pairs = zip(found.tolist(), many.tolist(), strict=True)
        return Counter({None if clock == -1 else clock: count for clock, count in pairs})

    def take(self, most: int, clocks: frozenset[int | None]) -> list[Fresh]:
        """Take the next ``most`` messages of these clocks, in file order."""
        if self._of != clocks:
            self._of = clocks
            self._open = self._left_of(clocks)
        chosen, self._open = self._open[:most], self._open[most:]
        self._gone[chosen] = True
        return self._rows(chosen.tolist())

    def _left_of(self, clocks: frozenset[int | None]) -> npt.NDArray[np.int64]:
        import numpy as np

        self.left = self.left[~self._gone[self.left]]
        if self._clocks is None:
            return self.left if None in clocks else self.left[:0]
        numbers = [-1 if clock is None else clock for clock in clocks]
        return self.left[np.isin(self._clocks[self.left], numbers)]

    def _rows(self, places: list[int]) -> list[Fresh]:
        """Return the messages at these positions."""
        columns = [[values[place] for place in places] for values in self._values]
        address, body, country, parts, *more = columns
        ids = [self.head.first_id + place for place in places]
        return list(map(Fresh._make, zip(ids, address, body, country, parts, repeat(0), *more, strict=False)))


class PlanCursor:
    """One sender's position in the plan of a run."""

    def __init__(self, connection: Connection, run: Run, mine: Set[int] | None = None) -> None:
        self._run = run
        self.mine = mine
        """Numbers of this sender's chunks, if several senders send the run; None for all."""
        self._heads = plan_store.heads(connection, run)
        self._first_ids = [head.first_id for head in self._heads]
        self._ends = plan_store.ends_of(connection, run)
        self._left: list[Counter[int | None]] = [
            self._still(left) for _, left in plan_store.untouched(connection, run, self._heads)
        ]
        self._loaded: _Loaded | None = None
        self._loaded_at = -1
        self._kept: dict[int, Chunk] = {}
        self._taken: Counter[tuple[int, int | None]] = Counter()
        self._ends_before = len(self._ends)
        self.left: Counter[int | None] = Counter()
        """Number of waiting messages without attempts, by clock."""
        for of_chunk in self._left:
            self.left.update(of_chunk)
        self._check_digests(connection)

    def _still(self, left: Mapping[plan_store.Place, int]) -> Counter[int | None]:
        """Return the number of a chunk's messages that are still planned, by clock."""
        found: Counter[int | None] = Counter()
        for (country, clock), many in left.items():
            if many > 0 and end_of(self._ends, country, clock) is None:
                found[clock] += many
        return found

    def _check_digests(self, connection: Connection) -> None:
        kept = approved.kept_digests(connection, self._run)
        if kept and approved.CHUNKS in kept and plan_store.chain(self._heads) != kept[approved.CHUNKS]:
            raise approved.changed_plan(connection, self._run, [approved.CHUNKS])

    def __bool__(self) -> bool:
        """Whether the run's plan is in chunks."""
        return bool(self._heads)

    def begin(self) -> None:
        """Start a transaction: what is taken from now on is restored by ``undo``."""
        self._taken = Counter()
        self._ends_before = len(self._ends)

    def undo(self) -> None:
        """Restore the position after the transaction was rolled back."""
        for (at, clock), many in self._taken.items():
            self._left[at][clock] += many
            self.left[clock] += many
        self._taken = Counter()
        del self._ends[self._ends_before :]
        self._loaded, self._loaded_at = None, -1

    def _remove(self, at: int, clock: int | None, many: int) -> None:
        self._left[at][clock] -= many
        self.left[clock] -= many
        self._taken[at, clock] += many

    def take(self, connection: Connection, most: int, goes: Callable[[int | None], bool]) -> list[Fresh]:
        """Take the next ``most`` messages with open clocks, in file order; empty if none are left."""
        while True:
            at, clocks = self._next(goes)
            if at < 0:
                return []
            if self._loaded is None or self._loaded_at != at:
                self._load(connection, at)
                continue  # counted again, because another sender may have claimed from it
            rows = self._loaded.take(most, clocks)
            for clock, many in Counter(row.clock for row in rows).items():
                self._remove(at, clock, many)
            if rows:
                return rows
            self._count_anew(at, self._loaded.count())  # they were claimed or ended meanwhile

    def _next(self, goes: Callable[[int | None], bool]) -> tuple[int, frozenset[int | None]]:
        """Return a chunk with messages of open clocks, and those clocks: the loaded chunk, else the first; -1 if
        there is none."""
        if self._loaded is not None and (clocks := self._open_in(self._loaded_at, goes)):
            return self._loaded_at, clocks
        for at in range(len(self._left)):
            if clocks := self._open_in(at, goes):
                return at, clocks
        return -1, frozenset()

    def open_left(self, goes: Callable[[int | None], bool]) -> int:
        """Return how many messages of this sender's chunks may be sent now."""
        return sum(
            many
            for at in range(len(self._left))
            if self._is_mine(at)
            for clock, many in self._left[at].items()
            if many > 0 and goes(clock)
        )

    def not_mine(self, goes: Callable[[int | None], bool]) -> list[ChunkHead]:
        """Return chunks of others, or unleased ones, with messages of open clocks, as far as this sender knows."""
        return [
            head
            for head, left in zip(self._heads, self._left, strict=True)
            if self.mine is not None
            and head.number not in self.mine
            and any(many > 0 and goes(clock) for clock, many in left.items())
        ]

    def head(self, number: int) -> ChunkHead:
        """Return the chunk with this number."""
        return next(head for head in self._heads if head.number == number)

    def _is_mine(self, at: int) -> bool:
        return self.mine is None or self._heads[at].number in self.mine

    def _open_in(self, at: int, goes: Callable[[int | None], bool]) -> frozenset[int | None]:
        if not self._is_mine(at):
            return frozenset()
        return frozenset(clock for clock, many in self._left[at].items() if many > 0 and goes(clock))

    def _count_anew(self, at: int, found: Counter[int | None]) -> None:
        self.left.subtract(self._left[at])
        self.left.update(found)
        self._left[at] = found

    def _load(self, connection: Connection, at: int) -> None:
        import numpy as np

        head = self._heads[at]
        chunk = self._verified(connection, at)
        within = (_a.id >= head.first_id, _a.id < head.end_id)
        touched = connection.execute(select(_a.id).where(*within)).scalars().all()
        waits = chunk.is_accepted() & _there(chunk, "address") & _there(chunk, "body")
        waits[np.asarray(touched, dtype=np.int64) - head.first_id] = False
        for end in self._ends:
            waits &= ~_ended(chunk, end)
        self._loaded = _Loaded(head, chunk, np.flatnonzero(waits).astype(np.int64))
        self._loaded_at = at
        self._count_anew(at, self._loaded.count())

    def _verified(self, connection: Connection, at: int) -> Chunk:
        """Return the chunk. Raises ``LedgerError`` if its bytes are not those of the plan."""
        from a2pcli.ledger.chunks import is_sound

        head = self._heads[at]
        data = plan_store.data_of(connection, self._run, head.number)
        if not is_sound(data, head.digest):
            raise approved.changed_plan(connection, self._run, [approved.CHUNKS])
        return plan_store.opened(connection, self._run, head, data, _COLUMNS)

    def texts(self, connection: Connection, rows: Iterable[tuple[int, str, str | None]]) -> list[str]:
        """Return the planned texts of messages tried before, each given by id, address and own sender.

        Only for first attempts; later ones have their own texts. Raises ``LedgerError`` if one does not match the
        plan.
        """
        found = []
        for id, address, sender in rows:
            at = bisect_right(self._first_ids, id) - 1
            text = self._text(connection, at, id, address, sender) if at >= 0 else None
            if text is None:
                raise approved.changed_plan(connection, self._run, [approved.PEOPLE])
            found.append(text)
        return found

    def beside(self, connection: Connection, rows: Iterable[tuple[int, str]]) -> dict[int, Beside]:
        """Return what only the plan has of messages tried before (id and address), by id; messages without any are
        absent."""
        found = {}
        for id, address in rows:
            message = message_of(id)
            at = bisect_right(self._first_ids, message) - 1
            if at < 0 or not 0 <= message - self._heads[at].first_id < self._heads[at].rows:
                continue
            chunk, place = self._chunk(connection, at), message - self._heads[at].first_id
            beside = Beside(*(_at(chunk, name, place) for name in Beside._fields))
            planned = _at(chunk, "address", place)
            if is_later(id) and address != planned:  # it goes to another address of the person
                others = OTHERS.join({planned or "", *(beside.others or "").split(OTHERS)} - {"", address})
                beside = beside._replace(spelling=None, others=others or None)
            if beside != _NOTHING_BESIDE:
                found[id] = beside
        return found

    def _chunk(self, connection: Connection, at: int) -> Chunk:
        """Return a verified chunk, cached for messages tried before."""
        if at not in self._kept:
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[at] = self._verified(connection, at)
        return self._kept[at]

    def _text(self, connection: Connection, at: int, id: int, address: str, sender: str | None) -> str | None:
        head = self._heads[at]
        place = id - head.first_id
        if not 0 <= place < head.rows:
            return None
        chunk = self._chunk(connection, at)
        planned = (_at(chunk, name, place) for name in ("address", "sender", "reason"))
        text = _at(chunk, "body", place) if tuple(planned) == (address, sender, None) else None
        return None if text is None else str(text)

    def end(self, connection: Connection, end: End) -> int:
        """End all remaining messages of a clock; return how many, 0 if another sender already did."""
        plan_store.ends_one_by_one(connection, self._run)
        known = plan_store.ends_of(connection, self._run) if self.mine is not None else ()
        is_new = not any(one.fits(end.country, end.clock) for one in known)
        if is_new:
            plan_store.add_end(connection, self._run, end)
        self._ends.append(end)
        count = 0
        for at, left in enumerate(self._left):
            if many := left.get(end.clock, 0):
                self._remove(at, end.clock, many)
                count += many
        return count if is_new else 0


def _there(chunk: Chunk, name: str) -> npt.NDArray[np.bool_]:
    """Return which rows of a chunk have a value in a column."""
    import numpy as np
    import pyarrow.compute as pc

    column = chunk.column(name)
    if column is None:
        return np.zeros(chunk.rows, dtype=np.bool_)
    return np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _ended(chunk: Chunk, end: End) -> npt.NDArray[np.bool_]:
    """Return a boolean array of the rows that a ``plan_ends`` row applies to."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    fits = np.ones(chunk.rows, dtype=np.bool_)
    for name, value, type in (("country", end.country, pa.string()), ("clock", end.clock, pa.int32())):
        if value is None:
            continue
        column = chunk.column(name)
        if column is None:
            return np.zeros(chunk.rows, dtype=np.bool_)
        same = pc.equal(column.cast(type), pa.scalar(value, type))
        fits &= pc.fill_null(same, False).to_numpy(zero_copy_only=False)
    return fits


def _at(chunk: Chunk, name: str, place: int) -> Any:
    column = chunk.column(name)
    return None if column is None else column[place].as_py()
