"""``a2pcli consent``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.calls import refuse_unread, tell_doubtful
from a2pcli.cli.options import Column, Json, JsonLines, Ledger, ListFile, Number, Numbers, Region, TableToRead

SHOWN = 20
"""Number of rejected rows that are shown."""

ProgrammeOption = Annotated[str | None, typer.Option(metavar="NAME", help="Programme. Default: all.")]
ChannelOption = Annotated[str | None, typer.Option(metavar="sms", help="Channel. Default: all.")]
BasisOption = Annotated[str, typer.Option(help="express, soft-opt-in, implied-purchase or implied-enquiry.")]
WordingOption = Annotated[str | None, typer.Option(metavar="TEXT", help="Exact wording they agreed to.")]
VersionOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Or the name of the wording's version.")
]
DoubleOption = Annotated[
    str | None,
    typer.Option("--double-opt-in", metavar="pending", help="Double opt-in state: pending or confirmed."),
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
    """Manage the records of consent: who agreed, when, how, to which words, for what, until when.

    A campaign with `consent: required` is sent only to people with a consent record in force, or with `consent_at`
    and `consent_source` in the contacts file. This is checked when a plan is made, and again just before each message
    is sent.

    Example:  a2pcli consent record '+44 7911 123456' --source 'web form' --given-at 2026-03-01
    """


def record(
    numbers: Numbers,
    source: Annotated[str, typer.Option(help="How consent was given: web form, paper, keyword, …")],
    given_at: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it was given, e.g. 2026-03-01. Default: now.")
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
    """Record that people gave consent. Known facts are not recorded twice.

    Example:  a2pcli consent record '+44 7911 123456' --source 'web form' --wording-version form-7 --programme news

    Example:  a2pcli consent record '+1 416 555 0123' --source shop --basis implied-purchase --given-at 2026-03-01

    Implied consent ends by the law of the number's country (Canada: 24 months after a purchase, 6 after an enquiry);
    if no such law is known, use --expires. A pending double opt-in allows nothing until it is recorded as confirmed.

    Exit status: 2 if a number cannot be read; the others are recorded.
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
            say(new if is_new else f"{number}: already recorded")
    if done.problems:
        raise UsageError(*done.problems)


def revoke(
    numbers: Numbers,
    programme: ProgrammeOption = None,
    channel: ChannelOption = None,
    source: Annotated[
        str | None, typer.Option(help="How they told you: phone, letter, … Default: you.")
    ] = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Record that people withdrew their consent: no more marketing to them, including runs in progress.

    It applies to every marketing campaign, including those that do not require consent and those whose contacts file
    says yes, until consent is given again later. Messages that need no consent (about an order, say) are still sent;
    `a2pcli optout add` stops these too.

    Example:  a2pcli consent revoke '+44 7911 123456' --source phone

    Exit status: 2 if a number cannot be read; the others are revoked.
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
            ended = f"{count} record{'' if count == 1 else 's'} ended" if count else "no record was in force"
            say(f"{number} gets no more marketing{what} ({ended})")
        if done.ended:
            say("messages that need no consent are still sent; `a2pcli optout add` stops these too")
    refuse_unread(done.read)


def show(
    number: Number,
    programme: ProgrammeOption = None,
    channel: Annotated[
        str, typer.Option(metavar="sms", help="Channel. Default: the usual one of the address.")
    ] = "",
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Show a person's consent records, and which one allows messages now.

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
    """Count the consent records by programme, channel, basis and state.

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
        output.say("no consent recorded yet; `a2pcli consent record NUMBER --source ...` records one")
        return
    from a2pcli.cli.screens.consents import counts_table

    output.show(counts_table(counts))


def import_file(
    file: TableToRead,
    source: Annotated[
        str | None, typer.Option(help="How consent was given, for rows without consent_source.")
    ] = None,
    given_at: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it was given, for rows without consent_at.")
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
        typer.Option(metavar="en_GB", help="How to read dates like 03/04/2026. Default: from the settings."),
    ] = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Import consents and withdrawals from a file, and account for every row.

    Columns: consent, consent_at, consent_source, consent_wording, consent_expires, revoked_at and refusals (opted
    out, unsubscribed), by their names in many languages; also programme, channel, basis, double_opt_in. Options fill
    in what a row does not say. A no ends consent given before it, wherever that is recorded; a no without a date
    counts from now. If a yes and a no have the same date, the no counts.

    If rows have a phone number and an email address, a no counts for both, and a yes for those that its channel
    uses (both, if it names no channel). --column reads one column only.

    Example:  a2pcli consent import signups.csv --source 'web form' --wording-version form-7 --programme news

    Exit status: 3 if a row could not be recorded; the others are, and the command can be run again.
    """
    from a2pcli.actions.consent_import import import_consents
    from a2pcli.actions.tables import InputTable
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import ConsentOptions, consent_facts, locale_of
    from a2pcli.cli.screens.consents import import_document, import_sentence
    from a2pcli.cli.terminal.output import RowCounter, print_json, say
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus, Problem

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
        shown = list(account.shown)
        further = [(name, one) for name, one in account.also.items() if one.refused]
        shown += [(line, f"column {name}: {why}") for name, one in further for line, why in one.shown]
        show_problems(Problem(why, path=table.path, line=line) for line, why in sorted(shown)[:SHOWN])
        refused = account.refused.total() + sum(one.refused.total() for _, one in further)
        if (more := refused - SHOWN) > 0:
            say(f"… and {more:,} more rows like these")
        print(import_sentence(account))
    is_complete = not any(one.refused for one in (account, *account.also.values()))
    raise typer.Exit(ExitStatus.OK if is_complete else ExitStatus.INVALID)


def export(
    file: ListFile,
    as_jsonl: JsonLines = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Export all consent records to a file, oldest first, including those that no longer apply.

    CSV is safe to open in a spreadsheet: cells that start with = + - @ or TAB get an apostrophe, including numbers
    (+44...).

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
