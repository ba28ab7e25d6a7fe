"""A run of several channels on the screen: which they are, who goes by which, and when the next is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from a2pcli.ledger.records import Run
from a2pcli.reporting.channel_story import ByChannel
from a2pcli.reporting.likely_cost import likely_rows
from a2pcli.reporting.route_story import via
from a2pcli.reporting.values import instead_by_channel, money_of, money_with_unpriced


def channel_rows(run: Run) -> Iterator[tuple[str, str]]:
    """A label and a line for each channel, in order of preference, and for when the next is tried. Nothing for a run
    of one channel."""
    found: Mapping[str, Mapping[str, Any]] = run.sending.get("channels") or {}
    for place, (channel, given) in enumerate(found.items()):
        sender = f", from {given['sender']}" if given.get("sender") else ""
        kept = instead_by_channel(run).get(channel)
        not_sent = f": messages are {kept}, nothing is sent" if kept else ""
        by = "" if via(run, channel) == channel else f" via {via(run, channel)}"
        yield "" if place else "channels", f"{place + 1}. {channel}{by}{sender}{not_sent}"
    if found:
        yield "fallback", fallback_words(run.sending.get("fallback"))


def way_of(gateway: str, channel: str) -> str:
    """A gateway and its channel; once, if the gateway is called like the channel."""
    return gateway if gateway == channel else f"{gateway}, {channel}"


def fallback_words(fallback: Mapping[str, Any] | None) -> str:
    """When the next channel is tried, in words."""
    if fallback is None:
        return "none: each person is tried by one channel"
    words = {
        "rejected": "the gateway refuses the message",
        "undelivered": "a receipt says that it was not delivered",
    }
    pieces = [words[one] for one in fallback["when"]]
    if fallback["after"]:
        pieces.append(f"no receipt says within {span(fallback['after'])} that it was delivered")
    return f"to the next channel if {' or '.join(pieces)}"


def span(seconds: int) -> str:
    """``30 min``, ``2 h``."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def recipient_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Below the recipients, how many go by each channel, and for how many it is a fallback."""
    for one in summary.get("channels", ()):
        next = f"and a fallback for {one['fallbacks']:,}" if one["fallbacks"] else ""
        yield f"  by {one['channel']}", f"{one['recipients']:,}", next


def cost_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What falling back may add to the cost of a plan: the most, and what is likely. Nothing where nobody can."""
    if not any(one["fallbacks"] for one in summary.get("channels", ())):
        return
    most = money_of(summary["most"])
    if most:
        yield "at most", f"{most}, if everybody falls back"
    if unpriced := summary.get("unpriced_fallbacks"):
        dear = f"{unpriced:,} fallback{'s' if unpriced > 1 else ''} at an unknown price"
        yield ("", f"and {dear}") if most else ("at most", dear)
    if most:
        yield from likely_rows(summary)


def stand_in_rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What replaces free texts whose service window has closed before their turn, and what that may add to the cost."""
    found = summary.get("stand_ins")
    if found is None:
        return
    many = found["messages"]
    texts = "1 free text becomes" if many == 1 else f"{many:,} free texts become"
    templates = " or ".join(found["templates"])
    more = money_of({key: nano for key, nano in found["more"].items() if nano})
    pieces = [f"at most {more} more"] if more else []
    if found["unpriced"]:
        pieces.append(f"{found['unpriced']:,} at an unknown price")
    cost = " and ".join(pieces) or "at no extra cost"
    yield (
        "windows",
        f"{texts} the template {templates} if 24 hours have passed since the person wrote: {cost}",
    )


def planned_row(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the plan of a run said it costs: the first attempts, what is likely with fallbacks, and the most."""
    if any(one["fallbacks"] for one in summary.get("channels", ())):
        likely = summary.get("likely")
        middle = f", likely {money_of(likely)}" if likely else ""
        unpriced = summary.get("unpriced", 0)
        cost = money_with_unpriced(summary["cost"], unpriced)
        most = money_with_unpriced(summary["most"], unpriced + summary.get("unpriced_fallbacks", 0))
        yield "cost planned", f"{cost}{middle}, at most {most}"


def channel_table(found: ByChannel, cost: str) -> Table:
    """The attempts by channel: how many, what became of them, and what they cost."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("channel")
    for name in ("attempt", "accepted", "delivered", "rejected", "unknown", "skipped", "went on", cost):
        table.add_column(name, justify="right")
    for one in found.counts:
        states = (
            one.states.get("accepted", 0),
            one.delivered,
            *(one.states.get(name, 0) for name in _STATES),
        )
        table.add_row(
            one.channel,
            str(one.attempt),
            *(f"{count:,}" for count in (*states, one.followed)),
            money_with_unpriced(one.cost, one.unpriced),
        )
    return table


_STATES = ("rejected", "unknown", "skipped")
