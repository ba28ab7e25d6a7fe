"""The list of runs on the terminal: a table where it fits, two lines a run where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from a2pcli.cli.screens.listing import RUN_STYLES, fits
from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import RunState, now_ms
from a2pcli.moments import minute
from a2pcli.reporting.channel_story import gateway_names
from a2pcli.reporting.runs import WITHOUT_ROWS, RunLine
from a2pcli.reporting.values import instead_of_sending, local, money_with_unpriced


def runs_screen(lines: Sequence[RunLine], now: int | None = None) -> RenderableType:
    """The runs, as they are given; why one is paused stands below."""
    reasons = [
        Text(f"{line.run.id}: {line.run.state_reason}", style="dim")
        for line in lines
        if line.run.state_reason and line.run.state not in WITHOUT_ROWS
    ]
    return Group(_Runs(lines, now_ms() if now is None else now), *([Text(), *reasons] if reasons else []))


@dataclass(frozen=True, slots=True)
class _Runs:
    lines: Sequence[RunLine]
    now: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        table = self._table()
        if fits(console, options, table):
            yield table
        else:
            yield from self._stacked()

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        for name in ("run", "campaign", "state", "when"):
            table.add_column(name, no_wrap=True)
        for name in ("recipients", "accepted", "rejected", "unknown", "left", "cost"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("via", no_wrap=True)
        for line in self.lines:
            cost = _cost(line)
            counts = (line.accepted, line.rejected, line.unknown, line.left + line.in_flight)
            table.add_row(
                line.run.id,
                line.run.campaign,
                _state(line),
                when(line.at, self.now),
                f"{line.recipients:,}",
                *(f"{count:,}" if count else "·" for count in counts),
                f"({cost})" if cost and not _is_spent(line) else cost,
                gateway_names(line.run),
            )
        return table

    def _stacked(self) -> Iterator[RenderableType]:
        for line in self.lines:
            run = line.run
            yield Text.assemble(
                (run.id, "bold"), "  ", run.campaign, "  ", _state(line), "  ", when(line.at, self.now)
            )
            yield Padding(Text(f"{_figures(line)}, via {gateway_names(run)}"), (0, 0, 0, 2))


def _state(line: RunLine) -> Text:
    return Text(line.run.state, style=RUN_STYLES.get(line.run.state, "dim"))


def _figures(line: RunLine) -> str:
    if line.run.started_at is None:
        pieces = [f"for {line.recipients:,}"]
    else:
        instead = instead_of_sending(line.run)
        pieces = [f"{line.accepted:,} of {line.recipients:,} {instead or 'accepted'}"]
    for count, word in ((line.rejected, "rejected"), (line.unknown, "unknown")):
        if count:
            pieces.append(f"{count:,} {word}")
    if line.run.started_at is not None and (left := line.left + line.in_flight):
        pieces.append(f"{left:,} left")
    cost = _cost(line) if instead_of_sending(line.run) is None else ""
    return ", ".join([*pieces, *([cost] if cost else [])])


def _is_spent(line: RunLine) -> bool:
    """Whether its cost was, or is being, spent: a plan's is not, nor that of messages that nobody sends."""
    return line.run.state != RunState.PLANNED and instead_of_sending(line.run) is None


def _cost(line: RunLine) -> str:
    return money_with_unpriced(line.cost, line.unpriced, nothing="")


def when(moment: int, now: int) -> str:
    """``just now``, ``5 min ago``, ``2 h ago``, ``3 days ago``; older moments by their date on this machine."""
    seconds = (now - moment) / 1000
    if seconds < 0:
        return local(moment)
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h ago"
    if seconds < 14 * 86400:
        return f"{int(seconds // 86400)} days ago"
    return minute(moment)[:10]
