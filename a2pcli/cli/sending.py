"""What ``send`` does, step by step: find or make the run, show it, ask, send it, say how it ended."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.asking import confirm
from a2pcli.cli.auditing import sending
from a2pcli.cli.campaigns import Opened, gateway_name, opened, plan_with_progress, prepared
from a2pcli.cli.gateway_choice import configured_gateway
from a2pcli.cli.ledger_option import open_ledger
from a2pcli.cli.output import print_json, say, show
from a2pcli.cli.plan import check_budget
from a2pcli.cli.plan_view import campaign_argument, money, plan_screen
from a2pcli.cli.run_view import result_document, result_screen
from a2pcli.cli.send_progress import SendProgress
from a2pcli.config.load import LoadedSettings, Rate, gateway_settings, load_campaign, load_settings
from a2pcli.errors import InvalidInput, Problem, Refused, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.clocks import FAR
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import SENDABLE, Run, RunState, Totals, now_ms
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, SendOptions, SendResult
from a2pcli.sending.signals import stop_on_signals
from a2pcli.sending.stop import StopRequest

if TYPE_CHECKING:
    from a2pcli.gateways.base import Gateway
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


def send_campaign(request: SendRequest) -> ExitStatus:
    """Send a campaign or an approved plan; gives the exit status."""
    check_budget(request.max_cost)
    if request.plan is not None:
        return _send_approved(request, request.plan)
    assert request.campaign is not None
    with opened(request.campaign, request.ledger) as work:
        gateway = configured_gateway(work.settings, gateway_name(work.loaded, work.settings))
        _check_channel(work, gateway)
        occasion = _occasion(work, request)
        _tell_of_earlier(work, occasion)
        run = work.ledger.open_run(occasion)  # interrupted or paused: it goes on as it was planned
        newer = None if run is None else _newer_plan(work, request, run)
        if run is None or newer is not None:
            run = _planned(work, request, newer)
            if run is None:
                return ExitStatus.OK
        else:
            if run.gateway != gateway.name:  # it goes on as it was planned
                gateway = configured_gateway(work.settings, run.gateway)
            _show_resumed(work.ledger, run, request)
            _confirm(request, work.ledger, run)
            _place_the_lost(work, run)
        return _send(work.ledger, work.settings, run, gateway, request)


def _check_channel(work: Opened, gateway: Gateway) -> None:
    """A gateway that cannot send the campaign's channel is told before anything is planned."""
    channel, channels = work.loaded.campaign.channel, gateway.capabilities.channels
    if channel not in channels:
        message = f"gateway '{gateway.name}' cannot send {channel}"
        hint = f"it sends {', '.join(sorted(channels))}"
        problem = work.loaded.document.problem(message, ("channel",), hint=hint, code="wrong-channel")
        raise InvalidInput(problem)


def _send_approved(request: SendRequest, plan: str) -> ExitStatus:
    """Send the plan that was approved. Naming it is the approval where nobody can be asked."""
    start = request.campaign or Path.cwd()
    with open_ledger(request.ledger, start) as ledger:
        run = ledger.run(plan)
        _check_sendable(run, request)
        if run.state == RunState.FINISHED and not ledger.totals(run).count("planned", "submitting"):
            return _say_it_is_done(ledger, run, request)
        if request.campaign is None and run.campaign_file:
            start = Path(run.campaign_file)
        settings = load_settings(start if start.exists() else Path.cwd())
        gateway = configured_gateway(settings, run.gateway)
        if run.state == RunState.PLANNED:
            _show_plan(run, request)
            _warn_if_changed(run)
        else:
            _show_resumed(ledger, run, request)
        if sys.stdin.isatty():
            _confirm(request, ledger, run)
        return _send(ledger, settings, run, gateway, request)


def _check_sendable(run: Run, request: SendRequest) -> None:
    """Refuse a plan that may not be sent, or that is of another campaign than the one that is named."""
    if run.state not in SENDABLE:
        why = f": {run.state_reason}" if run.state_reason else ""
        hint = "make a new one with `a2pcli plan`"
        raise UsageError(Problem(f"plan {run.id} is {run.state}{why}; it cannot be sent", hint=hint))
    over = run.summary.get("over_budget")
    if run.state == RunState.PLANNED and over:
        raise Refused(f"plan {run.id} is over budget: {over}")
    if (
        request.campaign is not None
        and (named := load_campaign(request.campaign).campaign.name) != run.campaign
    ):
        raise UsageError(f"plan {run.id} is of campaign {run.campaign}, and {request.campaign} is {named}")


def _say_it_is_done(ledger: Ledger, run: Run, request: SendRequest) -> ExitStatus:
    say(f"run {run.id} is finished: nothing left to do")
    if request.as_json:
        print_json({"run": run.id, "ended": "nothing-to-do"})
    return _status_of(ledger.totals(run))


def _occasion(work: Opened, request: SendRequest) -> int:
    """Within it nobody is messaged twice: the campaign's occurrence of today, or the one that was named."""
    from datetime import date

    from a2pcli.config.load import occurrence_of

    campaign = work.loaded.campaign
    occurrence = request.occurrence or occurrence_of(campaign, date.today())
    return work.ledger.occasion(campaign.name, occurrence)


def _tell_of_earlier(work: Opened, occasion: int) -> None:
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
                f" to send what may go: a2pcli send --plan {run.id}"
            )


def _newer_plan(work: Opened, request: SendRequest, run: Run) -> Plan | None:
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


def _planned(work: Opened, request: SendRequest, made: Plan | None = None) -> Run | None:
    """A new plan (or this one), shown and approved; None where nobody is left to message."""
    made = made or _new_plan(work, request)
    run = made.run
    if made.over_budget:
        _show_plan(run, request)
        raise Refused(f"over budget: {made.over_budget}")
    already = made.summary["excluded"].get("already-sent", 0)
    if not made.recipients:
        if already:
            work.ledger.discard_plan(run)
            rows = (
                "1 row is of somebody who has" if already == 1 else f"{already:,} rows are of people who have"
            )
            say(f"nothing left to do: {rows} it already, and nobody new is in the contacts")
        else:
            _show_plan(run, request)
            _refuse_broken_template(work, made)
            say("nobody gets a message: nothing to send")
        if request.as_json:
            print_json({"run": None, "ended": "nothing-to-do", "already_sent": already})
        return None
    _show_plan(run, request)
    _confirm(request, work.ledger, run)
    if _changed(run):
        raise Refused(
            Problem(
                "the contacts file changed after the plan was made; nothing was sent",
                path=run.contacts_file,
                hint=f"plan again, or send the old plan: a2pcli send --plan {run.id}",
            )
        )
    return run


def _refuse_broken_template(work: Opened, made: Plan) -> None:
    """Nobody gets it because the template fails on whoever could: that is no "nothing to do" for cron."""
    failed = made.summary["excluded"].get("template-error", 0)
    if failed:
        message = f"the message failed on all {failed:,} rows that could get one"
        hint = "`a2pcli plan` with --out rows.csv says why for each"
        raise InvalidInput(Problem(message, path=str(work.loaded.path), hint=hint, code="template-error"))


def _show_plan(run: Run, request: SendRequest) -> None:
    show(plan_screen(run, next_step=False), stderr=request.as_json)


def _show_resumed(ledger: Ledger, run: Run, request: SendRequest) -> None:
    totals = ledger.totals(run)
    why = f" ({run.state_reason})" if run.state_reason else ""
    say(
        f"resuming run {run.id} of {run.campaign}, {run.state}{why}: {totals.count('planned'):,} messages left"
    )
    if request.limit or request.max_cost:
        say("it goes on as it was planned: --limit and --max-cost choose for a new plan")
    _warn_if_changed(run)


def _place_the_lost(work: Opened, run: Run) -> None:
    """Since the plan the campaign may say in which zone people are whose own is not known."""
    zone = work.loaded.campaign.schedule.unknown_zone
    if zone is None:
        return
    with sender_lock(work.ledger, run):
        count = work.ledger.assume_zone(run, zone)
    if count:
        say(f"{count:,} held {'message goes' if count == 1 else 'messages go'} by {zone} from now on")


def _confirm(request: SendRequest, ledger: Ledger, run: Run) -> None:
    """Ask. Without a terminal and without --yes nothing is sent."""
    if request.yes:
        return
    if sys.stdin.isatty():
        with sender_lock(ledger, run):  # nobody is asked about what another process is sending
            count = ledger.totals(run).count("planned")
    else:
        count = 0
    messages = "1 message" if count == 1 else f"{count:,} messages"
    confirm(
        f"Send {messages} through {run.gateway}{_price(run)}?",
        refused="nothing was sent",
        without_terminal=f"--yes sends without asking; --plan {run.id} sends exactly this plan",
        kept=f"the plan stays: a2pcli send{campaign_argument(run)} --plan {run.id}",
    )


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


def _changed(run: Run) -> bool:
    """Whether the contacts file is another one than was planned."""
    if not run.contacts_file or run.contacts_file == "-":
        return False
    try:
        with Path(run.contacts_file).open("rb") as file:
            return file_digest(file, "sha256").hexdigest() != run.contacts_fingerprint
    except OSError:
        return True


def _warn_if_changed(run: Run) -> None:
    if run.state != RunState.FINISHED and _changed(run):
        say(
            f"note: {run.contacts_file} changed since the plan; what was planned is sent, the file is not read again"
        )


def _send(
    ledger: Ledger, settings: LoadedSettings, run: Run, gateway: Gateway, request: SendRequest
) -> ExitStatus:
    block = gateway_settings(settings, run.gateway)
    options = _options(run, block, request)
    stop = StopRequest()
    quiet = block.get("type", run.gateway) == "console"  # it writes where the bar would be
    shown: Any = nullcontext(lambda progress: None) if quiet else SendProgress(run)
    with sending(ledger, run), shown as on_progress, stop_on_signals(stop, _heard):
        result = asyncio.run(send_run(ledger, run, gateway, options, stop=stop, on_progress=on_progress))
    return _say_how_it_ended(ledger, run, result, request)


def _options(run: Run, block: dict[str, Any], request: SendRequest) -> SendOptions:
    rate = run.sending.get("rate")
    given: dict[str, Any] = {}
    concurrency = request.concurrency or block.get("concurrency")
    if concurrency:
        try:
            given["concurrency"] = int(concurrency)
        except ValueError as error:
            raise InvalidInput(f"gateways.{run.gateway}.concurrency: not a number") from error
    if run.sending.get("max_cost"):
        given["max_cost"] = run.sending["max_cost"]
    return SendOptions(rate=Rate(**rate) if rate else None, wait=request.wait, **given)


def _heard(stop: StopRequest) -> None:
    if stop.hard_stop:
        say("\nstopping at once; what was in flight will show as unknown")
    else:
        say("\nstopping: waiting for what is in flight (Ctrl-C again stops at once)")


STATUS = {
    Ended.WAITING: ExitStatus.OK,
    Ended.PAUSED: ExitStatus.GATEWAY,
    Ended.OVER_BUDGET: ExitStatus.REFUSED,
    Ended.INTERRUPTED: ExitStatus.INTERRUPTED,
}


def _say_how_it_ended(ledger: Ledger, run: Run, result: SendResult, request: SendRequest) -> ExitStatus:
    run = ledger.run(run.id)
    totals = ledger.totals(run)
    try:
        waiting = ledger.waiting(run) if totals.held else []
        if request.as_json:
            print_json(result_document(run, totals, result, waiting))
        else:
            show(result_screen(run, totals, result, waiting))
    except OSError as error:  # what was sent is sent: the status tells of it, whoever reads the output or not
        say(f"the result could not be shown: {error.strerror} (a2pcli report {run.id})")
    return STATUS[result.ended] if result.ended in STATUS else _status_of(totals)


def _status_of(totals: Totals) -> ExitStatus:
    return ExitStatus.FINISHED_WITH_FAILURES if totals.count("rejected", "unknown") else ExitStatus.OK
