"""``a2pcli draft``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2pcli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("draft")(draft)


def draft(
    campaign: options.Campaign,
    variants: Annotated[int, typer.Option(min=1, max=10, help="So many drafts.", metavar="N")] = 3,
    bot: Annotated[
        str | None, typer.Option(help="The bot of replies.yaml, if there are several.", metavar="NAME")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="The text, if the campaign has several: message, variants.b.message.", metavar="PLACE"
        ),
    ] = None,
    wish: Annotated[
        str, typer.Option(help="What should be different: 'shorter', 'more formal'.", metavar="WORDS")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write a copy of the campaign with a draft into a new FILE beside it.", metavar="FILE"
        ),
    ] = None,
    pick: Annotated[int, typer.Option(min=1, help="The draft that --out writes.", metavar="N")] = 1,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Have a bot propose other wordings of a campaign's text, each measured before you see it. Nothing is sent.

    The bot gets the template, the names of the columns and the rules; nothing of any contact. Each draft is put in the
    place of the text and checked as `a2pcli check` does: drafts with unknown columns, other links or numbers, or
    without the opt-out words of the text are refused, and the bot is asked once more for these. Parts and prices are
    those of the first 200 recipients. What the bot used counts in its budget (`a2pcli replies usage`).

    Bots are written in replies.yaml (docs/chat.md). HTML of emails, cards and approved templates are
    not drafted.

    Example:  a2pcli draft campaigns/spring_sale.yaml --wish 'shorter and friendlier'

    Exit status: 4 no draft can be used, 5 the bot gave no answer, 6 its budget is used up.
    """
    from a2pcli.actions import drafts
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.drafts import drafts_document, drafts_lines
    from a2pcli.cli.terminal.output import print_json, printable, say
    from a2pcli.errors import ExitStatus, UsageError

    if out is not None:
        drafts.check_target(campaign, out)
        if pick > variants:
            raise UsageError(f"--pick {pick}: only {variants} drafts are asked for (--variants)")
    found = drafts.draft(
        project_at(ledger, campaign), campaign, count=variants, bot=bot, text=text, wish=wish.strip()
    )
    if as_json:
        print_json(drafts_document(found))
    else:
        for line in drafts_lines(found):
            print(printable(line))
    if not found.drafts:
        raise typer.Exit(int(ExitStatus.FINISHED_WITH_FAILURES))
    if out is not None:
        drafts.write_draft(found, campaign, out, pick)
        say(f"written: {out}")
