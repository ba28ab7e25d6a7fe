"""A run on the terminal: what became of every row. Counts sum to the rows, rates show what they are a share of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from a2pcli.channels import channel_of
from a2pcli.cli.screens.channels import channel_rows, channel_table, planned_row, way_of
from a2pcli.cli.screens.delivery import add_bills, delivery_tables
from a2pcli.cli.screens.listing import RUN_STYLES, fits, sender_of
from a2pcli.cli.screens.routes import gateway_table, switch_lines
from a2pcli.cli.terminal.output import to_copy
from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Billed, GatewayCount, Run, RunState, StateTotals, Totals, Unheard, Waiting
from a2pcli.messages import State
from a2pcli.moments import minute, zone_name, zone_of
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.channel_story import Arrivals, ByChannel, arrival_sentences
from a2pcli.reporting.deliveries import NONE_UNHEARD, CauseOf, no_table
from a2pcli.reporting.held import held_lines
from a2pcli.reporting.route_story import via
from a2pcli.reporting.totals import HANDED_OVER, rates
from a2pcli.reporting.values import (
    duration,
    instead_of_sending,
    local,
    money,
    money_with_unpriced,
    send_command,
)

WORDS: dict[str, tuple[str, str]] = {
    State.ACCEPTED: ("green", "accepted by the gateway"),
    State.REJECTED: ("red", "rejected by the gateway"),
    State.UNKNOWN: ("yellow", "the person may have received it; never resent automatically"),
    State.SUBMITTING: ("yellow", "being sent now, or interrupted by a crash"),
    State.PLANNED: ("cyan", "not sent yet"),
    State.EXPIRED: ("", "never sent: the campaign expired first"),
    State.CANCELLED: ("", "never sent: the run was cancelled"),
    State.SKIPPED: ("", "excluded from the plan, or skipped while sending"),
}
"""State: its style and what it means, in the order in which they are shown."""

COSTING = (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING, State.PLANNED)
"""States of messages that cost something, or may, or will."""

PAID = (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING)
"""States of messages whose parts are, or may be, paid."""

NARROW = 64
"""Below this width explanations are left away, so that the figures keep their lines."""

MOST_LINES = 12
"""Lines of a long list before the others are summed up; ``--json`` has them all."""


def facts() -> Table:
    """An empty two-column grid for labels and values."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


@dataclass(frozen=True, slots=True)
class StatesTable:
    """Every row of the run, by state, with provider's codes and reasons; the counts sum to the rows."""

    totals: Totals
    instead: str | None = None
    """What became of accepted messages where nothing was sent."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        explained = options.max_width >= NARROW
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        if explained:
            table.add_column(style="dim", overflow="fold")
        for line in self._lines():
            table.add_row(*line[: 3 if explained else 2])
        yield table

    def _lines(self) -> Iterator[tuple[RenderableType, RenderableType, RenderableType]]:
        totals = self.totals
        for state, (style, words) in WORDS.items():
            count = totals.by_state.get(state, 0)
            if not count:
                continue
            if state == State.ACCEPTED and self.instead:
                words = f"{self.instead}; nothing was sent"
            label = Text(str(state).capitalize(), style="bold")
            yield label, Text(f"{count:,}", style=f"bold {style}".strip()), words
            yield from self._codes(state)
            if state in (State.SKIPPED, State.PLANNED):
                yield from self._reasons(totals.reasons.get(state, {}))
        yield "Rows in total", Text(f"{totals.rows:,}", style="bold"), ""

    def _codes(self, state: str) -> Iterator[tuple[RenderableType, RenderableType, RenderableType]]:
        # A code of these is of an earlier try.
        if state in (State.ACCEPTED, State.SUBMITTING):
            return
        codes = list(_most_first(self.totals.by_code.get(state, {})))
        for code, many in codes[:MOST_LINES]:
            yield f"  {code}", f"{many:,}", self.totals.code_sentences.get(code, "")
        if rest := sum(many for _, many in codes[MOST_LINES:]):
            yield "  other codes", f"{rest:,}", ""
        without = self.totals.by_state.get(state, 0) - sum(many for _, many in codes)
        if codes and without and state != State.PLANNED:
            yield "  no code", f"{without:,}", ""

    def _reasons(
        self, reasons: Mapping[str, int]
    ) -> Iterator[tuple[RenderableType, RenderableType, RenderableType]]:
        for reason, many in _most_first(reasons):
            known = reason in Reason._value2member_map_
            yield f"  {reason}", f"{many:,}", SENTENCES[Reason(reason)] if known else ""


def _most_first(counts: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The rows cut another way (by country, variant, sender): a column a state, then parts and cost of ``counted``
    states. The columns sum to those of the other tables."""

    name: str
    lines: Mapping[str, Mapping[str, StateTotals]]
    counted: Sequence[str]
    cost: str = "cost"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        present = {state for of in self.lines.values() for state in of}
        states = [state for state in WORDS if state in present]
        columns = [*states, "parts", "cost"]
        # Where it is too wide, the last columns go first; the accepted stay.
        while True:
            table = self._table(columns)
            if len(columns) == 1 or fits(console, options, table):
                break
            columns.pop()
        yield table

    def _table(self, columns: Sequence[str]) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        table.add_column(self.name, no_wrap=True)
        for column in columns:
            heading = self.cost if column == "cost" else column
            table.add_column(heading, justify="right", no_wrap=True)
        lines = sorted(self.lines.items(), key=lambda item: -sum(one.messages for one in item[1].values()))
        shown = [(name, [of]) for name, of in lines[:MOST_LINES]]
        if rest := lines[MOST_LINES:]:
            shown.append((f"{len(rest)} more", [of for _, of in rest]))
        for name, several in shown:
            table.add_row(name, *(self._cell(column, several) for column in columns))
        return table

    def _cell(self, column: str, several: Sequence[Mapping[str, StateTotals]]) -> str:
        if column not in ("parts", "cost"):
            return f"{sum(of[column].messages for of in several if column in of):,}"
        taken = [of[state] for of in several for state in self.counted if state in of]
        if column == "parts":
            return f"{sum(one.parts for one in taken):,}"
        return cost_text(taken)


def counted_states(totals: Totals) -> tuple[str, ...]:
    """Whose parts and cost a cut shows: what left or may have left; before anything did, what is planned."""
    return PAID if totals.count(*HANDED_OVER) else (State.PLANNED,)


def cost_text(several: Iterable[StateTotals]) -> str:
    """``392.48 GBP + 12.00 EUR + 3 unpriced``; empty where nothing was sent."""
    cost: dict[str, int] = {}
    unpriced = 0
    for one in several:
        unpriced += one.unpriced
        for currency, nano in one.cost.items():
            cost[currency] = cost.get(currency, 0) + nano
    return money_with_unpriced(cost, unpriced, nothing="")


def report_screen(
    run: Run,
    totals: Totals,
    *,
    tests: int = 0,
    live: str | None = None,
    waiting: Sequence[Waiting] = (),
    cause_of: CauseOf = no_table,
    arrivals: Arrivals | None = None,
    by_channel: ByChannel | None = None,
    by_gateway: Sequence[GatewayCount] = (),
    switches: Sequence[tuple[int, str]] = (),
    unheard: Unheard = NONE_UNHEARD,
    bills: Sequence[Billed] = (),
) -> RenderableType:
    """The whole report, top to bottom. ``live`` is who sends the run just now; ``cause_of`` knows receipts' codes."""
    states = StatesTable(totals, instead_of_sending(run))
    about = _about(run, live, begun=totals.count(*HANDED_OVER) > 0)
    pieces: list[RenderableType] = [_title(run), about, Text(), states]
    pieces += [Text(line, style="cyan") for line in held_lines(waiting, zone=zone_of(run.summary))]
    costs = sums(run, totals)
    add_bills(costs, bills)
    if costs.row_count:
        pieces += [Text(), costs]
    simulated = instead_of_sending(run) is not None
    for piece in delivery_tables(totals, facts(), cause_of, simulated=simulated, unheard=unheard):
        pieces += [Text(), piece]
    if by_channel is not None and by_channel.counts:
        pieces += [Text(), channel_table(by_channel, cost_word(run))]
    for sentence in arrival_sentences(arrivals) if arrivals is not None else ():
        pieces += [Text(), Text(sentence, style="yellow")]
    if by_gateway:
        pieces += [Text(), gateway_table(by_gateway, cost_word(run))]
    pieces += [Text(line, style="yellow") for line in switch_lines(switches, zone_of(run.summary))]
    if len(totals.countries) > 1 or (totals.countries and totals.count(*HANDED_OVER)):
        pieces += [Text(), Breakdown("country", totals.countries, counted_states(totals), cost_word(run))]
    if totals.variants:
        pieces += [Text(), Breakdown("variant", totals.variants, counted_states(totals), cost_word(run))]
    if len(totals.senders) > 1:
        named = {sender or run.sender or "the gateway's": of for sender, of in totals.senders.items()}
        pieces += [Text(), Breakdown("sender", named, counted_states(totals), cost_word(run))]
    if tests:
        plural = "" if tests == 1 else "s"
        pieces += [Text(), Text(f"{tests:,} test message{plural}, not counted above", style="dim")]
    steps = next_steps(run, totals) if live is None else []
    return Group(*pieces, *([Text(), *steps] if steps else []))


def _title(run: Run) -> Text:
    style = f"bold {RUN_STYLES.get(run.state, 'dim')}".strip()
    title = Text.assemble((run.id, "bold"), "  ", (run.campaign, "bold"), "  ", (run.state, style))
    if run.state_reason:
        title.append(f": {run.state_reason}")
    return title


def _about(run: Run, live: str | None, *, begun: bool) -> Table:
    """What the run is. ``begun``: a message was handed over; a run may have been started, and all of it held."""
    grid = facts()
    if run.summary.get("objective"):
        grid.add_row("objective", Text(str(run.summary["objective"])))
    if run.contacts_file:
        name = "standard input" if run.contacts_file == "-" else Path(run.contacts_file).name
        grid.add_row("contacts", Text(name))
    sender = f", from {sender_of(run)}" if sender_of(run) else ""
    way = "sent via"
    if instead := instead_of_sending(run):
        way = "gateway"
    if not run.sending.get("channels"):
        grid.add_row(way, Text(f"{way_of(via(run, run.channel), run.channel)}{sender}"))
    for row in (*channel_rows(run), *planned_row(run.summary)):
        grid.add_row(*row)
    if instead:
        are, is_sent = ("were", "was") if begun else ("are", "is")
        grid.add_row("", Text(f"messages {are} {instead}; nothing {is_sent} sent", style="yellow"))
    if run.planned_at:
        grid.add_row("planned", local(run.planned_at, zone_of(run.summary)))
    if run.started_at:
        grid.add_row("sent" if begun else "started", _when_sent(run))
    for label, moment in (("not before", run.not_before), ("expires", run.expires_at)):
        if moment and not run.finished_at:
            grid.add_row(label, local(moment, zone_of(run.summary)))
    if run.state == RunState.SENDING:
        cut_off = "nobody is sending it now: the sender was interrupted"
        grid.add_row(
            "now",
            Text(
                f"{live} {'are' if ' and ' in live else 'is'} sending it" if live else cut_off,
                style="" if live else "yellow",
            ),
        )
    return grid


def _when_sent(run: Run) -> str:
    assert run.started_at is not None
    zone = zone_of(run.summary)
    start = minute(run.started_at, zone)
    name = zone_name(run.started_at, zone)
    if run.finished_at is None:
        return f"{start} {name}"
    end = minute(run.finished_at, zone)
    took = duration((run.finished_at - run.started_at) / 1000)
    if end == start:
        return f"{start} {name}, {took}"
    end = end[11:] if end[:10] == start[:10] else end
    return f"{start} to {end} {zone_name(run.finished_at, zone)}, {took}"


def sums(run: Run, totals: Totals) -> Table:
    """Rates with their denominators, then parts and cost by state; what has no price has its own line."""
    grid = facts()
    if totals.count(*HANDED_OVER):
        label, bases = "accepted", set()
        for rate in rates(totals):
            # Where everybody was answered for, the second rate says the same as the first.
            if rate.share is not None and rate.base not in bases:
                grid.add_row(label, f"{_percent(rate.share)} of {rate.base:,} {rate.of}")
                bases.add(rate.base)
                label = ""
    sent = [(state, totals.states[state]) for state in COSTING if state in totals.states]
    if channel_of(run.channel).parts and sent:
        grid.add_row("parts", " · ".join(f"{one.parts:,} {state}" for state, one in sent))
    label = cost_word(run)
    for state, one in sent:
        for currency, nano in sorted(one.cost.items()):
            grid.add_row(label, f"{money(nano)} {currency} {state}")
            label = ""
        if one.unpriced:
            grid.add_row(label, Text(f"price unknown for {one.unpriced:,} {state}", style="yellow"))
            label = ""
    return grid


def cost_word(run: Run) -> str:
    """What the cost of the run is called: messages that nobody sends cost nothing."""
    return "cost" if instead_of_sending(run) is None else "would cost"


def _percent(share: float) -> str:
    """One decimal, and 100 % or 0 % only where it is all or nothing."""
    shown = round(share * 100, 1)
    if shown in (0.0, 100.0) and share not in (0.0, 1.0):
        return "over 99.9%" if shown else "under 0.1%"
    return f"{shown:.1f}%"


def next_steps(run: Run, totals: Totals) -> list[RenderableType]:
    """Lines with the commands that are useful next, in a form that can be copied."""
    steps = []
    if totals.count(State.PLANNED, State.SUBMITTING):
        word = "send it" if run.state == RunState.PLANNED else "resume"
        steps.append((f"to {word}:", send_command(run)))
    if totals.count(State.UNKNOWN, State.SUBMITTING):
        steps.append(("to resolve unknown:", f"a2pcli reconcile {run.id}"))
    if run.started_at:
        steps.append(("export all rows:", f"a2pcli report {run.id} --csv report.csv"))
    return [to_copy(f"{label:<20} {command}", style="dim") for label, command in steps]
