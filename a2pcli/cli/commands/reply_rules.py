"""``a2pcli replies check`` and ``test``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.options import Json, Ledger, Region


def check(as_json: Json = False) -> None:
    """Find every problem in replies.yaml, beside the settings, and in the texts of `replies:` in the settings.

    Example:  a2pcli replies check

    Exit status: 0 no problems, 2 there is no replies.yaml, 3 problems.
    """
    from a2pcli.actions.reply_trial import check_rules
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, printable

    rules = check_rules(project_at(None))
    if as_json:
        names = {"rules": list(rules.rules), "agents": list(rules.agents), "bots": list(rules.bots)}
        print_json({"path": rules.path, **names})
        return
    bots = f", {_many(len(rules.bots), 'bot')}" if rules.bots else ""
    found = f"{_many(len(rules.rules), 'rule')}, {_many(len(rules.agents), 'group')} of agents{bots}"
    print(printable(f"{rules.path}: {found}"))


def try_reply_by_hand(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text of the reply.")],
    sender: Annotated[str, typer.Option("--from", metavar="NUMBER", help="The person's number or address.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="SENDER", help="Your sender that the reply is for.")
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Gateway that the reply comes through. Default: that of the settings."
        ),
    ] = None,
    lookup: Annotated[bool, typer.Option("--lookup", help="Really make the rule's look-up.")] = False,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Really ask the bot, if the reply is for one; it counts in its budget."),
    ] = False,
    region: Region = None,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Show what would be done with a reply. Nothing is sent or stored, except the count of --ask.

    The answer is made with the data of the newest message to that person, if the ledger knows one and its contacts
    file has not changed since it was planned. Questions that are open for the person are ignored.

    Example:  a2pcli replies test 'order 1234' --from '+44 7911 123456'
    """
    from a2pcli.actions.reply_trial import try_reply
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.inbox import trial_document, trial_lines
    from a2pcli.cli.terminal.output import print_json, printable

    project = project_at(ledger)
    done = try_reply(project, text, sender, gateway=gateway, to=to, region=region, looks_up=lookup, asks=ask)
    if as_json:
        print_json(trial_document(done))
        return
    for line in trial_lines(done):
        print(printable(line))


def usage(ledger: Ledger = None, as_json: Json = False) -> None:
    """Show what bots were asked, and what that cost: today, this month and in all (UTC), beside their budgets.

    Where an endpoint told no tokens, the most that it can have used counts.

    Example:  a2pcli replies usage
    """
    from a2pcli.actions import bot_usage
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.bots import usage_document, usage_listing
    from a2pcli.cli.terminal.output import print_json, say, show

    found = bot_usage.usage(project_at(ledger))
    if as_json:
        print_json({"bots": [usage_document(one) for one in found]})
    elif found:
        show(usage_listing(found))
    else:
        say("there are no bots in replies.yaml, and none was ever asked")


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
