"""``a2pcli report``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from a2pcli.cli.terminal.output import JSON_HELP

if TYPE_CHECKING:
    from a2pcli.ledger.records import Run
    from a2pcli.ledger.store import Ledger

STDOUT = "-"


class _BareCsv(TyperCommand):
    """``--csv`` without a file means stdout."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_csv_target(args))


def with_csv_target(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``-`` after a ``--csv`` that names no file; what looks like a run's id is no file."""
    filled: list[str] = []
    for place, word in enumerate(arguments):
        filled.append(word)
        following = arguments[place + 1] if place + 1 < len(arguments) else "--"
        is_run = re.fullmatch(r"r[2-9b-z]{7}", following) is not None
        if word == "--csv" and (is_run or (following.startswith("-") and following != STDOUT)):
            filled.append(STDOUT)
    return filled


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("report", cls=_BareCsv)(report)


def report(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run's id, or a campaign's name for its newest run. Default: the newest.", metavar="RUN"
        ),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(help="Write every row as CSV to FILE; - or no name is stdout.", metavar="[FILE]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write every row to this .csv, .jsonl or .parquet file.", metavar="FILE"),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only rows in this state, e.g. rejected. May be repeated.", metavar="STATE"),
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Only rows left out for this reason. May be repeated.", metavar="REASON"),
    ] = None,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    rows: Annotated[
        bool,
        typer.Option("--rows", help="With --json: every row, or those that --state and --reason choose."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Account for every row of a run: who got it, who did not and why, what it cost.

    In CSV no cell is a formula: one that starts with = + - @ or TAB gets an apostrophe,
    numbers (+44...) too. Moments are UTC, money is exact.

    Example:  a2pcli report spring-sale --csv rejected.csv --state rejected
    """
    from a2pcli.cli.run_choice import chosen_run, existing_ledger
    from a2pcli.cli.terminal.output import say
    from a2pcli.errors import UsageError

    if rows and not as_json:
        raise UsageError("--rows goes with --json; --csv and --out write rows to a file")
    _check(csv, out, state, reason, as_json, rows=rows)
    with existing_ledger(ledger) as store:
        chosen = None if store is None else chosen_run(store, run)
        if store is None or chosen is None:
            if run is not None:
                raise UsageError(f"there is no run '{run}': the ledger is empty")
            if as_json:
                from a2pcli.cli.terminal.output import print_json

                print_json({"run": None, "rows": 0})
            say("no run yet: `a2pcli plan` makes one")
            return
        if csv is not None or out is not None:
            _write(store, chosen, csv, out, state, reason)
        if as_json or (csv is None and out is None):
            _show(store, chosen, as_json, _Rows(state or None, reason or None) if rows else None)


def _check(
    csv: str | None,
    out: Path | None,
    state: list[str] | None,
    reason: list[str] | None,
    as_json: bool,
    *,
    rows: bool,
) -> None:
    """Refuse what contradicts itself, and words that are no state or reason."""
    from difflib import get_close_matches

    from a2pcli.errors import Problem, UsageError
    from a2pcli.messages import State
    from a2pcli.reasons import Reason

    if csv is not None and out is not None:
        raise UsageError("choose one of --csv and --out")
    if csv == STDOUT and as_json:
        raise UsageError(Problem("--csv and --json cannot both go to stdout", hint="name a file: --csv FILE"))
    if (state or reason) and csv is None and out is None and not rows:
        raise UsageError(
            Problem("--state and --reason choose rows", hint="add --csv, --out, or --json --rows")
        )
    for option, given, known in (("--state", state, State), ("--reason", reason, Reason)):
        names = [str(one) for one in known]
        for word in given or ():
            if word not in names:
                near = get_close_matches(word, names, n=1)
                hint = f"did you mean {near[0]}?" if near else ", ".join(names)
                raise UsageError(Problem(f"{option} {word}: there is no such {option[2:]}", hint=hint))


@dataclass(frozen=True, slots=True)
class _Rows:
    """Which rows are asked for."""

    states: list[str] | None
    reasons: list[str] | None


def _show(store: Ledger, run: Run, as_json: bool, rows: _Rows | None) -> None:
    from a2pcli.cli.prune_work import say_what_was_pruned
    from a2pcli.cli.screens.run import report_screen
    from a2pcli.cli.terminal.output import print_json, show
    from a2pcli.ledger.lock import live_sender
    from a2pcli.reporting.held import held_document
    from a2pcli.reporting.totals import count_tests, report_document

    totals, events = store.totals(run), store.run_events(run)
    say_what_was_pruned(run)
    waiting = store.waiting(run) if totals.held else []
    if as_json:
        document = {**report_document(run, totals, events), "waiting": held_document(waiting)}
        if rows is None:
            print_json(document)
        else:
            _print_with_rows(store, run, document, rows)
        return
    live = live_sender(store, run)
    show(report_screen(run, totals, tests=count_tests(events), live=live, waiting=waiting))


def _print_with_rows(store: Ledger, run: Run, document: dict[str, Any], rows: _Rows) -> None:
    """The document with ``row_list`` as its last key, written chunk by chunk."""
    from a2pcli.actions.audit import record_export as exported
    from a2pcli.cli.terminal.output import print_json_list
    from a2pcli.reporting.rows import row_tables
    from a2pcli.reporting.table_file import json_rows

    tables = row_tables(store, run, states=rows.states, reasons=rows.reasons)
    count = print_json_list(document, "row_list", (row for table in tables for row in json_rows(table)))
    exported(store, "report", STDOUT, count, run)


def _write(
    store: Ledger,
    run: Run,
    csv: str | None,
    out: Path | None,
    state: list[str] | None,
    reason: list[str] | None,
) -> None:
    from a2pcli.actions.audit import record_export as exported
    from a2pcli.cli.ledger_option import ledger_file
    from a2pcli.cli.prune_work import say_what_was_pruned
    from a2pcli.cli.terminal.counter import RowCounter
    from a2pcli.cli.terminal.output import say, spare
    from a2pcli.reporting.rows import SCHEMA, row_tables
    from a2pcli.reporting.table_file import TableFile

    say_what_was_pruned(run)
    tables = row_tables(store, run, states=state or None, reasons=reason or None)
    if csv == STDOUT:
        exported(store, "report", STDOUT, _write_stdout(tables), run)
        return
    files = {
        "the run's contacts file": Path(run.contacts_file) if run.contacts_file else None,
        "the run's campaign": Path(run.campaign_file) if run.campaign_file else None,
        "the ledger": ledger_file(store),
    }
    spare("--out" if csv is None else "--csv", Path(csv or out or ""), files)
    file = (
        TableFile(Path(csv), SCHEMA, option="--csv", form="csv")
        if csv is not None
        else TableFile(out or Path(), SCHEMA)
    )
    rows = 0
    with RowCounter("writing", shown=True) as counter, file:
        for table in tables:
            file.add(table)
            rows += table.num_rows
            counter.at(rows)
    exported(store, "report", csv or out or "", rows, run)
    say(f"{rows:,} rows of run {run.id} in {csv or out}")


def _write_stdout(tables: Any) -> int:
    """CSV on stdout: UTF-8 whatever the terminal's encoding, without a byte order mark. Gives the rows."""
    import io
    import sys

    from a2pcli.reporting.rows import SCHEMA
    from a2pcli.reporting.table_file import CsvRows

    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    rows = CsvRows(stream, SCHEMA)
    count = 0
    for table in tables:
        rows.write(table)
        count += table.num_rows
    stream.flush()
    stream.detach()
    return count
