"""``a2pcli audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.ledger_option import LEDGER_HELP
from a2pcli.cli.terminal.output import JSON_HELP

LedgerOption = Annotated[str | None, typer.Option(help=LEDGER_HELP, metavar="PATH")]
Json = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(audit)
    commands.command("list")(list_entries)
    commands.command("verify")(verify)
    app.add_typer(commands, name="audit")


def audit() -> None:
    """Read the audit trail: who sent, imported, waived, exported and erased, and when.

    Entries are only ever added, each chained to the one before by a hash. No number is in it.

    Example:  a2pcli audit list
    """


def list_entries(
    limit: Annotated[int, typer.Option(min=1, help="The newest N entries.", metavar="N")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Show the trail, newest first.

    Example:  a2pcli audit list --limit 20
    """
    from a2pcli.cli.audit_work import show_entries

    show_entries(None if everything else limit, ledger, as_json=as_json)


def verify(
    head: Annotated[
        str | None, typer.Option(help="The hash of a last entry noted before.", metavar="HASH")
    ] = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Find an entry that was changed, removed or slipped in.

    That the last entries were cut off, or the whole trail made anew, shows only against a head
    noted elsewhere: note the one this prints, and give it to --head the next time.

    Example:  a2pcli audit verify --head 3f1c…

    Exit status: 0 the trail holds, 3 it was tampered with.
    """
    from a2pcli.cli.audit_work import verify_trail

    verify_trail(head, ledger, as_json=as_json)
