"""What ``reconcile`` settled, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from a2pcli.cli.terminal.output import to_copy
from a2pcli.ledger.records import Run, RunState
from a2pcli.messages import State
from a2pcli.moments import zone_of
from a2pcli.reporting.values import local, send_command

if TYPE_CHECKING:
    from a2pcli.actions.reconcile import Reconciled, ReconciledRun


_NEVER_LEFT = "were not sent before the interruption, now planned again"


def settled_screen(done: ReconciledRun) -> RenderableType:
    """What was settled and how, those that are left, and what to do about them."""
    run, result, left = done.run, done.result, done.left
    if not result.found:
        return Group(_nothing_unknown(done), *_deliveries(result))
    lines = [Text.assemble(f"run {run.id} of {run.campaign}: ", (f"{result.found:,}", "bold"), " unknown")]
    asked = done.by is None
    again = "cancelled with its run" if run.state == RunState.CANCELLED else "planned again"
    counted = (
        (
            result.accepted,
            "green",
            "known to the gateway, now accepted" if asked else "now accepted, as you decided",
        ),
        (result.rejected, "red", "rejected by the gateway, now rejected"),
        (
            result.not_sent,
            "cyan",
            f"never sent, now {again}" if asked else f"now {again}, as you decided",
        ),
        (
            result.too_early,
            "yellow",
            "not known to the gateway yet, but too recent to be sure: try again in a minute",
        ),
        *((count, "yellow", f"still unknown: {why}") for why, count in result.why.items()),
        (left - result.too_early - sum(result.why.values()), "yellow", "still unknown"),
        (done.never_left, "cyan", f"more {_NEVER_LEFT}"),
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for count, style, words in counted:
        if count > 0:
            table.add_row(Text(f"{count:,}", style=f"bold {style}"), words)
    pieces: list[RenderableType] = [*lines, table, *_deliveries(result)]
    if left:
        pieces += [Text(), _those_left(done), Text(), *_what_to_do(done)]
    if result.not_sent or done.never_left:
        pieces += [Text(), _to_send_them(run)]
    return Group(*pieces)


def _deliveries(result: Reconciled) -> list[RenderableType]:
    """What gateways said of accepted messages, if they were asked."""
    told = result.deliveries
    if told is None:
        return []
    if not told.asked:
        return [
            Text(),
            Text("all accepted messages have a final receipt, or no id by which they can be asked about"),
        ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    counted = (
        (told.arrived, "green", "delivered"),
        (told.failed, "red", "not delivered"),
        (told.pending, "cyan", "not delivered yet"),
        *((count, "yellow", why) for why, count in told.why.items()),
    )
    for count, style, words in counted:
        if count > 0:
            table.add_row(Text(f"{count:,}", style=f"bold {style}"), words)
    head = f"{told.asked:,} accepted without a final receipt (each part of a message counts):"
    return [Text(), Text(head), table]


def _nothing_unknown(done: ReconciledRun) -> RenderableType:
    """What became of the messages instead; those that were rejected or are left are no matter of this command."""
    run, totals = done.run, done.totals
    counts = [
        f"{totals.count(state):,} {word}"
        for state, word in (
            (State.ACCEPTED, "accepted"),
            (State.REJECTED, "rejected"),
            (State.PLANNED, "left"),
        )
        if totals.count(state)
    ]
    head = f"run {run.id}: no unknown messages"
    lines: list[RenderableType] = [Text(f"{head} ({', '.join(counts)})" if counts else head)]
    if done.never_left:
        lines.append(Text(f"{done.never_left:,} {_NEVER_LEFT}"))
    if totals.count(State.REJECTED):
        lines.append(to_copy(f"to retry the rejected:  a2pcli retry {run.id}", style="dim"))
    if totals.count(State.PLANNED):
        lines.append(to_copy(f"to send the rest:  {send_command(run)}", style="dim"))
    return Group(*lines)


def _to_send_them(run: Run) -> Text:
    if run.state == RunState.CANCELLED:
        return Text(
            "the run was cancelled; the next send of the campaign makes a new plan for them", style="dim"
        )
    return to_copy(f"to send them:  {send_command(run)}", style="dim")


def _those_left(done: ReconciledRun) -> RenderableType:
    """The first of them, so that they can be looked up at the provider."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("number", "sent at", "reference"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold")
    run = done.run
    for row in done.named:
        when = local(row["claimed_at"], zone_of(run.summary)) if row["claimed_at"] else ""
        why = ": ".join(str(row[name]) for name in ("code", "detail") if row[name])
        table.add_row(row["address"], when, row["reference"], why)
    if more := done.left - len(done.named):
        text = f"and {more:,} more: a2pcli report {run.id} --csv unknown.csv --state unknown"
        return Group(table, Text(text, style="dim"))
    return table


def _what_to_do(done: ReconciledRun) -> list[RenderableType]:
    run, result = done.run, done.result
    if done.left == result.too_early:
        return []
    if done.by is not None:
        why = "check the others at the provider, then decide:"
    elif result.can_tell:
        why = "for those that the gateway does not know, decide:"
    else:
        cannot = f"gateway {run.gateway} cannot look messages up"
        if len(run.sending.get("channels") or ()) > 1:
            cannot = "their gateway cannot look messages up"
        why = f"{cannot}; check them at the provider, then decide:"
    return [
        Text(why),
        Text(f"  a2pcli reconcile {run.id} --as sent      they received it", style="dim"),
        Text(f"  a2pcli reconcile {run.id} --as not-sent  they did not; send it again", style="dim"),
    ]
