"""What ``send`` does, step by step: find or make the run, show it, ask, send it, say how it ended."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.auditing import sending
from a2pcli.cli.campaigns import Opened, gateway_name, opened
from a2pcli.cli.clock_check import check_clock
from a2pcli.cli.commands.plan import check_budget
from a2pcli.cli.gateway_choice import check_delivery, configured_gateway
from a2pcli.cli.ledger_option import open_ledger
from a2pcli.cli.nothing_left import NothingLeft, say_nothing_left
from a2pcli.cli.screens.progress import SendProgress
from a2pcli.cli.screens.result import result_document, result_screen
from a2pcli.cli.send_planning import (
    SendRequest,
    ask,
    newer_plan,
    occasion_of,
    planned,
    show_plan,
    tell_of_earlier,
)
from a2pcli.cli.send_reporting import ProgressEvents, ended_event, failures_told, tell_ended
from a2pcli.cli.send_resuming import (
    campaign_of,
    changes_since,
    nobody_is_asked,
    place_the_lost,
    refuse_unattended,
    say_what_is_left,
    show_the_text,
    tell_changes,
    warn_if_contacts_changed,
)
from a2pcli.cli.terminal import log_style
from a2pcli.cli.terminal.log_style import LogStyle
from a2pcli.cli.terminal.output import print_json, say, show
from a2pcli.cli.terminal.problems import show_problems
from a2pcli.config.accounts import account_pace
from a2pcli.config.load import (
    LoadedSettings,
    Rate,
    gateway_settings,
    load_campaign,
    load_settings,
)
from a2pcli.content.prices import parse_budget
from a2pcli.errors import InvalidInput, Problem, Refused, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.records import MONEY_UNITS, SENDABLE, Run, RunState, Totals
from a2pcli.planning.basis import Difference
from a2pcli.planning.plan import warnings_of
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, SendOptions, SendResult
from a2pcli.sending.sender_pace import shared_paces
from a2pcli.sending.signals import stop_on_signals
from a2pcli.sending.stop import StopRequest

if TYPE_CHECKING:
    from a2pcli.gateways.base import Gateway
    from a2pcli.ledger.store import Ledger


def send_campaign(request: SendRequest) -> ExitStatus:
    """Send a campaign or an approved plan; gives the exit status."""
    start = request.campaign or Path.cwd()
    with failures_told(lambda: load_settings(start)):
        return _send_whichever(request)


def _send_whichever(request: SendRequest) -> ExitStatus:
    check_budget(request.max_cost)
    if request.plan is not None:
        return _send_approved(request, request.plan)
    assert request.campaign is not None
    with opened(request.campaign, request.ledger, ask=not request.yes) as work:
        check_clock(work.ledger, is_right=request.clock_is_right)
        gateway = configured_gateway(work.settings, gateway_name(work.loaded, work.settings))
        _check_channel(work, gateway)
        occasion = occasion_of(work, request)
        tell_of_earlier(work, occasion)
        run = work.ledger.open_run(occasion)  # interrupted or paused: it goes on as it was planned
        newer = None if run is None else newer_plan(work, request, run)
        if run is not None and newer is None:
            return _resume(work, request, run, gateway)
        made = planned(work, request, newer)
        if isinstance(made, ExitStatus):
            return made
        return _send(work.ledger, work.settings, made, gateway, request)


def _resume(work: Opened, request: SendRequest, run: Run, gateway: Gateway) -> ExitStatus:
    """Go on with a run that was interrupted or paused, as it was planned; what was edited since is said first."""
    changes = changes_since(run, work.loaded, work.settings)
    if nobody_is_asked(request.yes):
        refuse_unattended(run, changes)
    if run.gateway != gateway.name:  # it goes on as it was planned
        gateway = configured_gateway(work.settings, run.gateway)
    check_delivery(run, gateway)
    _tell_resumed(work.ledger, run, request, changes)
    ask(request, work.ledger, run)
    place_the_lost(work.ledger, run, work.loaded)
    return _send(work.ledger, work.settings, run, gateway, request, changes)


def _tell_resumed(ledger: Ledger, run: Run, request: SendRequest, changes: Sequence[Difference]) -> None:
    say_what_is_left(ledger, run)
    if request.limit:
        say("it goes on as it was planned: --limit chooses for a new plan")
    if changes or not nobody_is_asked(request.yes):
        show_the_text(ledger, run, stderr=request.as_json)
    tell_changes(run, changes)
    warn_if_contacts_changed(run)


def _check_channel(work: Opened, gateway: Gateway) -> None:
    """A gateway that cannot send the campaign's channel is told before anything is planned."""
    channel, channels = work.loaded.campaign.channel, gateway.capabilities.channels
    if channel not in channels:
        message = f"gateway '{gateway.name}' cannot send {channel}"
        hint = f"it sends {', '.join(sorted(channels))}"
        problem = work.loaded.document.problem(message, ("channel",), hint=hint, code="wrong-channel")
        raise InvalidInput(problem)


def _send_approved(request: SendRequest, plan: str) -> ExitStatus:
    """Send the plan that was approved. Naming it is the approval where nobody can be asked, and stays so where the
    campaign was edited since: what was approved is what goes."""
    start = request.campaign or Path.cwd()
    with open_ledger(request.ledger, start, run=plan, ask=not request.yes) as ledger:
        run = ledger.run(plan)
        check_clock(ledger, is_right=request.clock_is_right)
        _check_sendable(run, request)
        if run.state == RunState.FINISHED and not ledger.totals(run).count("planned", "submitting"):
            return _say_it_is_done(ledger, run, request)
        if request.campaign is None and run.campaign_file:
            start = Path(run.campaign_file)
        settings = load_settings(start if start.exists() else Path.cwd())
        gateway = configured_gateway(settings, run.gateway)
        check_delivery(run, gateway)
        loaded = campaign_of(run)
        changes = changes_since(run, loaded, settings) if loaded else []
        if run.state == RunState.PLANNED:
            show_problems(warnings_of(run.summary))
            show_plan(run, request)
            tell_changes(run, changes)
            warn_if_contacts_changed(run)
        else:
            _tell_resumed(ledger, run, request, changes)
        if sys.stdin.isatty():
            ask(request, ledger, run)
        place_the_lost(ledger, run, loaded)
        return _send(ledger, settings, run, gateway, request, changes)


def _say_it_is_done(ledger: Ledger, run: Run, request: SendRequest) -> ExitStatus:
    found = NothingLeft.of_run(run, ledger.totals(run))
    why = f"run {run.id} of {run.campaign} is finished"
    rows = f"a2pcli report {run.id} --csv rows.csv --state skipped"
    return say_nothing_left(found, why, rows, run=run.id, as_json=request.as_json)


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


def _send(
    ledger: Ledger,
    settings: LoadedSettings,
    run: Run,
    gateway: Gateway,
    request: SendRequest,
    changes: Sequence[Difference] = (),
) -> ExitStatus:
    block = gateway_settings(settings, run.gateway)
    options = _options(run, settings, block, request)
    stop = StopRequest()
    quiet = block.get("type", run.gateway) == "console"  # it writes where the bar would be
    events = ProgressEvents(run, time.monotonic)
    events.start(ledger.totals(run))
    if log_style.style() is LogStyle.EVENTS:
        shown: Any = nullcontext(events)
    else:
        quiet = quiet or log_style.style() is LogStyle.QUIET
        shown = nullcontext(lambda progress: None) if quiet else SendProgress(run)
    with sending(ledger, run), shown as on_progress, stop_on_signals(stop, _heard):
        result = asyncio.run(send_run(ledger, run, gateway, options, stop=stop, on_progress=on_progress))
    events.tell(result.progress)
    status = _say_how_it_ended(ledger, run, result, request, changes)
    tell_ended(ended_event(run, ledger.totals(run), result, status), settings)
    return status


def _options(run: Run, settings: LoadedSettings, block: dict[str, Any], request: SendRequest) -> SendOptions:
    rate = run.sending.get("rate")
    given: dict[str, Any] = {}
    concurrency = request.concurrency or block.get("concurrency")
    if concurrency:
        try:
            given["concurrency"] = int(concurrency)
        except ValueError as error:
            raise InvalidInput(f"gateways.{run.gateway}.concurrency: not a number") from error
    if request.max_cost:
        given["max_cost"] = _budget(run, request.max_cost)
    elif run.sending.get("max_cost"):
        given["max_cost"] = run.sending["max_cost"]
    shared = shared_paces(run, account_pace(settings, run.gateway))
    return SendOptions(rate=Rate(**rate) if rate else None, shared=shared, wait=request.wait, **given)


def _budget(run: Run, max_cost: str) -> dict[str, int]:
    """The budget of the command line for a plan that is there already, as the sender keeps it. Raises ``Refused``
    where prices that are unknown, or in another currency, would let it be exceeded."""
    amount, currency = parse_budget(max_cost)
    others = sorted(
        spent for spent, nano in run.summary.get("cost", {}).items() if nano and spent != currency
    )
    if others:
        raise Refused(f"run {run.id} costs {', '.join(others)}, and the budget is in {currency}")
    if unpriced := run.summary.get("unpriced", 0):
        raise Refused(
            f"run {run.id} has {unpriced:,} message{'' if unpriced == 1 else 's'} without a known price,"
            f" so the budget of {amount:f} {currency} cannot be kept"
        )
    return {currency: int(amount * MONEY_UNITS)}


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


def _say_how_it_ended(
    ledger: Ledger, run: Run, result: SendResult, request: SendRequest, changes: Sequence[Difference]
) -> ExitStatus:
    run = ledger.run(run.id)
    totals = ledger.totals(run)
    try:
        waiting = ledger.waiting(run) if totals.held else []
        if request.as_json:
            edited = [one.document() for one in changes]
            print_json({**result_document(run, totals, result, waiting), "edited_since_plan": edited})
        else:
            show(result_screen(run, totals, result, waiting))
    except OSError as error:  # what was sent is sent: the status tells of it, whoever reads the output or not
        say(f"the result could not be shown: {error.strerror} (a2pcli report {run.id})")
    return STATUS[result.ended] if result.ended in STATUS else _status_of(totals)


def _status_of(totals: Totals) -> ExitStatus:
    return ExitStatus.FINISHED_WITH_FAILURES if totals.count("rejected", "unknown") else ExitStatus.OK
