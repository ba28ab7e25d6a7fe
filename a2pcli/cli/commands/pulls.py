"""``a2pcli receipts pull`` and ``a2pcli replies pull``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from a2pcli.cli.commands import reply_rules
from a2pcli.cli.options import Json, Ledger

if TYPE_CHECKING:
    from a2pcli.actions.pulls import Listed

Gateway = Annotated[
    str | None, typer.Argument(metavar="GATEWAY", help="Gateway to ask. Default: each that has a list.")
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="From when: '3 days', 2026-03-01, '2026-03-01 18:00'. Default: from the end of the last pull.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of replies to the app; ``receipts pull`` is added where the other commands of receipts are."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(replies)
    commands.command("check")(reply_rules.check)
    commands.command("test")(reply_rules.try_reply_by_hand)
    commands.command("usage")(reply_rules.usage)
    commands.command("pull")(pull_replies)
    app.add_typer(commands, name="replies")


def replies() -> None:
    """Check and test the rules for replies, and fetch replies from providers that keep a list of them.

    Example:  a2pcli replies test 'when do you open?' --from '+44 7911 123456'
    """


def pull_receipts(
    gateway: Gateway = None, since: Since = None, ledger: Ledger = None, as_json: Json = False
) -> None:
    """Fetch delivery receipts from providers that keep a list of them: after the listener was down, or without one.

    Reads from the oldest message that has no final receipt yet (at most 7 days back) and from a little before the end
    of the last pull; --since reads from another time. Repeating it changes nothing: receipts that the ledger has
    already, for example from a callback, are not stored again. If a provider asks to wait, the command waits.

    Twilio, Vonage (Reports API), Infobip (48 hours), Telnyx, Sinch, Plivo, Bird, Bandwidth and the simulator have such
    a list. For other providers, export the receipts and use `a2pcli receipts import`.

    Example:  a2pcli receipts pull twilio

    Exit status: 2 if there is no list, 5 if a provider's list could not be read to its end; what was read is stored.
    """
    from a2pcli.actions.pulls import Listed

    _pull(Listed.RECEIPTS, gateway, since, ledger, as_json=as_json)


def pull_replies(
    gateway: Gateway = None, since: Since = None, ledger: Ledger = None, as_json: Json = False
) -> None:
    """Fetch replies from providers that keep a list of them, and act on each once: a STOP opts out at once.

    Replies are answered as `a2pcli listen` answers them, unless they are too old: a confirmation leaves within five
    minutes of the STOP, an answer by a rule within an hour.

    Twilio, Vonage (Reports API), Infobip (48 hours), Sinch, Africa's Talking and Telegram (if it has no webhook) have
    such a list. For other providers, export the replies and use `a2pcli optout replies`.

    Example:  a2pcli replies pull twilio --since '2 days'

    Exit status: 2 if there is no list, 5 if a provider's list could not be read to its end; what was read is stored.
    """
    from a2pcli.actions.pulls import Listed

    _pull(Listed.REPLIES, gateway, since, ledger, as_json=as_json)


def _pull(
    listed: Listed, gateway: str | None, since: str | None, ledger: str | None, *, as_json: bool
) -> None:
    from a2pcli.actions.pulls import problems_of, pull
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.option_values import since_of
    from a2pcli.cli.screens.pulls import pull_document, pull_lines
    from a2pcli.cli.terminal.output import print_json, printable, say
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus

    done = pull(project_at(ledger), listed, gateway, since=since_of(since), tell=say)
    problems = list(problems_of(done))
    if as_json:
        print_json(pull_document(listed, done))
    else:
        for one in done:
            for line in pull_lines(one):
                print(printable(line))
        show_problems(problems)
    raise typer.Exit(ExitStatus.GATEWAY if problems else ExitStatus.OK)
