"""What all screens of runs share: colours of states, the name of the sender, and whether a table fits."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table

from a2pcli.ledger.records import Run, RunState

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
