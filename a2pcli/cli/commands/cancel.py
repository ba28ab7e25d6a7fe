"""``a2pcli cancel``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("cancel")(cancel)


def cancel(
    run: Annotated[
        str, typer.Argument(help="A run's id, or a campaign's name for its newest run.", metavar="RUN")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Drop what a run or a plan has not sent yet; who, and when, is recorded.

    What has left stays as it is: accepted, rejected or unknown. The next `send` of the campaign
    makes a new plan, from the files as they are then, for everybody who did not get it; nobody
    gets it twice. Messages that are unknown stay so until `a2pcli reconcile` settles them.

    Example:  a2pcli cancel r7k2m9qd

    Exit status: 0 cancelled, or nothing was left to cancel, 6 refused, 7 the run is being sent.
    """
    from a2pcli.cli.cancelling import CancelRequest, cancel_run

    raise typer.Exit(cancel_run(CancelRequest(run, yes, ledger, as_json)))
