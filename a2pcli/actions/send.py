"""Sends a campaign: resumes its run or makes a new plan and has it approved, sends it, and returns how it ended."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions import resuming
from a2pcli.actions.answers import answers_while_sending
from a2pcli.actions.capacity import quota_notes
from a2pcli.actions.gateway_check import check_gateways
from a2pcli.actions.gateways import check_delivery, gateways_together, run_gateway
from a2pcli.actions.hooks import failures_told, run_hooks_of
from a2pcli.actions.live_inbox import LiveInbox
from a2pcli.actions.plans import (
    OpenCampaign,
    check_budget,
    discard,
    make,
    opened,
    prepared_to_send,
)
from a2pcli.actions.send_options import send_options
from a2pcli.actions.send_watcher import NothingToSend, SendRequest, SendWatcher, Sent
from a2pcli.config.load import (
    LoadedSettings,
    gateway_settings,
    load_campaign,
    load_settings,
)
from a2pcli.config.routes import gateways_of_campaign
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, LedgerError, Problem, Refused, UsageError
from a2pcli.gateways.by_channel import parts_of
from a2pcli.ledger.about import TOLERANCE
from a2pcli.ledger.alternatives import names_by_channel, names_of
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import FAR, SENDABLE, Run, RunState, now_ms
from a2pcli.planning.basis import Difference
from a2pcli.planning.plan import warnings_of
from a2pcli.reporting.nothing_left import NothingLeft
from a2pcli.reporting.values import campaign_argument, send_command
from a2pcli.sending.engine import send_run
from a2pcli.sending.stop import StopRequest, stop_on_signals
from a2pcli.sending.timing import patiently

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.gateways.base import Gateway
    from a2pcli.ledger.store import Ledger
    from a2pcli.planning.plan import Plan

EARLIER_RUNS = 30
"""So many runs of a campaign are looked through for messages that still wait."""


def send(project: Project, request: SendRequest, watcher: SendWatcher) -> Sent | NothingToSend:
    """Send a campaign, or an approved plan. Called again it resumes; nobody gets the message twice.

    ``watcher`` is asked before anything leaves, unless the request says ``yes`` or names a plan and nobody is there.
    Hooks of the settings are run. Audit: ``plan.make``, ``plan.approve``, ``send.start``, ``send.end``.
    """
    start = request.campaign or Path.cwd()
    with failures_told(lambda: load_settings(start), watcher.warn, attended=watcher.attended):
        check_budget(request.max_cost)
        if request.plan is not None:
            return _send_approved(project, request, request.plan, watcher)
        if request.campaign is None:
            raise UsageError("specify a campaign, or a plan")
        return _send_campaign(project, request, request.campaign, watcher)


def _send_campaign(
    project: Project, request: SendRequest, campaign: Path, watcher: SendWatcher
) -> Sent | NothingToSend:
    with opened(project, campaign) as open_campaign:
        call = _Call(open_campaign.ledger, open_campaign.settings, request, watcher, project.tell)
        call.check_clock()
        by_channel = {
            view.campaign.channel: gateways_of_campaign(view, open_campaign.settings)
            for view in open_campaign.loaded.views
        }
        check_gateways(open_campaign.loaded, open_campaign.settings)
        gateway = gateways_together(open_campaign.settings, by_channel)
        occasion = _occasion(open_campaign, request)
        _tell_of_earlier(open_campaign, occasion, project.tell)
        run = open_campaign.ledger.runs.unfinished(
            occasion
        )  # interrupted or paused: it goes on as it was planned
        newer = None if run is None else _newer_plan(call, open_campaign, run)
        if run is not None and newer is None:
            return _resume(call, open_campaign, run, gateway, by_channel)
        made = _approved_plan(call, open_campaign, newer or _new_plan(call, open_campaign))
        return made if isinstance(made, NothingToSend) else call.send(made, gateway)


def _occasion(open_campaign: OpenCampaign, request: SendRequest) -> int:
    """Within it nobody is messaged twice: the campaign's occurrence of today, or the one that was named.

    0 where it has no plan yet.
    """
    from a2pcli.config.load import occurrence_of, today_of

    campaign = open_campaign.loaded.campaign
    occurrence = request.occurrence or occurrence_of(campaign, today_of(campaign))
    return open_campaign.ledger.plans.known_occasion(campaign.name, occurrence)


def _tell_of_earlier(open_campaign: OpenCampaign, occasion: int, tell: resuming.Tell) -> None:
    """Messages of earlier occurrences that still wait: yesterday's are sent today only if somebody wants that."""
    for run in open_campaign.ledger.runs.all(EARLIER_RUNS, open_campaign.loaded.campaign.name):
        if run.occasion == occasion or run.state != RunState.PAUSED:
            continue
        if run.expires_at is not None and run.expires_at <= now_ms():
            continue
        left = open_campaign.ledger.runs.totals(run).count("planned")
        if left:
            messages = "1 message is held" if left == 1 else f"{left:,} messages are held"
            occurrence = run.summary.get("occurrence", "")
            tell(
                f"note: {messages} in run {run.id} of occurrence {occurrence}, which this call does not send;"
                f" to send what may go: {send_command(run)}"
            )


def _newer_plan(call: _Call, open_campaign: OpenCampaign, run: Run) -> Plan | None:
    """A new plan beside a run of which all that is left waits for ever (an unknown time zone); None where that run
    goes on, or a new plan would do no more. Else one such person would keep all who come after from being planned."""
    if open_campaign.loaded.campaign.schedule.unknown_zone is not None:
        return None  # it says now where they are
    left = open_campaign.ledger.runs.totals(run).count("planned", "submitting")
    held = sum(one.messages for one in open_campaign.ledger.runs.waiting(run) if one.until >= FAR)
    if not left or held < left:
        return None
    made = _new_plan(call, open_campaign)
    clock = made.summary.get("clock") or {}
    never = sum(opening["messages"] for opening in clock.get("openings", ()) if opening["until"] >= FAR)
    if made.recipients > never + clock.get("unknown_zone", 0) + clock.get("expires_first", 0):
        return made
    discard(open_campaign.ledger, made.run)
    return None


def _new_plan(call: _Call, open_campaign: OpenCampaign) -> Plan:
    request, watcher = call.request, call.watcher
    ready = prepared_to_send(open_campaign, limit=request.limit, occurrence=request.occurrence)
    return make(open_campaign, ready, budget=request.max_cost, counting=watcher.planning, warn=watcher.warn)


def _approved_plan(call: _Call, open_campaign: OpenCampaign, made: Plan) -> Run | NothingToSend:
    """The plan to send, after it was shown and confirmed. Raises ``Refused`` if it was not confirmed."""
    run = made.run
    if made.over_budget:
        call.show_plan(run)
        raise Refused(f"the plan cannot be sent: {made.over_budget}")
    if not made.recipients:
        return _nothing_to_send(call, open_campaign, made)
    call.show_plan(run)
    call.approve(run)
    if resuming.contacts_changed(run):
        raise Refused(
            Problem(
                "the contacts file changed after the plan was made; nothing was sent",
                path=run.contacts_file,
                hint=f"plan again, or send the old plan: {send_command(run)}",
            )
        )
    return run


def _nothing_to_send(call: _Call, open_campaign: OpenCampaign, made: Plan) -> NothingToSend:
    """Nobody in the contacts gets a message now: because they have it, or for reasons that are said."""
    run, excluded = made.run, made.summary["excluded"]
    found = NothingLeft.of_plan(open_campaign.ledger, run)
    if excluded.get("already-sent"):
        discard(open_campaign.ledger, run)
        why = "no new recipients in the contacts"
    else:
        call.show_plan(run)
        _refuse_broken_template(open_campaign, made)
        why = "no recipients"
    return NothingToSend(found, why, f"a2pcli plan{campaign_argument(run)} --out rows.csv")


def _refuse_broken_template(open_campaign: OpenCampaign, made: Plan) -> None:
    """Nobody gets it because the template fails on whoever could: that is no "nothing to do" for cron."""
    failed = made.summary["excluded"].get("template-error", 0)
    if failed:
        message = f"the template failed on all {failed:,} rows that could get a message"
        hint = "`a2pcli plan` with --out rows.csv shows why for each"
        raise InvalidInput(
            Problem(message, path=str(open_campaign.loaded.path), hint=hint, code="template-error")
        )


def _resume(
    call: _Call,
    open_campaign: OpenCampaign,
    run: Run,
    gateway: Gateway,
    by_channel: Mapping[str, tuple[str, ...]],
) -> Sent:
    """Go on with a run that was interrupted or paused, as it was planned; what was edited since is said first."""
    changes = resuming.changes_since(run, open_campaign.loaded, open_campaign.settings)
    if call.nobody_is_asked:
        resuming.refuse_unattended(run, changes)
    if names_by_channel(run) != by_channel:  # it goes on as it was planned
        gateway = run_gateway(open_campaign.settings, run)
    check_delivery(run, gateway)
    call.tell_resumed(run, changes)
    call.tell_quotas(run)
    call.approve(run)
    resuming.place_the_lost(open_campaign.ledger, run, open_campaign.loaded, call.tell)
    return call.send(run, gateway, changes)


def _send_approved(
    project: Project, request: SendRequest, plan: str, watcher: SendWatcher
) -> Sent | NothingToSend:
    """Send the plan that was approved. Naming it is the approval where nobody can be asked, and stays so where the
    campaign was edited since: what was approved is what goes."""
    start = request.campaign or Path.cwd()
    with project.open_ledger(run=plan) as ledger:
        run = ledger.runs.get(plan)
        check_clock(ledger, watcher)
        _check_sendable(run, request)
        if run.state == RunState.FINISHED and not ledger.runs.totals(run).count("planned", "submitting"):
            return _it_is_done(ledger, run)
        if request.campaign is None and run.campaign_file:
            start = Path(run.campaign_file)
        settings = load_settings(start if start.exists() else Path.cwd())
        call = _Call(ledger, settings, request, watcher, project.tell)
        gateway = run_gateway(settings, run)
        check_delivery(run, gateway)
        loaded = resuming.campaign_of(run, call.tell)
        changes = resuming.changes_since(run, loaded, settings) if loaded else []
        if run.state == RunState.PLANNED:
            watcher.warn(warnings_of(run.summary))
            call.show_plan(run)
            resuming.tell_changes(run, changes, call.tell)
            resuming.tell_if_contacts_changed(run, call.tell)
        else:
            call.tell_resumed(run, changes)
        call.tell_quotas(run)
        if watcher.attended:
            call.approve(run)
        resuming.place_the_lost(ledger, run, loaded, call.tell)
        return call.send(run, gateway, changes)


def _it_is_done(ledger: Ledger, run: Run) -> NothingToSend:
    found = NothingLeft.of_run(run, ledger.runs.totals(run))
    why = f"run {run.id} of {run.campaign} is finished"
    return NothingToSend(found, why, f"a2pcli report {run.id} --csv rows.csv --state skipped", run.id)


def _check_sendable(run: Run, request: SendRequest) -> None:
    """Refuse a plan that may not be sent, or that is of another campaign than the one that is named."""
    if run.state not in SENDABLE:
        why = f": {run.state_reason}" if run.state_reason else ""
        hint = "create a new one with `a2pcli plan`"
        raise UsageError(Problem(f"plan {run.id} is {run.state}{why}; it cannot be sent", hint=hint))
    over = run.summary.get("over_budget")
    if run.state == RunState.PLANNED and over:
        raise Refused(f"plan {run.id} cannot be sent: {over}")
    if (
        request.campaign is not None
        and (named := load_campaign(request.campaign).campaign.name) != run.campaign
    ):
        raise UsageError(f"plan {run.id} is of campaign {run.campaign}, and {request.campaign} is {named}")


def check_clock(ledger: Ledger, watcher: SendWatcher) -> None:
    """Before anything is planned or sent: does this machine know what time it is? Audit: ``clock.confirm``."""
    now, newest = now_ms(), ledger.newest_moment()
    if newest is None or now >= newest - TOLERANCE:
        return
    watcher.clock_behind(now, newest)
    with ledger.transaction():
        ledger.set_clock_right(now)
        ledger.audit.add("clock.confirm", None, {"now": now, "newest": newest})


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of ``send``, once its ledger and settings are open."""

    ledger: Ledger
    settings: LoadedSettings
    request: SendRequest
    watcher: SendWatcher
    tell: resuming.Tell

    @property
    def nobody_is_asked(self) -> bool:
        """Whether sending continues without asking anybody."""
        return self.request.yes or not self.watcher.attended

    def check_clock(self) -> None:
        check_clock(self.ledger, self.watcher)

    def tell_quotas(self, run: Run) -> None:
        """Which quotas have less room now than the run needs: others may have used them since it was planned."""
        for note in quota_notes(self.ledger, self.settings, run):
            self.tell(note)

    def show_plan(self, run: Run) -> None:
        """Raises ``LedgerError`` where the plan is not whole."""
        if "contacts" not in run.summary:
            message = f"the summary of plan {run.id} is missing: the ledger was changed outside of a2pcli"
            hint = f"find out who changed it; then `a2pcli cancel {run.id}`, and plan again"
            raise LedgerError(Problem(message, hint=hint, code="plan-changed"))
        self.watcher.show_plan(run)

    def approve(self, run: Run) -> None:
        """Without a person and without ``yes`` nothing is sent."""
        if self.request.yes:
            return
        count = 0
        if self.watcher.attended:
            # Nobody is asked about what another process is sending, unless it may be joined.
            with sender_lock(self.ledger, run, shared=True):
                count = self.ledger.runs.totals(run).count("planned")
        self.watcher.approve(run, count)

    def tell_resumed(self, run: Run, changes: Sequence[Difference]) -> None:
        """Which run goes on, with which texts, and what was edited meanwhile."""
        resuming.tell_what_is_left(self.ledger, run, self.tell)
        if self.request.limit:
            self.tell("it resumes as planned: --limit is for a new plan")
        if changes or not self.nobody_is_asked:
            self.watcher.show_messages(resuming.sample_messages(self.ledger, run))
        resuming.tell_changes(run, changes, self.tell)
        resuming.tell_if_contacts_changed(run, self.tell)

    def send(self, run: Run, gateway: Gateway, changes: Sequence[Difference] = ()) -> Sent:
        """Send the remaining messages of the run; returns how it ended and its totals."""
        ledger, watcher = self.ledger, self.watcher
        blocks = {name: gateway_settings(self.settings, name) for name in names_of(run)}
        options = send_options(run, blocks, self.settings, self.request)
        prints = any(one.get("type", name) == "console" for name, one in blocks.items())
        stop, inbox = StopRequest(), LiveInbox(ledger, run, self.settings)
        with (
            _recorded(ledger, run),
            watcher.sending(run, ledger.runs.totals(run), prints=prints) as on_progress,
            stop_on_signals(stop, watcher.stopping),
        ):
            work = send_run(
                ledger, run, gateway, options, stop=stop, on_progress=on_progress, keep=inbox.keep,
                answers=answers_while_sending(ledger, self.settings, self.tell),
            )  # fmt: skip
            gc.freeze()  # what was imported need not be looked through again and again: 5% of sending
            result = asyncio.run(work)
            for one in parts_of(gateway):
                inbox.settle(one, warn=watcher.warn, tell=self.tell)

        def counted() -> Sent:
            after = ledger.runs.get(run.id)
            totals = ledger.runs.totals(after)
            waiting = ledger.runs.waiting(after) if totals.held else []
            return Sent(after, result, totals, waiting, changes, ledger.attempts.by_gateway(after))

        sent = patiently(counted)  # all is done: a server that restarts now makes no failure of it
        watcher.ended(sent)
        if result.is_last:  # of several senders, one tells
            run_hooks_of(sent.event(), self.settings, watcher.warn)
        return sent


@contextmanager
def _recorded(ledger: Ledger, run: Run) -> Iterator[None]:
    """Around sending: its approval and start with the plan's digest, its end with the run's counts."""
    detail = {"campaign": run.campaign, "gateway": run.gateway, "purpose": run.purpose}
    if run.started_at is None:
        ledger.audit.add("plan.approve", run.id, {**detail, "digest": run.digest})
    ledger.audit.add("send.start", run.id, detail)
    try:
        yield
    except BaseException as error:
        with suppress(A2PError):  # what went wrong is what counts
            ledger.audit.add("send.end", run.id, {"ended": type(error).__name__})
        raise

    def end() -> None:
        now = ledger.runs.get(run.id)
        states = dict(ledger.runs.totals(now).by_state)
        ledger.audit.add("send.end", run.id, {"ended": now.state, "states": states})

    patiently(end)
