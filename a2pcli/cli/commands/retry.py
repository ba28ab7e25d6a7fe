"""``a2pcli retry``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("retry")(retry)


def retry(
    run: Annotated[
        str, typer.Argument(help="A run's id, or a campaign's name for its newest run.", metavar="RUN")
    ],
    code: Annotated[
        list[str] | None,
        typer.Option(help="Only those rejected with this code; may be given again.", metavar="CODE"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    ledger: Annotated[
        str | None, typer.Option(help="Ledger path or URL; else the settings'.", metavar="PATH")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Plan again what the gateway rejected: after a top-up, a corrected account, a mended sender.

    Shows the rejected messages by the provider's code and asks. Nothing is sent: `send` does
    that. Nobody gets it twice: unknown messages are not among them (`a2pcli reconcile` settles
    those), and who opted out stays out.

    Example:  a2pcli retry r7k2m9qd

              a2pcli retry r7k2m9qd --code 30008 --yes

    Exit status: 0 planned again, or nothing was rejected; 6 refused; 7 the run is being sent.
    """
    from a2pcli.cli.retrying import RetryRequest, retry_run

    raise typer.Exit(retry_run(RetryRequest(run, tuple(code or ()), yes, ledger, as_json)))
