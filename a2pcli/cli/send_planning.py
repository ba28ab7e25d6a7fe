"""The first half of ``send``: is there a run that goes on, or is a new plan made, shown and approved?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.cli.campaigns import Opened, plan_with_progress, prepared
from a2pcli.cli.nothing_left import NothingLeft, say_nothing_left
from a2pcli.cli.screens.plan import leaving_of, money, plan_screen
from a2pcli.cli.send_reporting import plan_event
from a2pcli.cli.send_resuming import contacts_changed
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import say, show
from a2pcli.errors import InvalidInput, LedgerError, Problem, Refused
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import FAR, Run, RunState, now_ms
from a2pcli.reporting.commands import campaign_argument, send_command
from a2pcli.reporting.rehearsal import instead_of_sending

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.plan import Plan


EARLIER_RUNS = 30
"""So many runs of a campaign are looked through for messages that still wait."""


@dataclass(frozen=True, slots=True)
class SendRequest:
    """The command line of ``send``."""

    campaign: Path | None
    plan: str | None
    yes: bool
    limit: int | None
    max_cost: str | None
    occurrence: str | None
    concurrency: int | None
    ledger: str | None
    as_json: bool
    wait: bool = False
    clock_is_right: bool = False


def occasion_of(work: Opened, request: SendRequest) -> int:
    """Within it nobody is messaged twice: the campaign's occurrence of today, or the one that was named."""
    from a2pcli.config.load import occurrence_of, today_of

    campaign = work.loaded.campaign
    occurrence = request.occurrence or occurrence_of(campaign, today_of(campaign))
    return work.ledger.occasion(campaign.name, occurrence)


def tell_of_earlier(work: Opened, occasion: int) -> None:
    """Messages of earlier occurrences that still wait: yesterday's are sent today only if somebody wants that."""
    for run in work.ledger.runs(EARLIER_RUNS, work.loaded.campaign.name):
        if run.occasion == occasion or run.state != RunState.PAUSED:
            continue
        if run.expires_at is not None and run.expires_at <= now_ms():
            continue
        left = work.ledger.totals(run).count("planned")
        if left:
            messages = "1 message waits" if left == 1 else f"{left:,} messages wait"
            occurrence = run.summary.get("occurrence", "")
            say(
                f"note: {messages} in run {run.id} of occurrence {occurrence}, which this call does not send;"
                f" to send what may go: {send_command(run)}"
            )


def newer_plan(work: Opened, request: SendRequest, run: Run) -> Plan | None:
    """A new plan beside a run of which all that is left waits for ever (an unknown time zone); None where that run
    goes on, or a new plan would do no more. Else one such person would keep all who come after from being planned."""
    if work.loaded.campaign.schedule.unknown_zone is not None:
        return None  # it says now where they are
    left = work.ledger.totals(run).count("planned", "submitting")
    held = sum(one.messages for one in work.ledger.waiting(run) if one.until >= FAR)
    if not left or held < left:
        return None
    made = _new_plan(work, request)
    clock = made.summary.get("clock") or {}
    never = sum(opening["messages"] for opening in clock.get("openings", ()) if opening["until"] >= FAR)
    if made.recipients > never + clock.get("unknown_zone", 0) + clock.get("expires_first", 0):
        return made
    work.ledger.discard_plan(made.run)
    return None


def _new_plan(work: Opened, request: SendRequest) -> Plan:
    ready = prepared(work, limit=request.limit, occurrence=request.occurrence)
    return plan_with_progress(work, ready, budget=request.max_cost)


def planned(work: Opened, request: SendRequest, made: Plan | None = None) -> Run | ExitStatus:
    """A new plan (or this one), shown and approved; where nobody gets a message, the status to end with."""
    made = made or _new_plan(work, request)
    run = made.run
    if made.over_budget:
        show_plan(run, request)
        raise Refused(f"over budget: {made.over_budget}")
    if not made.recipients:
        return _nothing_to_send(work, request, made)
    show_plan(run, request)
    ask(request, work.ledger, run)
    if contacts_changed(run):
        raise Refused(
            Problem(
                "the contacts file changed after the plan was made; nothing was sent",
                path=run.contacts_file,
                hint=f"plan again, or send the old plan: {send_command(run)}",
            )
        )
    return run


def _nothing_to_send(work: Opened, request: SendRequest, made: Plan) -> ExitStatus:
    """Nobody in the contacts gets a message now: because they have it, or for reasons that are said."""
    run, excluded = made.run, made.summary["excluded"]
    found = NothingLeft.of_plan(work.ledger, run)
    if excluded.get("already-sent"):
        work.ledger.discard_plan(run)
        why = "the contacts hold nobody new who can get it"
    else:
        show_plan(run, request)
        _refuse_broken_template(work, made)
        why = "nobody gets a message"
    rows = f"a2pcli plan{campaign_argument(run)} --out rows.csv"
    return say_nothing_left(found, why, rows, run=None, as_json=request.as_json)


def _refuse_broken_template(work: Opened, made: Plan) -> None:
    """Nobody gets it because the template fails on whoever could: that is no "nothing to do" for cron."""
    failed = made.summary["excluded"].get("template-error", 0)
    if failed:
        message = f"the message failed on all {failed:,} rows that could get one"
        hint = "`a2pcli plan` with --out rows.csv says why for each"
        raise InvalidInput(Problem(message, path=str(work.loaded.path), hint=hint, code="template-error"))


def show_plan(run: Run, request: SendRequest) -> None:
    """The plan's screen; on stderr where stdout is for JSON. Raises ``LedgerError`` where the plan is not whole."""
    if "contacts" not in run.summary:
        message = f"plan {run.id} has lost its summary: the ledger was changed since, outside of a2pcli"
        hint = f"find out who changed it; then `a2pcli cancel {run.id}`, and plan again"
        raise LedgerError(Problem(message, hint=hint, code="plan-changed"))
    plan_event(run)
    # Into a log goes nobody's number and no text: who wants to see them looks at the plan.
    show(plan_screen(run, next_step=False, samples=sys.stdout.isatty()), stderr=request.as_json)


def ask(request: SendRequest, ledger: Ledger, run: Run) -> None:
    """Ask. Without a terminal and without --yes nothing is sent."""
    if request.yes:
        return
    if sys.stdin.isatty():
        with sender_lock(ledger, run):  # nobody is asked about what another process is sending
            count = ledger.totals(run).count("planned")
    else:
        count = 0
    confirm(
        _question(run, count),
        refused="nothing was sent",
        without_terminal=f"--yes sends without asking; --plan {run.id} sends exactly this plan",
        kept=f"the plan stays: {send_command(run)}",
    )


def _question(run: Run, count: int) -> str:
    """What is approved: as many as can leave; of a run that was sent in part nothing more is known than the end."""
    resumed = run.state != RunState.PLANNED
    going = count if resumed or not run.summary else leaving_of(run.summary)["going"]
    if run.expires_at is not None and run.expires_at <= now_ms():
        going = 0
    if not going:
        return f"None of {count:,} messages can leave as it is. {'Go on' if resumed else 'Start the run'} all the same?"
    messages = "1 message" if going == 1 else f"{going:,} messages"
    stuck = f" ({count - going:,} more cannot leave)" if count > going else ""
    as_planned = " as planned" if resumed else ""
    if instead := instead_of_sending(run):
        return f"Hand {messages}{stuck}{as_planned} to {run.gateway} ({instead}, not sent)?"
    return f"Send {messages}{stuck}{as_planned} through {run.gateway}{_price(run)}?"


def _price(run: Run) -> str:
    """`` for 12.00 GBP + 3 at an unknown price``; nothing for a run that was sent in part."""
    if run.state != RunState.PLANNED:
        return ""
    pieces = [f"{money(nano)} {currency}" for currency, nano in run.summary.get("cost", {}).items()]
    unpriced = run.summary.get("unpriced", 0)
    if unpriced and not pieces:
        return " at an unknown price"
    if unpriced:
        pieces.append(f"{unpriced:,} at an unknown price")
    return " for " + " + ".join(pieces) if pieces else ""
