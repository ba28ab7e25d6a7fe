"""What ``retry`` does, step by step: show what was rejected, ask, plan it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from a2pcli.cli.auditing import retried
from a2pcli.cli.reconciling import user
from a2pcli.cli.run_choice import chosen_run, existing_ledger
from a2pcli.cli.terminal.asking import confirm
from a2pcli.cli.terminal.output import print_json, show, to_copy
from a2pcli.errors import Problem, UsageError
from a2pcli.exit_status import ExitStatus
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import SENDABLE, Run, RunState, now_ms
from a2pcli.ledger.rejected import Rejection

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """The command line of ``retry``; no ``codes`` means all of them."""

    run: str
    codes: tuple[str, ...]
    yes: bool
    ledger: str | None
    as_json: bool


def retry_run(request: RetryRequest) -> ExitStatus:
    """Plan again what was rejected and may go; gives the exit status."""
    with existing_ledger(request.ledger) as ledger:
        run = None if ledger is None else chosen_run(ledger, request.run)
        if ledger is None or run is None:
            raise UsageError(f"there is no run '{request.run}': the ledger is empty")
        _check(run)
        found = ledger.rejections(run, now_ms())
        chosen = _chosen(run, found, request.codes)
        may_go = sum(one.may_go for one in chosen)
        if found:
            show(_screen(run, found, chosen), stderr=request.as_json)
        planned = 0
        if may_go:
            _confirm(run, request, may_go)
            planned = _plan_again(ledger, run, chosen)
        _say(ledger.run(run.id), request, found, chosen, planned)
    return ExitStatus.OK


def _check(run: Run) -> None:
    """Only a run that was sent, and can be sent on, has something to try again."""
    if run.state not in SENDABLE or run.state == RunState.PLANNED:
        hint = (
            "it was not sent; `a2pcli send` sends it" if run.state == RunState.PLANNED else "make a new plan"
        )
        raise UsageError(
            Problem(
                f"run {run.id} is {run.state}: nothing of it can be tried again",
                hint=hint,
                code="run-not-sendable",
            )
        )
    if run.expires_at is not None and run.expires_at <= now_ms():
        raise UsageError(
            Problem(
                f"run {run.id} has expired: what would be planned again could never leave",
                hint="change schedule.expires in the campaign and plan again",
                code="expired",
            )
        )


def _chosen(run: Run, found: list[Rejection], codes: tuple[str, ...]) -> list[Rejection]:
    known = {one.code for one in found}
    missing = [code for code in codes if code not in known]
    if missing:
        hint = f"its codes are {', '.join(sorted(known))}" if known else "nothing of it was rejected"
        raise UsageError(Problem(f"run {run.id} has no rejection with code {missing[0]}", hint=hint))
    return [one for one in found if not codes or one.code in codes]


def _plan_again(ledger: Ledger, run: Run, chosen: list[Rejection]) -> int:
    with sender_lock(ledger, run):
        note = f"planned again by {user()}"
        count = ledger.plan_again(run, [one.code for one in chosen], note, now_ms())
    retried(ledger, run, {one.code: one.may_go for one in chosen if one.may_go}, count)
    return count


def _confirm(run: Run, request: RetryRequest, count: int) -> None:
    if request.yes:
        return
    word = "1 rejected message" if count == 1 else f"{count:,} rejected messages"
    confirm(
        f"Plan {word} of run {run.id} again?",
        refused="nothing was changed",
        without_terminal="--yes plans them again without asking",
    )


def _screen(run: Run, found: list[Rejection], chosen: list[Rejection]) -> Group:
    """Every code with its count and sentence; those that were not chosen are dim."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        sentence = one.sentence
        if one.may_go < one.messages:
            stay = f"{one.messages - one.may_go:,} cannot go: opted out, consent withdrawn, erased, or text not kept"
            sentence = f"{sentence}; {stay}" if sentence else stay
        style = "" if one in chosen else "dim"
        table.add_row(f"{one.messages:,}", one.code, sentence, style=style)
    total = sum(one.messages for one in found)
    head = Text(f"run {run.id} of {run.campaign}: {total:,} rejected by gateway {run.gateway}")
    return Group(head, table)


def _say(
    run: Run, request: RetryRequest, found: list[Rejection], chosen: list[Rejection], planned: int
) -> None:
    if request.as_json:
        print_json(
            {
                "run": run.id,
                "campaign": run.campaign,
                "state": run.state,
                "gateway": run.gateway,
                "rejections": [{**asdict(one), "chosen": one in chosen} for one in found],
                "planned_again": planned,
                "by": user() if planned else None,
            }
        )
        return
    if not found:
        show(Text(f"run {run.id}: the gateway rejected nothing"))
    elif not planned:
        show(Text("nobody was planned again: none of them may be messaged"))
    else:
        word = "1 message is" if planned == 1 else f"{planned:,} messages are"
        show(
            Group(
                Text(f"{word} planned again"), to_copy(f"to send:  a2pcli send --plan {run.id}", style="dim")
            )
        )
