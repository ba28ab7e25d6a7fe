"""The list of runs: one line each, at no more cost than the line needs."""

from __future__ import annotations

from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.ledger.lock import live_sender
from a2pcli.ledger.records import Run, RunState, StateTotals, Totals
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State
from a2pcli.reporting.totals import run_document
from a2pcli.reporting.values import money_document

WITHOUT_ROWS = (RunState.DISCARDED, RunState.SUPERSEDED)
"""Plans that were never sent and whose rows are gone; the list leaves them away unless asked."""


LOOKED_THROUGH = 10
"""Times as many runs are looked through as are listed: plans pile up between them."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run with its main figures. ``cost`` is by currency in 1e-9 units: of what was accepted or may have been,
    or, for a run that never started, of the plan. ``unpriced`` counts messages that are in no cost."""

    run: Run
    recipients: int
    accepted: int
    rejected: int
    unknown: int
    left: int
    cost: dict[str, int]
    unpriced: int
    held: int = 0
    """Of those left: they wait for people's hours."""
    in_flight: int = 0
    """A living sender has them with the gateway just now. Of a sender that is gone they are unknown."""

    @property
    def at(self) -> int:
        """The last thing that is known to have happened to it (UTC milliseconds)."""
        run = self.run
        return run.finished_at or run.started_at or run.planned_at or run.created_at


def run_lines(
    ledger: Ledger, *, limit: int | None = None, campaign: str | None = None, everything: bool = False
) -> list[RunLine]:
    """Runs, newest first; with ``everything``, plans without rows too.

    Plans are told from their summary. Runs that ended are told from the count kept with them.
    """
    without = () if everything else WITHOUT_ROWS
    return [_line(ledger, run) for run in ledger.runs.all(limit, campaign, without)]


@dataclass(frozen=True, slots=True)
class RunList:
    """The runs that matter now, newest first. ``overtaken`` plans were never sent, and a newer plan or run of their
    campaign is there; ``is_cut``: there are older runs that are not listed."""

    lines: list[RunLine]
    overtaken: int
    is_cut: bool


def current_runs(ledger: Ledger, limit: int, campaign: str | None = None) -> RunList:
    """The newest ``limit`` runs, without plans that were overtaken, which are only counted."""
    found = ledger.runs.all(LOOKED_THROUGH * limit + 1, campaign, WITHOUT_ROWS)
    seen: set[str] = set()
    kept = []
    for run in found:
        if run.state != RunState.PLANNED or run.campaign not in seen:
            kept.append(run)
        seen.add(run.campaign)
    is_cut = len(kept) > limit or len(found) > LOOKED_THROUGH * limit
    overtaken = len(found) - len(kept) + ledger.runs.count(WITHOUT_ROWS, campaign)
    return RunList([_line(ledger, run) for run in kept[:limit]], overtaken, is_cut)


def _line(ledger: Ledger, run: Run) -> RunLine:
    summary = run.summary
    if run.state == RunState.PLANNING or run.state in WITHOUT_ROWS:
        return RunLine(run, int(summary.get("recipients", 0)), 0, 0, 0, 0, {}, 0)
    if run.state == RunState.PLANNED and "recipients" in summary:
        recipients = int(summary["recipients"])
        cost, unpriced = dict(summary.get("cost", {})), int(summary.get("unpriced", 0))
        return RunLine(run, recipients, 0, 0, 0, recipients, cost, unpriced)
    totals = ledger.runs.totals(run)
    is_live = totals.count(State.SUBMITTING) > 0 and live_sender(ledger, run) is not None
    return _counted(run, totals, is_live=is_live)


def _counted(run: Run, totals: Totals, *, is_live: bool) -> RunLine:
    submitting = totals.count(State.SUBMITTING)
    states = (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING)
    spent = [totals.states[state] for state in states if state in totals.states]
    if run.started_at is None and State.PLANNED in totals.states:
        spent.append(totals.states[State.PLANNED])
    return RunLine(
        run=run,
        recipients=int(run.summary.get("recipients", totals.rows - totals.count(State.SKIPPED))),
        accepted=totals.count(State.ACCEPTED),
        rejected=totals.count(State.REJECTED),
        unknown=totals.count(State.UNKNOWN) + (0 if is_live else submitting),
        left=totals.count(State.PLANNED),
        cost=_sum(spent),
        unpriced=sum(one.unpriced for one in spent),
        held=sum(totals.held.values()),
        in_flight=submitting if is_live else 0,
    )


def _sum(several: list[StateTotals]) -> dict[str, int]:
    cost: dict[str, int] = {}
    for one in several:
        for currency, nano in one.cost.items():
            cost[currency] = cost.get(currency, 0) + nano
    return cost


def runs_document(lines: list[RunLine]) -> dict[str, Any]:
    """JSON document of ``a2pcli runs``."""
    return {
        "runs": [
            {
                **run_document(line.run),
                "recipients": line.recipients,
                "accepted": line.accepted,
                "rejected": line.rejected,
                "unknown": line.unknown,
                "left": line.left,
                "in_flight": line.in_flight,
                "held": line.held,
                "cost": money_document(line.cost),
                "unpriced": line.unpriced,
            }
            for line in lines
        ]
    }
