"""``a2pcli runs``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("runs")(runs)


def runs(
    campaign: Annotated[str | None, typer.Option(help="Only runs of this campaign.", metavar="NAME")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show the newest N runs.", metavar="N")] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all runs, including superseded and discarded plans.")
    ] = False,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """List the runs in the ledger, newest first: state, time, recipients, cost.

    Plans that were not sent yet are listed with their expected cost. Plans superseded by a newer plan or run of the
    same campaign are only counted; --all and --json list them.

    Example:  a2pcli runs --campaign spring-sale
    """
    from a2pcli.actions.runs import list_runs
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, say, show

    most = None if everything else limit
    found = list_runs(project_at(ledger), campaign=campaign, limit=most, as_stored=as_json)
    lines = [] if found is None else found.lines
    if as_json:
        from a2pcli.reporting.runs import runs_document

        print_json(runs_document(lines))
        return
    if found is None or not lines:
        named = campaign and found is not None
        say(f"no runs of campaign {campaign} yet" if named else "no runs yet: `a2pcli plan` creates one")
        return
    from a2pcli.cli.screens.runs import runs_screen

    show(runs_screen(lines))
    if found.overtaken:
        one = found.overtaken == 1
        plans = "1 older plan that was" if one else f"{found.overtaken:,} older plans that were"
        say(f"{plans} never sent {'is' if one else 'are'} not shown: a2pcli runs --all")
    if found.is_cut:
        say(f"older runs are not shown: a2pcli runs --limit {10 * limit}, or --all")
