"""``a2pcli inbox``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2pcli.cli.options import Json, Ledger

Code = Annotated[str, typer.Argument(metavar="CONVERSATION", help="Its code, from `a2pcli inbox list`.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands.callback()(inbox)
    commands.command("list")(list_open)
    commands.command("show")(show)
    commands.command("reply")(reply)
    commands.command("assign")(assign)
    commands.command("close")(close)
    app.add_typer(commands, name="inbox")


def inbox() -> None:
    """Read and answer the replies that no rule answers.

    Example:  a2pcli inbox list
    """


def list_open(
    closed: Annotated[bool, typer.Option("--closed", help="List closed conversations too.")] = False,
    assignee: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only conversations assigned to this person.")
    ] = None,
    agents: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only conversations of these agents.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of conversations.")] = 50,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """List the open conversations, newest message first. Phone numbers are masked.

    Example:  a2pcli inbox list --assignee anna
    """
    from a2pcli.actions.inbox import conversations
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.inbox import conversation_document, listing
    from a2pcli.cli.terminal.output import print_json, say, show

    found = conversations(project_at(ledger), closed=closed, assignee=assignee, agents=agents, limit=limit)
    if as_json:
        print_json({"conversations": [conversation_document(one) for one in found]})
    elif found:
        show(listing(found))
    else:
        say("no open conversations")


def show(code: Code, ledger: Ledger = None, as_json: Json = False) -> None:
    """Show a conversation: what the person wrote, and what was answered. The phone number is masked.

    Texts are shown if the settings keep them (`replies: {texts: keep}`).

    Example:  a2pcli inbox show c7k2m9qd
    """
    from a2pcli.actions import inbox as actions
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.inbox import shown_document, shown_lines
    from a2pcli.cli.terminal.output import print_json, printable

    found = actions.show(project_at(ledger), code)
    if as_json:
        print_json(shown_document(found))
        return
    for line in shown_lines(found):
        print(printable(line))


def reply(
    code: Code,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text that the person gets.")],
    closes: Annotated[bool, typer.Option("--close", help="Also close the conversation.")] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Send an answer to the person, through the gateway and the sender that they wrote to.

    Example:  a2pcli inbox reply c7k2m9qd 'We open at nine.' --close

    Exit status: 0 accepted, 4 not accepted or unknown, 6 the person has opted out.
    """
    from a2pcli.actions import inbox as actions
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.inbox import replied_document, replied_line
    from a2pcli.cli.terminal.output import print_json, printable
    from a2pcli.errors import ExitStatus

    done = actions.reply(project_at(ledger), code, text, close=closes)
    if as_json:
        print_json(replied_document(done))
    else:
        print(printable(replied_line(done)))
    if done.answer is None or str(done.answer.state) != "accepted":
        raise typer.Exit(int(ExitStatus.FINISHED_WITH_FAILURES))


def assign(
    code: Code,
    to: Annotated[str | None, typer.Argument(metavar="NAME", help="The person who takes it.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Remove the assignment.")] = False,
    ledger: Ledger = None,
    as_json: Json = False,
) -> None:
    """Assign a conversation to a person.

    Example:  a2pcli inbox assign c7k2m9qd anna
    """
    from a2pcli.actions import inbox as actions
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.inbox import conversation_document
    from a2pcli.cli.terminal.output import print_json, printable
    from a2pcli.errors import UsageError

    if (to is None) == (not nobody) or (to is not None and not to.strip()):
        raise UsageError("give the NAME of a person, or --nobody")
    one = actions.assign(project_at(ledger), code, to.strip() if to else None)
    if as_json:
        print_json({"conversation": conversation_document(one)})
        return
    print(printable(f"{one.code}: {'assigned to ' + one.assignee if one.assignee else 'assigned to nobody'}"))


def close(code: Code, ledger: Ledger = None, as_json: Json = False) -> None:
    """Close a conversation. What the person writes next opens a new one.

    Example:  a2pcli inbox close c7k2m9qd
    """
    from a2pcli.actions import inbox as actions
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.screens.inbox import conversation_document
    from a2pcli.cli.terminal.output import print_json

    one = actions.close(project_at(ledger), code)
    if as_json:
        print_json({"conversation": conversation_document(one)})
        return
    print(f"{one.code}: closed")
