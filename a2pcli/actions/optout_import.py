"""Imports opt-outs from a file, and exports the suppression list to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from datetime import datetime
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from a2pcli.actions.addresses import further_columns, people_rows
from a2pcli.actions.audit import PieceByPiece, user
from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.actions.tables import Counting, InputTable, Target, export_list, half_done, uncounted
from a2pcli.addresses.phone.any_number import DOUBTFUL
from a2pcli.contacts.checked import CheckedRow as CheckedRow
from a2pcli.contacts.checked import Chunk
from a2pcli.contacts.message_log import text_column
from a2pcli.contacts.table import Table
from a2pcli.dataclass import dataclass
from a2pcli.errors import UsageError
from a2pcli.ledger.records import now_ms
from a2pcli.reasons import NO_ADDRESS
from a2pcli.reporting.values import day

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.records import Imported, Suppression
    from a2pcli.ledger.store import Ledger

pc: Any = pyarrow.compute

DAY = 86_400_000
KEPT = 10_000
"""Refused rows that are remembered; those beyond are counted."""

OWN_COLUMNS = ("scope", "scope_value", "until", "list", "as_of", "lifted_at")
"""By these a file is known as an export of ours."""

Holds: TypeAlias = tuple[Any, ...] | None
"""``OWN_COLUMNS`` of a chunk; None where the file has none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How the numbers of some rows are kept: their scope, their end, the list they are of. UTC milliseconds."""

    scope: Scope
    until_at: int | None = None
    list_name: str | None = None
    as_of: int | None = None


SCHEMA = pa.schema(
    [
        ("number", pa.string()),
        ("scope", pa.string()),
        ("scope_value", pa.string()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("added_at", pa.timestamp("ms", tz="UTC")),
        ("until", pa.timestamp("ms", tz="UTC")),
        ("list", pa.string()),
        ("as_of", pa.timestamp("ms", tz="UTC")),
        ("lifted_at", pa.timestamp("ms", tz="UTC")),
        ("lifted_by", pa.string()),
    ]
)


"""The columns of an export; ``import_optouts`` reads them back."""


@dataclass(slots=True)
class ColumnCounts:
    """What became of the addresses in one column. ``already`` counts those repeated in the file, too. ``doubtful`` ones
    are added as they stand, but are in no numbering plan; ``refused`` are those that cannot be read, by ``reasons``."""

    added: int = 0
    already: int = 0
    empty: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[CheckedRow] = field(default_factory=list)
    doubtful: list[CheckedRow] = field(default_factory=list)

    @property
    def unread(self) -> int:
        """How many addresses cannot be read: they are not suppressed."""
        return self.reasons.total()

    def judge(self, chunk: Chunk) -> None:
        """Count the addresses of a chunk that are missing, doubtful or cannot be read, and remember their rows."""
        columns = chunk.columns
        for pair in pc.value_counts(columns["@reason"].drop_null()).to_pylist():
            if pair["values"] in NO_ADDRESS:
                self.empty += pair["counts"]
            else:
                self.reasons[pair["values"]] += pair["counts"]
        if pc.any(pc.equal(columns["@detail"], DOUBTFUL)).as_py():
            self.doubtful.extend(row for row in chunk.rows() if row.detail == DOUBTFUL)
        if columns["@address"].null_count:
            bad = (row for row in chunk.rows(only_problems=True) if _is_unread(row))
            self.refused.extend(islice(bad, KEPT - len(self.refused)))


@dataclass(slots=True)
class OptOutImportCounts(ColumnCounts):
    """Every row of the file is counted once, by its first address column; ``also`` counts the addresses in the others.

    ``lifted`` are entries of an export that did not hold any more; ``missing`` are entries of the list that the file
    does not have.
    """

    rows: int = 0
    lifted: int = 0
    missing: int = 0
    also: dict[str, ColumnCounts] = field(default_factory=dict)
    """The further address columns of the rows, by name."""

    @property
    def columns(self) -> list[tuple[str | None, ColumnCounts]]:
        """Every column that was read, with its name; the first one has None."""
        return [(None, self), *self.also.items()]

    @property
    def is_complete(self) -> bool:
        """Whether every address was read and is in a numbering plan."""
        return not any(one.unread or one.doubtful for _, one in self.columns)


@dataclass(frozen=True, slots=True)
class OptOutFile:
    """A file of people who are not to be messaged, and what is said of all of them.

    ``scope`` and ``until_at`` (UTC milliseconds) are None where the file may say so itself, as an export of ours does.
    ``list_name`` is the do-not-contact list that it is a state of, ``as_of`` the moment of that state.
    """

    table: InputTable
    scope: Scope | None = None
    until_at: int | None = None
    reason: str | None = None
    source: str | None = None
    list_name: str | None = None
    as_of: int | None = None

    def kept(self, now: int) -> Kept:
        """How its numbers are kept. A list that names no day is of today. Raises ``UsageError`` for what cannot be."""
        list_name = self.list_name.strip() if self.list_name is not None else None
        if list_name == "":
            raise UsageError("--list is empty")
        as_of = self.as_of
        if as_of is not None and as_of > now + DAY:
            raise UsageError(f"--as-of {day(as_of)}: that date is in the future")
        if list_name is not None and as_of is None:
            as_of = now - now % DAY
        return Kept(self.scope or EVERYTHING, self.until_at, list_name, as_of)

    def source_of(self, kept: Kept) -> str:
        """What the entries say about where they come from; do-not-contact lists carry the day they are of."""
        source = self.source or f"{self.table.name} (imported by {user()})"
        return f"{source}, as of {day(kept.as_of)}" if kept.as_of and not kept.list_name else source


def import_optouts(
    project: Project, file: OptOutFile, *, region: str | None = None, counting: Counting = uncounted
) -> tuple[Table, OptOutImportCounts]:
    """Suppress every number of a file, and account for every row; gives the table that was read too.

    What was added stays where the file turns out broken half-way: a list that is half in force is better than none.
    Audit: ``optout.import``.
    """
    kept = file.kept(now_ms())
    table = file.table.open()
    people, rows = people_rows(table, file.table.column, project.settings(), region)
    if people.is_log and text_column(table):
        project.tell(
            "this looks like a message log: everyone in it is added to the list, whatever they wrote;"
            " `a2pcli optout replies` acts on what they wrote"
        )
    account, subject = OptOutImportCounts(), kept.list_name or file.table.name

    def counts() -> dict[str, int]:
        columns = [one for _, one in account.columns]
        added, refused = sum(one.added for one in columns), sum(one.unread for one in columns)
        return {"rows": account.rows, "added": added, "refused": refused}

    with project.ledger_to_record() as ledger:
        if kept.list_name is not None and kept.as_of is not None:
            ledger.optouts.begin_list(kept.list_name, kept.as_of)
        entries = PieceByPiece(ledger, "optout.import", subject, counts, changes=("added",))
        is_export = set(OWN_COLUMNS).issubset(table.columns)
        further = [] if is_export else further_columns(table, people, file.table.column)
        names = [*(name for name, _ in further), *rows.countries]
        others: Iterator[Any] = table.chunks(names) if further else repeat(None)
        with half_done(lambda: f"{entries.saved.get('added', 0):,} were added"), counting() as progress:
            said = (file.source_of(kept), file.reason)
            for chunk, holds, frame in zip(rows.chunks(), _holds(table, file), others, strict=False):
                with entries.piece():
                    _take(ledger, chunk, holds, account, kept, said)
                    for name, kind in further if frame is not None else ():
                        theirs = rows.further(frame, name, kind)
                        column = account.also.setdefault(name, ColumnCounts())
                        done = _add(ledger, theirs.columns["@address"].drop_null(), kept, said)
                        column.added += done.added
                        column.already += done.already
                        column.judge(theirs)
                progress(account.rows)
            with ledger.transaction():
                if kept.list_name is not None and kept.as_of is not None:
                    account.missing = ledger.optouts.end_list(kept.list_name, kept.as_of)
                entries.end()
    return table, account


def _holds(table: Table, file: OptOutFile) -> Iterator[Holds]:
    """For each chunk, what each row is about. A file that ``export`` wrote says so itself."""
    own = file.scope is not None or file.until_at is not None or file.list_name is not None
    if own or not set(OWN_COLUMNS).issubset(table.columns):
        return repeat(None)
    return (
        tuple(frame[name].to_numpy(zero_copy_only=False) for name in OWN_COLUMNS)
        for frame in table.chunks(OWN_COLUMNS)
    )


def _add(ledger: Ledger, addresses: Any, how: Kept, said: tuple[str, str | None]) -> Imported:
    return ledger.optouts.add_all(
        addresses,
        scope=how.scope.kind,
        scope_value=how.scope.value,
        source=said[0],
        reason=said[1],
        until_at=how.until_at,
        list_name=how.list_name,
        as_of=how.as_of,
    )


def _take(
    ledger: Ledger,
    chunk: Chunk,
    holds: Holds,
    account: OptOutImportCounts,
    kept: Kept,
    said: tuple[str, str | None],
) -> None:
    numbers = chunk.columns["@address"]
    account.rows += len(numbers)
    for how, chosen in _groups(numbers, holds, account, kept):
        done = _add(ledger, chosen, how, said)
        account.added += done.added
        account.already += done.already
    account.judge(chunk)


def _groups(
    numbers: Any, holds: Holds, account: OptOutImportCounts, kept: Kept
) -> Iterator[tuple[Kept, Any]]:
    """The chunk's addresses, grouped by how they are recorded."""
    if holds is None:
        yield kept, numbers.drop_null()
        return
    now = now_ms()
    groups: dict[Kept, list[str]] = {}
    for number, *cells in zip(numbers.to_pylist(), *holds, strict=True):
        if number is None:
            continue
        # The apostrophe is the export's own, before what a spreadsheet would run.
        kind, value, until, name, as_of, lifted_at = ((cell or "").removeprefix("'") for cell in cells)
        until_at = _exported("until", until)
        if lifted_at or (until_at is not None and until_at <= now):
            account.lifted += 1
            continue
        how = Kept(Scope(kind or "everything", value), until_at, name or None, _exported("as_of", as_of))
        groups.setdefault(how, []).append(number)
    yield from groups.items()


def _exported(column: str, cell: str) -> int | None:
    """A moment that ``export`` wrote."""
    if not cell:
        return None
    try:
        return int(datetime.fromisoformat(cell).timestamp() * 1000)
    except ValueError:
        raise UsageError(
            f"the column {column} of an export holds '{cell[:40]}', which is not a date and time"
        ) from None


def _is_unread(row: CheckedRow) -> bool:
    return row.reason is not None and row.reason not in NO_ADDRESS


def export_optouts(project: Project, target: Target, *, lifted: bool = False) -> int:
    """Write the list in the order it was made; with ``lifted`` the entries that no longer hold too. Gives its entries.
    Audit: ``export``."""

    def tables(ledger: Ledger | None) -> Iterator[pa.Table]:
        return _tables(ledger.optouts.all(lifted=lifted) if ledger else iter(()))

    return export_list(project, target, tables, SCHEMA, what="opt-outs")


def _tables(entries: Iterator[Suppression]) -> Iterator[pa.Table]:
    while chunk := list(islice(entries, 20_000)):
        columns = [
            [entry.address for entry in chunk],
            [entry.scope for entry in chunk],
            [entry.scope_value or None for entry in chunk],
            [entry.source for entry in chunk],
            [entry.reason for entry in chunk],
            [entry.added_at for entry in chunk],
            [entry.until_at for entry in chunk],
            [entry.list_name for entry in chunk],
            [entry.as_of for entry in chunk],
            [entry.lifted_at for entry in chunk],
            [entry.lifted_by for entry in chunk],
        ]
        arrays = [pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=SCHEMA)
