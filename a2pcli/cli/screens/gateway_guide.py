"""One gateway on the terminal: what it can do, its settings, an example, its limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from a2pcli.cli.screens.gateways import abilities
from a2pcli.cli.screens.listing import Listing

if TYPE_CHECKING:
    from a2pcli.actions.gateway_guides import BlockKey, GatewayShown


def gateway_screen(shown: GatewayShown) -> RenderableType:
    """Everything that is known about the gateway, from what it is to where to read more."""
    return Group(*_parts(shown))


def _parts(shown: GatewayShown) -> Iterator[RenderableType]:
    guide, line = shown.guide, shown.line
    yield Text.assemble((line.name if line else guide.type, "bold"), f": {guide.summary}")
    if line and line.is_configured:
        yield Text(f"type {guide.type}, {line.state}, {shown.place}")
    elif line is None:
        yield Text(f"not configured here; a2pcli gateways add {guide.type} writes the block", style="dim")
    can = shown.capabilities
    if can is None:
        why = "not known until its settings are complete and its extra, if it has one, is installed"
        yield from _titled("Can do", Text(why))
    else:
        at_once = f"{can.concurrency} request{'' if can.concurrency == 1 else 's'} at the same time"
        yield from _titled("Can do", Text(f"{abilities(can)}; {at_once}"))
        told = [
            ("idempotent", can.idempotent, "a repeated request is never delivered twice"),
            ("look-up", can.durable_lookup, "reconcile resolves every unknown message"),
            (
                "look-up",
                can.finds and not can.durable_lookup,
                "reconcile resolves unknown messages that are found",
            ),
            (
                "look-up by its ids",
                can.finds_by_id,
                "reconcile --deliveries asks for receipts that never came; unknown messages without an id are resolved"
                " by receipts or by you",
            ),
            (
                "no look-up",
                not (can.finds or can.durable_lookup or can.finds_by_id),
                "unknown messages are resolved by receipts or by you",
            ),
        ]
        for word, holds, meaning in told:
            if holds:
                yield Padding(Text(f"{word}: {meaning}"), (0, 0, 0, 2))
    own = [key for key in guide.keys if not key.shared]
    if own:
        yield from _titled("Settings", _table(own))
    yield from _titled("Settings of every gateway", _table([key for key in guide.keys if key.shared]))
    if guide.example:
        yield from _titled("Example, below gateways: in a2pcli.yaml", Text(guide.block()[:-1]))
    if shown.variables:
        states = [f"{name} ({_state(name, there)})" for name, there in shown.variables.items()]
        yield from _titled("Secrets and variables", Text(", ".join(states)))
    if guide.limits:
        yield from _titled("Limits", *(Text(f"- {one}") for one in guide.limits))
    if guide.docs:
        yield Text()
        yield Text(f"More: {guide.docs}", style="dim")


def _state(variable: str, there: bool) -> str:
    if ":" in variable:  # of the keyring
        return "available" if there else "not available"
    return "set" if there else "not set"


def _titled(title: str, *below: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Text(title, style="bold")
    for one in below:
        yield Padding(one, (0, 0, 0, 2))


def _table(keys: list[BlockKey]) -> Listing:
    rows = [
        (key.path, key.type, "required" if key.default is None else key.default, key.meaning) for key in keys
    ]
    return Listing(("key", "type", "default", "meaning"), rows, lead=3, whole=frozenset({"key"}))
