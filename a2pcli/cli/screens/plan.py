"""A plan on the terminal and as JSON: what a person approves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import Channel, channel_of
from a2pcli.cli.screens.bubble import Bubble, facts_of, lines_below, many
from a2pcli.cli.screens.capacity import capacity_document, capacity_line, pace_texts, quota_lines
from a2pcli.cli.screens.channels import channel_rows, cost_rows, recipient_rows, stand_in_rows, way_of
from a2pcli.cli.screens.listing import sender_of
from a2pcli.cli.screens.routes import gateway_rows, route_cost_rows, routes_document
from a2pcli.cli.terminal.output import printable, to_copy
from a2pcli.cli.terminal.problems import waiver_line
from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Run
from a2pcli.message_content import head_lines
from a2pcli.moments import zone_of
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.held import clock_lines
from a2pcli.reporting.route_story import via
from a2pcli.reporting.values import (
    campaign_argument,
    delimiter_name,
    instead_of_sending,
    iso,
    local,
    money_document,
    reading_line,
    rehearsal_document,
    send_command,
)
from a2pcli.reporting.values import duration as duration
from a2pcli.reporting.values import money as money

EXPLAINED = 46
"""Columns from which on reasons are explained, not only named."""

CONSENT = {
    "required": "required: only people with a consent record, or a row that says when and how they agreed",
    "assumed": "no proof required; refusals and unclear answers are excluded (consent: required asks for proof)",
}
"""What the plan says of consent."""

STUCK = {
    "expired": "the campaign expires before they may be sent",
    "late": "the campaign expires before they can be sent at this rate",
    "never": "no permitted sending time: the campaign's hours and the legal hours do not overlap",
    "unknown_zone": "held: their time zone is unknown",
}
"""Why messages of a plan cannot leave."""

CANNOT_BE_SENT = "this plan cannot be sent: see below"


def plan_document(run: Run) -> dict[str, Any]:
    """The plan as ``--json`` shows it; money as decimal text."""
    summary = {key: value for key, value in run.summary.items() if key not in ("basis", "digests")}
    for name in ("cost", "most", "likely"):
        if summary.get(name) is not None:
            summary[name] = money_document(summary[name])
    if "stand_ins" in summary:
        summary["stand_ins"] = summary["stand_ins"] | {"more": money_document(summary["stand_ins"]["more"])}
    if "routes" in summary:
        summary["routes"] = routes_document(summary["routes"])
    summary["messages_by_parts"] = summary["parts"]
    summary["parts"] = summary["total_parts"]
    summary["samples"] = [_sample_document(sample) for sample in summary["samples"]]
    leaving = leaving_of(summary)
    summary["leaving"] = {**leaving, "finishes_at": iso(leaving["finishes_at"])}
    summary.setdefault("unsubscribe", None)  # plans of earlier versions
    summary["capacity"] = capacity_document(summary.get("capacity"))
    return {
        "plan": run.id,
        "digest": run.digest,
        "state": run.state,
        "campaign": run.campaign,
        "purpose": run.purpose,
        "channel": run.channel,
        "gateway": run.gateway,
        **rehearsal_document(run),
        "sender": run.sender,
        **summary,
    }


def _sample_document(sample: Mapping[str, Any]) -> dict[str, Any]:
    cost = sample["cost"]
    return {
        **{key: value for key, value in sample.items() if key != "ucs2"},
        "encoding": "UCS-2" if sample["ucs2"] else "GSM-7",
        "cost": None if cost is None else money(cost),
    }


def plan_screen(run: Run, *, next_step: bool = True, samples: bool = True) -> RenderableType:
    """The whole plan, top to bottom: what, who, who not and why, cost, time, how it looks, what to do next."""
    summary = run.summary
    pieces: list[RenderableType] = [_heading(run), Text(), _People(summary)]
    if summary["recipients"]:
        pieces += [Text(), _facts(run, summary)]
    if summary["samples"] and samples:
        pieces += [Text(), Text("Sample messages", style="bold"), *_bubbles(summary["samples"], run.channel)]
    pieces += [Text(), *_closing(run, summary, next_step)]
    return Group(*pieces)


def _heading(run: Run) -> RenderableType:
    summary = run.summary
    contacts = summary["contacts"]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("campaign", Text(run.campaign, style="bold") + Text(f"  {summary['objective']}", style=""))
    how = [contacts["format"]]
    if contacts["encoding"]:
        guessed = " (guessed)" if contacts["encoding_guessed"] else ""
        how.append(f"{contacts['encoding']}{guessed}")
    if contacts["delimiter"]:
        how.append(delimiter_name(contacts["delimiter"]))
    file = Path(contacts["file"]).name if contacts["file"] != "-" else "standard input"
    grid.add_row("contacts", f"{file}  {', '.join(how)}")
    if contacts.get("read_as"):
        grid.add_row("columns", Text(printable(reading_line(contacts["read_as"]))))
    sender = f", from {sender_of(run)}" if sender_of(run) else ""
    if instead := instead_of_sending(run):
        grid.add_row(
            "gateway",
            Text(f"{via(run, run.channel)}: messages are {instead}, nothing is sent", style="yellow"),
        )
        if not run.sending.get("channels"):
            grid.add_row("channel", f"{run.channel}{sender}")
    elif not run.sending.get("channels"):
        grid.add_row("sent via", f"{way_of(via(run, run.channel), run.channel)}{sender}")
    for row in channel_rows(run):
        grid.add_row(*row)
    occurrence = "" if summary["occurrence"] == "once" else f", occurrence {summary['occurrence']}"
    programme = f", programme {run.programme}" if run.programme else ""
    grid.add_row("purpose", f"{run.purpose}{programme}{occurrence}")
    if consent := CONSENT.get(summary.get("consent") or ""):
        grid.add_row("consent", consent)
    return grid


@dataclass(frozen=True, slots=True)
class _People:
    """Recipients and excluded rows, by reason; a narrow terminal shows only the reasons' codes."""

    summary: Mapping[str, Any]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        columns = 3 if options.max_width >= EXPLAINED else 2
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        if columns == 3:
            table.add_column(style="dim", overflow="fold")
        for line in self._lines():
            table.add_row(*line[:columns])
        yield table

    def _lines(self) -> Iterator[tuple[RenderableType, RenderableType, RenderableType]]:
        summary = self.summary
        yield from self._recipients()
        excluded = sum(summary["excluded"].values())
        yield Text("Excluded", style="bold"), Text(f"{excluded:,}", style="bold"), ""
        for reason, count in summary["excluded"].items():
            yield f"  {reason}", f"{count:,}", SENTENCES[Reason(reason)]
        yield "Rows read", f"{summary['rows']:,}", _blank(summary)

    def _recipients(self) -> Iterator[tuple[RenderableType, RenderableType, RenderableType]]:
        """Who gets a message; below them those whose planned message cannot be sent."""
        leaving = leaving_of(self.summary)
        over = bool(self.summary["over_budget"])
        style = "bold yellow" if over else "bold green"
        yield (
            Text("Recipients", style="bold"),
            Text(f"{leaving['going']:,}", style=style),
            CANNOT_BE_SENT if over else "",
        )
        yield from recipient_rows(self.summary)
        yield from gateway_rows(self.summary)
        stuck = self.summary["recipients"] - leaving["going"]
        if stuck:
            yield Text("Cannot be sent", style="bold"), Text(f"{stuck:,}", style="bold yellow"), ""
            for cause, words in STUCK.items():
                if leaving[cause]:
                    yield f"  {cause.replace('_', '-')}", f"{leaving[cause]:,}", words


def leaving_of(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """How many of a plan's messages can leave, and why others cannot; plans of earlier versions did not ask."""
    nothing = dict.fromkeys(STUCK, 0)
    return summary.get("leaving") or {"going": summary["recipients"], **nothing, "finishes_at": None}


def _blank(summary: Mapping[str, Any]) -> str:
    blank = summary["contacts"]["blank_rows"]
    return f"and {many(blank, 'blank row')} skipped" if blank else ""


def _who_and_how_long(channel: Channel, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Countries, if addresses have them; senders, if there are several; parts and encodings of SMS."""
    if summary["countries"] or channel.kind is Kind.PHONE:
        yield "countries", _list(summary["countries"], most=12)
    if len(summary.get("senders", ())) > 1:
        yield "senders", _list(summary["senders"], most=12)
    if channel.parts:
        parts = [f"{count:,} × {many(int(n), 'part')}" for n, count in summary["parts"].items()]
        in_all = f"  = {many(summary['total_parts'], 'part')}" if parts else ""
        yield "length", f"{' + '.join(parts) or 'none'}{in_all}"
        yield "encoding", _list(summary["encodings"])


def _facts(run: Run, summary: Mapping[str, Any]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for row in _who_and_how_long(channel_of(run.channel), summary):
        grid.add_row(*row)
    if summary["replaced"]:
        grid.add_row("typography", f"{many(summary['replaced'], 'message')} simplified to stay GSM-7")
    if summary["repairs"]:
        grid.add_row("repaired", f"{_list(summary['repairs'])}  (address cells)")
    if summary["variants"]:
        grid.add_row("variants", _list(summary["variants"]))
    for line, (currency, nano) in enumerate(summary["cost"].items()):
        price = Text(f"{money(nano)} {currency}", style="bold")
        if instead_of_sending(run):
            price.append(" if it were sent", style="")
        grid.add_row("" if line else "cost", price)
    if summary["unpriced"]:
        label = "" if summary["cost"] else "cost"
        why = "" if summary["rated"] else ": no rate card in the settings"
        where = (
            f" ({_list(summary['unpriced_countries'], most=6)})"
            if summary["rated"] and summary["unpriced_countries"]
            else ""
        )
        grid.add_row(
            label, Text(f"unknown for {many(summary['unpriced'], 'message')}{where}{why}", style="yellow")
        )
    for row in (*cost_rows(summary), *route_cost_rows(summary), *stand_in_rows(summary)):
        grid.add_row(*row)
    grid.add_row("time", _duration(run, summary))
    for line, text in enumerate(quota_lines(summary.get("capacity"), zone_of(run.summary))):
        grid.add_row("" if line else "quota", text)
    _add_times(grid, run, summary)
    if summary.get("unsubscribe"):
        grid.add_row("unsubscribe", f"{summary['unsubscribe']}…, where `a2pcli listen` must answer")
    for line, waiver in enumerate(summary.get("waivers", ())):
        grid.add_row("" if line else "waived", Text(waiver_line(waiver), style="yellow"))
    return grid


def _duration(run: Run, summary: Mapping[str, Any]) -> str:
    """How long it takes at the pace, and when the last message leaves as far as that is known."""
    finishes = leaving_of(summary)["finishes_at"]
    if summary.get("capacity"):
        return capacity_line(summary, run.sending, zone_of(run.summary))
    last = (
        f"; the last is sent at about {local(finishes, zone_of(run.summary))}" if finishes is not None else ""
    )
    paces = pace_texts(run.sending)
    if summary["seconds"] is None:
        return f"as fast as the gateway allows{last or '; set limits.rate to limit it'}"
    if not paces:
        return f"{duration(summary['seconds'])} at the rate of the senders{last}"
    return f"{duration(summary['seconds'])} at {', '.join(paces)}{last}"


def _add_times(grid: Table, run: Run, summary: Mapping[str, Any]) -> None:
    if when := _when(run):
        grid.add_row("when", when)
    clock = summary.get("clock")
    for line, text in enumerate(clock_lines(clock, zone_of(run.summary)) if clock else ()):
        grid.add_row("" if line else "hours", text)
    if without := summary.get("no_hours"):
        grid.add_row(
            "" if clock else "hours",
            f"no legal sending hours known for {', '.join(without)}: set your own in the settings, hours: 08:00-21:00",
        )
    if zone_data := summary.get("time_zone_data"):
        grid.add_row("zones", f"time zone data {zone_data}")


def _when(run: Run) -> str:
    """``not before 2026-03-01 09:00 Europe/London, never after 2026-03-03 21:00 Europe/London``."""
    zone = zone_of(run.summary)
    pieces = [f"not before {local(run.not_before, zone)}"] if run.not_before is not None else []
    if run.expires_at is not None:
        pieces.append(f"never after {local(run.expires_at, zone)}")
    return ", ".join(pieces)


def _list(counts: Mapping[str, int], most: int = 8) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:most]]
    rest = sum(list(counts.values())[most:])
    if rest:
        shown.append(f"other {rest:,}")
    return " · ".join(shown) or "none"


def _bubbles(samples: list[Mapping[str, Any]], channel: str) -> list[RenderableType]:
    """Messages as people see them; each with its channel, where they go by several."""
    shown: list[RenderableType] = []
    several = any("channel" in sample for sample in samples)
    for sample in samples:
        by = sample.get("channel") or channel
        variant = f"  {sample['variant']}" if sample["variant"] else ""
        title = f"{sample['number']}  line {sample['line']:,}{f'  by {by}' if several else ''}{variant}"
        content = sample.get("content")
        facts = facts_of({**sample, "channel": by})
        bubble = Bubble(sample["body"], title, facts, head=head_lines(content))
        shown.append(Padding(bubble, (0, 0, 0, 2), expand=False))
        shown += (Padding(line, (0, 0, 0, 2)) for line in lines_below(content))
    return shown


def _closing(run: Run, summary: Mapping[str, Any], next_step: bool) -> list[RenderableType]:
    digest = (run.digest or "")[:12]
    lines: list[RenderableType] = []
    if summary["over_budget"]:
        lines += [Text(f"cannot be sent: {summary['over_budget']}", style="bold red")]
    lines += [Text.assemble(("plan ", "dim"), (run.id, "bold"), (f"  digest {digest}", "dim"))]
    if next_step and summary["recipients"] and not summary["over_budget"]:
        lines.append(to_copy(f"to send this plan:  {send_command(run)}"))
    if next_step and summary["excluded"] and run.campaign_file:
        lines.append(to_copy(f"to see all rows:    a2pcli plan{campaign_argument(run)} --out rows.csv"))
    return lines
