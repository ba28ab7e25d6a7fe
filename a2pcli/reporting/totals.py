"""A run and its totals as JSON-ready documents. Every figure is a sum over the ledger's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.ledger.alternatives import names_of
from a2pcli.ledger.history import Event
from a2pcli.ledger.records import Billed, Run, StateTotals, Totals, Unheard
from a2pcli.messages import State
from a2pcli.reporting.deliveries import NONE_UNHEARD, CauseOf, deliveries, delivery_document, no_table
from a2pcli.reporting.values import iso, money, money_document, rehearsal_document

HANDED_OVER = (State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.SUBMITTING)
"""States of messages that the gateway got, or may have got."""


@dataclass(frozen=True, slots=True)
class Share:
    """A rate that shows what it is a share of. ``share`` is None where there is nothing to divide by."""

    name: str
    of: str
    count: int
    base: int

    @property
    def share(self) -> float | None:
        """The share, between 0 and 1; None without a denominator."""
        return self.count / self.base if self.base else None


def rates(totals: Totals) -> tuple[Share, ...]:
    """Accepted messages, over each of the denominators that people mean."""
    accepted = totals.count(State.ACCEPTED)
    answered = totals.count(State.ACCEPTED, State.REJECTED)
    return (
        Share("accepted_of_answered", "with a known outcome", accepted, answered),
        Share("accepted_of_handed_over", "sent to the gateway", accepted, totals.count(*HANDED_OVER)),
        Share("accepted_of_rows", "rows in total", accepted, totals.rows),
    )


def run_document(run: Run) -> dict[str, Any]:
    """The run's own facts; moments are ISO 8601 in UTC."""
    return {
        "run": run.id,
        "campaign": run.campaign,
        "state": run.state,
        "state_reason": run.state_reason,
        "purpose": run.purpose,
        "channel": run.channel,
        "gateway": run.gateway,
        "gateways": list(names_of(run)),
        **rehearsal_document(run),
        "sender": run.sender,
        "digest": run.digest,
        "campaign_file": run.campaign_file,
        "contacts_file": run.contacts_file,
        "created_at": iso(run.created_at),
        "planned_at": iso(run.planned_at),
        "not_before": iso(run.not_before),
        "expires_at": iso(run.expires_at),
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
    }


def totals_document(
    totals: Totals, cause_of: CauseOf = no_table, unheard: Unheard = NONE_UNHEARD
) -> dict[str, Any]:
    """Totals; money is decimal text. ``states`` sums to ``rows``; ``countries``, ``arms`` and ``senders`` to the
    messages that were not left out (``""`` is the run's own sender). ``variants`` are the arms' messages alone."""
    return {
        "rows": totals.rows,
        "states": _messages(totals.states),
        "held": totals.held,
        "excluded": dict(sorted(totals.by_reason.items(), key=lambda item: (-item[1], item[0]))),
        **_sums(totals.states),
        "countries": _cut(totals.countries),
        "codes": {state: dict(codes) for state, codes in totals.by_code.items()},
        "code_sentences": dict(totals.code_sentences),
        "variants": totals.by_variant,
        "arms": {
            name: {**of, "delivery": delivery_document(deliveries(totals, name, cause_of, unheard))}
            for name, of in _cut(totals.variants).items()
        },
        "senders": _cut(totals.senders),
        "rates": {rate.name: _rate_document(rate) for rate in rates(totals)},
        "delivery": delivery_document(deliveries(totals, cause_of=cause_of, unheard=unheard)),
    }


def _cut(table: Mapping[str, Mapping[str, StateTotals]]) -> dict[str, dict[str, Any]]:
    return {name: {"states": _messages(states), **_sums(states)} for name, states in table.items()}


def _messages(states: Mapping[str, StateTotals]) -> dict[str, int]:
    return {state: one.messages for state, one in states.items()}


def _sums(states: Mapping[str, StateTotals]) -> dict[str, Any]:
    """Parts, cost and unpriced: of the accepted messages, and by state; rows that were left out have none of them."""
    sent = {state: one for state, one in states.items() if state != State.SKIPPED}
    accepted = states.get(State.ACCEPTED)
    return {
        "parts": accepted.parts if accepted else 0,
        "cost": money_document(accepted.cost) if accepted else {},
        "unpriced": accepted.unpriced if accepted else 0,
        "parts_by_state": {state: one.parts for state, one in sent.items()},
        "cost_by_state": {state: money_document(one.cost) for state, one in sent.items() if one.cost},
        "unpriced_by_state": {state: one.unpriced for state, one in sent.items() if one.unpriced},
    }


def _rate_document(rate: Share) -> dict[str, Any]:
    share = rate.share
    return {"share": None if share is None else round(share, 6), "count": rate.count, "of": rate.base}


def report_document(
    run: Run,
    totals: Totals,
    events: tuple[Event, ...],
    cause_of: CauseOf = no_table,
    unheard: Unheard = NONE_UNHEARD,
    bills: Sequence[Billed] = (),
) -> dict[str, Any]:
    """The whole report; ``events`` are the run's own, the test messages among them."""
    return {
        **run_document(run),
        "objective": run.summary.get("objective"),
        "pruned": _pruned(run),
        **totals_document(totals, cause_of, unheard),
        "billed": [billed_document(one) for one in bills],
        "tests": count_tests(events),
        "events": [
            {"at": iso(event.at), "kind": event.kind, "code": event.code, "detail": event.detail}
            for event in events
        ],
    }


def billed_document(one: Billed) -> dict[str, Any]:
    """What providers billed in one currency, and the estimate for the same messages."""
    return {
        "currency": one.currency,
        "messages": one.messages,
        "billed": money(one.billed),
        "estimated": money(one.estimated),
    }


def _pruned(run: Run) -> dict[str, Any] | None:
    """What retention removed, and when; None where the rows are whole. The totals were counted before."""
    found = run.summary.get("pruned")
    return {name: found[name] for name in ("texts", "people") if name in found} if found else None


def count_tests(events: tuple[Event, ...]) -> int:
    """Test messages, which are in no total."""
    return sum(event.kind == "test" for event in events)
