"""The list of gateways on the terminal: tables where they fit, lines where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from a2pcli.actions.gateways import GatewayLine, gateway_types
from a2pcli.actions.routes import RouteLine
from a2pcli.channels import NAMES, OFFERED
from a2pcli.cli.screens.listing import fits
from a2pcli.config.route_rules import OTHER
from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    from a2pcli.actions.gateways import Capabilities


def gateways_screen(
    lines: Sequence[GatewayLine], routes: Sequence[RouteLine], path: Path | None
) -> RenderableType:
    """The gateways and routes a campaign can name, then the types there are."""
    where = f"in {path}" if path else "no a2pcli.yaml here: these gateways need none"
    return Group(
        _Gateways(lines),
        Text(),
        *((_routes(routes), Text()) if routes else ()),
        _Types(),
        Text(),
        Text(f"* default gateway; {where}", style="dim"),
    )


@dataclass(frozen=True, slots=True)
class _Gateways:
    lines: Sequence[GatewayLine]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        quotas = ("quota",) if any(line.quotas for line in self.lines) else ()
        for heading in ("", "name", "type", "supports", "rate", *quotas, "sender", "state"):
            table.add_column(heading, no_wrap=True)
        for line in self.lines:
            table.add_row(
                "*" if line.is_default else "",
                line.name,
                line.type,
                abilities(line.capabilities),
                line.rate or "",
                *(" and ".join(line.quotas) for _ in quotas),
                line.sender or "",
                _state(line),
            )
        if fits(console, options, table):
            yield table
            return
        for line in self.lines:
            mark = "* " if line.is_default else ""
            yield Text.assemble(mark, (line.name, "bold"), f" ({line.type})  ", _state(line))
            quota = f"quota {' and '.join(line.quotas)}" if line.quotas else None
            told = [
                abilities(line.capabilities),
                line.rate,
                quota,
                f"from {line.sender}" if line.sender else None,
            ]
            if any(told):
                yield Padding(Text(", ".join(one for one in told if one)), (0, 0, 0, 2))


def _routes(routes: Sequence[RouteLine]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("", "route", "numbers"):
        table.add_column(heading, no_wrap=True)
    table.add_column("gateways", overflow="fold")
    for route in routes:
        for number, (place, rule) in enumerate(route.rules.items()):
            where = "" if not route.route.has_places else "all others" if place == OTHER else place
            mark = "*" if route.is_default and not number else ""
            table.add_row(mark, "" if number else route.name, where, rule)
    return table


class _Types:
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column("type", no_wrap=True)
        table.add_column("what it does", overflow="fold")
        for one in gateway_types():
            table.add_row(one.type, one.summary)
        yield table


def _state(line: GatewayLine) -> Text:
    return Text(line.state, style="green" if line.state == "ready" else "yellow" if line.missing else "red")


def abilities(capabilities: Capabilities | None) -> str:
    """``sms, mms, 500 at a time, look-up``."""
    if capabilities is None:
        return ""
    channels = [name for name in NAMES if name in capabilities.channels]
    words = ["every channel"] if set(OFFERED) <= capabilities.channels else channels
    if capabilities.batch > 1:
        words.append(f"{capabilities.batch} at a time")
    for has, word in (
        (not capabilities.delivers, "sends nothing"),
        (capabilities.idempotent, "idempotent"),
        (capabilities.durable_lookup or capabilities.finds, "look-up"),
        (capabilities.receipts, "receipts"),
    ):
        if has:
            words.append(word)
    return ", ".join(words)
