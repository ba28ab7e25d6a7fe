"""``a2pcli report``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.report import Report

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
            help="Run id, or campaign name for its newest run. Default: the newest run.", metavar="RUN"
        ),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(help="Write all rows as CSV to FILE, or to stdout without FILE.", metavar="[FILE]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write all rows to this .csv, .jsonl or .parquet file.", metavar="FILE"),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only rows in this state, e.g. rejected. Repeatable.", metavar="STATE"),
    ] = None,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Only rows excluded or held for this reason. Repeatable.", metavar="REASON"),
    ] = None,
    ledger: options.Ledger = None,
    rows: Annotated[
        bool,
        typer.Option("--rows", help="With --json: include the rows (filtered by --state and --reason)."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show what became of every row of a run: recipients, excluded rows and why, cost.

    CSV is safe to open in a spreadsheet: cells that start with = + - @ or TAB get an apostrophe, including numbers
    (+44...). Times are UTC; amounts are exact.

    Example:  a2pcli report spring-sale --csv rejected.csv --state rejected
    """
    from a2pcli.actions import report as action
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.errors import UsageError

    if rows and not as_json:
        raise UsageError("--rows requires --json; --csv and --out write rows to a file")
    _check(csv, out, state, reason, as_json, rows=rows)
    with action.report(project_at(ledger), run) as found:
        if found is None:
            if as_json:
                print_json({"run": None, "rows": 0})
            say("no runs yet: `a2pcli plan` creates one")
            return
        if found.note:
            say(found.note)
        if csv is not None or out is not None:
            _write(found, csv, out, state, reason)
        if as_json:
            _print(found, (state, reason) if rows else None)
        elif csv is None and out is None:
            _show(found)


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
        raise UsageError("use only one of --csv and --out")
    if csv == STDOUT and as_json:
        raise UsageError(
            Problem("--csv and --json cannot both go to stdout", hint="specify a file: --csv FILE")
        )
    if (state or reason) and csv is None and out is None and not rows:
        raise UsageError(
            Problem("--state and --reason select rows", hint="add --csv, --out, or --json --rows")
        )
    for option, given, known in (("--state", state, State), ("--reason", reason, Reason)):
        names = [str(one) for one in known]
        for word in given or ():
            if word not in names:
                near = get_close_matches(word, names, n=1)
                hint = f"did you mean {near[0]}?" if near else ", ".join(names)
                raise UsageError(Problem(f"{option} {word}: no such {option[2:]}", hint=hint))


def _show(found: Report) -> None:
    from a2pcli.cli.screens.run import report_screen
    from a2pcli.cli.terminal.output import show
    from a2pcli.reporting.route_story import switches_of
    from a2pcli.reporting.totals import count_tests

    totals = found.totals()
    waiting = found.waiting() if totals.held else []
    tests, live = count_tests(found.events()), found.live_sender()
    screen = report_screen(
        found.run,
        totals,
        tests=tests,
        live=live,
        waiting=waiting,
        cause_of=found.cause_of(),
        arrivals=found.arrivals(),
        by_channel=found.by_channel(),
        by_gateway=found.by_gateway(),
        switches=switches_of(found.events()),
        unheard=found.unheard(totals),
        bills=found.billed(),
    )
    show(screen)


def _print(found: Report, rows: tuple[list[str] | None, list[str] | None] | None) -> None:
    """The document; with ``rows`` (states and reasons) their list as its last key, written chunk by chunk."""
    from a2pcli.cli.terminal.output import print_json, print_json_list
    from a2pcli.reporting.channel_story import by_channel_document
    from a2pcli.reporting.held import held_document
    from a2pcli.reporting.likely_cost import planned_cost_document
    from a2pcli.reporting.route_story import by_gateway_document
    from a2pcli.reporting.totals import report_document

    totals = found.totals()
    waiting = found.waiting() if totals.held else []
    document = report_document(
        found.run, totals, found.events(), found.cause_of(), found.unheard(totals), found.billed()
    )
    ended = found.arrivals()
    document |= {"waiting": held_document(waiting), "arrived_earlier": ended.perhaps + ended.earlier}
    if found.run.sending.get("channels"):
        document |= by_channel_document(found.by_channel()) | planned_cost_document(found.run)
    if counts := found.by_gateway():
        document |= by_gateway_document(counts)
    if rows is None:
        print_json(document)
    else:
        print_json_list(document, "row_list", found.json_rows(*rows))


def _write(
    found: Report, csv: str | None, out: Path | None, state: list[str] | None, reason: list[str] | None
) -> None:
    from a2pcli.actions.tables import Target
    from a2pcli.cli.terminal.output import RowCounter, say, stdout_rows

    if csv == STDOUT:
        with stdout_rows() as stream:
            found.write(Target(Path(csv), stream), state, reason, option="--csv")
        return
    target = Target(out or Path()) if csv is None else Target(Path(csv), form="csv")
    option = "--out" if csv is None else "--csv"
    rows = found.write(target, state, reason, option=option, counting=lambda: RowCounter("writing"))
    say(f"{rows:,} rows of run {found.run.id} in {csv or out}")
