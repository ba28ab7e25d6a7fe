"""What ``reconcile`` does, step by step: count, ask the gateway or take the user's word, say what is left."""

from __future__ import annotations

import asyncio
import getpass
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from a2pcli.cli.auditing import reconciled
from a2pcli.cli.gateway_choice import configured_gateway
from a2pcli.cli.ledger_option import settings_from
from a2pcli.cli.run_choice import chosen_run, existing_ledger
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.counter import RowCounter
from a2pcli.cli.terminal.output import print_json, show, to_copy
from a2pcli.contacts.phones import PhonePolicy, normalise
from a2pcli.dataclass import dataclass
from a2pcli.errors import UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import State
from a2pcli.moments import zone_of
from a2pcli.reporting.commands import send_command
from a2pcli.reporting.values import local
from a2pcli.sending.reconcile import Reconciled, settle_by_decision
from a2pcli.sending.reconcile import reconcile as ask_gateway
from a2pcli.sending.signals import stop_on_signals
from a2pcli.sending.stop import StopRequest

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

UNCERTAIN = (State.UNKNOWN, State.SUBMITTING)
"""Unknown, or left behind by a sender that was killed, which is the same."""

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ReconcileRequest:
    """The command line of ``reconcile``; ``sent`` is the decision, None to ask the gateway."""

    run: str
    sent: bool | None
    number: str | None
    yes: bool
    ledger: str | None
    as_json: bool


def reconcile_run(request: ReconcileRequest) -> ExitStatus:
    """Settle what can be settled; gives the exit status."""
    with existing_ledger(request.ledger) as ledger:
        run = None if ledger is None else chosen_run(ledger, request.run)
        if ledger is None or run is None:
            raise UsageError(f"there is no run '{request.run}': the ledger is empty")
        found = ledger.totals(run).count(*UNCERTAIN)
        if not found:
            result = Reconciled()
        elif request.sent is None:
            result = _ask(ledger, run)
        else:
            result = _decide(ledger, run, request, found)
        if result.found:
            reconciled(ledger, run, _how(request), **_counts(result))
        run = ledger.run(run.id)
        left = ledger.totals(run).count(*UNCERTAIN)
        if request.as_json:
            print_json(_document(run, request, result, left))
        else:
            show(_screen(ledger, run, request, result, left))
    return ExitStatus.FINISHED_WITH_FAILURES if left else ExitStatus.OK


def _ask(ledger: Ledger, run: Run) -> Reconciled:
    """Ask the gateway that the run went through, as the settings beside its campaign describe it."""
    start = Path(run.campaign_file) if run.campaign_file else Path.cwd()
    settings = settings_from(start if start.exists() else Path.cwd())
    gateway = configured_gateway(settings, run.gateway)
    stop = StopRequest()
    with RowCounter(f"asking {run.gateway}", shown=True) as counter, stop_on_signals(stop):
        return asyncio.run(
            ask_gateway(ledger, run, gateway, stop=stop, on_progress=lambda done, _found: counter.at(done))
        )


def _decide(ledger: Ledger, run: Run, request: ReconcileRequest, found: int) -> Reconciled:
    """Take the user's word for it."""
    sent = bool(request.sent)
    only = None if request.number is None else _ids_of(ledger, run, request.number)
    count = found if only is None else len(only)
    _confirm(run, request, count)
    settled = settle_by_decision(ledger, run, sent=sent, by=user(), only=only)
    return Reconciled(
        found=found,
        accepted=settled if sent else 0,
        not_sent=0 if sent else settled,
        unknown=found - settled,
    )


def _ids_of(ledger: Ledger, run: Run, number: str) -> list[int]:
    settings = settings_from(Path.cwd()).settings
    policy = PhonePolicy(region=settings.region, allow_fictional=True, allow_fixed_line=True)
    address = normalise(number, policy).number
    entries = ledger.history(address, run=run) if address else []
    ids = [int(entry.row["id"]) for entry in entries if entry.row["state"] in UNCERTAIN]
    if not ids:
        raise UsageError(f"run {run.id} has no unknown message to {number}")
    return ids


def _confirm(run: Run, request: ReconcileRequest, count: int) -> None:
    """Ask. What is called not sent, and was, is sent twice: that is the user's to decide, with open eyes."""
    if request.yes:
        return
    word = f"{count:,} unknown message{'' if count == 1 else 's'} of run {run.id}"
    if request.sent:
        question = f"Count {word} as accepted?"
    else:
        question = f"Plan {word} again? Whoever has it already will get it twice."
    confirm(question, refused="nothing was settled", without_terminal="--yes settles without asking")


def user() -> str:
    """Who decides: the operating system's name for the user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "the user"


def _how(request: ReconcileRequest) -> str:
    return "asked the gateway" if request.sent is None else "sent" if request.sent else "not-sent"


def _counts(result: Reconciled) -> dict[str, int]:
    return {name: value for name, value in asdict(result).items() if type(value) is int}


def _document(run: Run, request: ReconcileRequest, result: Reconciled, left: int) -> dict[str, Any]:
    decided = None if request.sent is None else ("sent" if request.sent else "not-sent")
    return {
        "run": run.id,
        "campaign": run.campaign,
        "state": run.state,
        "gateway": run.gateway,
        "decision": decided,
        "by": None if decided is None else user(),
        **asdict(result),
        "unknown": left,
    }


def _screen(
    ledger: Ledger, run: Run, request: ReconcileRequest, result: Reconciled, left: int
) -> RenderableType:
    if not result.found:
        return _nothing_unknown(ledger, run)
    lines = [Text.assemble(f"run {run.id} of {run.campaign}: ", (f"{result.found:,}", "bold"), " unknown")]
    asked = request.sent is None
    again = "cancelled with its run" if run.state == RunState.CANCELLED else "planned again"
    counted = (
        (result.accepted, "green", "the gateway has, now accepted" if asked else "now accepted, as you say"),
        (result.rejected, "red", "the gateway refused, now rejected"),
        (
            result.not_sent,
            "cyan",
            f"never sent, now {again}" if asked else f"now {again}, as you say",
        ),
        (result.too_early, "yellow", "not there yet, and too new to be sure: ask again in a minute"),
        (left - result.too_early, "yellow", "still unknown"),
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for count, style, words in counted:
        if count > 0:
            table.add_row(Text(f"{count:,}", style=f"bold {style}"), words)
    pieces: list[RenderableType] = [*lines, table]
    if left:
        pieces += [Text(), _those_left(ledger, run, left), Text(), *_what_to_do(run, result, left)]
    if result.not_sent:
        pieces += [Text(), _to_send_them(run)]
    return Group(*pieces)


def _nothing_unknown(ledger: Ledger, run: Run) -> RenderableType:
    """What became of the messages instead; those that were rejected or are left are no matter of this command."""
    totals = ledger.totals(run)
    counts = [
        f"{totals.count(state):,} {word}"
        for state, word in (
            (State.ACCEPTED, "accepted"),
            (State.REJECTED, "rejected"),
            (State.PLANNED, "left"),
        )
        if totals.count(state)
    ]
    head = f"run {run.id}: nothing to settle, no message is unknown"
    lines: list[RenderableType] = [Text(f"{head} ({', '.join(counts)})" if counts else head)]
    if totals.count(State.REJECTED):
        lines.append(to_copy(f"the rejected:  a2pcli retry {run.id}", style="dim"))
    if totals.count(State.PLANNED):
        lines.append(to_copy(f"what is left:  {send_command(run)}", style="dim"))
    return Group(*lines)


def _to_send_them(run: Run) -> Text:
    if run.state == RunState.CANCELLED:
        return Text(
            "the run was cancelled; the next send of the campaign makes a new plan for them", style="dim"
        )
    return to_copy(f"to send them:  {send_command(run)}", style="dim")


def _those_left(ledger: Ledger, run: Run, left: int) -> RenderableType:
    """The first of them, so that they can be looked up at the provider."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("number", "handed over", "reference"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold")
    rows = next(ledger.rows(run, states=UNCERTAIN, chunk=MOST_SHOWN), [])
    for row in rows:
        when = local(row["claimed_at"], zone_of(run.summary)) if row["claimed_at"] else ""
        why = ": ".join(str(row[name]) for name in ("code", "detail") if row[name])
        table.add_row(row["address"], when, run.reference(row["id"] % ROWS_PER_RUN), why)
    if left > len(rows):
        more = f"and {left - len(rows):,} more: a2pcli report {run.id} --csv unknown.csv --state unknown"
        return Group(table, Text(more, style="dim"))
    return table


def _what_to_do(run: Run, result: Reconciled, left: int) -> list[RenderableType]:
    if left == result.too_early:
        return []
    why = (
        f"gateway {run.gateway} cannot tell what became of a message; look them up at the provider, then decide:"
        if not result.can_tell
        else "what the gateway cannot tell about, you can decide:"
    )
    return [
        Text(why),
        Text(f"  a2pcli reconcile {run.id} --as sent      they have it", style="dim"),
        Text(f"  a2pcli reconcile {run.id} --as not-sent  they do not; send it again", style="dim"),
    ]
