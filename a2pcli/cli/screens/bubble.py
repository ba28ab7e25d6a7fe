"""A message on the terminal as the person sees it, and what is measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.panel import Panel
from rich.text import Text

from a2pcli.channels import channel_of
from a2pcli.cli.terminal.output import printable
from a2pcli.dataclass import dataclass
from a2pcli.message_content import tail_lines
from a2pcli.reporting.values import money

PHONE = 52
"""Columns of a bubble at most."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message as it looks on a phone, its facts in the frame, or below where the frame has no room for them."""

    body: str
    title: str
    facts: str
    sent: bool = True
    head: tuple[str, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield self._panel(options.max_width)
        if not self._fits(options.max_width):
            yield Text(self.facts, style="dim")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = min(options.max_width, self._width(options.max_width))
        return Measurement(width, width)

    def _panel(self, room: int) -> Panel:
        return Panel(
            self._text(),
            box=box.ROUNDED,
            width=self._width(room),
            title=Text(self.title),
            title_align="left",
            subtitle=Text(self.facts) if self._fits(room) else None,
            subtitle_align="left",
            border_style="green" if self.sent else "dim",
        )

    def _text(self) -> Text:
        """The text, with a subject and the like above it."""
        if not self.head:
            return Text(printable(self.body))
        above = "\n".join(printable(line) for line in self.head)
        return Text.assemble((above, "bold"), "\n\n", printable(self.body))

    def _fits(self, room: int) -> bool:
        return cell_len(self.facts) + 6 <= min(room, PHONE)

    def _width(self, room: int) -> int:
        lines = (*self.head, *printable(self.body).splitlines())
        text = max((cell_len(line) for line in lines), default=0) + 4
        frame = max(cell_len(self.title), cell_len(self.facts) if self._fits(room) else 0) + 6
        return min(room, PHONE, max(24, text, frame))


def facts_of(sample: Mapping[str, Any]) -> str:
    """``GSM-7 · 95 units · 1 part · 0.04 GBP``; of what is not cut into parts, the cost alone."""
    encoding = "UCS-2" if sample["ucs2"] else "GSM-7"
    parts = sample["parts"]
    cost = "price unknown" if sample["cost"] is None else f"{money(sample['cost'])} {sample['currency']}"
    number, channel = sample.get("number"), sample.get("channel")
    if channel is not None and not channel_of(channel).parts:
        return cost
    if number is not None and not number.startswith("+"):
        return cost
    return f"{encoding} · {many(sample['units'], 'unit')} · {many(parts, 'part')} · {cost}"


def lines_below(content: Mapping[str, Any] | None) -> list[Text]:
    """What stands below the bubble: buttons, attachments, where replies and unsubscriptions go."""
    return [Text(f"  {printable(line)}", style="dim") for line in tail_lines(content)]


def many(count: int, what: str) -> str:
    """``1 message``, ``2,000 messages``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
