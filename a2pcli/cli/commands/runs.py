"""``a2pcli runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger
    from a2pcli.reporting.runs import RunLine


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("runs")(runs)


def runs(
    campaign: Annotated[
        str | None, typer.Option(help="Only runs of this campaign (its name).", metavar="NAME")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest N runs.", metavar="N")] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Every run, with plans that were replaced or discarded.")
    ] = False,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """List the runs in the ledger, newest first: state, time, who got it, cost.

    A plan that was not sent yet is listed too, with the cost it would have. Plans that a newer
    plan or run of their campaign has overtaken are only counted; --all and --json list them.

    Example:  a2pcli runs --campaign spring-sale
    """
    from a2pcli.cli.run_choice import existing_ledger
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.reporting.runs import RunList, current_runs, run_lines, runs_document

    with existing_ledger(ledger) as store:
        if store is None:
            found = RunList([], 0, False)
        elif everything or as_json:
            most = None if everything else limit
            found = RunList(run_lines(store, limit=most, campaign=campaign, everything=everything), 0, False)
        else:
            found = current_runs(store, limit, campaign)
        shown = [] if store is None or as_json else [_as_it_is(store, line) for line in found.lines]
    if as_json:
        print_json(runs_document(found.lines))
        return
    if not found.lines:
        say(
            f"no run of campaign {campaign} yet"
            if campaign and store
            else "no run yet: `a2pcli plan` makes one"
        )
        return
    from a2pcli.cli.screens.runs import runs_screen
    from a2pcli.cli.terminal.output import show

    show(runs_screen(shown))
    if found.overtaken:
        one = found.overtaken == 1
        plans = "1 older plan that was" if one else f"{found.overtaken:,} older plans that were"
        say(f"{plans} never sent {'is' if one else 'are'} not shown: a2pcli runs --all")
    if found.is_cut:
        say(f"older runs are not shown: a2pcli runs --limit {10 * limit}, or --all")


def _as_it_is(store: Ledger, line: RunLine) -> RunLine:
    """The run; one that nobody is sending, though its sender never said so, as stopped."""
    from dataclasses import replace

    from a2pcli.ledger.lock import live_sender
    from a2pcli.ledger.records import RunState
    from a2pcli.reporting.commands import send_command

    if line.run.state != RunState.SENDING or live_sender(store, line.run) is not None:
        return line
    why = f"its sender ended before the run did; `{send_command(line.run)}` goes on with it"
    return replace(line, run=replace(line.run, state="stopped", state_reason=why))
