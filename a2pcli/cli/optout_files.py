"""``a2pcli optout import`` and ``export``: the suppression list from a file, and into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from datetime import datetime
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from a2pcli.cli.ledger_option import ledger_to_record, settings_from
from a2pcli.cli.list_export import export_list
from a2pcli.cli.optout_work import ScopeOptions, user
from a2pcli.cli.own_senders import own_numbers
from a2pcli.cli.scopes import Scope, day_of, day_text, scope_of, until_of
from a2pcli.cli.terminal.counter import RowCounter
from a2pcli.cli.terminal.output import print_json, say
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.contacts.any_number import DOUBTFUL
from a2pcli.contacts.checked import CheckedRow, PeopleRows
from a2pcli.contacts.message_log import person_columns, text_column
from a2pcli.contacts.table import ReadOptions, Table, open_table
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, Problem, Severity, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.records import now_ms
from a2pcli.reasons import SENTENCES, Reason

if TYPE_CHECKING:
    from a2pcli.ledger.records import Suppression
    from a2pcli.ledger.store import Ledger

pc: Any = pyarrow.compute

DAY = 86_400_000
SHOWN = 20
KEPT = 10_000
"""Refused rows that are remembered, for ``--all`` and ``--json``; those beyond are counted."""

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


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of ``import``."""

    file: str
    scope: ScopeOptions = (None, None)
    until: str | None = None
    reason: str | None = None
    source: str | None = None
    list_name: str | None = None
    as_of: str | None = None
    region: str | None = None
    column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(slots=True)
class Account:
    """Every row of the file is in one of these. ``already`` counts rows repeated in the file, too; ``lifted`` are
    entries of an export that did not hold any more. ``missing`` are entries of the list that the file has not.
    ``doubtful`` rows are added as they stand, but their number is in no numbering plan."""

    rows: int = 0
    added: int = 0
    already: int = 0
    empty: int = 0
    lifted: int = 0
    missing: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[CheckedRow] = field(default_factory=list)
    doubtful: list[CheckedRow] = field(default_factory=list)

    @property
    def unread(self) -> int:
        """Rows that have a number which cannot be read: these people are not suppressed."""
        return sum(self.reasons.values())


def import_numbers(asked: Asked, ledger: str | None, *, as_json: bool, show_all: bool) -> int:
    """Import, account, and give the exit status."""
    kept = _kept(asked, now_ms())
    source = _source(asked, kept)
    mapping = {"phone": asked.column} if asked.column else {}
    table = open_table(asked.file, options=ReadOptions(asked.encoding, asked.delimiter, asked.sheet, mapping))
    settings = settings_from(Path.cwd())
    own = own_numbers(settings, campaigns=True)
    people = person_columns(table, asked.column, are_replies=False, own=own)
    rows = PeopleRows(table, people, asked.region or settings.settings.region, own)
    if people.is_log and text_column(table):
        say(
            "this looks like a log of messages: everybody in it is put on the list, whatever they wrote;"
            " `a2pcli optout replies` goes by what they wrote"
        )
    account = Account()
    with ledger_to_record(ledger, Path.cwd()) as store, RowCounter("reading", shown=not as_json) as counter:
        if kept.list_name is not None and kept.as_of is not None:
            store.begin_list(kept.list_name, kept.as_of)
        try:
            for chunk, holds in zip(rows.chunks(), _holds(table, asked), strict=False):
                _take(store, chunk, holds, account, kept, (source, asked.reason))
                counter.at(account.rows)
        except A2PError as error:
            # What was added stays: a list that is half in force is better than none.
            done = (
                f"{account.added:,} numbers were added before; mend the file and run the same command again"
            )
            raise type(error)(*error.problems, Problem(done, code="half-imported")) from error
        if kept.list_name is not None and kept.as_of is not None:
            account.missing = store.end_list(kept.list_name, kept.as_of)
        counts = {"rows": account.rows, "added": account.added, "refused": account.unread}
        store.record("optout.import", kept.list_name or Path(asked.file).name, counts)
    _show(table, account, as_json=as_json, show_all=show_all)
    return int(ExitStatus.INVALID if account.unread or account.doubtful else ExitStatus.OK)


def _kept(asked: Asked, now: int) -> Kept:
    """What the options say. A list that names no day is of today."""
    scope, until_at = scope_of(*asked.scope), until_of(asked.until, now)
    list_name = asked.list_name.strip() if asked.list_name is not None else None
    if list_name == "":
        raise UsageError("--list is empty")
    as_of = day_of("--as-of", asked.as_of)
    if as_of is not None and as_of > now + DAY:
        raise UsageError(f"--as-of {asked.as_of}: that day is still to come")
    if list_name is not None and as_of is None:
        as_of = now - now % DAY
    return Kept(scope, until_at, list_name, as_of)


def _source(asked: Asked, kept: Kept) -> str:
    """What the entries say about where they come from; do-not-contact lists carry the day they are of."""
    name = "standard input" if asked.file == "-" else Path(asked.file).name
    source = asked.source or f"{name} (imported by {user()})"
    return f"{source}, as of {day_text(kept.as_of)}" if kept.as_of and not kept.list_name else source


def _holds(table: Table, asked: Asked) -> Iterator[Holds]:
    """For each chunk, what each row is about. A file that ``export`` wrote says so itself."""
    own = any(asked.scope) or asked.until or asked.list_name
    if own or not set(OWN_COLUMNS).issubset(table.columns):
        return repeat(None)
    return (
        tuple(frame[name].to_numpy(zero_copy_only=False) for name in OWN_COLUMNS)
        for frame in table.chunks(OWN_COLUMNS)
    )


def _take(
    store: Ledger, chunk: Any, holds: Holds, account: Account, kept: Kept, said: tuple[str, str | None]
) -> None:
    numbers, reasons = chunk.columns["@number"], chunk.columns["@reason"]
    account.rows += len(numbers)
    for how, chosen in _groups(numbers, holds, account, kept):
        done = store.suppress_all(
            chosen,
            scope=how.scope.kind,
            scope_value=how.scope.value,
            source=said[0],
            reason=said[1],
            until_at=how.until_at,
            list_name=how.list_name,
            as_of=how.as_of,
        )
        account.added += done.added
        account.already += done.already
    for pair in pc.value_counts(reasons.drop_null()).to_pylist():
        if pair["values"] == Reason.MISSING_NUMBER:
            account.empty += pair["counts"]
        else:
            account.reasons[pair["values"]] += pair["counts"]
    if pc.any(pc.equal(chunk.columns["@detail"], DOUBTFUL)).as_py():
        account.doubtful.extend(row for row in chunk.rows() if row.detail == DOUBTFUL)
    if numbers.null_count:
        bad = (row for row in chunk.rows(only_problems=True) if _is_unread(row))
        account.refused.extend(islice(bad, KEPT - len(account.refused)))


def _groups(numbers: Any, holds: Holds, account: Account, kept: Kept) -> Iterator[tuple[Kept, Any]]:
    """The chunk's numbers, by how they are kept."""
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
            f"the column {column} of an export holds '{cell[:40]}', which is no moment"
        ) from None


def _is_unread(row: CheckedRow) -> bool:
    return row.reason is not None and row.reason is not Reason.MISSING_NUMBER


def _show(table: Table, account: Account, *, as_json: bool, show_all: bool) -> None:
    if as_json:
        print_json(
            {
                "file": table.path,
                "rows": account.rows,
                "added": account.added,
                "already": account.already,
                "empty": account.empty,
                "lifted": account.lifted,
                "missing": account.missing,
                "refused": account.unread,
                "doubtful": [{"line": row.line, "cell": row.cell} for row in account.doubtful],
                "reasons": dict(account.reasons.most_common()),
                "refused_rows": [
                    {"line": row.line, "cell": row.cell, "reason": row.reason} for row in account.refused
                ],
            }
        )
        return
    show_problems(table.notes)
    show_problems(_doubt(table, row) for row in account.doubtful[: None if show_all else SHOWN])
    shown = account.refused if show_all else account.refused[:SHOWN]
    show_problems(_problem(table, row) for row in shown)
    more = account.unread - len(shown)
    if more:
        say(f"… and {more:,} more rows like these" + ("" if show_all else "; --all shows them"))
    parts = [f"{account.added:,} added", f"{account.already:,} there already"]
    if account.empty:
        parts.append(f"{account.empty:,} without a number")
    if account.lifted:
        parts.append(f"{account.lifted:,} lifted before")
    if account.doubtful:
        parts.append(f"{len(account.doubtful):,} of them in no numbering plan")
    if account.unread:
        parts.append(f"{account.unread:,} refused: these people are NOT suppressed")
    print(f"{account.rows:,} rows: {', '.join(parts)}")
    if account.missing:
        many = f"{account.missing:,} number{'s' if account.missing != 1 else ''}"
        say(f"{many} of earlier states of this list are not in it any more; they stay suppressed")


def _doubt(table: Table, row: CheckedRow) -> Problem:
    text = f"suppressed as it stands, but {DOUBTFUL}"
    return Problem(text, path=table.path, line=row.line, severity=Severity.WARNING, code="doubtful-number")


def _problem(table: Table, row: CheckedRow) -> Problem:
    assert row.reason is not None
    return Problem(row.detail or SENTENCES[row.reason], path=table.path, line=row.line, code=str(row.reason))


def export_entries(file: Path, ledger: str | None, *, jsonl: bool, lifted: bool, as_json: bool) -> None:
    """Write the list. ``-`` is stdout."""

    def tables(store: Ledger | None) -> Iterator[pa.Table]:
        return _tables(store.suppressions(lifted=lifted) if store else iter(()))

    export_list(file, ledger, tables, SCHEMA, what="opt-outs", noun="entries", jsonl=jsonl, as_json=as_json)


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
