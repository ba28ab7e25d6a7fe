"""Writing a list of the ledger, opt-outs or consents, to a file or to stdout, and noting that it was."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from a2pcli.actions.audit import record_export as exported
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.cli.terminal.output import print_json, say
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.store import Ledger
from a2pcli.reporting.table_file import CsvRows, TableFile
from a2pcli.visible import json_text

Tables = Callable[[Ledger | None], Iterable[pa.Table]]
"""The list's rows, of a ledger or of none yet."""


def export_list(
    file: Path,
    ledger: str | None,
    tables: Tables,
    schema: pa.Schema,
    *,
    what: str,
    noun: str,
    jsonl: bool,
    as_json: bool,
) -> None:
    """Write every row. ``-`` is stdout. ``what`` names the list in the audit trail, ``noun`` its rows."""
    to_stdout = str(file) == "-"
    if to_stdout and as_json:
        hint = "name a file, or use --jsonl"
        raise UsageError(Problem("- and --json cannot both go to stdout", hint=hint))
    with existing_ledger(ledger) as store:
        if to_stdout:
            _write_rows(tables(store), schema, jsonl=jsonl)
            exported(store, what, file)
            return
        count = 0
        with TableFile(file, schema, option="FILE", form="jsonl" if jsonl else None) as target:
            for table in tables(store):
                target.add(table)
                count += table.num_rows
        exported(store, what, file, count)
    if as_json:
        print_json({"file": str(file), noun: count})
    else:
        say(f"{count:,} {noun} in {file}")


def _write_rows(tables: Iterable[pa.Table], schema: pa.Schema, *, jsonl: bool) -> None:
    """Tables on stdout, as CSV or JSON lines. UTF-8 whatever the terminal's encoding, without a byte order mark."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    csv = None if jsonl else CsvRows(stream, schema)
    for table in tables:
        if csv is not None:
            csv.write(table)
            continue
        for row in table.to_pylist():
            line = json.dumps(row, ensure_ascii=False, default=_moment)
            stream.write(json_text(line) + "\n")
    stream.flush()
    stream.detach()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
