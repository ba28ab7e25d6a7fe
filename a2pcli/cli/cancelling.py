"""What ``cancel`` does, step by step: find the run, see that nobody sends it, ask, end what has not left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a2pcli.cli.run_choice import chosen_run, existing_ledger
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import print_json, say
from a2pcli.errors import Problem, RunBusy, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.audit import user
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import SENDABLE, Run, RunState, Totals
from a2pcli.messages import State
from a2pcli.reporting.totals import run_document
from a2pcli.reporting.values import iso

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """The command line of ``cancel``."""

    run: str
    yes: bool
    ledger: str | None
    as_json: bool


def cancel_run(request: CancelRequest) -> ExitStatus:
    """Cancel what is left of the run; gives the exit status."""
    with existing_ledger(request.ledger) as ledger:
        run = None if ledger is None else chosen_run(ledger, request.run)
        if ledger is None or run is None:
            raise UsageError(f"there is no run '{request.run}': the ledger is empty")
        if run.state == RunState.PLANNING:
            hint = "wait until it is made, or end that process"
            raise RunBusy(Problem(f"plan {run.id} is being made by another process", hint=hint))
        if run.state not in SENDABLE or not ledger.totals(run).count(State.PLANNED, State.SUBMITTING):
            return _nothing_left(ledger, run, request)
        with sender_lock(ledger, run):  # nobody sends it meanwhile, nor while the question stands
            _confirm(ledger, run, request)
            cancelled = ledger.cancel(run, why=f"by {user()}", alone=True)
        ledger.record("run.cancel", run.id, {"campaign": run.campaign, "messages": cancelled})
        run = ledger.run(run.id)
        totals = ledger.totals(run)
        if request.as_json:
            print_json(_document(run, totals, cancelled))
        else:
            say(f"run {run.id} of {run.campaign}: {_messages(cancelled)} cancelled{_gone(totals)}")
            for line in _what_now(run, totals):
                say(line)
    return ExitStatus.OK


def _nothing_left(ledger: Ledger, run: Run, request: CancelRequest) -> ExitStatus:
    totals = ledger.totals(run)
    if request.as_json:
        print_json(_document(run, totals, 0))
    else:
        why = f" ({run.state_reason})" if run.state_reason else ""
        say(f"run {run.id} of {run.campaign} is {run.state}{why}: nothing is left to cancel{_gone(totals)}")
        for line in _what_now(run, totals):
            say(line)
    return ExitStatus.OK


def _confirm(ledger: Ledger, run: Run, request: CancelRequest) -> None:
    if request.yes:
        return
    totals = ledger.totals(run)
    planned, gone = totals.count(State.PLANNED), _gone(totals).removeprefix("; ")
    confirm(
        f"Cancel {_messages(planned)} of run {run.id} of {run.campaign} that"
        f" {'has' if planned == 1 else 'have'} not left{f' ({gone})' if gone else ''}?",
        refused="nothing was cancelled",
        without_terminal="--yes cancels without asking",
    )


def _messages(count: int) -> str:
    return f"{count:,} message{'' if count == 1 else 's'}"


def _gone(totals: Totals) -> str:
    """``; 6 accepted, 1 rejected and 8 unknown stay as they are``; nothing where nothing has left."""
    unknown = totals.count(State.UNKNOWN, State.SUBMITTING)
    counts = ((totals.count(State.ACCEPTED), "accepted"), (totals.count(State.REJECTED), "rejected"))
    pieces = [f"{count:,} {word}" for count, word in (*counts, (unknown, "unknown")) if count]
    if not pieces:
        return ""
    together = pieces[0] if len(pieces) == 1 else f"{', '.join(pieces[:-1])} and {pieces[-1]}"
    alone = len(pieces) == 1 and pieces[0].startswith("1 ")
    return f"; {together} {'stays as it is' if alone else 'stay as they are'}"


def _what_now(run: Run, totals: Totals) -> list[str]:
    lines = []
    if totals.count(State.UNKNOWN, State.SUBMITTING):
        lines.append(f"to settle the unknown:  a2pcli reconcile {run.id}")
    if run.state == RunState.CANCELLED:
        lines.append("the next send of the campaign makes a new plan for everybody who did not get it")
    return lines


def _document(run: Run, totals: Totals, cancelled: int) -> dict[str, Any]:
    return {
        **run_document(run),
        "cancelled": cancelled,
        "cancelled_at": iso(run.finished_at) if run.state == RunState.CANCELLED else None,
        "by": user() if cancelled else None,
        "states": dict(totals.by_state),
    }
