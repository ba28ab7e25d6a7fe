"""``a2pcli retry``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.runs import Retry


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("retry")(retry)


def retry(
    run: options.Run,
    code: Annotated[
        list[str] | None,
        typer.Option(help="Only messages rejected with this code. Repeatable.", metavar="CODE"),
    ] = None,
    yes: options.Yes = False,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Plan rejected messages again, for example after a top-up or a corrected account.

    Shows rejected messages by the gateway's code and asks for confirmation. Nothing is sent until `send`. Nobody gets
    a message twice: unknown messages are not included (`a2pcli reconcile` resolves those), and opt-outs still apply.

    Example:  a2pcli retry r7k2m9qd

              a2pcli retry r7k2m9qd --code 30008 --yes

    Exit status: 0 planned again, or nothing was rejected; 6 not confirmed; 7 the run is being sent.
    """
    from a2pcli.actions import runs
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, result_of_what_is_done, show

    def confirm(due: Retry) -> None:
        show(_screen(due), stderr=as_json)
        if due.may_go and not yes:
            _ask(due)

    done = runs.retry(project_at(ledger), run, code or (), confirm=confirm)
    with result_of_what_is_done():
        if as_json:
            print_json(_document(done))
        else:
            show(_result(done))


def _ask(due: Retry) -> None:
    from a2pcli.cli.terminal.output import confirm

    word = "1 rejected message" if due.may_go == 1 else f"{due.may_go:,} rejected messages"
    confirm(
        f"Plan {word} of run {due.run.id} again?",
        refused="nothing was changed",
        without_terminal="use --yes to skip confirmation",
    )


def _screen(due: Retry) -> Any:
    """Every code with its count and sentence; those that were not chosen are dim."""
    from collections import Counter

    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    run, found = due.run, due.rejections
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        sentence = one.sentence
        if one.may_go < one.messages:
            stay = f"{one.messages - one.may_go:,} excluded: opted out, consent withdrawn, erased, or text not kept"
            sentence = f"{sentence}; {stay}" if sentence else stay
        style = "" if one in due.chosen else "dim"
        table.add_row(f"{one.messages:,}", one.code, sentence, style=style)
    total = sum(one.messages for one in found)
    by = sum((Counter(one.gateways) for one in found), Counter[str]())
    named = ", ".join(by) if len(by) < 2 else ", ".join(f"{name} ({many:,})" for name, many in by.items())
    head = Text(
        f"run {run.id} of {run.campaign}: {total:,} rejected by gateway{'s' if len(by) > 1 else ''} {named}"
    )
    return Group(head, table)


def _result(done: Retry) -> Any:
    from rich.console import Group
    from rich.text import Text

    from a2pcli.cli.terminal.output import to_copy

    if not done.rejections:
        return Text(f"run {done.run.id}: no rejected messages")
    if not done.planned_again:
        return Text("nothing was planned again: none of these people may be messaged")
    count = done.planned_again
    word = "1 message is" if count == 1 else f"{count:,} messages are"
    send = to_copy(f"to send:  a2pcli send --plan {done.run.id}", style="dim")
    return Group(Text(f"{word} planned again"), send)


def _document(done: Retry) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "run": done.run.id,
        "campaign": done.run.campaign,
        "state": done.run.state,
        "gateway": done.run.gateway,
        "rejections": [{**asdict(one), "chosen": one in done.chosen} for one in done.rejections],
        "planned_again": done.planned_again,
        "by": done.by,
    }
