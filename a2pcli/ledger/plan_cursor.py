"""Where one sender is in the plan of a run: which chunks have messages left whose clock is open, and which are next.

The number of messages left is known for every chunk and clock; a chunk without any for an open clock is not read.
The chunk that is being sent is in memory, without messages that have an attempt. Its bytes are compared with their
digest when they are read, and the digests with the plan's, so what is sent is what was verified.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import OTHERS
from a2pcli.ledger import approved, plan_store
from a2pcli.ledger.alternatives import channels_of
from a2pcli.ledger.attempt_ids import is_later, message_of
from a2pcli.ledger.loaded_chunk import COLUMNS, LoadedChunk, RowKind
from a2pcli.ledger.loaded_chunk import Fresh as Fresh
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


class Beside(NamedTuple):
    """Values of a message that only its chunk has: the spelling to send to, the person's other addresses, the
    content, its alternatives, and its possible gateways."""

    spelling: str | None
    others: str | None
    content: str | None
    alternatives: str | None
    route: str | None


_NOTHING_BESIDE = Beside(None, None, None, None, None)


class PlanCursor:
    """One sender's position in the plan of a run."""

    def __init__(self, connection: Connection, run: Run, mine: Set[int] | None = None) -> None:
        self._run = run
        self.mine = mine
        """Numbers of this sender's chunks, if several senders send the run; None for all."""
        self._heads = plan_store.heads(connection, run)
        self._first_ids = [head.first_id for head in self._heads]
        self._ends = plan_store.ends_of(connection, run)
        self._left: list[Counter[RowKind]] = [
            self._still(left) for _, left in plan_store.untouched(connection, run, self._heads)
        ]
        self._loaded: dict[int, LoadedChunk] = {}
        self._most_loaded = max(1, len(channels_of(run)))  # the next of each channel may be in another chunk
        self._kept: dict[int, Chunk] = {}
        self._taken: Counter[tuple[int, RowKind]] = Counter()
        self._ends_before = len(self._ends)
        self.left: Counter[RowKind] = Counter()
        """Number of waiting messages without attempts, by kind."""
        for of_chunk in self._left:
            self.left.update(of_chunk)
        self._check_digests(connection)

    def _still(self, left: Mapping[plan_store.Place, int]) -> Counter[RowKind]:
        """Return the number of a chunk's messages that are still planned, by kind."""
        found: Counter[RowKind] = Counter()
        for (country, clock, channel), many in left.items():
            if many > 0 and end_of(self._ends, country, clock) is None:
                found[clock, channel] += many
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
        for (at, kind), many in self._taken.items():
            self._left[at][kind] += many
            self.left[kind] += many
        self._taken = Counter()
        del self._ends[self._ends_before :]
        self._loaded.clear()

    def _remove(self, at: int, kind: RowKind, many: int) -> None:
        self._left[at][kind] -= many
        self.left[kind] -= many
        self._taken[at, kind] += many

    def take(self, connection: Connection, most: int, goes: Callable[[RowKind], bool]) -> list[Fresh]:
        """Take the next ``most`` messages of kinds that may go, in file order; empty if none are left."""
        while True:
            at, kinds = self._next(goes)
            if at < 0:
                return []
            loaded = self._loaded.get(at)
            if loaded is None:
                self._load(connection, at)
                continue  # counted anew: another sender may have been here
            rows = loaded.take(most, kinds)
            if rows and len(loaded.kinds) == 1:
                self._remove(at, loaded.kinds[0], len(rows))
            else:
                for kind, many in Counter((row.clock, row.channel) for row in rows).items():
                    self._remove(at, kind, many)
            if rows:
                return rows
            self._count_anew(at, loaded.count())  # they are not there after all

    def _next(self, goes: Callable[[RowKind], bool]) -> tuple[int, frozenset[RowKind]]:
        """A chunk with messages that may go, and their kinds: one in memory, else the first. -1 where there is none."""
        for at in self._loaded:
            if kinds := self._open_in(at, goes):
                return at, kinds
        for at in range(len(self._left)):
            if kinds := self._open_in(at, goes):
                return at, kinds
        return -1, frozenset()

    def open_left(self, goes: Callable[[RowKind], bool]) -> int:
        """Return how many messages of this sender's chunks may be sent now."""
        return sum(
            many
            for at in range(len(self._left))
            if self._is_mine(at)
            for kind, many in self._left[at].items()
            if many > 0 and goes(kind)
        )

    def not_mine(self, goes: Callable[[RowKind], bool]) -> list[ChunkHead]:
        """Return chunks of others, or unleased ones, with messages that may go, as far as this sender knows."""
        return [
            head
            for head, left in zip(self._heads, self._left, strict=True)
            if self.mine is not None
            and head.number not in self.mine
            and any(many > 0 and goes(kind) for kind, many in left.items())
        ]

    def head(self, number: int) -> ChunkHead:
        """Return the chunk with this number."""
        return next(head for head in self._heads if head.number == number)

    def _is_mine(self, at: int) -> bool:
        return self.mine is None or self._heads[at].number in self.mine

    def _open_in(self, at: int, goes: Callable[[RowKind], bool]) -> frozenset[RowKind]:
        if not self._is_mine(at):
            return frozenset()
        return frozenset(kind for kind, many in self._left[at].items() if many > 0 and goes(kind))

    def _count_anew(self, at: int, found: Counter[RowKind]) -> None:
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
        while len(self._loaded) >= self._most_loaded:
            del self._loaded[next(iter(self._loaded))]
        loaded = self._loaded[at] = LoadedChunk(head, chunk, np.flatnonzero(waits).astype(np.int64))
        self._count_anew(at, loaded.count())

    def _verified(self, connection: Connection, at: int) -> Chunk:
        """Return the chunk. Raises ``LedgerError`` if its bytes are not those of the plan."""
        from a2pcli.ledger.chunks import is_sound

        head = self._heads[at]
        data = plan_store.data_of(connection, self._run, head.number)
        if not is_sound(data, head.digest):
            raise approved.changed_plan(connection, self._run, [approved.CHUNKS])
        return plan_store.opened(connection, self._run, head, data, COLUMNS)

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
            for kind, many in list(left.items()):
                if many and kind[0] == end.clock:
                    self._remove(at, kind, many)
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
