"""A run on the terminal and as JSON: what became of every row."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from a2pcli.cli.plan_view import duration, money
from a2pcli.ledger.records import Run, Totals
from a2pcli.messages import State
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.sending.options import Ended, SendResult

WORDS: dict[str, tuple[str, str]] = {
    State.ACCEPTED: ("green", "taken by the gateway"),
    State.REJECTED: ("red", "refused by the gateway for good"),
    State.UNKNOWN: ("yellow", "the person may have it; never resent by itself"),
    State.SUBMITTING: ("yellow", "being handed over now, or cut off by a crash"),
    State.PLANNED: ("cyan", "still to be sent"),
    State.EXPIRED: ("", "the campaign expired first"),
    State.CANCELLED: ("", "cancelled"),
    State.SKIPPED: ("", "left out, for the reasons below"),
}


def totals_document(totals: Totals) -> dict[str, Any]:
    """Totals as JSON; money as decimal text."""
    return {
        "rows": totals.rows,
        "states": dict(totals.by_state),
        "excluded": dict(totals.by_reason),
        "countries": {country: dict(states) for country, states in totals.by_country.items()},
        "codes": {state: dict(codes) for state, codes in totals.by_code.items()},
        "parts": {state: one.parts for state, one in totals.states.items()},
        "cost": {
            state: {currency: money(nano) for currency, nano in one.cost.items()}
            for state, one in totals.states.items()
            if one.cost
        },
        "unpriced": {state: one.unpriced for state, one in totals.states.items() if one.unpriced},
    }


def run_document(run: Run) -> dict[str, Any]:
    """The run's own facts as JSON."""
    return {
        "run": run.id,
        "campaign": run.campaign,
        "state": run.state,
        "state_reason": run.state_reason,
        "gateway": run.gateway,
        "channel": run.channel,
        "sender": run.sender,
        "digest": run.digest,
        "contacts_file": run.contacts_file,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def result_document(run: Run, totals: Totals, result: SendResult) -> dict[str, Any]:
    """How ``send`` ended, as JSON."""
    reason = result.reason
    return {
        **run_document(run),
        "ended": result.ended,
        "reason": None if reason is None else str(reason),
        "seconds": round(result.seconds, 3),
        **totals_document(totals),
    }


def totals_table(totals: Totals) -> RenderableType:
    """Every row of the run, by state, then the reasons of those left out; the counts sum to the rows."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for state, (style, words) in WORDS.items():
        count = totals.by_state.get(state, 0)
        if not count:
            continue
        table.add_row(
            Text(f"{count:,}", style=f"bold {style}".strip()), str(state), _about(totals, state, words)
        )
        for code, many in sorted(totals.by_code.get(state, {}).items(), key=lambda item: -item[1])[:8]:
            if state in (State.REJECTED, State.UNKNOWN):
                table.add_row("", f"  {many:,} × {code}", "")
        if state == State.SKIPPED:
            for reason, many in sorted(totals.by_reason.items(), key=lambda item: -item[1]):
                known = reason in Reason._value2member_map_
                words = SENTENCES[Reason(reason)] if known else ""
                table.add_row("", f"  {many:,} {reason}", Text(words, style="dim"))
    table.add_row(Text(f"{totals.rows:,}", style="bold"), "rows in all", "")
    return table


def _about(totals: Totals, state: str, words: str) -> Text:
    text = Text(words, style="dim")
    one = totals.states.get(state)
    if one is not None and state in (State.ACCEPTED, State.UNKNOWN, State.PLANNED):
        cost = [f"{money(nano)} {currency}" for currency, nano in one.cost.items()]
        if one.unpriced:
            cost.append(f"price unknown for {one.unpriced:,}")
        text.append(f"  {one.parts:,} parts" + (", " + ", ".join(cost) if cost else ""))
    return text


ENDINGS = {
    Ended.FINISHED: ("green", "finished"),
    Ended.WAITING: ("cyan", "waiting for its hour"),
    Ended.PAUSED: ("yellow", "paused"),
    Ended.OVER_BUDGET: ("red", "stopped at the budget"),
    Ended.INTERRUPTED: ("yellow", "interrupted"),
    Ended.EXPIRED: ("yellow", "expired"),
}


def result_screen(run: Run, totals: Totals, result: SendResult) -> RenderableType:
    """How ``send`` ended, and what to do next."""
    style, word = ENDINGS[result.ended]
    head = Text.assemble(
        (f"{word}", f"bold {style}"), f"  run {run.id} of {run.campaign}, {duration(result.seconds)}"
    )
    pieces: list[RenderableType] = [head]
    if result.reason is not None:
        pieces.append(Text(str(result.reason), style=style))
    pieces += [totals_table(totals), *next_steps(run, totals)]
    return Group(*pieces)


def next_steps(run: Run, totals: Totals) -> list[RenderableType]:
    """The commands that make sense now."""
    steps = []
    if totals.count(State.PLANNED) and run.state != "planned":
        steps.append(f"to go on:            a2pcli send --plan {run.id}")
    if totals.count(State.UNKNOWN):
        steps.append(f"to settle unknowns:  a2pcli reconcile {run.id}")
    if run.started_at:
        steps.append(f"every row:           a2pcli report {run.id} --csv report.csv")
    return [Text(step, style="dim") for step in steps]
