"""``a2pcli contacts``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli import options


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(contacts)
    commands.command("check")(check)
    app.add_typer(commands, name="contacts")


def contacts() -> None:
    """Check a contacts file: what is read, repaired, and rejected, and why.

    Example:  a2pcli contacts check people.csv --region GB
    """


def check(
    file: options.TableToRead,
    region: options.Region = None,
    column: options.Column = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    sheet: options.Sheet = None,
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="email",
            help="Check addresses of this channel. Default: phone numbers, or what the file contains.",
        ),
    ] = None,
    allow_fictional: Annotated[
        bool, typer.Option("--allow-fictional", help="Accept fictional numbers (07700 900xxx).")
    ] = False,
    allow_fixed_line: Annotated[
        bool, typer.Option("--allow-fixed-line", help="Accept fixed lines and VoIP numbers.")
    ] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show all rows with problems, not only the first 50.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check the address in every row of a contacts file. Nothing is sent.

    If the file has phone numbers and email addresses, the rows show the phone numbers, and the others are counted.

    Region and number rules come from a2pcli.yaml beside the file or above it, unless given here.

    Example:  a2pcli contacts check people.csv --region GB

              a2pcli contacts check export.xlsx --sheet Customers --column "Mobile No." --json

    Exit status: 0 if the file could be read, however bad its rows; 3 if it cannot be used.
    """
    from a2pcli.actions.contacts import check_contacts
    from a2pcli.actions.tables import InputTable
    from a2pcli.cli.screens.contacts import SHOWN_ROWS, print_document, show_contacts

    found = check_contacts(
        InputTable(file, column, encoding, delimiter, sheet),
        region=region,
        allow_fictional=allow_fictional,
        allow_fixed_line=allow_fixed_line,
        channel=channel,
    )
    if as_json:
        print_document(found)
    else:
        show_contacts(found, None if show_all else SHOWN_ROWS)
