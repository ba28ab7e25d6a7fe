"""``a2pcli optout``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2pcli.cli.ledger_option import LEDGER_HELP
from a2pcli.cli.terminal.output import JSON_HELP

Region = Annotated[
    str | None, typer.Option(metavar="GB", help="Region of numbers without +; else the settings'.")
]
LedgerOption = Annotated[str | None, typer.Option(help=LEDGER_HELP)]
Json = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER...", help="One or more phone numbers.")]
Reason = Annotated[str | None, typer.Option(help="Why, in your words; kept with the entry.")]
SourceOption = Annotated[
    str | None, typer.Option(help="Where it comes from, e.g. reply, complaint; else you, or the file.")
]
ScopeOption = Annotated[
    str | None,
    typer.Option(metavar="SCOPE", help="programme=NAME, sender=NAME or channel=sms; else every message."),
]
SenderOption = Annotated[str | None, typer.Option(metavar="NAME", help="Short for --scope sender=NAME.")]
UntilOption = Annotated[
    str | None, typer.Option(metavar="DATE", help="The last day it holds, e.g. 2027-01-31; else for good.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(optout)
    commands.command("add")(add)
    commands.command("remove")(remove)
    commands.command("list")(list_entries)
    commands.command("import")(import_file)
    commands.command("export")(export)
    commands.command("check")(check)
    commands.command("reply")(reply)
    commands.command("replies")(replies)
    app.add_typer(commands, name="optout")


def optout() -> None:
    """Keep the suppression list: who is not to be messaged, since when, why, and who said so.

    It is asked when a plan is made, and again for each message at the moment it leaves.

    Example:  a2pcli optout add '+44 7911 123456' --reason 'asked on the phone'
    """


def add(
    numbers: Numbers,
    scope: ScopeOption = None,
    until: UntilOption = None,
    sender: SenderOption = None,
    reason: Reason = None,
    source: SourceOption = None,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Put numbers on the list. A number that is on it for as long already keeps its entry.

    Example:  a2pcli optout add '+44 7911 123456' --reason 'asked on the phone'

    Example:  a2pcli optout add '+44 7911 123456' --scope programme=news --until 2027-01-31 --source reply

    An opt-out binds marketing and transactional messages, not one-time codes and emergencies. For one programme it
    keeps away campaigns with that `programme:`, for one sender those that it would send.

    Exit status: 2 when a number cannot be read; the others are added all the same.
    """
    from a2pcli.cli.optout_work import add_numbers

    add_numbers(numbers, (scope, sender), until, reason, source, region, ledger, as_json=as_json)


def remove(
    numbers: Numbers,
    scope: Annotated[
        str | None, typer.Option(metavar="SCOPE", help="Only the entry for this scope, e.g. programme=news.")
    ] = None,
    sender: SenderOption = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who decided it; else you.")] = None,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Take numbers off the list. The entries stay in its history, with who lifted them and when.

    Do it only where the person asked for messages again.

    Example:  a2pcli optout remove '+44 7911 123456' --by 'Ann, on their written wish'
    """
    from a2pcli.cli.optout_work import remove_numbers

    remove_numbers(numbers, (scope, sender), by, region, ledger, as_json=as_json)


def list_entries(
    limit: Annotated[int, typer.Option(min=1, help="The newest N entries.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    lifted: Annotated[bool, typer.Option("--lifted", help="With the entries that no longer hold.")] = False,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Show the list, newest first.

    Example:  a2pcli optout list --limit 20
    """
    from a2pcli.cli.optout_work import list_all

    list_all(None if everything else limit, ledger, lifted=lifted, as_json=as_json)


def import_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, .xlsx, .parquet or .jsonl; - reads standard input.")
    ],
    scope: ScopeOption = None,
    until: UntilOption = None,
    sender: SenderOption = None,
    reason: Reason = None,
    source: SourceOption = None,
    list_name: Annotated[
        str | None,
        typer.Option("--list", metavar="NAME", help="The do-not-contact list the file is a state of."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day the file is of, e.g. 2026-03-01.")
    ] = None,
    region: Region = None,
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
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every refused row, not only the first 20.")
    ] = False,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Put every number of a file on the list, and account for every row.

    Example:  a2pcli optout import do-not-contact.csv --region GB --as-of 2026-03-01

    Example:  a2pcli optout import dnc.csv --list national-registry --as-of 2026-03-01

    With --list, an older state of the list is refused, and people whom a newer state does not name any more stay
    suppressed, counted. Plans warn when the list gets old.

    In a log of messages the person is the sender of what came in and the recipient of what went out; where the file
    does not say which way its messages went, say the column with --column. Your own senders are never added.

    Exit status: 3 when a row's number cannot be read, or is in no numbering plan (rows with an empty cell are only
    counted); the others are added all the same, and the same command may be run again.
    """
    from a2pcli.cli.optout_files import Asked, import_numbers

    asked = Asked(
        file,
        (scope, sender),
        until,
        reason,
        source,
        list_name,
        as_of,
        region,
        column,
        encoding,
        delimiter,
        sheet,
    )
    raise typer.Exit(import_numbers(asked, ledger, as_json=as_json, show_all=show_all))


def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help=".csv, .jsonl or .parquet; - is standard output, as CSV.")
    ],
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="JSON lines, whatever the file's name.")] = False,
    lifted: Annotated[bool, typer.Option("--lifted", help="With the entries that no longer hold.")] = False,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Write the list to a file, in the order it was made.

    In CSV no cell is a formula: one that starts with = + - @ or TAB gets an apostrophe, numbers (+44...) too.
    `a2pcli optout import` reads such a file back.

    Example:  a2pcli optout export optouts.csv
    """
    from a2pcli.cli.optout_files import export_entries

    export_entries(file, ledger, jsonl=as_jsonl, lifted=lifted, as_json=as_json)


def check(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="Whether messages of this scope are suppressed; may be repeated."),
    ] = None,
    sender: SenderOption = None,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Say whether a number is on the list, since when and why, and its history there.

    Example:  a2pcli optout check '+44 7911 123456'

    Example:  a2pcli optout check '+44 7911 123456' --scope programme=news --scope channel=sms

    Exit status: 0 whether it is on the list or not (scripts read `suppressed` of --json).
    """
    from a2pcli.cli.optout_work import check_number

    check_number(number, scope or [], sender, region, ledger, as_json=as_json)


def reply(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Who wrote.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What they wrote.")],
    scope: ScopeOption = None,
    sender: SenderOption = None,
    survey: Annotated[
        bool, typer.Option("--survey", help="A question of ours is open: a YES answers it, and is no START.")
    ] = False,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Act on what somebody wrote back: a STOP suppresses, a START lifts what their own STOP did.

    Free wording such as "please stop texting me" suppresses too, and you are asked to read it. Reactions that quote a
    message (Liked "... Reply STOP ...") are nothing.

    Example:  a2pcli optout reply '+44 7911 123456' 'STOP'
    """
    from a2pcli.cli.optout_replies import reply_of

    reply_of(number, text, (scope, sender), region, ledger, survey_open=survey, as_json=as_json)


def replies(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, .xlsx, .parquet or .jsonl; - reads standard input.")
    ],
    scope: ScopeOption = None,
    sender: SenderOption = None,
    region: Region = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the numbers, where it is not found.")
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the texts; else text, reply, body, …")
    ] = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Act on every reply of a file, in its order, and list those that a person should read.

    The person is who wrote: the column from, sender, originator, msisdn and the like, never the one they wrote to.
    Messages that you sent (a column direction says so) are left alone, and so are your own senders.

    Example:  a2pcli optout replies inbox.csv --column from --text-column body

    Exit status: 3 when a row's number cannot be read; the others are acted on all the same.
    """
    from a2pcli.cli.optout_replies import replies_of

    columns = (column, text_column)
    raise typer.Exit(replies_of(file, (scope, sender), region, columns, ledger, as_json=as_json))
