"""``a2pcli reconcile``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP


class Decision(StrEnum):
    """What the user says became of messages."""

    SENT = "sent"
    NOT_SENT = "not-sent"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("reconcile")(reconcile)


def reconcile(
    run: Annotated[
        str, typer.Argument(help="A run's id, or a campaign's name for its newest run.", metavar="RUN")
    ],
    decision: Annotated[
        Decision | None,
        typer.Option("--as", help="Settle them by your own decision instead; it is recorded with your name."),
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="With --as: only the message to this number.", metavar="NUMBER")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Settle messages whose outcome is unknown: the person may have them, so they are never resent.

    Asks the gateway, where it can tell for sure. What it cannot tell about stays unknown until
    you decide: --as sent counts them as accepted, --as not-sent plans them again for `send`.

    Example:  a2pcli reconcile r7k2m9qd

              a2pcli reconcile r7k2m9qd --as not-sent --number '+44 7911 123456'

    Exit status: 0 nothing is unknown any more, 4 some are, 5 the gateway cannot be used,
    6 refused, 7 the run is being sent.
    """
    from a2pcli.cli.reconciling import ReconcileRequest, reconcile_run
    from a2pcli.errors import UsageError

    if number is not None and decision is None:
        raise UsageError("--number needs --as: the gateway is asked about every unknown message")
    sent = None if decision is None else decision is Decision.SENT
    raise typer.Exit(reconcile_run(ReconcileRequest(run, sent, number, yes, ledger, as_json)))
