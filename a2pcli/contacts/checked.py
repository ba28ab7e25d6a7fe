"""A contacts file judged row by row, duplicates among them, and counted: what ``a2pcli contacts check`` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.addresses.any_address import kind_meant
from a2pcli.addresses.columns import any_column, keys_of, read_column
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.any_number import any_policy
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.contacts.facts import recognise
from a2pcli.contacts.message_log import OUTBOUND, UNCLEAR, PersonColumns
from a2pcli.contacts.number_regions import number_regions
from a2pcli.contacts.table import Table
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.reasons import Reason

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


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One row: the address cell as read, and what became of it. ``address`` or ``reason`` is None.

    ``duplicate_of``: the line of the first row with the same address, if this is a later one.
    """

    line: int
    cell: str
    address: str | None
    reason: Reason | None
    detail: str | None
    type: str | None
    country: str | None
    repairs: tuple[str, ...]
    duplicate_of: int | None


@dataclass(slots=True)
class Counts:
    """Counts over the rows so far. ``countries`` and ``types`` count the good ones."""

    rows: int = 0
    ok: int = 0
    duplicates: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)


class CheckedRows:
    """The rows of a table, judged as they are read, in constant memory but 16 bytes for each address."""

    def __init__(
        self,
        table: Table,
        address: str,
        policy: PhonePolicy,
        kind: Kind | None = Kind.PHONE,
        network: str | None = None,
        countries: tuple[str, ...] = (),
    ) -> None:
        """``kind`` and ``network`` say what addresses the column has; ``countries`` are the columns that say which
        country a row's numbers without + are of."""
        self.counts = Counts()
        self._table, self._address, self._policy = table, address, policy
        self._kind, self._network, self._countries = kind, network, countries
        self._first_lines = FirstLines()

    def chunks(self) -> Iterator[Chunk]:
        """All rows in order. Raises InvalidInput where the file turns out to be unusable."""
        for frame in self._table.chunks(self._columns()):
            chunk = self._judged(frame)
            self._count(chunk)
            yield chunk

    def _columns(self) -> list[str]:
        """Names of the columns to read from the file."""
        return [self._address, *self._countries]

    def _read(self, frame: Frame) -> tuple[Any, Frame]:
        """The address cells, and what ``addresses.columns.read_column`` says of them."""
        cells = frame[self._address]
        regions = number_regions(frame, self._countries)
        return cells, read_column(cells, self._kind or Kind.PHONE, self._policy, self._network, regions)

    def _judged(self, frame: Frame) -> Chunk:
        cells, judged = self._read(frame)
        _keep_broken(judged, frame)
        lines = frame["@line"].to_numpy()
        return Chunk(lines, cells, judged, self._first_lines.earlier(judged["@address"], lines))

    def _count(self, chunk: Chunk) -> None:
        counts, columns = self.counts, chunk.columns
        counts.rows += len(chunk.lines)
        counts.ok += len(chunk.lines) - columns["@address"].null_count
        counts.duplicates += int((chunk.earlier > 0).sum())
        good = pc.is_valid(columns["@address"])
        _tally(counts.reasons, columns["@reason"])
        _tally(counts.countries, columns["@country"].filter(good))
        _tally(counts.types, columns["@type"].filter(good))
        repairs: Counter[str] = Counter()
        _tally(repairs, columns["@repairs"])
        for names, times in repairs.items():
            counts.repairs.update(dict.fromkeys(names.split(","), times))


_LOOKED_AT = 200
"""Rows that are looked at to tell what addresses a column has."""


def usual_kind(table: Table, column: str) -> Kind:
    """The kind that most addresses at the start of a column are of."""
    first = next(table.chunks([column], rows=_LOOKED_AT), None)
    cells = [] if first is None else [cell for cell in first[column].to_pylist() if cell and cell.strip()]
    kinds = Counter(kind_meant(cell)[0] for cell in cells)
    return kinds.most_common(1)[0][0] if kinds else Kind.PHONE


class PeopleRows(CheckedRows):
    """The rows of a file of people who said something, with their addresses of any kind read whether or not a message
    could go there.

    A row without address and reason is of a message that we sent, where only theirs count. ``own`` are numbers of ours,
    digits alone: nobody is suppressed by them.
    """

    def __init__(
        self, table: Table, people: PersonColumns, region: str | None, own: frozenset[str] = frozenset()
    ) -> None:
        countries = () if people.is_log else recognise(table.described, people.inbound).columns("country")
        super().__init__(table, people.inbound, any_policy(region), kind=None, countries=countries)
        self._people = people
        self._own = pa.array([text for one in sorted(own) for text in (one, f"+{one}")], pa.string())

    @property
    def region(self) -> str | None:
        """The region of numbers without +."""
        return self._policy.region

    @property
    def countries(self) -> tuple[str, ...]:
        """The columns that say which country a row's numbers without + are of."""
        return self._countries

    def _columns(self) -> list[str]:
        return [*self._people.columns, *self._countries]

    def further(self, frame: Frame, column: str, kind: Kind) -> Chunk:
        """Another column with addresses of the same people, judged as the first one is. Duplicates are not sought, and
        rows that are broken have no address here: they are counted with the first column."""
        judged = self._theirs(frame, frame[column], kind)
        _refuse(judged, pc.is_valid(frame["@reason"]), Reason.MISSING_ADDRESS, None)
        lines = frame["@line"].to_numpy()
        return Chunk(lines, frame[column], judged, np.zeros(len(lines), dtype=np.int64))

    def _theirs(self, frame: Frame, cells: Any, kind: Kind | None) -> Frame:
        judged = any_column(cells, kind, self._policy.region, regions=number_regions(frame, self._countries))
        _refuse(judged, pc.is_in(judged["@address"], self._own), Reason.OWN_SENDER, None)
        return judged

    def _read(self, frame: Frame) -> tuple[Any, Frame]:
        cells, ways = self._people.cells(frame)
        judged = self._theirs(frame, cells, self._kind)
        if ways is not None:
            words = "the row does not say whether the person received or sent the message"
            _refuse(judged, pc.equal(ways, UNCLEAR), Reason.AMBIGUOUS_NUMBER, words)
            if not self._people.takes_outbound:
                _refuse(judged, pc.equal(ways, OUTBOUND), None, None)
        return cells, judged


def _keep_broken(judged: Frame, frame: Frame) -> None:
    """Rows of the file that are broken keep that reason, and have no address."""
    broken = pc.is_valid(frame["@reason"])
    if not pc.any(broken).as_py():
        return
    for name in judged:
        instead = frame[name] if name in ("@reason", "@detail") else pa.scalar(None, pa.string())
        judged[name] = pc.if_else(broken, instead, judged[name])


def _refuse(judged: Frame, where: Any, reason: Reason | None, detail: str | None) -> None:
    """Rows that have no address, for this reason; without one, they do not count."""
    if not pc.any(where).as_py():
        return
    for name, value in (("@address", None), ("@reason", reason and str(reason)), ("@detail", detail)):
        judged[name] = pc.if_else(where, pa.scalar(value, pa.string()), judged[name])


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive rows, column by column."""

    lines: Any
    cells: pa.StringArray
    columns: Frame
    earlier: Any

    @property
    def problems(self) -> int:
        """Number of rows with a problem."""
        return pc.sum(self._needs_look()).as_py() or 0

    def _needs_look(self) -> Any:
        marked = pc.or_(pc.is_valid(self.columns["@reason"]), pc.is_valid(self.columns["@repairs"]))
        return pc.or_(marked, pa.array(self.earlier > 0))

    def rows(self, only_problems: bool = False) -> Iterator[CheckedRow]:
        """The rows; or only those that need a look: a reason, a repair, or an earlier row with the same address."""
        keep = self._needs_look() if only_problems else None
        taken = [
            column.to_pylist() if keep is None else column.filter(keep).to_pylist()
            for column in (
                pa.array(self.lines), self.cells, *(self.columns[name] for name in _ORDER), pa.array(self.earlier),
            )
        ]  # fmt: skip
        for line, cell, address, reason, detail, kind, country, repairs, earlier in zip(*taken, strict=True):
            yield CheckedRow(
                line, cell, address, reason and Reason(reason), detail, kind, country,
                tuple(repairs.split(",")) if repairs else (), earlier or None,
            )  # fmt: skip


_ORDER = ("@address", "@reason", "@detail", "@type", "@country", "@repairs")


def _tally(counter: Counter[str], column: Any) -> None:
    for pair in pc.value_counts(column.drop_null()).to_pylist():
        counter[pair["values"]] += pair["counts"]
