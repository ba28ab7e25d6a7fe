"""``a2pcli trigger``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.options import Json, Ledger


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("trigger")(trigger)


def trigger(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The event, as events.yaml names it.")],
    data: Annotated[
        str, typer.Option("--data", metavar="JSON", help="The event's data, a JSON object; `-` reads stdin.")
    ],
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Idempotency key. Default: the `key` in events.yaml."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; store and send nothing.")
    ] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Report an event: send the campaign that events.yaml names for it to the one person it is about.

    All rules of campaigns apply. An event with a digest, or outside of permitted hours, waits until `a2pcli listen`
    sends it. Events with the same key cause one message.

    Example:  a2pcli trigger order-paid --data '{"id": 7, "phone": "+447911123456"}' --dry-run

    Exit status: 0 accepted, waiting, or the same event as before, 3 the event or events.yaml is wrong, 4 no message was
    accepted.
    """
    from a2pcli.actions.events import trigger as report
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.events import is_well, triggered_document, triggered_lines
    from a2pcli.cli.terminal.output import print_json, printable
    from a2pcli.errors import ExitStatus

    done = report(project_at(ledger), name, _json(data), key=key, dry_run=dry_run)
    if as_json:
        print_json(triggered_document(done, dry_run=dry_run))
    else:
        for line in triggered_lines(done, dry_run=dry_run):
            print(printable(line))
    if not is_well(done, dry_run=dry_run):
        raise typer.Exit(int(ExitStatus.FINISHED_WITH_FAILURES))


def _json(data: str) -> object:
    """The JSON that was given, or that stdin has. Raises ``UsageError``."""
    import json
    import sys

    from a2pcli.errors import Problem, UsageError

    text = sys.stdin.read() if data == "-" else data
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = (
            f": {error.msg} (line {error.lineno}, column {error.colno})"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        if data == "-":
            what = f"not JSON{where}" if text.strip() else "empty"
            raise UsageError(Problem(f"standard input is {what}")) from None
        hint = "put it into single quotes: --data '{\"id\": 7}'"
        raise UsageError(Problem(f"--data is not JSON{where}", hint=hint)) from None
