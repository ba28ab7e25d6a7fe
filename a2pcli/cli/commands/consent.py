"""``a2pcli consent``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.calls import refuse_unread, tell_doubtful
from a2pcli.cli.options import Column, Json, JsonLines, Ledger, ListFile, Number, Numbers, Region, TableToRead

SHOWN = 20
"""So many refused rows are shown."""

ProgrammeOption = Annotated[str | None, typer.Option(metavar="NAME", help="The programme; else every one.")]
ChannelOption = Annotated[str | None, typer.Option(metavar="sms", help="The channel; else every one.")]
BasisOption = Annotated[str, typer.Option(help="express, soft-opt-in, implied-purchase or implied-enquiry.")]
WordingOption = Annotated[str | None, typer.Option(metavar="TEXT", help="The exact words they agreed to.")]
VersionOption = Annotated[str | None, typer.Option(metavar="NAME", help="Or the name of their version.")]
DoubleOption = Annotated[
    str | None, typer.Option("--double-opt-in", metavar="pending", help="pending or confirmed.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(consent)
    commands.command("record")(record)
    commands.command("revoke")(revoke)
    commands.command("show")(show)
    commands.command("list")(list_counts)
    commands.command("import")(import_file)
    commands.command("export")(export)
    app.add_typer(commands, name="consent")


def consent() -> None:
    """Keep the proof of consent: who agreed, when, how, to which words, for what, until when.

    A campaign with `consent: required` goes only to people with a record in force here, or with `consent_at` and
    `consent_source` in its contacts file. It is asked when a plan is made, and again as each message leaves.

    Example:  a2pcli consent record '+44 7911 123456' --source 'web form' --given-at 2026-03-01
    """


def record(
    numbers: Numbers,
    source: Annotated[str, typer.Option(help="How it was given: web form, paper, keyword, till, …")],
    given_at: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it was given, e.g. 2026-03-01; else now.")
    ] = None,
    programme: ProgrammeOption = None,
    channel: ChannelOption = None,
    basis: BasisOption = "express",
    wording: WordingOption = None,
    wording_version: VersionOption = None,
    double_opt_in: DoubleOption = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="First day it no longer applies. Default: no end date.")
    ] = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Record that people agreed. A fact that is known already is not recorded twice.

    Example:  a2pcli consent record '+44 7911 123456' --source 'web form' --wording-version form-7 --programme news

    Example:  a2pcli consent record '+1 416 555 0123' --source shop --basis implied-purchase --given-at 2026-03-01

    Implied consent ends by the law of the number's country (Canada: 24 months after a purchase, 6 after an enquiry);
    where none is known, give --expires. A double opt-in that is pending allows nothing until it is recorded as
    confirmed.

    Exit status: 2 when a number cannot be read; the others are recorded all the same.
    """
    from a2pcli.actions.consents import record_consents
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import ConsentOptions, consent_facts
    from a2pcli.cli.screens.consents import recorded_document, recorded_sentence
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.errors import UsageError

    facts = consent_facts(
        ConsentOptions(
            source, given_at, programme, channel, basis, wording, wording_version, double_opt_in, expires
        )
    )
    done = record_consents(project_at(ledger), numbers, facts, region=region)
    tell_doubtful(done.read)
    if as_json:
        print_json(recorded_document(done))
    else:
        for number, is_new in done.added.items():
            new = recorded_sentence(number, facts, done.ends[number], done.now)
            say(new if is_new else f"{number}: that is recorded already")
    if done.problems:
        raise UsageError(*done.problems)


def revoke(
    numbers: Numbers,
    programme: ProgrammeOption = None,
    channel: ChannelOption = None,
    source: Annotated[str | None, typer.Option(help="How they said so: phone, letter, …; else you.")] = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """People took their consent back: no marketing to them from now on, runs under way included.

    It holds for every marketing campaign, those too that ask for no consent and those whose contacts file says yes,
    until consent is given again later. Messages that need no consent (about an order, say) still go;
    `a2pcli optout add` stops these too.

    Example:  a2pcli consent revoke '+44 7911 123456' --source phone

    Exit status: 2 when a number cannot be read; the others are revoked all the same.
    """
    from a2pcli.actions.consents import revoke_consents
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import channel_of, programme_of
    from a2pcli.cli.terminal.output import print_json, say

    wanted = programme_of(programme)
    done = revoke_consents(
        project_at(ledger),
        numbers,
        programme=wanted,
        channel=channel_of(channel),
        source=source,
        region=region,
    )
    tell_doubtful(done.read)
    if as_json:
        refused = [problem.message for problem in done.read.problems]
        print_json({"revoked": done.ended, "refused": refused})
    else:
        what = f" for {wanted}" if wanted else ""
        for number, count in done.ended.items():
            ended = f"{count} record{'' if count == 1 else 's'} ended" if count else "no record of ours ended"
            say(f"{number} gets no marketing{what} any more ({ended})")
        if done.ended:
            say("messages that need no consent still go; `a2pcli optout add` stops these too")
    refuse_unread(done.read)


def show(
    number: Number,
    programme: ProgrammeOption = None,
    channel: Annotated[
        str, typer.Option(metavar="sms", help="The channel; else the usual one of the address.")
    ] = "",
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a person's consent, and the record that allows messages now.

    Example:  a2pcli consent show '+44 7911 123456' --programme news
    """
    from a2pcli.actions.consents import consent_of
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import channel_of, programme_of
    from a2pcli.cli.screens.consents import consent_document, consent_sentence, records_table
    from a2pcli.cli.terminal import output

    wanted, over = programme_of(programme), channel_of(channel)
    found = consent_of(project_at(ledger), number, programme=wanted, channel=over, region=region)
    tell_doubtful(found.read)
    if as_json:
        output.print_json(consent_document(found, wanted))
        return
    print(consent_sentence(found, wanted))
    if found.records:
        output.show(records_table(found))


def list_counts(ledger: Ledger = None, as_json: Json = False) -> None:
    """Count the records, by programme, channel, basis and state.

    Example:  a2pcli consent list
    """
    from a2pcli.actions.consents import consent_counts
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal import output

    counts = consent_counts(project_at(ledger))
    if as_json:
        names = ("programme", "channel", "basis", "state", "records")
        rows = [dict(zip(names, (p or None, c or None, *rest), strict=True)) for p, c, *rest in counts]
        output.print_json({"count": sum(count[-1] for count in counts), "consents": rows})
        return
    if not counts:
        output.say("no consent is recorded: `a2pcli consent record NUMBER --source ...` records one")
        return
    from a2pcli.cli.screens.consents import counts_table

    output.show(counts_table(counts))


def import_file(
    file: TableToRead,
    source: Annotated[
        str | None, typer.Option(help="How it was given, for rows without consent_source.")
    ] = None,
    given_at: Annotated[
        str | None, typer.Option(metavar="DATE", help="When, for rows without consent_at.")
    ] = None,
    programme: ProgrammeOption = None,
    channel: ChannelOption = None,
    basis: BasisOption = "express",
    wording: WordingOption = None,
    wording_version: VersionOption = None,
    double_opt_in: DoubleOption = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it ends, for rows without consent_expires.")
    ] = None,
    region: Region = None,
    column: Column = None,
    locale: Annotated[
        str | None,
        typer.Option(metavar="en_GB", help="How dates like 03/04/2026 are read; else the settings'."),
    ] = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Record the consents of a file, and who took theirs back, and account for every row.

    Columns: consent, consent_at, consent_source, consent_wording, consent_expires, revoked_at and others that refuse
    (opted out, unsubscribed), by their names in many languages; and programme, channel, basis, double_opt_in. What a
    row does not say, the options say. A no ends consent that was given before it, wherever that is recorded; one
    without a date is of now. Of a yes and a no of the same moment, or day, the no counts.

    Example:  a2pcli consent import signups.csv --source 'web form' --wording-version form-7 --programme news

    Exit status: 3 when a row could not be recorded; the others are, and the same command may be run again.
    """
    from a2pcli.actions.consent_import import import_consents
    from a2pcli.actions.tables import InputTable
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import ConsentOptions, consent_facts, locale_of
    from a2pcli.cli.screens.consents import import_document, import_sentence
    from a2pcli.cli.terminal.counter import RowCounter
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import Problem
    from a2pcli.exit_status import ExitStatus

    facts = consent_facts(
        ConsentOptions(
            source, given_at, programme, channel, basis, wording, wording_version, double_opt_in, expires
        )
    )
    table, account = import_consents(
        project_at(ledger),
        InputTable(file, column),
        facts,
        region=region,
        locale=locale_of(locale),
        counting=lambda: RowCounter("reading", shown=not as_json),
    )
    if as_json:
        print_json(import_document(table, account))
    else:
        show_problems(table.notes)
        shown = sorted(account.shown)[:SHOWN]
        show_problems(Problem(why, path=table.path, line=line) for line, why in shown)
        if (more := account.refused.total() - SHOWN) > 0:
            say(f"… and {more:,} more rows like these")
        print(import_sentence(account))
    raise typer.Exit(ExitStatus.INVALID if account.refused else ExitStatus.OK)


def export(
    file: ListFile,
    as_jsonl: JsonLines = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Write every record to a file, in the order they were made, those that do not hold any more too.

    In CSV no cell is a formula: one that starts with = + - @ or TAB gets an apostrophe, numbers (+44...) too.

    Example:  a2pcli consent export consents.csv
    """
    from a2pcli.actions.consent_import import export_consents
    from a2pcli.cli.calls import export_to, project_at

    project = project_at(ledger)
    export_to(
        file,
        lambda target: export_consents(project, target),
        noun="records",
        as_lines=as_jsonl,
        as_json=as_json,
    )
