"""``a2pcli contacts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.reach import Reached, ReachedBy


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(contacts)
    commands.command("check")(check)
    commands.command("reach")(reach)
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


def reach(campaign: options.Campaign, as_json: options.Json = False) -> None:
    """Ask the gateways which of a campaign's recipients RCS reaches. Nothing is sent.

    The answers are kept in the ledger and count for 7 days: plans exclude people whom RCS does not reach
    (not-reachable), or message them by the campaign's next channel. Numbers asked about within the last day are not
    asked about again. If the campaign goes by a route, each of its gateways that can tell is asked.

    Example:  a2pcli contacts reach rcs_card.yaml

    Exit status: 0, 2 if the campaign has no RCS or no gateway that can tell, 3 if the campaign is invalid, 5 if a
    gateway is unavailable.
    """
    from a2pcli.actions.reach import ask_reachability
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json

    found = ask_reachability(project_at(None, campaign), campaign)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
        return
    people = "1 recipient" if found.numbers == 1 else f"{found.numbers:,} recipients"
    if len(found.gateways) == 1 and not found.cannot_tell:
        print(f"gateway {found.gateway}: {people}")
        _print_reached(found)
        return
    print(people)
    _print_reached(found)
    for one in found.gateways:
        print(f"gateway {one.gateway}")
        _print_reached(one)
    for name in found.cannot_tell:
        print(f"gateway {name} cannot be asked: plans take it that it reaches everybody")


def _print_reached(found: Reached | ReachedBy) -> None:
    print(f"  reachable    {found.reachable:,}")
    print(f"  unreachable  {found.unreachable:,}")
    if found.known:
        print(f"  asked within the last day, not asked again  {found.known:,}")
    if found.untold:
        print(f"  without an answer  {found.untold:,}")
