"""Runs: find one, list them, cancel what is not sent, plan rejected messages again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from a2pcli.actions.audit import user
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, RunBusy, UsageError
from a2pcli.ledger.records import SENDABLE, Run, RunState, Totals, now_ms
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.rejected import Rejection
    from a2pcli.ledger.store import Ledger
    from a2pcli.reporting.runs import RunLine, RunList

UNSENT = (RunState.PLANNING, RunState.DISCARDED, RunState.SUPERSEDED)


def chosen_run(ledger: Ledger, named: str | None) -> Run | None:
    """The run with this id, or the newest of the campaign with this name; without a name, the newest of all.

    "Newest" is the run that was started last, else the newest plan. None where there is no run at all.
    Raises ``UsageError`` for a name that is neither.
    """
    if named is None:
        return newest(ledger.runs.all(without=UNSENT))
    try:
        return ledger.runs.get(named)
    except UsageError:
        run = newest(ledger.runs.all(campaign=named, without=UNSENT))
        if run is None:
            raise
        return run


def newest(runs: list[Run]) -> Run | None:
    """The run that was started last, else the newest plan."""
    started = [run for run in runs if run.started_at is not None]
    if started:
        return max(started, key=lambda run: (run.started_at or 0, run.number))
    return runs[0] if runs else None


@contextmanager
def run_to_change(project: Project, named: str) -> Iterator[tuple[Ledger, Run]]:
    """The run with this id, or the newest of the campaign with this name, in its open ledger.

    Raises ``UsageError`` where there is none.
    """
    with project.existing_ledger(to_write=True) as ledger:
        run = None if ledger is None else chosen_run(ledger, named)
        if ledger is None or run is None:
            raise UsageError(f"no run '{named}': the ledger is empty")
        yield ledger, run


def list_runs(
    project: Project, *, campaign: str | None = None, limit: int | None = 20, as_stored: bool = False
) -> RunList | None:
    """Runs, newest first; all of them where ``limit`` is None; None where there is no ledger yet.

    Plans that a newer plan or run of their campaign has overtaken are only counted, and a run that nobody sends any
    more, though its sender never said so, is ``stopped``; with ``as_stored`` neither.
    """
    from a2pcli.reporting.runs import RunList, current_runs, run_lines

    with project.existing_ledger() as ledger:
        if ledger is None:
            return None
        if as_stored or limit is None:
            lines = run_lines(ledger, limit=limit, campaign=campaign, everything=limit is None)
            found = RunList(lines, 0, False)
        else:
            found = current_runs(ledger, limit, campaign)
        if as_stored:
            return found
        return replace(found, lines=[as_it_is(ledger, line) for line in found.lines])


def as_it_is(ledger: Ledger, line: RunLine) -> RunLine:
    """The line; ``stopped`` if the run is being sent by its state, and nobody sends it."""
    from a2pcli.ledger.lock import live_sender
    from a2pcli.reporting.values import send_command

    if line.run.state != RunState.SENDING or live_sender(ledger, line.run) is not None:
        return line
    why = f"sending was interrupted; `{send_command(line.run)}` resumes it"
    return replace(line, run=replace(line.run, state="stopped", state_reason=why))


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A run, its totals, and how many of its messages were cancelled. Before: what is to be cancelled."""

    run: Run
    totals: Totals
    cancelled: int = 0
    by: str | None = None
    falling: int = 0
    """Messages that would have gone by another channel unless delivered by a moment."""


def cancel(
    project: Project, named: str, *, confirm: Callable[[Cancellation], None] = lambda due: None
) -> Cancellation:
    """Drop what a run or a plan has not sent yet; what has left stays as it is.

    ``confirm`` is called while the run is held, so that nobody sends it while the question stands. Raises ``RunBusy``
    while it is sent or planned. Audit: ``run.cancel``.
    """
    from a2pcli.ledger.lock import sender_lock

    with run_to_change(project, named) as (ledger, run):
        if run.state == RunState.PLANNING:
            hint = "wait until it is finished, or stop that process"
            raise RunBusy(Problem(f"plan {run.id} is being made by another process", hint=hint))
        totals = ledger.runs.totals(run)
        falling = ledger.attempts.falling(run)[0]
        if run.state not in SENDABLE or not (totals.count(State.PLANNED, State.SUBMITTING) or falling):
            return Cancellation(run, totals)
        with sender_lock(ledger, run):
            confirm(Cancellation(run, ledger.runs.totals(run), falling=falling))
            with ledger.transaction():
                count = ledger.runs.cancel(run, why=f"by {user()}", alone=True)
                ledger.audit.add("run.cancel", run.id, {"campaign": run.campaign, "messages": count})
        run = ledger.runs.get(run.id)
        by = user() if count or falling else None
        return Cancellation(run, ledger.runs.totals(run), count, by, falling)


@dataclass(frozen=True, slots=True)
class Retry:
    """What a run's gateway rejected, by code; which of it was chosen, and how many messages were planned again."""

    run: Run
    rejections: list[Rejection]
    chosen: list[Rejection]
    planned_again: int = 0
    by: str | None = None

    @property
    def may_go(self) -> int:
        """Messages of those chosen that can be planned again."""
        return sum(one.may_go for one in self.chosen)


def retry(
    project: Project,
    named: str,
    codes: Sequence[str] = (),
    *,
    confirm: Callable[[Retry], None] = lambda due: None,
) -> Retry:
    """Plan again what the gateway rejected with these codes, or with any. Nothing is sent.

    ``confirm`` gets what was found, before anything is changed, wherever something was rejected. Raises ``UsageError``
    for a run of which nothing can be tried again. Audit: ``retry``.
    """
    from a2pcli.ledger.lock import sender_lock

    with run_to_change(project, named) as (ledger, run):
        _check_sendable(run)
        found = ledger.attempts.rejections(run, now_ms())
        due = Retry(run, found, _chosen(run, found, codes))
        if found:
            confirm(due)
        if not due.may_go:
            return due
        with sender_lock(ledger, run):
            note = f"planned again by {user()}"
            by_code = {one.code: one.may_go for one in due.chosen if one.may_go}
            with ledger.transaction():
                count = ledger.attempts.plan_again(run, [one.code for one in due.chosen], note, now_ms())
                ledger.audit.add("retry", run.id, {"codes": by_code, "messages": count})
        return replace(due, run=ledger.runs.get(run.id), planned_again=count, by=user() if count else None)


def _check_sendable(run: Run) -> None:
    """Only a run that was sent, and can be sent on, has something to try again."""
    if run.state not in SENDABLE or run.state == RunState.PLANNED:
        hint = (
            "it was not sent; `a2pcli send` sends it"
            if run.state == RunState.PLANNED
            else "create a new plan"
        )
        raise UsageError(
            Problem(
                f"run {run.id} is {run.state}: none of its messages can be retried",
                hint=hint,
                code="run-not-sendable",
            )
        )
    if run.expires_at is not None and run.expires_at <= now_ms():
        raise UsageError(
            Problem(
                f"run {run.id} has expired: nothing planned again could be sent",
                hint="change schedule.expires in the campaign and plan again",
                code="expired",
            )
        )


def _chosen(run: Run, found: list[Rejection], codes: Sequence[str]) -> list[Rejection]:
    known = {one.code for one in found}
    missing = [code for code in codes if code not in known]
    if missing:
        hint = f"its codes are {', '.join(sorted(known))}" if known else "it has no rejected messages"
        raise UsageError(Problem(f"run {run.id} has no rejection with code {missing[0]}", hint=hint))
    return [one for one in found if not codes or one.code in codes]
