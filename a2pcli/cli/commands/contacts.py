"""``a2pcli contacts``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.terminal.output import JSON_HELP


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(contacts)
    commands.command("check")(check)
    app.add_typer(commands, name="contacts")


def contacts() -> None:
    """Look at a contacts file: what is read, what is repaired, what is refused and why.

    Example:  a2pcli contacts check people.csv --region GB
    """


def check(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, .xlsx, .parquet or .jsonl; - reads standard input.")
    ],
    region: Annotated[
        str | None, typer.Option(metavar="GB", help="Region of numbers without +; else the settings'.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the numbers, where it is not found.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Character encoding, where the detected one is wrong.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHAR", help="What separates the cells: a character, or tab.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(metavar="NAME", help="The sheet of a workbook; else its first.")
    ] = None,
    allow_fictional: Annotated[
        bool, typer.Option("--allow-fictional", help="Accept numbers reserved for drama (07700 900xxx).")
    ] = False,
    allow_fixed_line: Annotated[
        bool, typer.Option("--allow-fixed-line", help="Accept fixed lines and VoIP numbers.")
    ] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every row that needs a look, not only the first 50.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Judge the number in every row of a contacts file, and send nothing.

    Region and allowances come from a2pcli.yaml beside the file or above it, unless given here.

    Example:  a2pcli contacts check people.csv --region GB

              a2pcli contacts check export.xlsx --sheet Customers --column "Mobile No." --json

    Exit status: 0 when the file could be read, however bad its rows; 3 when it cannot be used.
    """
    from a2pcli.cli.contacts_check import Asked, check_contacts

    asked = Asked(file, region, column, encoding, delimiter, sheet, allow_fictional, allow_fixed_line)
    check_contacts(asked, as_json=as_json, show_all=show_all)
