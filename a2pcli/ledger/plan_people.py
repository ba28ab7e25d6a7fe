"""Somebody's rows: in the chunks of plans, and among the rows of runs that have none.

Of a chunk only the addresses, the people's keys and the cells are read: 40 ms for a million rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import OTHERS
from a2pcli.addresses.phone.same_phone import same_phone_forms
from a2pcli.dataclass import dataclass
from a2pcli.ledger import plan_store
from a2pcli.ledger.plan_store import ChunkHead
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import ROWS_PER_RUN, attempts, plan_chunks, runs

if TYPE_CHECKING:
    from a2pcli.ledger.chunks import Chunk

PUNCTUATION = " -().'"
"""What people write between the digits of a number."""

ENOUGH = 7
"""So many digits make a part of a cell a number of its own."""

_a = attempts.c


@dataclass(frozen=True, slots=True)
class Searched:
    """Whom to look for: an address in any of its forms, and texts as people typed them.

    ``cells`` are for rows that were left out for their number, which have no address, only a cell. It may be written
    in another way, or hold more than the number; spaces and punctuation are not compared. ``keys``: also rows that
    lost their address, and know the person by the digits.
    """

    address: str
    cells: tuple[str, ...] = ()
    keys: bool = False

    @property
    def forms(self) -> tuple[str, ...]:
        """Every number that reaches the phone."""
        return same_phone_forms(self.address)

    @property
    def people(self) -> tuple[int, ...]:
        """The keys by which the occasion may know the person: the digits of each form, or the address's hash."""
        if not self.keys:
            return ()
        digits = tuple(int(form[1:]) for form in self.forms if form[:1] == "+" and form[1:].isdigit())
        return digits or self._hashed()

    def _hashed(self) -> tuple[int, ...]:
        import pyarrow as pa

        from a2pcli.addresses.columns import keys_of

        return tuple(keys_of(pa.array([self.address])).tolist()) if self.address else ()


def _bare(text: str) -> str:
    return text.translate(str.maketrans("", "", PUNCTUATION))


def condition(whom: Searched) -> Any:
    """The condition for the person's rows among those of runs without chunks."""
    same: Any = _a.address.in_(whom.forms)
    if whom.people:
        same = or_(same, _a.person.in_(whom.people))
    bare: Any = _a.cell
    for mark in PUNCTUATION:
        bare = func.replace(bare, mark, "")
    for cell in whom.cells:
        text = _bare(cell)
        # A few digits stand in many numbers: they have to be the whole cell.
        match = bare.contains(text, autoescape=True) if len(text) >= ENOUGH else bare == text
        same = or_(same, _a.cell == cell, and_(_a.cell.is_not(None), match))
    return same


def places_in(chunk: Chunk, whom: Searched) -> list[int]:
    """Where the person's rows stand in a chunk of which address, person and cell were read."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros(chunk.rows, dtype=np.bool_)
    for name, wanted, type in (
        ("address", whom.forms, pa.string()),
        ("person", whom.people, pa.int64()),
    ):
        column = chunk.column(name)
        if column is not None and wanted:
            found |= pc.is_in(column, value_set=pa.array(wanted, type)).to_numpy(zero_copy_only=False)
    others = chunk.column("others")
    if others is not None and whom.address:
        rows = np.flatnonzero(others.is_valid().to_numpy(zero_copy_only=False))
        split = pc.split_pattern(others.drop_null(), OTHERS)
        named = pc.is_in(split.flatten(), value_set=pa.array(whom.forms, pa.string()))
        found[rows[pc.list_parent_indices(split).filter(named).to_numpy(zero_copy_only=False)]] = True
    cells = chunk.column("cell")
    if cells is not None and whom.cells:
        bare = pc.replace_substring_regex(cells, f"[{PUNCTUATION.replace('-', '')}-]", "")
        for cell in whom.cells:
            text = _bare(cell)
            is_long = len(text) >= ENOUGH
            match = pc.match_substring(bare, text, ignore_case=True) if is_long else pc.equal(bare, text)
            match = pc.or_kleene(match, pc.equal(cells, cell))
            found |= pc.fill_null(match, False).to_numpy(zero_copy_only=False)
    return [int(place) for place in np.flatnonzero(found)]


def runs_with_chunks(connection: Connection, run: Run | None = None) -> list[Run]:
    """The runs whose plans are stored as chunks, the oldest first; of one run, that one or none."""
    query = select(runs).where(runs.c.number.in_(select(plan_chunks.c.run))).order_by(runs.c.number)
    if run is not None:
        query = query.where(runs.c.number == run.number)
    return [run_from_row(row) for row in connection.execute(query).mappings()]


def in_chunks(
    connection: Connection, whom: Searched, run: Run | None = None
) -> Iterator[tuple[Run, ChunkHead, list[int]]]:
    """The chunks that hold rows of the person, each with their places."""
    for one in runs_with_chunks(connection, run):
        for head in plan_store.heads(connection, one):
            chunk = plan_store.load(connection, one, head, ("address", "person", "cell", "others"))
            places = places_in(chunk, whom)
            if places:
                yield one, head, places


def without_chunks(connection: Connection, run: Run | None = None) -> list[Any]:
    """The conditions for the rows of runs without chunks, each a range of the primary key, in order."""
    query = select(runs.c.number).where(runs.c.number.not_in(select(plan_chunks.c.run)))
    if run is not None:
        query = query.where(runs.c.number == run.number)
    return [
        and_(_a.id >= first * ROWS_PER_RUN, _a.id < (last + 1) * ROWS_PER_RUN)
        for first, last in _ranges(connection.execute(query.order_by(runs.c.number)).scalars().all())
    ]


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ascending numbers as ranges, first and last."""
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
