"""What ``send`` does, step by step: find or make the run, show it, ask, send it, say how it ended."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.campaigns import Opened, gateway_name, opened, plan_with_progress, prepared
from a2pcli.cli.gateway_choice import configured_gateway
from a2pcli.cli.ledger_option import open_ledger
from a2pcli.cli.output import print_json, say, show
from a2pcli.cli.plan import check_budget
from a2pcli.cli.plan_view import money, plan_screen
from a2pcli.cli.run_view import result_document, result_screen
from a2pcli.cli.send_progress import SendProgress
from a2pcli.config.load import LoadedSettings, Rate, gateway_settings, load_settings
from a2pcli.errors import InvalidInput, Problem, Refused, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.records import RESUMABLE, Run, RunState
from a2pcli.sending.engine import send_run
from a2pcli.sending.options import Ended, SendOptions, SendResult
from a2pcli.sending.signals import stop_on_signals
from a2pcli.sending.stop import StopRequest

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger


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


def send_campaign(request: SendRequest) -> ExitStatus:
    """Send a campaign or an approved plan; gives the exit status."""
    if request.plan is not None:
        return _send_approved(request, request.plan)
    assert request.campaign is not None
    check_budget(request.max_cost)
    with opened(request.campaign, request.ledger) as work:
        configured_gateway(work.settings, gateway_name(work.loaded, work.settings))  # tell its mistakes first
        run = _resumable(work, request)
        if run is None:
            run = _planned(work, request)
            if run is None:
                return ExitStatus.OK
        else:
            _show_resumed(work.ledger, run, request)
            _confirm(request, work.ledger, run)
        return _send(work.ledger, work.settings, run, request)


def _send_approved(request: SendRequest, plan: str) -> ExitStatus:
    start = request.campaign or Path.cwd()
    with open_ledger(request.ledger, start) as ledger:
        run = ledger.run(plan)
        over = run.summary.get("over_budget")
        if run.state == RunState.PLANNED and over:
            raise Refused(f"plan {run.id} is over budget: {over}")
        if run.state == RunState.FINISHED:
            say(f"run {run.id} is finished: nothing left to do")
        if request.campaign is None and run.campaign_file:
            start = Path(run.campaign_file)
        settings = load_settings(start if start.exists() else Path.cwd())
        if run.state in RESUMABLE:
            _show_resumed(ledger, run, request)
        elif not request.as_json:
            show(plan_screen(run, next_step=False))
        _warn_if_changed(run)
        if sys.stdin.isatty():  # naming the plan is the approval where nobody can be asked
            _confirm(request, ledger, run)
        return _send(ledger, settings, run, request)


def _resumable(work: Opened, request: SendRequest) -> Run | None:
    """The campaign's run that was interrupted or paused; it goes on as it was planned."""
    from datetime import date

    from a2pcli.config.load import occurrence_of

    campaign = work.loaded.campaign
    occurrence = request.occurrence or occurrence_of(campaign, date.today())
    return work.ledger.open_run(work.ledger.occasion(campaign.name, occurrence))


def _planned(work: Opened, request: SendRequest) -> Run | None:
    """A new plan, shown and approved; None where nobody is left to message."""
    ready = prepared(work, limit=request.limit, occurrence=request.occurrence)
    made = plan_with_progress(work, ready, budget=request.max_cost)
    run = made.run
    if made.over_budget:
        _show_plan(run, request)
        raise Refused(f"over budget: {made.over_budget}")
    already = made.summary["excluded"].get("already-sent", 0)
    if not made.recipients:
        if already:
            work.ledger.discard_plan(run)
            say(f"nothing left to do: {already:,} already have it, and nobody new is in the contacts")
        else:
            _show_plan(run, request)
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


def _confirm(request: SendRequest, ledger: Ledger, run: Run) -> None:
    """Ask. Without a terminal and without --yes nothing is sent."""
    if request.yes:
        return
    if not sys.stdin.isatty():
        raise Refused(
            Problem(
                "nothing was sent: there is no terminal to ask on",
                hint=f"--yes sends without asking; --plan {run.id} sends exactly this plan",
            )
        )
    count = ledger.totals(run).count("planned")
    cost = " + ".join(f"{money(nano)} {currency}" for currency, nano in run.summary.get("cost", {}).items())
    about = f" for {cost}" if cost and run.state == RunState.PLANNED else ""
    sys.stderr.write(f"Send {count:,} messages through {run.gateway}{about}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused(Problem("nothing was sent", hint=f"the plan stays: a2pcli send --plan {run.id}"))


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


def _send(ledger: Ledger, settings: LoadedSettings, run: Run, request: SendRequest) -> ExitStatus:
    gateway = configured_gateway(settings, run.gateway)
    options = _options(run, gateway_settings(settings, run.gateway), request)
    stop = StopRequest()
    quiet = run.gateway == "console"
    shown: Any = nullcontext(lambda progress: None) if quiet else SendProgress(run)
    with shown as on_progress, stop_on_signals(stop, _heard):
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
    return SendOptions(rate=Rate(**rate) if rate else None, **given)


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
    if request.as_json:
        print_json(result_document(run, totals, result))
    else:
        show(result_screen(run, totals, result))
    if result.ended in STATUS:
        return STATUS[result.ended]
    return ExitStatus.FINISHED_WITH_FAILURES if totals.count("rejected", "unknown") else ExitStatus.OK


def send_one_test(campaign: Path, number: str, ledger: str | None, *, yes: bool, as_json: bool) -> None:
    """Render the first recipient's message and send it to ``number``: marked as a test, counted nowhere."""
    from a2pcli.cli.plan_view import bubble, facts_of
    from a2pcli.contacts.phones import normalise
    from a2pcli.messages import Message, Verdict
    from a2pcli.planning.preview import first, preview
    from a2pcli.sending.testing import send_test

    with opened(campaign, ledger, plan=False) as work:
        ready = prepared(work)
        mine = normalise(number, ready.job.policy)
        if mine.number is None:
            raise UsageError(
                f"--test-to {number}: {mine.reason}" + (f" ({mine.detail})" if mine.detail else "")
            )
        rows = preview(ready, first(1))
        if not rows:
            raise UsageError("nobody gets a message, so there is none to test; `a2pcli plan` says why")
        row = rows[0].row
        if not as_json:
            title = f"test to {mine.number}, as line {row['line']:,} would get it"
            show(bubble(row["body"], title, facts_of(row)))
        if not yes and not sys.stdin.isatty():
            raise Refused(
                Problem("nothing was sent: there is no terminal to ask on", hint="--yes sends the test")
            )
        if not yes:
            sys.stderr.write(f"Send this one test message through {ready.job.gateway}? [y/N] ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise Refused("nothing was sent")
        job = ready.job
        message = Message(
            id=0, reference="", to=mine.number, body=row["body"], channel=job.channel, sender=job.sender,
            country=mine.country, parts=row["parts"], media=job.media,
        )  # fmt: skip
        gateway = configured_gateway(work.settings, job.gateway)
        outcome = asyncio.run(send_test(work.ledger, None, gateway, message))
    if as_json:
        print_json({"test": True, "to": mine.number, "verdict": outcome.verdict, "code": outcome.code,
                    "detail": outcome.detail, "gateway_id": outcome.gateway_id})  # fmt: skip
    else:
        say(f"test {outcome.verdict}" + (f": {outcome.detail}" if outcome.detail else ""))
    if outcome.verdict is not Verdict.ACCEPTED:
        from a2pcli.errors import GatewayUnusable

        raise GatewayUnusable(f"the test message was not accepted ({outcome.code or outcome.cause})")
