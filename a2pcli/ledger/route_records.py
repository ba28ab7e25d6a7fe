"""What the ledger keeps of a run's routes: when a gateway lost its share or got it back, and what each has sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import case, func, insert, literal, select
from sqlalchemy.engine import Connection

from a2pcli.ledger import audit
from a2pcli.ledger.alternatives import channels_of, gateway_of
from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import GatewayCount, Run, Switch
from a2pcli.ledger.tables import attempts, events
from a2pcli.messages import State

KIND = "route"
"""Kind of the events of a run about the gateways of its route."""
ACTION = "route.switch"

_a = attempts.c


def note_switches(connection: Connection, run: Run, switches: Sequence[Switch]) -> None:
    """Record switches as events of the run and in the audit trail."""
    for one in switches:
        connection.execute(
            insert(events).values(run=run.number, at=one.at, kind=KIND, code=one.gateway, detail=one.detail)
        )
        detail = {"campaign": run.campaign, "gateway": one.gateway, "what": one.detail}
        audit.record(connection, ACTION, run.id, detail, (), one.at)


_GIVEN = (State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.SUBMITTING)
_PAID = (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING)


def by_gateway(connection: Connection, run: Run) -> list[GatewayCount]:
    """Count what each gateway of a run was given, in the order of its routes; as it was counted, after retention. Empty
    for a run without a route."""
    routes: Mapping[str, Any] = run.sending.get("routes") or {}
    if not routes:
        return []
    pruned = run.summary.get("pruned", {})
    if "gateways" in pruned:
        return [GatewayCount(**one) for one in pruned["gateways"]]
    known = [(_a.channel == channel, literal(gateway_of(run, channel))) for channel in channels_of(run)]
    own = case(*known, else_=literal(run.gateway)) if known else literal(run.gateway)
    name = func.coalesce(_a.gateway, own).label("name")
    query = (
        select(name, _a.state, _a.currency, func.count(), func.count(_a.cost), func.sum(_a.cost))
        .where(of_run(run), _a.state.in_(list(map(str, _GIVEN))))
        .group_by(name, _a.state, _a.currency)
    )
    found = {name: GatewayCount(name) for route in routes.values() for name in route["gateways"]}
    for gateway, state, currency_name, many, priced, cost in connection.execute(query):
        one = found.setdefault(gateway, GatewayCount(gateway))
        one.states[state] = one.states.get(state, 0) + int(many)
        if state not in map(str, _PAID):
            continue
        one.unpriced += int(many - priced)
        if currency_name is not None and cost:
            one.cost[currency_name] = one.cost.get(currency_name, 0) + int(cost)
    return list(found.values())


def written(counts: Sequence[GatewayCount]) -> list[dict[str, Any]]:
    """Return the counts as retention keeps them."""
    return [asdict(one) for one in counts]
