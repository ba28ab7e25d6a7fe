"""A route on the screen: its gateways, who goes by which and why, and what that costs at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from a2pcli.config.route_rules import CHEAPEST
from a2pcli.ledger.records import GatewayCount
from a2pcli.reporting.route_story import rule_words
from a2pcli.reporting.values import local, money_document, money_of, money_with_unpriced


def gateway_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Below the recipients, how many go by each gateway of a route, and why. Nothing without a route."""
    routes: Mapping[str, Mapping[str, Any]] = summary.get("routes") or {}
    several = len(summary.get("channels") or ()) > 1
    for channel, route in routes.items():
        for name, one in route["gateways"].items():
            label = f"  {channel} by {name}" if several else f"  by {name}"
            yield label, f"{one['recipients']:,}", _why(route["rules"], name, one)


def _why(rules: Mapping[str, Any], gateway: str, one: Mapping[str, Any]) -> str:
    """By which rules a gateway has its recipients, and for how many more it may stand in."""
    pieces = [
        f"{rule_words(rules, place, gateway)} {count:,}"
        if len(rules) > 1
        else rule_words(rules, place, gateway)
        for place, count in one["places"].items()
    ]
    if one["unpriced"] and any(rules[place]["by"] == CHEAPEST for place in one["places"]):
        pieces.append(f"{one['unpriced']:,} of them without a known price")
    if one["stands_in_for"]:
        pieces.append(f"can stand in for {one['stands_in_for']:,}")
    return " · ".join(pieces)


def route_cost_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Below the cost, what each gateway's part of it is, and the most that it may become if others stand in."""
    routes: Mapping[str, Mapping[str, Any]] = summary.get("routes") or {}
    for route in routes.values():
        parts = [(name, one["cost"]) for name, one in route["gateways"].items() if any(one["cost"].values())]
        if len(parts) > 1:
            yield "", ", ".join(f"{money_of(cost)} by {name}" for name, cost in parts)
    if routes and not summary.get("channels"):
        dearer = {key: nano for key, nano in summary["most"].items() if nano > summary["cost"].get(key, 0)}
        if dearer:
            yield "at most", f"{money_of(dearer)}, if dearer gateways of the route stand in"
    unpriced = sum(route["unpriced_stand_ins"] for route in routes.values())
    if unpriced:
        messages = f"{unpriced:,} message{'' if unpriced == 1 else 's'}"
        yield "", f"and an unknown price for {messages}, if a gateway without a price stands in"


def routes_document(routes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The routes of a plan for ``--json``, by channel; money as decimal text."""
    return {
        channel: {
            **route,
            "gateways": {
                name: {**one, "cost": money_document(one["cost"])} for name, one in route["gateways"].items()
            },
            "most": money_document(route["most"]),
        }
        for channel, route in routes.items()
    }


MOST_SWITCHES = 12
_STATES = ("accepted", "rejected", "unknown")


def gateway_table(counts: Sequence[GatewayCount], cost: str) -> Table:
    """What each gateway of a route was given: how many, what became of them, and what they cost."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("gateway")
    for name in ("messages", *_STATES, cost):
        table.add_column(name, justify="right")
    for one in counts:
        states = (f"{one.states.get(name, 0):,}" for name in _STATES)
        table.add_row(one.gateway, f"{one.attempts:,}", *states, money_with_unpriced(one.cost, one.unpriced))
    return table


def switch_lines(switches: Sequence[tuple[int, str]], zone: str | None) -> Iterator[str]:
    """When a gateway of the route lost its share or got it back (UTC milliseconds, and why); of many the last."""
    earlier = len(switches) - MOST_SWITCHES
    if earlier > 0:
        yield f"{earlier:,} earlier changes of the route (--json has them)"
    for at, what in switches[-MOST_SWITCHES:]:
        yield f"{local(at, zone)}  {what}"
