"""``a2pcli optout reply`` and ``replies``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.options import Column, Json, Ledger, Region, Scope, Sender, TableToRead

SHOWN = 20
"""So many replies are shown of those that need a look."""

GatewayOfReplies = Annotated[
    str | None,
    typer.Option("--gateway", metavar="NAME", help="Gateway that the replies came through; kept with them."),
]


def reply(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Who wrote the reply.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text of the reply.")],
    scope: Scope = None,
    sender: Sender = None,
    survey: Annotated[
        bool, typer.Option("--survey", help="Survey in progress: treat YES as an answer, not as a START.")
    ] = False,
    gateway: GatewayOfReplies = None,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Process a reply: a STOP opts the person out, a START undoes their own STOP.

    Wording such as "please stop texting me" opts out too, and you are asked to read it. Reactions that quote a
    message (Liked "... Reply STOP ...") are ignored.

    Example:  a2pcli optout reply '+44 7911 123456' 'STOP'
    """
    from a2pcli.actions.optouts import EVERYTHING
    from a2pcli.actions.replies import reply_by
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import scope_of
    from a2pcli.cli.screens.optouts import reply_document
    from a2pcli.cli.terminal.output import print_json, say

    done = reply_by(
        project_at(ledger),
        number,
        text,
        scope=scope_of(scope, sender) or EVERYTHING,
        survey_open=survey,
        region=region,
        gateway=gateway,
    )
    if as_json:
        print_json(reply_document(done))
        return
    print(f"{done.number}: {done.reply.meaning}, {done.done}")
    if done.reply.flagged:
        say(f"please review this reply: {done.reply.why}")


def replies(
    file: TableToRead,
    scope: Scope = None,
    sender: Sender = None,
    region: Region = None,
    column: Column = None,
    text_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column with the texts. Default: text, reply, body or similar."),
    ] = None,
    gateway: GatewayOfReplies = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Process every reply in a file, in order, and list those that a person should read.

    The person is the sender of the reply: the column from, sender, originator, msisdn or similar, never the one they
    wrote to. Messages that you sent (according to a direction column) and your own senders are ignored.

    Example:  a2pcli optout replies inbox.csv --column from --text-column body

    Exit status: 3 if a row's number cannot be read; the other rows are processed.
    """
    from a2pcli.actions.optouts import EVERYTHING
    from a2pcli.actions.replies import replies_in
    from a2pcli.actions.tables import InputTable
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import scope_of
    from a2pcli.cli.screens.optouts import replies_document, replies_sentence, reply_line
    from a2pcli.cli.terminal.output import print_json, say
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    table, done = replies_in(
        project_at(ledger),
        InputTable(file, column, text_column=text_column),
        scope=scope_of(scope, sender) or EVERYTHING,
        region=region,
        gateway=gateway,
    )
    if as_json:
        print_json(replies_document(table, done))
    else:
        show_problems(done.refused[:SHOWN])
        print(replies_sentence(done))
        if done.sent:
            print(f"{done.sent:,} message{'' if done.sent == 1 else 's'} that you sent, ignored")
        if done.flagged:
            print(f"{len(done.flagged):,} to review:")
        for one in done.flagged[:SHOWN]:
            print(reply_line(one))
        if len(done.flagged) > SHOWN:
            say(f"… and {len(done.flagged) - SHOWN:,} more; --json shows all")
    raise typer.Exit(ExitStatus.INVALID if done.refused else ExitStatus.OK)
