"""``a2pcli receipts``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.commands.pulls import pull_receipts
from a2pcli.cli.options import Delimiter, Encoding, Json, Ledger, Sheet, TableToRead

SHOWN = 20
"""So many rows are shown of those that cannot be read."""


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(receipts)
    commands.command("import")(import_file)
    commands.command("pull")(pull_receipts)
    app.add_typer(commands, name="receipts")


def receipts() -> None:
    """Fetch or import delivery receipts: which messages were delivered, and which were not.

    Example:  a2pcli receipts pull twilio
    """


def import_file(
    file: TableToRead,
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Gateway that the receipts come from. Default: match message ids of all gateways.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the result without saving anything.")
    ] = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Import a file of delivery receipts, as a provider exports them or as callbacks were logged.

    CSV, a workbook, JSON lines, or one JSON document: an array of receipts, or an object with the list inside. The
    file may be compressed with gzip (.gz).

    Columns are recognised by name: the provider's message id or our reference, the status, and where present the
    error code and the time (UTC unless it names a zone). `a2pcli report` then shows what was delivered.

    The order does not matter, and importing a receipt twice changes nothing. Read beats delivered, delivered beats
    failed, failed beats sent. Receipts without a known message are kept and matched at the next import. A receipt
    for a message with unknown outcome shows that the gateway accepted it.

    Example:  a2pcli receipts import receipts.csv --gateway twilio

    Exit status: 3 if a row has no message id or no status; the other rows are imported.
    """
    from a2pcli.actions.receipts import import_receipts
    from a2pcli.actions.tables import InputTable
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.receipts import import_document, import_lines, unread_problem
    from a2pcli.cli.terminal.output import RowCounter, print_json, printable, say
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    table, done = import_receipts(
        project_at(ledger),
        InputTable(file, None, encoding, delimiter, sheet),
        gateway=gateway,
        dry_run=dry_run,
        counting=lambda: RowCounter("reading", shown=not as_json),
    )
    if as_json:
        print_json(import_document(table, done))
    else:
        show_problems(table.notes)
        show_problems(unread_problem(table, row) for row in done.refused[:SHOWN])
        if done.unread > SHOWN:
            say(f"… and {done.unread - SHOWN:,} more rows like these")
        for line in import_lines(done):
            print(printable(line))
    raise typer.Exit(ExitStatus.INVALID if done.unread else ExitStatus.OK)
