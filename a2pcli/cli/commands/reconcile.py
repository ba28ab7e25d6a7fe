"""``a2pcli reconcile``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.reconcile import ReconciledRun
    from a2pcli.ledger.records import Run as RunRecord


class Decision(StrEnum):
    """What the user says became of messages."""

    SENT = "sent"
    NOT_SENT = "not-sent"


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("reconcile")(reconcile)


def reconcile(
    run: options.Run,
    decision: Annotated[
        Decision | None,
        typer.Option("--as", help="Decide yourself instead; recorded with your name."),
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="With --as: only the message to this number.", metavar="NUMBER")
    ] = None,
    deliveries: Annotated[
        bool,
        typer.Option(
            "--deliveries",
            help="Also ask about accepted messages without a final receipt. Only gateways that can be asked by"
            " their own ids (smpp) are.",
        ),
    ] = False,
    yes: options.Yes = False,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Resolve messages whose outcome is unknown. The person may have received them, so they are never resent
    automatically.

    Asks the gateway, if it can look messages up. The others stay unknown until you decide: --as sent counts them as
    accepted, --as not-sent plans them again for `send`.

    Example:  a2pcli reconcile r7k2m9qd

              a2pcli reconcile r7k2m9qd --deliveries

              a2pcli reconcile r7k2m9qd --as not-sent --number '+44 7911 123456'

    Exit status: 0 nothing is unknown any more, 4 some still are, 5 the gateway is unavailable, 6 not confirmed, 7 the
    run is being sent.
    """
    from a2pcli.actions import reconcile as action
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import RowCounter, print_json, result_of_what_is_done, say, show
    from a2pcli.cli.terminal.problems import show_problems
    from a2pcli.errors import ExitStatus, UsageError

    if number is not None and decision is None:
        raise UsageError("--number needs --as: without --as all unknown messages are looked up")
    if deliveries and decision is not None:
        raise UsageError("--deliveries asks the gateway, --as decides without it: use one of them")
    decided = None if decision is None else action.ManualDecision(decision is Decision.SENT, number)

    def confirm(chosen: RunRecord, count: int) -> None:
        if not yes:
            _ask(chosen, decision is Decision.SENT, count)

    done = action.reconcile(
        project_at(ledger),
        run,
        decided,
        deliveries=deliveries,
        confirm=confirm,
        counting=lambda chosen: RowCounter(f"asking {chosen.gateway}"),
        warn=show_problems,
        tell=say,
    )
    with result_of_what_is_done():
        if as_json:
            print_json(_document(done, decision))
        else:
            from a2pcli.cli.screens.reconcile import settled_screen

            show(settled_screen(done))
    raise typer.Exit(ExitStatus.FINISHED_WITH_FAILURES if done.left else ExitStatus.OK)


def _ask(run: RunRecord, sent: bool, count: int) -> None:
    """What is called not sent, and was, is sent twice: that is the user's to decide, with open eyes."""
    from a2pcli.cli.terminal.output import confirm

    word = f"{count:,} unknown message{'' if count == 1 else 's'} of run {run.id}"
    question = f"Plan {word} again? Anyone who already received it will get it twice."
    if sent:
        question = f"Count {word} as accepted?"
    confirm(question, refused="nothing was changed", without_terminal="use --yes to skip confirmation")


def _document(done: ReconciledRun, decision: Decision | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "run": done.run.id,
        "campaign": done.run.campaign,
        "state": done.run.state,
        "gateway": done.run.gateway,
        "decision": None if decision is None else str(decision),
        "by": done.by,
        **asdict(done.result),
        "unknown": done.left,
        "never_left": done.never_left,
    }
