"""Progress of a run on stderr: a live bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from a2pcli.cli.plan_view import duration, money

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from a2pcli.ledger.records import Run
    from a2pcli.sending.options import Progress

EVERY = 5.0


def progress_text(progress: Progress) -> str:
    """``1,200 of 5,000 · 210/s · 18 s left · 48.00 GBP · 3 rejected (21211 2, 21614 1)``."""
    pieces = [f"{progress.done:,} of {progress.total:,}", f"{progress.rate:,.0f}/s"]
    if progress.eta is not None and progress.left:
        pieces.append(f"{duration(progress.eta)} left")
    pieces += [f"{money(nano)} {currency}" for currency, nano in progress.spend.items()]
    if progress.rejected:
        pieces.append(f"{progress.rejected:,} rejected{_codes(progress)}")
    if progress.unknown:
        pieces.append(f"{progress.unknown:,} unknown")
    if progress.retrying:
        pieces.append(f"{progress.retrying:,} to try again")
    if progress.skipped:
        pieces.append(f"{progress.skipped:,} skipped")
    return " · ".join(pieces)


def _codes(progress: Progress) -> str:
    codes = sorted(progress.errors_by_code.items(), key=lambda item: -item[1])[:3]
    return " (" + ", ".join(f"{code} {count:,}" for code, count in codes) + ")" if codes else ""


class SendProgress:
    """Shows a run's progress while it is sent."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._bar: Bar | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Callable[[Progress], None]:
        if not sys.stderr.isatty():
            return self._line
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        from a2pcli.cli.output import stderr_console

        self._bar = Bar(
            BarColumn(24),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TextColumn("{task.description}", markup=False),
            console=stderr_console(),
            refresh_per_second=5,
        )
        self._bar.start()
        self._task = self._bar.add_task("starting", total=None)
        return self._live

    def _live(self, progress: Progress) -> None:
        assert self._bar is not None
        self._bar.update(
            self._task, completed=progress.done, total=progress.total, description=progress_text(progress)
        )

    def _line(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            print(f"{self._run.id}: {progress_text(progress)}", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
