"""Why a message goes by a gateway of a route, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2pcli.config.route_rules import CHEAPEST, OTHER, SHARES
from a2pcli.ledger.alternatives import by_channel, gateway_of
from a2pcli.ledger.attempt_ids import is_later
from a2pcli.ledger.history import Event, HistoryEntry
from a2pcli.ledger.records import Run
from a2pcli.ledger.route_legs import MessageRoute, route_of_text
from a2pcli.ledger.route_records import KIND
from a2pcli.ledger.route_values import GatewayCount
from a2pcli.messages import CLAIMED_STATES, State
from a2pcli.reporting.values import money_document


def via(run: Run, channel: str) -> str:
    """By what messages of a channel go: ``twilio``, or ``route main (twilio, vonage)``."""
    route: Mapping[str, Any] | None = (run.sending.get("routes") or {}).get(channel)
    if route is None:
        return gateway_of(run, channel)
    return f"route {route['name']} ({', '.join(route['gateways'])})"


def gateway_story(entry: HistoryEntry) -> Iterator[str]:
    """Sentences about the gateways of a message of a route: which one was meant for it and why, which may stand in, and
    which one really took it. None of any other message."""
    run, row = entry.run, entry.row
    channel = row["channel"] or run.channel
    given = (run.sending.get("routes") or {}).get(channel)
    route = _of_row(row)
    if given is None or route is None:
        return
    meant, *others = (leg.gateway for leg in route.legs)
    why = rule_words(given["rules"], route.place, meant)
    yield f"planned to go by {meant}: route {given['name']}, {why}"
    if row["state"] in CLAIMED_STATES or row["state"] == State.REJECTED:
        taken = row["gateway"] or gateway_of(run, row["channel"])
        if taken != meant:
            yield f"went by {taken} instead"
    elif others:
        yield f"if {meant} cannot take it, {' or '.join(others)} may"


def _of_row(row: Mapping[str, Any]) -> MessageRoute | None:
    """The route of a message: that of its channel, where it goes by another than at first."""
    text = row.get("route")
    if is_later(row["id"]):
        one = by_channel(row.get("alternatives"), row["channel"], row.get("body"))
        text = None if one is None else one.route
    return None if text is None else route_of_text(text)


def rule_words(rules: Mapping[str, Any], place: str, gateway: str) -> str:
    """The rule by which a gateway comes first: ``DE``, ``other (cheapest)``, ``70%``. ``rules`` are as a run keeps
    them, by place."""
    rule = rules[place]
    how = _how(rule, gateway)
    where = "all others" if place == OTHER else place
    if len(rules) == 1 and place == OTHER:
        return how or "first in order"
    return f"{where} ({how})" if how else where


def _how(rule: Mapping[str, Any], gateway: str) -> str:
    if rule["by"] == CHEAPEST:
        return "cheapest"
    if rule["by"] == SHARES:
        weights = rule["gateways"]
        return f"share of {weights[gateway] / sum(weights.values()):.0%}"
    return ""


def by_gateway_document(counts: Sequence[GatewayCount]) -> dict[str, Any]:
    """What each gateway of a run's routes was given, JSON-ready."""
    return {
        "attempts_by_gateway": [
            {
                "gateway": one.gateway,
                "attempts": one.attempts,
                "states": dict(one.states),
                "cost": money_document(one.cost),
                "unpriced": one.unpriced,
            }
            for one in counts
        ]
    }


def switches_of(events: Sequence[Event]) -> list[tuple[int, str]]:
    """When gateways of a run's routes lost their share or got it back (UTC milliseconds), and why."""
    return [(one.at, one.detail or "") for one in events if one.kind == KIND]
