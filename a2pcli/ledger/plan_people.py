"""Somebody's rows: in the chunks of plans, and among the rows of runs that have none.

Of a chunk only the addresses, the people's keys and the cells are read: 40 ms for a million rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import OTHERS
from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.dataclass import dataclass
from a2pcli.ledger import chunk_filter, plan_store
from a2pcli.ledger.attempt_ids import all_attempts, message_of
from a2pcli.ledger.chunk_filter import ENOUGH, PUNCTUATION, bare
from a2pcli.ledger.counting import most_attempts
from a2pcli.ledger.plan_store import ChunkHead
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import MOST_ROWS, ROWS_PER_RUN, attempts, plan_chunks, runs

if TYPE_CHECKING:
    import pyarrow as pa

    from a2pcli.ledger.chunks import Chunk

_AHEAD = 4
"""Number of chunks read ahead of the search."""

_a = attempts.c


@dataclass(frozen=True, slots=True)
class Searched:
    """A person to search for: an address in any of its forms, and texts as people typed them.

    ``cells`` find rows that were excluded because of their number, which have no address, only a cell. It may be
    written in another way, or contain more than the number; spaces and punctuation are ignored. ``keys`` also finds
    rows that lost their address and identify the person by digits only.
    """

    address: str
    cells: tuple[str, ...] = ()
    keys: bool = False

    @property
    def forms(self) -> tuple[str, ...]:
        """All forms of the phone number."""
        return same_phone_forms(self.address)

    @property
    def people(self) -> tuple[int, ...]:
        """The keys that may identify the person: the digits of each form, or the address's hash."""
        if not self.keys:
            return ()
        digits = tuple(int(form[1:]) for form in self.forms if form[:1] == "+" and form[1:].isdigit())
        return digits or self._hashed()

    def _hashed(self) -> tuple[int, ...]:
        import pyarrow as pa

        from a2pcli.addresses.columns import keys_of

        return tuple(keys_of(pa.array([self.address])).tolist()) if self.address else ()


def condition(whom: Searched) -> Any:
    """Return the SQL condition for the person's rows in runs without chunks."""
    same: Any = _a.address.in_(whom.forms)
    if whom.people:
        same = or_(same, _a.person.in_(whom.people))
    compared: Any = _a.cell
    for mark in PUNCTUATION:
        compared = func.replace(compared, mark, "")
    for cell in whom.cells:
        text = bare(cell)
        # A few digits occur in many numbers, so they must be the whole cell.
        match = compared.contains(text, autoescape=True) if len(text) >= ENOUGH else compared == text
        same = or_(same, _a.cell == cell, and_(_a.cell.is_not(None), match))
    return same


def columns_of(whom: Searched) -> tuple[str, ...]:
    """Return the columns of a chunk that tell whether a row is the person's."""
    return ("address", "others", "cell", *(("person",) if whom.people else ()))


def places_in(chunk: Chunk, whom: Searched) -> list[int]:
    """Return the positions of the person's rows in a chunk of which ``columns_of`` were read.

    Most chunks have none, which comparing bytes shows quickly.
    """
    found: set[int] = set()
    if whom.address:
        found |= chunk.places_of("address", whom.forms)
        if chunk.mentions("others", whom.forms):
            found |= _with_other(chunk.column("others"), whom.forms)
    if whom.people:
        found |= _with_key(chunk.column("person"), whom.people)
    written = chunk.raw_texts("cell").translate(None, PUNCTUATION.encode()) if whom.cells else b""
    for cell in whom.cells:
        text = bare(cell)
        # Text without letter case appears in the bytes exactly as in the cell.
        if not text or text.upper() != text.lower() or text.encode("utf-8", "surrogatepass") in written:
            found |= _with_cell(chunk.column("cell"), cell, text)
    return sorted(found)


def _with_key(column: pa.Array | None, wanted: Sequence[int]) -> set[int]:
    """Return the positions of rows with one of these keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return set() if column is None else _true(pc.is_in(column, value_set=pa.array(wanted, pa.int64())))


def _with_other(others: pa.Array | None, forms: Sequence[str]) -> set[int]:
    """Return the positions of rows that have one of the addresses among their others."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if others is None:
        return set()
    rows = np.flatnonzero(others.is_valid().to_numpy(zero_copy_only=False))
    split = pc.split_pattern(others.drop_null(), OTHERS)
    named = pc.is_in(split.flatten(), value_set=pa.array(forms, pa.string()))
    mine = rows[pc.list_parent_indices(split).filter(named).to_numpy(zero_copy_only=False)]
    return {int(place) for place in mine}


def _with_cell(cells: pa.Array | None, cell: str, text: str) -> set[int]:
    """Return the positions of rows with this cell, in any notation; ``text`` is the cell without punctuation."""
    import pyarrow.compute as pc

    if cells is None:
        return set()
    compared = pc.replace_substring_regex(cells, f"[{PUNCTUATION.replace('-', '')}-]", "")
    is_long = len(text) >= ENOUGH
    match = pc.match_substring(compared, text, ignore_case=True) if is_long else pc.equal(compared, text)
    return _true(pc.or_kleene(match, pc.equal(cells, cell)))


def _true(mask: pa.Array) -> set[int]:
    import numpy as np

    return {int(place) for place in np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False))}


def runs_with_chunks(connection: Connection, run: Run | None = None) -> list[Run]:
    """Return the runs whose plans are stored as chunks, oldest first; for one run, that one or none."""
    query = select(runs).where(runs.c.number.in_(select(plan_chunks.c.run))).order_by(runs.c.number)
    if run is not None:
        query = query.where(runs.c.number == run.number)
    return [run_from_row(row) for row in connection.execute(query).mappings()]


def in_chunks(
    connection: Connection, whom: Searched, run: Run | None = None, *, by_filter: bool = False
) -> Iterator[tuple[Run, ChunkHead, list[int]]]:
    """Yield the chunks that contain rows of the person, each with their positions.

    ``by_filter`` skips chunks whose filter excludes the person; filters do not know keys. One chunk is read from the
    database while another thread searches the previous one; both release the interpreter lock most of the time.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    def searched(one: Run, head: ChunkHead, data: bytes, also: set[int]) -> tuple[Run, ChunkHead, list[int]]:
        chunk = plan_store.opened(connection, one, head, data, columns_of(whom))
        return one, head, sorted(also.union(places_in(chunk, whom)))

    waiting: deque[Future[tuple[Run, ChunkHead, list[int]]]] = deque()
    with ThreadPoolExecutor(1) as other:
        for one in runs_with_chunks(connection, run):
            later = _of_later_attempts(connection, one, whom)
            numbers = _by_filter(connection, one, whom, later) if by_filter and not whom.keys else None
            for head in plan_store.heads(connection, one, numbers) if numbers is None or numbers else ():
                also = {id - head.first_id for id in later if head.first_id <= id < head.end_id}
                data = plan_store.data_of(connection, one, head.number)
                waiting.append(other.submit(searched, one, head, data, also))
                if len(waiting) > _AHEAD and (found := waiting.popleft().result())[2]:
                    yield found
        while waiting:
            if (found := waiting.popleft().result())[2]:
                yield found


def _by_filter(connection: Connection, run: Run, whom: Searched, later: set[int]) -> list[int]:
    """Return the chunks that may contain rows of the person, or one of the messages ``later``."""
    forms, cells = whom.forms, whom.cells
    return [
        number
        for number, first, end, prefix in plan_store.prefixes(connection, run, chunk_filter.PREFIX)
        if chunk_filter.may_hold(prefix, forms, cells) or any(first <= id < end for id in later)
    ]


def _of_later_attempts(connection: Connection, run: Run, whom: Searched) -> set[int]:
    """Return the messages of a run of which a later attempt went to the address."""
    if not whom.address or most_attempts(connection, run) == 1:
        return set()
    begin = run.number * ROWS_PER_RUN
    later = and_(_a.id > begin + MOST_ROWS, _a.id < begin + ROWS_PER_RUN, _a.address.in_(whom.forms))
    return set(map(message_of, connection.execute(select(_a.id).where(later)).scalars()))


def later_attempts(
    connection: Connection, run: Run, head: ChunkHead, places: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the ids of second and later attempts of messages at these positions, each with the run's number."""
    most = most_attempts(connection, run)
    if most == 1:
        return []
    later: list[tuple[int, int]] = []
    for place in places:
        ids = all_attempts([head.first_id + place], most)[1:]
        found = connection.execute(select(_a.id).where(_a.id.in_(ids))).scalars()
        later += [(int(id), run.number) for id in found]
    return later


def without_chunks(connection: Connection, run: Run | None = None) -> list[Any]:
    """Return the conditions for the rows of runs without chunks, each a range of the primary key, in order."""
    query = select(runs.c.number).where(runs.c.number.not_in(select(plan_chunks.c.run)))
    if run is not None:
        query = query.where(runs.c.number == run.number)
    return [
        and_(_a.id >= first * ROWS_PER_RUN, _a.id < (last + 1) * ROWS_PER_RUN)
        for first, last in _ranges(connection.execute(query.order_by(runs.c.number)).scalars().all())
    ]


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield ascending numbers as ranges (first and last)."""
    begin = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if begin is not None and last is not None:
            yield begin, last
        begin = last = number
    if begin is not None and last is not None:
        yield begin, last
