"""``a2pcli optout``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.calls import refuse_unread, tell_doubtful
from a2pcli.cli.commands import replies
from a2pcli.cli.options import (
    Column,
    Delimiter,
    Encoding,
    Json,
    JsonLines,
    Ledger,
    ListFile,
    Number,
    Numbers,
    Region,
    Scope,
    Sender,
    Sheet,
    TableToRead,
)

SHOWN = 20
"""So many rows are shown of those that need a look."""

Reason = Annotated[str | None, typer.Option(help="Reason, kept with the entry.")]
SourceOption = Annotated[
    str | None, typer.Option(help="Source, e.g. reply, complaint. Default: you, or the file.")
]
UntilOption = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Last day of the opt-out, e.g. 2027-01-31. Default: no end date."),
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
    commands.command("reply")(replies.reply)
    commands.command("replies")(replies.replies)
    app.add_typer(commands, name="optout")


def optout() -> None:
    """Manage the suppression list: who must not be messaged, since when, why, and who recorded it.

    It is checked when a plan is made, and again for each message just before it is sent.

    Example:  a2pcli optout add '+44 7911 123456' --reason 'asked on the phone'
    """


def add(
    numbers: Numbers,
    scope: Scope = None,
    until: UntilOption = None,
    sender: Sender = None,
    reason: Reason = None,
    source: SourceOption = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Add people to the suppression list. Existing entries are kept.

    Example:  a2pcli optout add '+44 7911 123456' --reason 'asked on the phone'

    Example:  a2pcli optout add '+44 7911 123456' --scope programme=news --until 2027-01-31 --source reply

    An opt-out applies to marketing and transactional messages, not to one-time codes and emergencies. With a
    programme scope it applies to campaigns with that `programme:`, with a sender scope to messages from that sender.

    Exit status: 2 if a number cannot be read; the others are added.
    """
    from a2pcli.actions.optouts import EVERYTHING, add_optouts
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import scope_of, until_of
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.reporting.values import local

    chosen, until_at = scope_of(scope, sender) or EVERYTHING, until_of(until)
    done = add_optouts(
        project_at(ledger),
        numbers,
        scope=chosen,
        until_at=until_at,
        reason=reason,
        source=source,
        region=region,
    )
    tell_doubtful(done.read)
    for number in done.own:
        say(f"{number} is one of your own senders: no campaign will message it")
    if as_json:
        print_json(
            {
                "added": [number for number, is_new in done.added.items() if is_new],
                "already": [number for number, is_new in done.added.items() if not is_new],
                "refused": [problem.message for problem in done.read.problems],
            }
        )
    else:
        end = f" until {local(until_at)}" if until_at else ""
        for number, is_new in done.added.items():
            added = f"{number} is suppressed for {chosen.words}{end}"
            say(added if is_new else f"{number} was already on the list")
    refuse_unread(done.read)


def remove(
    numbers: Numbers,
    scope: Annotated[
        str | None, typer.Option(metavar="SCOPE", help="Only the entry for this scope, e.g. programme=news.")
    ] = None,
    sender: Sender = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who decided this. Default: you.")] = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Remove people from the suppression list. The entries stay in its history, with who lifted them and when.

    Do this only if the person asked for messages again.

    Example:  a2pcli optout remove '+44 7911 123456' --by 'Ann, on their written wish'
    """
    from a2pcli.actions.optouts import lift_optouts
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import scope_of
    from a2pcli.cli.terminal.output import print_json, say

    done = lift_optouts(project_at(ledger), numbers, scope=scope_of(scope, sender), by=by, region=region)
    tell_doubtful(done.read)
    if as_json:
        print_json(
            {
                "removed": [number for number, count in done.lifted.items() if count],
                "not_listed": [number for number, count in done.lifted.items() if not count],
                "refused": [problem.message for problem in done.read.problems],
            }
        )
    else:
        for number, count in done.lifted.items():
            say(f"{number} may be messaged again" if count else f"{number} was not on the list")
    refuse_unread(done.read)


def list_entries(
    limit: Annotated[int, typer.Option(min=1, help="Show the newest N entries.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="Show all entries.")] = False,
    lifted: Annotated[bool, typer.Option("--lifted", help="Include entries that no longer apply.")] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Show the suppression list, newest first.

    Example:  a2pcli optout list --limit 20
    """
    from a2pcli.actions.optouts import optout_list
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.optouts import entries_table, entry_document, list_document
    from a2pcli.cli.terminal.output import print_json_list, say, show
    from a2pcli.reporting.values import day, local

    with optout_list(project_at(ledger), None if everything else limit, lifted=lifted) as found:
        if as_json:
            documents = (entry_document(entry, found.now) for entry in found.entries)
            print_json_list(list_document(found), "suppressions", documents)
            return
        entries = list(found.entries)
    if not entries:
        say("the list is empty; `a2pcli optout add NUMBER` adds an entry")
        return
    show(entries_table(entries, found.now, ended=lifted))
    for one in found.lists:
        say(f"list {one.name}: as of {day(one.as_of)}, imported {local(one.imported_at)}")
    held = sum(entry.holds(found.now) for entry in entries)
    if found.count > held:
        say(f"… and {found.count - held:,} more; --all shows all")


def import_file(
    file: TableToRead,
    scope: Scope = None,
    until: UntilOption = None,
    sender: Sender = None,
    reason: Reason = None,
    source: SourceOption = None,
    list_name: Annotated[
        str | None,
        typer.Option(
            "--list", metavar="NAME", help="Name of the do-not-contact list that this file is a copy of."
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="Date of the file, e.g. 2026-03-01.")
    ] = None,
    region: Region = None,
    column: Column = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show all rejected rows, not only the first 20.")
    ] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Add every address in a file to the suppression list, and account for every row.

    Example:  a2pcli optout import do-not-contact.csv --region GB --as-of 2026-03-01

    Example:  a2pcli optout import dnc.csv --list national-registry --as-of 2026-03-01

    With --list, a file older than the last import is refused, and people missing from a newer one stay suppressed
    (they are counted). Plans warn when the list gets old.

    In a message log, the person is the sender of inbound messages and the recipient of outbound ones; if the file has
    no direction column, name the address column with --column. Your own senders are never added.

    Exit status: 3 if an address in a row cannot be read or is in no numbering plan (empty cells are only counted); the
    other rows are added, and the command can be run again.
    """
    from a2pcli.actions.optout_import import OptOutFile, import_optouts
    from a2pcli.actions.tables import InputTable
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import day_of, scope_of, until_of
    from a2pcli.cli.screens.optouts import doubtful_rows, import_document, import_sentence, refused_rows
    from a2pcli.cli.terminal.output import RowCounter, print_json, say
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    source_file = OptOutFile(
        InputTable(file, column, encoding, delimiter, sheet),
        scope_of(scope, sender),
        until_of(until),
        reason,
        source,
        list_name,
        day_of("--as-of", as_of),
    )
    table, account = import_optouts(
        project_at(ledger),
        source_file,
        region=region,
        counting=lambda: RowCounter("reading", shown=not as_json),
    )
    if as_json:
        print_json(import_document(table, account))
    else:
        most = None if show_all else SHOWN
        show_problems(table.notes)
        show_problems(doubtful_rows(table, account)[:most])
        show_problems(refused := refused_rows(table, account)[:most])
        if more := sum(one.unread for _, one in account.columns) - len(refused):
            say(f"… and {more:,} more rows like these" + ("" if show_all else "; --all shows them"))
        print(import_sentence(account))
        if account.missing:
            many = f"{account.missing:,} number{'s' if account.missing != 1 else ''}"
            say(f"{many} from earlier versions of this list are no longer in it; they stay suppressed")
    raise typer.Exit(ExitStatus.OK if account.is_complete else ExitStatus.INVALID)


def export(
    file: ListFile,
    as_jsonl: JsonLines = False,
    lifted: Annotated[bool, typer.Option("--lifted", help="Include entries that no longer apply.")] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Export the suppression list to a file, oldest entry first.

    CSV is safe to open in a spreadsheet: cells that start with = + - @ or TAB get an apostrophe, including numbers
    (+44...). `a2pcli optout import` reads the file back.

    Example:  a2pcli optout export optouts.csv
    """
    from a2pcli.actions.optout_import import export_optouts
    from a2pcli.cli.calls import export_to, project_at

    project = project_at(ledger)
    export_to(
        file,
        lambda target: export_optouts(project, target, lifted=lifted),
        noun="entries",
        as_lines=as_jsonl,
        as_json=as_json,
    )


def check(
    number: Number,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="Check this scope, e.g. programme=news. Repeatable."),
    ] = None,
    sender: Sender = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Check whether an address is on the suppression list, since when and why, and its history.

    Example:  a2pcli optout check '+44 7911 123456'

    Example:  a2pcli optout check '+44 7911 123456' --scope programme=news --scope channel=sms

    Exit status: 0 in both cases (scripts read `suppressed` of --json).
    """
    from a2pcli.actions.optouts import look_up_optout
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import scope_of
    from a2pcli.cli.screens.optouts import entries_table, looked_document, looked_sentence
    from a2pcli.cli.terminal.output import print_json, printable, show

    asked = [one for one in (*map(scope_of, scope or []), scope_of(None, sender)) if one is not None]
    found = look_up_optout(project_at(ledger), number, asked, region=region)
    tell_doubtful(found.read)
    if as_json:
        print_json(looked_document(found, asked))
        return
    print(printable(looked_sentence(found)))
    if found.entries:
        show(entries_table(reversed(found.entries), found.now, ended=True))
