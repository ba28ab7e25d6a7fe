"""Resolves messages with an unknown outcome, by asking the gateway or by a person's decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.audit import user
from a2pcli.actions.gateways import configured_gateway
from a2pcli.actions.live_inbox import LiveInbox
from a2pcli.actions.project import settings_from
from a2pcli.actions.runs import run_to_change
from a2pcli.actions.tables import Progress, uncounted
from a2pcli.addresses.any_address import any_address
from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import State
from a2pcli.sending.hearing import let_keep_here
from a2pcli.sending.reconcile import Reconciled as Reconciled
from a2pcli.sending.reconcile import reconcile as ask_gateway
from a2pcli.sending.reconcile import settle_by_decision, settle_open_claims
from a2pcli.sending.stop import StopRequest, stop_on_signals

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.records import Run, Totals
    from a2pcli.ledger.store import Ledger

UNCERTAIN = (State.UNKNOWN, State.SUBMITTING)
"""Unknown, or left behind by a sender that was killed, which is the same."""

MOST_NAMED = 10
"""So many of those that are left are named."""


@dataclass(frozen=True, slots=True)
class ManualDecision:
    """A person's word for what became of messages: ``sent`` or not; of all, or of those to one number."""

    sent: bool
    number: str | None = None


@dataclass(frozen=True, slots=True)
class ReconciledRun:
    """The run as it is now, what became of its unknown messages, how many are ``left`` and the first of those.

    ``by`` is who decided; None where the gateway was asked.
    """

    run: Run
    result: Reconciled
    totals: Totals
    left: int
    named: list[dict[str, Any]]
    by: str | None = None
    never_left: int = 0
    """Messages that a killed sender had claimed and certainly never handed over: planned again."""


def reconcile(
    project: Project,
    named: str,
    decision: ManualDecision | None = None,
    *,
    deliveries: bool = False,
    confirm: Callable[[Run, int], None] = lambda run, count: None,
    counting: Callable[[Run], AbstractContextManager[Progress]] = lambda run: uncounted(),
    warn: Callable[[Sequence[Problem]], None] = lambda _problems: None,
    tell: Callable[[str], None] = lambda _note: None,
) -> ReconciledRun:
    """Settle what can be settled: ask the gateways that they went through, or take a person's word for it.

    ``confirm`` gets the run and how many messages a decision is about, before it is taken; ``counting`` is entered
    while its gateway is asked. With ``deliveries``, gateways are also asked about accepted messages without a final
    receipt. Receipts and replies that a gateway delivers meanwhile are stored; ``tell`` and ``warn`` get what to say of
    them. Raises ``RunBusy`` while it is sent. Audit: ``reconcile``.
    """
    with run_to_change(project, named) as (ledger, run):
        never_left = settle_open_claims(
            ledger, run, lambda count: _record(ledger, run, "the sender had ended", never_left=count)
        )
        found = ledger.runs.totals(run).count(*UNCERTAIN)
        if not (found or deliveries):
            result = Reconciled()
        elif decision is None:
            result = _ask(ledger, run, counting(run), warn, tell, deliveries=deliveries)
        else:
            result = _decide(ledger, run, decision, found, confirm)
        run = ledger.runs.get(run.id)
        totals = ledger.runs.totals(run)
        left = totals.count(*UNCERTAIN)
        rows = next(ledger.messages.rows(run, states=UNCERTAIN, chunk=MOST_NAMED), []) if left else []
        rows = [{**row, "reference": run.reference(row["id"] % ROWS_PER_RUN)} for row in rows]
        return ReconciledRun(
            run, result, totals, left, rows, None if decision is None else user(), never_left
        )


def _record(ledger: Ledger, run: Run, how: str, **counts: int) -> None:
    """The audit entry about messages that are settled, for the transaction that settles them."""
    ledger.audit.add("reconcile", run.id, {"how": how, **counts})


def _ask(
    ledger: Ledger,
    run: Run,
    counting: AbstractContextManager[Progress],
    warn: Callable[[Sequence[Problem]], None],
    tell: Callable[[str], None],
    *,
    deliveries: bool,
) -> Reconciled:
    """Ask each gateway that unknown messages went through, as the settings beside the run's campaign describe it."""
    start = Path(run.campaign_file) if run.campaign_file else Path.cwd()
    settings = settings_from(start if start.exists() else Path.cwd())
    names = {run.gateway, *ledger.attempts.gateways_of_unknown(run).values()}
    if deliveries:
        names |= ledger.attempts.gateways_used(run)
    gateways = {name: configured_gateway(settings, name) for name in sorted(names)}
    stop, inbox = StopRequest(), LiveInbox(ledger, run, settings, while_doing="reconciling")
    let_keep_here(gateways.values(), inbox.keep)

    def record(settled: Reconciled) -> None:
        counts = {"accepted": settled.accepted, "rejected": settled.rejected, "not_sent": settled.not_sent}
        if settled.receipts:
            counts["receipts"] = settled.receipts
        _record(ledger, run, "asked the gateway", found=settled.found, **counts)

    with counting as progress, stop_on_signals(stop):
        asked = ask_gateway(
            ledger,
            run,
            gateways,
            stop=stop,
            on_progress=lambda done, _found: progress(done),
            record=record,
            deliveries=deliveries,
        )
        result = asyncio.run(asked)
    for one in gateways.values():
        inbox.settle(one, warn=warn, tell=tell)
    return result if ledger.runs.totals(run).count(*UNCERTAIN) else replace(result, why={})


def _decide(
    ledger: Ledger, run: Run, decision: ManualDecision, found: int, confirm: Callable[[Run, int], None]
) -> Reconciled:
    only = None if decision.number is None else _ids_of(ledger, run, decision.number)
    confirm(run, found if only is None else len(only))
    word = "sent" if decision.sent else "not-sent"
    settled = settle_by_decision(
        ledger,
        run,
        sent=decision.sent,
        by=user(),
        only=only,
        record=lambda count: _record(
            ledger, run, word, found=count, **{"accepted" if decision.sent else "not_sent": count}
        ),
    )
    return Reconciled(
        found=found,
        accepted=settled if decision.sent else 0,
        not_sent=0 if decision.sent else settled,
        unknown=found - settled,
    )


def _ids_of(ledger: Ledger, run: Run, number: str) -> list[int]:
    settings = settings_from(Path.cwd()).settings
    address = any_address(number, settings.region, channel_of(run.channel).network).address
    entries = ledger.messages.history(address, run=run) if address else []
    ids = [int(entry.row["id"]) for entry in entries if entry.row["state"] in UNCERTAIN]
    if not ids:
        raise UsageError(f"run {run.id} has no unknown message to {number}")
    return ids
