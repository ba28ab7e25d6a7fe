"""Progress of a run on stderr: a live bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from a2pcli.cli.screens.plan import duration, money
from a2pcli.cli.terminal.output import is_live_terminal, printable, tell, with_time
from a2pcli.moments import zone_of
from a2pcli.reporting.values import instead_of_sending, local

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from a2pcli.actions.send_watcher import Progress
    from a2pcli.ledger.records import Run

EVERY = 5.0
"""Seconds between two lines, where there is no terminal."""

UNCHANGED_EVERY = 60.0
"""The same where a line would say the same as the one before."""

WAITS = {
    "holding": "waiting, as requested by the gateway",
    "gateway-down": "waiting for the gateway to become available",
    "standing-by": "the rest is with other senders; waiting to take over if one ends",
    "stopping": "stopping",
}
"""What is worth saying about a run's state while it is sent."""


def progress_text(
    progress: Progress, width: int = 1000, zone: str | None = None, *, sends: bool = True
) -> str:
    """``1,200 of 5,000 · 210/s · 18 s left · 48.00 GBP · 3 rejected · codes: 21211 × 2, 21614 × 1``.

    ``zone`` is the run's (``moments.zone_of``); ``sends`` is False where the gateway delivers nothing. Where
    that is too wide, whole pieces are left away, the least needed first; a figure is never cut.
    """
    pieces = _pieces(progress, zone, sends)
    chosen: list[int] = []
    for _, place in sorted((importance, place) for place, (importance, _) in enumerate(pieces)):
        shown = " · ".join(pieces[at][1] for at in sorted([*chosen, place]))
        if len(shown) <= width or not chosen:
            chosen.append(place)
    return " · ".join(pieces[at][1] for at in sorted(chosen))


def _pieces(progress: Progress, zone: str | None, sends: bool) -> list[tuple[int, str]]:
    """What there is to say, in the order in which it is shown, each with its rank."""
    pieces = [(0, f"{progress.done:,} of {progress.total:,}")]
    if progress.waits_until is not None:
        pieces.append((1, f"waiting until {local(progress.waits_until, zone)}"))
    elif progress.state in WAITS:
        pieces.append((1, WAITS[progress.state]))
    elif progress.rate:
        pieces.append((6, f"{progress.rate:,.0f}/s" if progress.rate >= 10 else f"{progress.rate:.1f}/s"))
    if progress.state not in (*WAITS, "waiting") and progress.eta is not None and progress.left:
        pieces.append((2, f"{duration(progress.eta)} left"))
    if sends:
        pieces += [(5, f"{money(nano)} {currency}") for currency, nano in progress.spend.items()]
    else:
        pieces.append((1, "nothing is sent"))
    if progress.down and progress.state not in WAITS:
        pieces.append((3, f"without {' and '.join(progress.down)}"))
    if progress.rejected:
        pieces.append((3, f"{progress.rejected:,} rejected"))
    if progress.errors_by_code:
        pieces.append((9, _codes(progress)))
    if progress.unknown:
        pieces.append((4, f"{progress.unknown:,} unknown"))
    if progress.retrying:
        pieces.append((7, f"{progress.retrying:,} to retry"))
    if progress.skipped:
        pieces.append((8, f"{progress.skipped:,} skipped"))
    return pieces


def _codes(progress: Progress) -> str:
    codes = sorted(progress.errors_by_code.items(), key=lambda item: -item[1])[:3]
    return "codes: " + ", ".join(f"{code} × {count:,}" for code, count in codes)


class SendProgress:
    """Shows a run's progress while it is sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._zone = zone_of(run.summary)
        self._sends = instead_of_sending(run) is None
        self._bar: Bar | None = None
        self._last = time.monotonic()
        self._said = ""
        self._switches = 0

    def __enter__(self) -> Callable[[Progress], None]:
        if not is_live_terminal():
            return self._line
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        from a2pcli.cli.terminal.output import stderr_console

        self._console = stderr_console()
        width = self._console.width
        # Next to a text that says so much a bar is decoration: on a narrow terminal it goes.
        self._beside = 24 if width >= 100 else 12 if width >= 80 else 0
        columns = [BarColumn(self._beside)] if self._beside else []
        self._bar = Bar(
            *columns,
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            refresh_per_second=5,
        )
        self._bar.start()
        self._task = self._bar.add_task("starting", total=None)
        return self._live

    def _live(self, progress: Progress) -> None:
        assert self._bar is not None
        for line in self._new_switches(progress):
            self._console.print(printable(line), style="yellow", markup=False, highlight=False)
        text = progress_text(progress, self._console.width - self._beside - 8, self._zone, sends=self._sends)
        self._bar.update(
            self._task, completed=progress.done, total=progress.total, description=printable(text)
        )

    def _new_switches(self, progress: Progress) -> Iterator[str]:
        """Gateways of the route that lost their share or have it back since the last call."""
        for one in progress.switches[self._switches :]:
            yield f"{local(one.at, self._zone)}  {one.detail}"
        self._switches = len(progress.switches)

    def _line(self, progress: Progress) -> None:
        for line in self._new_switches(progress):
            tell(with_time(f"{self._run.id}: {line.partition('  ')[2]}\n"))
        now = time.monotonic()
        if now - self._last < EVERY:
            return
        text = progress_text(progress, zone=self._zone, sends=self._sends)
        if text == self._said and now - self._last < UNCHANGED_EVERY:
            return
        is_over = text == self._said and not (progress.left or progress.in_flight)
        self._last, self._said = now, text
        tell(with_time(f"{self._run.id}: {text}{' · waiting for receipts' if is_over else ''}\n"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(OSError):  # the terminal may be closed
                self._bar.stop()
