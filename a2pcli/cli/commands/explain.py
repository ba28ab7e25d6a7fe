"""``a2pcli explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2pcli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("explain")(explain)


def explain(
    number: Annotated[str, typer.Argument(help="A phone number, written in any way.", metavar="NUMBER")],
    run: Annotated[str | None, typer.Option(help="Only this run.", metavar="RUN")] = None,
    campaign: Annotated[
        Path | None,
        typer.Option(help="Also show what this campaign would do now.", metavar="FILE"),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Region of numbers without +. Default: from the settings.")
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Also show the rules that passed or do not apply.")
    ] = False,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Explain why someone got a message, did not, or will.

    Shows every run that includes the address, opt-outs, and the rules that excluded or held a message, with their
    sources. --rules adds the rules that passed, and --json always has all of them.

    Rows with an unreadable number are found by their text.

    Example:  a2pcli explain '07911 123456'
    """
    from a2pcli.actions import explain as action
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, show

    project = project_at(ledger, campaign)
    told = action.explain(project, number, run=run, region=region)
    would = None if campaign is None else action.would_get(project, campaign, told.number, number)
    if as_json:
        from a2pcli.reporting.explain import explanation_document

        document = explanation_document(told)
        print_json(document if would is None else {**document, "now": would})
        return
    from a2pcli.cli.screens.explain import explanation_screen

    show(explanation_screen(told, would, all_rules=rules))
