"""Lists that stay readable on any width, and what all screens of runs share: colours of states, a sender's name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Run, RunState

NARROW = 72
"""Below this width a row becomes lines: a column of six characters helps nobody."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A table; on a narrow terminal the first ``lead`` cells of a row on a line, the others below it.

    The cells of the columns ``whole`` are never broken, those of ``right`` stand right.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    lead: int
    whole: frozenset[str] = frozenset()
    right: frozenset[str] = frozenset()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if options.max_width >= NARROW:
            yield self._table()
            return
        for row in self.rows:
            yield Text("  ".join(cell for cell in row[: self.lead] if cell), style="bold")
            if below := ", ".join(cell for cell in row[self.lead :] if cell):
                yield Padding(Text(below), (0, 0, 0, 2))

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for name in self.columns:
            table.add_column(
                name,
                no_wrap=name in self.whole,
                overflow="fold",
                justify="right" if name in self.right else "left",
            )
        for row in self.rows:
            table.add_row(*row)
        return table


RUN_STYLES: dict[str, str] = {
    RunState.FINISHED: "green",
    RunState.SENDING: "cyan",
    RunState.PAUSED: "yellow",
    "stopped": "yellow",
    RunState.PLANNED: "",
}


def fits(console: Console, options: ConsoleOptions, table: Table) -> bool:
    """Whether the table needs no more than the width there is."""
    wide = options.update(width=10_000)
    return Measurement.get(console, wide, table).maximum <= options.max_width


def sender_of(run: Run) -> str | None:
    """The run's sender, or the number of its senders."""
    named = [sender for sender in run.summary.get("senders", ()) if sender]
    if len(named) > 1:
        return f"{len(named)} senders"
    return named[0] if named else run.sender
