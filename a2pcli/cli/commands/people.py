"""``a2pcli people``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.ledger_option import LEDGER_HELP
from a2pcli.cli.terminal.output import JSON_HELP

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The phone number.")]
Region = Annotated[
    str | None, typer.Option(metavar="GB", help="Region of a number without +; else the settings'.")
]
LedgerOption = Annotated[str | None, typer.Option(help=LEDGER_HELP, metavar="PATH")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(people)
    commands.command("export")(export)
    commands.command("erase")(erase)
    app.add_typer(commands, name="people")


def people() -> None:
    """Answer a person's request for their data, or to be forgotten.

    Example:  a2pcli people export '+44 7911 123456'
    """


def export(
    number: Number,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As always: the export is JSON.")] = False,
) -> None:
    """Print everything held about a number: messages with their texts, events, opt-outs, consents.

    One JSON document on stdout. The export itself is noted in the audit trail, without the number.

    Example:  a2pcli people export '+44 7911 123456' > request.json
    """
    from a2pcli.cli.people_work import export_person

    export_person(number, region, ledger)


def erase(
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Erase a person from the ledger, and from the files that a2pcli wrote.

    Rows of messages stay, without number and text, so that reports still add up; what was not
    sent yet is skipped. A keyed hash stays on the suppression list, so that the number is not
    messaged again when it comes in another contacts file. Files rewritten: those of plan --out,
    report --csv and --out, exported lists, and the outbox. Not touched: your contacts files,
    backups, copies, and what providers hold.

    While a run is being sent, too: from the first moment on no message to the person is started,
    and one that is on its way is waited for, half a minute at most.

    The key is A2PCLI_ERASURE_KEY, else a file beside the SQLite ledger; keep it with your
    backups. A PostgreSQL ledger needs the variable.

    Example:  a2pcli people erase '+44 7911 123456'

    Exit status: 0 erased, 3 something could not be erased (it says what), 6 refused, 7 a message
    of the person is still on its way, or a plan is being made: run it again a little later.
    """
    from a2pcli.cli.people_work import erase_person

    erase_person(number, region, ledger, yes=yes, as_json=as_json)
