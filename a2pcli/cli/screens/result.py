"""How ``send`` ended, on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from a2pcli.actions.send_watcher import Ended, SendResult
from a2pcli.cli.screens.run import StatesTable, next_steps, sums
from a2pcli.cli.terminal.output import to_copy
from a2pcli.ledger.records import Run, Totals, Waiting
from a2pcli.moments import zone_of
from a2pcli.reporting.held import held_document, held_lines
from a2pcli.reporting.totals import HANDED_OVER, run_document, totals_document
from a2pcli.reporting.values import duration, instead_of_sending

ENDINGS = {
    Ended.FINISHED: ("green", "finished"),
    Ended.WAITING: ("cyan", "waiting for permitted hours"),
    Ended.PAUSED: ("yellow", "paused"),
    Ended.OVER_BUDGET: ("red", "stopped: budget reached"),
    Ended.INTERRUPTED: ("yellow", "interrupted"),
    Ended.EXPIRED: ("yellow", "expired"),
}


def result_document(
    run: Run, totals: Totals, result: SendResult, waiting: Sequence[Waiting] = ()
) -> dict[str, Any]:
    """JSON document that says how ``send`` ended."""
    reason = result.reason
    return {
        **run_document(run),
        "ended": result.ended,
        "reason": None if reason is None else str(reason),
        "seconds": round(result.seconds, 3),
        **totals_document(totals),
        "waiting": held_document(waiting),
    }


def result_screen(
    run: Run, totals: Totals, result: SendResult, waiting: Sequence[Waiting] = ()
) -> RenderableType:
    """What is shown when ``send`` ended: the result and what to do next."""
    style, word = ENDINGS[result.ended]
    head = Text.assemble(
        (f"{word}", f"bold {style}"), f"  run {run.id} of {run.campaign}, {duration(result.seconds)}"
    )
    pieces: list[RenderableType] = [head]
    if instead := instead_of_sending(run):
        are = "were" if totals.count(*HANDED_OVER) else "are"
        pieces.append(Text(f"nothing was sent: messages {are} {instead}", style="yellow"))
    if result.reason is not None:
        pieces.append(Text(result.reason.message, style=style))
        # Each way on in a line of its own, which stays one to whoever copies it.
        pieces += [to_copy(f"  {hint}") for hint in (result.reason.hint or "").split("; ") if hint]
    pieces.append(StatesTable(totals, instead_of_sending(run)))
    pieces += [Text(line, style="cyan") for line in held_lines(waiting, zone=zone_of(run.summary))]
    costs = sums(run, totals)
    if costs.row_count:
        pieces += [Text(), costs]
    return Group(*pieces, *next_steps(run, totals))
