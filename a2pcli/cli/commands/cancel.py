"""``a2pcli cancel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from a2pcli.cli import options

if TYPE_CHECKING:
    from a2pcli.actions.runs import Cancellation
    from a2pcli.ledger.records import Totals


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command("cancel")(cancel)


def cancel(
    run: options.Run,
    yes: options.Yes = False,
    ledger: options.Ledger = None,
    as_json: options.Json = False,
) -> None:
    """Cancel the messages that a run or plan has not sent yet. Who cancelled, and when, is recorded.

    Messages already sent keep their state: accepted, rejected or unknown. The next `send` of the campaign makes a new
    plan from the current files for everyone who did not get the message; nobody gets it twice. Unknown messages stay
    unknown until `a2pcli reconcile` resolves them.

    Example:  a2pcli cancel r7k2m9qd

    Exit status: 0 cancelled, or nothing was left to cancel, 6 not confirmed, 7 the run is being sent.
    """
    from a2pcli.actions import runs
    from a2pcli.cli.calls import project_at
    from a2pcli.cli.terminal.output import print_json, result_of_what_is_done, say

    ask = (lambda due: None) if yes else _confirm
    done = runs.cancel(project_at(ledger), run, confirm=ask)
    if as_json:
        with result_of_what_is_done():
            print_json(_document(done))
        return
    of = f"run {done.run.id} of {done.run.campaign}"
    if done.falling and not done.cancelled:
        say(f"{of}: {_messages(done.falling)} will not go by another channel{_gone(done.totals)}")
    elif done.cancelled:
        say(f"{of}: {_messages(done.cancelled)} cancelled{_gone(done.totals)}")
    else:
        why = f" ({done.run.state_reason})" if done.run.state_reason else ""
        say(f"{of} is {done.run.state}{why}: nothing left to cancel{_gone(done.totals)}")
    for line in _what_now(done):
        say(line)


def _confirm(due: Cancellation) -> None:
    from a2pcli.cli.terminal.output import confirm
    from a2pcli.messages import State

    planned, gone = due.totals.count(State.PLANNED), _gone(due.totals).removeprefix("; ")
    if due.falling and not planned:
        of = f"run {due.run.id} of {due.run.campaign}"
        asked = f"Cancel {of}, in which {_messages(due.falling)} may yet go by another channel?"
        confirm(asked, refused="nothing was cancelled", without_terminal="use --yes to skip confirmation")
        return
    confirm(
        f"Cancel {_messages(planned)} of run {due.run.id} of {due.run.campaign} that"
        f" {'has' if planned == 1 else 'have'} not left{f' ({gone})' if gone else ''}?",
        refused="nothing was cancelled",
        without_terminal="use --yes to skip confirmation",
    )


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _gone(totals: Totals) -> str:
    """``; 6 accepted, 1 rejected and 8 unknown stay as they are``; nothing where nothing has left."""
    from a2pcli.messages import State

    unknown = totals.count(State.UNKNOWN, State.SUBMITTING)
    counts = ((totals.count(State.ACCEPTED), "accepted"), (totals.count(State.REJECTED), "rejected"))
    pieces = [f"{count:,} {word}" for count, word in (*counts, (unknown, "unknown")) if count]
    if not pieces:
        return ""
    together = pieces[0] if len(pieces) == 1 else f"{', '.join(pieces[:-1])} and {pieces[-1]}"
    alone = len(pieces) == 1 and pieces[0].startswith("1 ")
    return f"; {together} {'keeps its state' if alone else 'keep their state'}"


def _what_now(done: Cancellation) -> list[str]:
    from a2pcli.ledger.records import RunState
    from a2pcli.messages import State

    lines = []
    if done.totals.count(State.UNKNOWN, State.SUBMITTING):
        lines.append(f"to resolve the unknown:  a2pcli reconcile {done.run.id}")
    if done.run.state == RunState.CANCELLED:
        lines.append("the next send of the campaign makes a new plan for everyone who did not get it")
    return lines


def _document(done: Cancellation) -> dict[str, Any]:
    from a2pcli.ledger.records import RunState
    from a2pcli.reporting.totals import run_document
    from a2pcli.reporting.values import iso

    return {
        **run_document(done.run),
        "cancelled": done.cancelled,
        "cancelled_at": iso(done.run.finished_at) if done.run.state == RunState.CANCELLED else None,
        "by": done.by,
        "states": dict(done.totals.by_state),
    }
