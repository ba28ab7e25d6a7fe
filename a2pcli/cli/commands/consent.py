"""``a2pcli consent``."""

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
        str | None, typer.Option(metavar="DATE", help="From this day on it does not hold; else for good.")
    ] = None,
    region: Region = None,
    ledger: LedgerOption = None,
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
    from a2pcli.cli.consent_work import Facts, record_numbers

    facts = Facts(
        source, given_at, programme, channel, basis, wording, wording_version, double_opt_in, expires
    )
    record_numbers(numbers, facts, region, ledger, as_json=as_json)


def revoke(
    numbers: Numbers,
    programme: ProgrammeOption = None,
    channel: ChannelOption = None,
    source: Annotated[str | None, typer.Option(help="How they said so: phone, letter, …; else you.")] = None,
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """People took their consent back: no marketing to them from now on, runs under way included.

    It holds for every marketing campaign, those too that ask for no consent and those whose contacts file says yes,
    until consent is given again later. Messages that need no consent (about an order, say) still go;
    `a2pcli optout add` stops these too.

    Example:  a2pcli consent revoke '+44 7911 123456' --source phone

    Exit status: 2 when a number cannot be read; the others are revoked all the same.
    """
    from a2pcli.cli.consent_work import revoke_numbers

    revoke_numbers(numbers, programme, channel, source, region, ledger, as_json=as_json)


def show(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A phone number.")],
    programme: ProgrammeOption = None,
    channel: Annotated[str, typer.Option(metavar="sms", help="The channel.")] = "sms",
    region: Region = None,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a person's consent, and the record that allows messages now.

    Example:  a2pcli consent show '+44 7911 123456' --programme news
    """
    from a2pcli.cli.consent_work import show_number

    show_number(number, programme, channel, region, ledger, as_json=as_json)


def list_counts(ledger: LedgerOption = None, as_json: Json = False) -> None:
    """Count the records, by programme, channel, basis and state.

    Example:  a2pcli consent list
    """
    from a2pcli.cli.consent_work import show_counts

    show_counts(ledger, as_json=as_json)


def import_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, .xlsx, .parquet or .jsonl; - reads standard input.")
    ],
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
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column with the numbers, where it is not found.")
    ] = None,
    locale: Annotated[
        str | None,
        typer.Option(metavar="en_GB", help="How dates like 03/04/2026 are read; else the settings'."),
    ] = None,
    ledger: LedgerOption = None,
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
    from a2pcli.cli.consent_files import import_consents
    from a2pcli.cli.consent_work import Facts

    facts = Facts(
        source, given_at, programme, channel, basis, wording, wording_version, double_opt_in, expires
    )
    raise typer.Exit(import_consents(file, facts, region, column, locale, ledger, as_json=as_json))


def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help=".csv, .jsonl or .parquet; - is standard output, as CSV.")
    ],
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="JSON lines, whatever the file's name.")] = False,
    ledger: LedgerOption = None,
    as_json: Json = False,
) -> None:
    """Write every record to a file, in the order they were made, those that do not hold any more too.

    In CSV no cell is a formula: one that starts with = + - @ or TAB gets an apostrophe, numbers (+44...) too.

    Example:  a2pcli consent export consents.csv
    """
    from a2pcli.cli.consent_files import export_records

    export_records(file, ledger, jsonl=as_jsonl, as_json=as_json)
