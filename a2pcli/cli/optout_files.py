"""``a2pcli optout import`` and ``export``: the suppression list from a file, and into one."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from a2pcli.cli.ledger_option import open_ledger
from a2pcli.cli.optout_work import policy, scope_of, user
from a2pcli.cli.output import print_json, say
from a2pcli.cli.problems import show_problems
from a2pcli.cli.progress import RowCounter
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.contacts.checked import CheckedRow, CheckedRows
from a2pcli.contacts.table import ReadOptions, Table, address_column, open_table
from a2pcli.errors import A2PError, Problem, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.planning.table_file import CsvRows, TableFile
from a2pcli.reasons import SENTENCES, Reason

if TYPE_CHECKING:
    from a2pcli.ledger.records import Suppression
    from a2pcli.ledger.store import Ledger

pc: Any = pyarrow.compute

SHOWN = 20
KEPT = 10_000
"""Refused rows that are remembered, for ``--all`` and ``--json``; those beyond are counted."""

OWN_COLUMNS = {"sender", "lifted_at"}
"""By these a file is known as an export of ours."""

Holds: TypeAlias = tuple[Any, Any] | None
"""Columns ``sender`` and ``lifted_at`` of a chunk; None where the file has none."""

SCHEMA = pa.schema(
    [
        ("number", pa.string()),
        ("scope", pa.string()),
        ("sender", pa.string()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("added_at", pa.timestamp("ms", tz="UTC")),
        ("lifted_at", pa.timestamp("ms", tz="UTC")),
        ("lifted_by", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of ``import``."""

    file: str
    sender: str | None = None
    reason: str | None = None
    source: str | None = None
    as_of: str | None = None
    region: str | None = None
    column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(slots=True)
class Account:
    """Every row of the file is in one of these. ``already`` counts rows repeated in the file, too; ``lifted`` are
    entries of an export that did not hold any more."""

    rows: int = 0
    added: int = 0
    already: int = 0
    empty: int = 0
    lifted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[CheckedRow] = field(default_factory=list)

    @property
    def unread(self) -> int:
        """Rows that have a number which cannot be read: these people are not suppressed."""
        return sum(self.reasons.values())


def import_numbers(asked: Asked, ledger: str | None, *, as_json: bool, show_all: bool) -> int:
    """Import, account, and give the exit status."""
    scope_of(asked.sender)
    source = _source(asked)
    mapping = {"phone": asked.column} if asked.column else {}
    table = open_table(asked.file, options=ReadOptions(asked.encoding, asked.delimiter, asked.sheet, mapping))
    rows = CheckedRows(table, address_column(table), policy(asked.region))
    account = Account()
    with open_ledger(ledger, Path.cwd()) as store, RowCounter("reading", shown=not as_json) as counter:
        try:
            for chunk, holds in zip(rows.chunks(), _holds(table, asked), strict=False):
                _take(store, chunk, holds, account, asked, source)
                counter.at(account.rows)
        except A2PError as error:
            # What was added stays: a list that is half in force is better than none.
            done = (
                f"{account.added:,} numbers were added before; mend the file and run the same command again"
            )
            raise type(error)(*error.problems, Problem(done, code="half-imported")) from error
    _show(table, account, as_json=as_json, show_all=show_all)
    return int(ExitStatus.INVALID if account.unread else ExitStatus.OK)


def _source(asked: Asked) -> str:
    """What the entries say about where they come from; do-not-contact lists carry the day they are of."""
    name = "standard input" if asked.file == "-" else Path(asked.file).name
    source = asked.source or f"{name} (imported by {user()})"
    if asked.as_of is None:
        return source
    try:
        return f"{source}, as of {date.fromisoformat(asked.as_of.strip())}"
    except ValueError as error:
        hint = "write it as 2026-03-01"
        raise UsageError(Problem(f"--as-of {asked.as_of}: not a date", hint=hint)) from error


def _holds(table: Table, asked: Asked) -> Iterator[Holds]:
    """For each chunk, whose messages each row is about. A file that ``export`` wrote says so itself."""
    if asked.sender or not OWN_COLUMNS.issubset(table.columns):
        return repeat(None)
    return (
        (frame["sender"].to_numpy(dtype=object), frame["lifted_at"].to_numpy(dtype=object))
        for frame in table.chunks(sorted(OWN_COLUMNS))
    )


def _take(store: Ledger, chunk: Any, holds: Holds, account: Account, asked: Asked, source: str) -> None:
    numbers, reasons = chunk.columns["@number"], chunk.columns["@reason"]
    account.rows += len(numbers)
    for sender, chosen in _by_sender(numbers, holds, account, asked):
        scope, value = scope_of(sender)
        done = store.suppress_all(chosen, scope=scope, scope_value=value, source=source, reason=asked.reason)
        account.added += done.added
        account.already += done.already
    for pair in pc.value_counts(reasons.drop_null()).to_pylist():
        if pair["values"] == Reason.MISSING_NUMBER:
            account.empty += pair["counts"]
        else:
            account.reasons[pair["values"]] += pair["counts"]
    if numbers.null_count:
        bad = (row for row in chunk.rows(only_problems=True) if _is_unread(row))
        account.refused.extend(islice(bad, KEPT - len(account.refused)))


def _by_sender(
    numbers: Any, holds: Holds, account: Account, asked: Asked
) -> Iterator[tuple[str | None, Any]]:
    """The chunk's numbers, by the sender whose messages they are suppressed for (None: everybody's)."""
    if holds is None:
        yield asked.sender, numbers.drop_null()
        return
    groups: dict[str | None, list[str]] = {}
    for number, sender, lifted_at in zip(numbers.to_pylist(), *holds, strict=True):
        if number is None:
            continue
        if lifted_at:
            account.lifted += 1
        else:
            # The apostrophe is the export's own, before what a spreadsheet would run.
            groups.setdefault((sender or "").removeprefix("'") or None, []).append(number)
    yield from groups.items()


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
                "refused": account.unread,
                "reasons": dict(account.reasons.most_common()),
                "refused_rows": [
                    {"line": row.line, "cell": row.cell, "reason": row.reason} for row in account.refused
                ],
            }
        )
        return
    show_problems(table.notes)
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
    if account.unread:
        parts.append(f"{account.unread:,} refused: these people are NOT suppressed")
    print(f"{account.rows:,} rows: {', '.join(parts)}")


def _problem(table: Table, row: CheckedRow) -> Problem:
    assert row.reason is not None
    return Problem(row.detail or SENTENCES[row.reason], path=table.path, line=row.line, code=str(row.reason))


def export_entries(file: Path, ledger: str | None, *, jsonl: bool, lifted: bool, as_json: bool) -> None:
    """Write the list. ``-`` is stdout."""
    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        hint = "name a file, or use --jsonl"
        raise UsageError(Problem("- and --json cannot both go to stdout", hint=hint))
    with existing_ledger(ledger) as store:
        tables = _tables(store.suppressions(lifted=lifted) if store else iter(()))
        if to_stdout:
            _to_stdout(tables, jsonl=jsonl)
            return
        count = 0
        with TableFile(file, SCHEMA, option="FILE", form="jsonl" if jsonl else None) as target:
            for table in tables:
                target.add(table)
                count += table.num_rows
    if as_json:
        print_json({"file": str(file), "entries": count})
    else:
        say(f"{count:,} entries in {file}")


def _tables(entries: Iterator[Suppression]) -> Iterator[pa.Table]:
    while chunk := list(islice(entries, 20_000)):
        columns = [
            [entry.address for entry in chunk],
            [entry.scope for entry in chunk],
            [entry.scope_value or None for entry in chunk],
            [entry.source for entry in chunk],
            [entry.reason for entry in chunk],
            [entry.added_at for entry in chunk],
            [entry.lifted_at for entry in chunk],
            [entry.lifted_by for entry in chunk],
        ]
        arrays = [pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)]
        yield pa.Table.from_arrays(arrays, schema=SCHEMA)


def _to_stdout(tables: Iterator[pa.Table], *, jsonl: bool) -> None:
    """UTF-8 whatever the terminal's encoding, without a byte order mark."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    csv = None if jsonl else CsvRows(stream, SCHEMA)
    for table in tables:
        if csv is not None:
            csv.write(table)
            continue
        for row in table.to_pylist():
            line = json.dumps(row, ensure_ascii=False, default=_moment)
            stream.write(line + "\n")
    stream.flush()
    stream.detach()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
