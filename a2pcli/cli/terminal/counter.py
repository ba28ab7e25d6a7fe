"""A counter of rows on stderr: a live line on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from a2pcli.cli.terminal.output import is_live_terminal, tell


class RowCounter:
    """Shows how many rows are done. Silent for small work (``shown`` false)."""

    EVERY_TERMINAL = 0.2
    EVERY_ELSEWHERE = 5.0

    def __init__(self, what: str, shown: bool = True) -> None:
        self._what = what
        self._shown = shown
        self._terminal = is_live_terminal()
        self._last = time.monotonic()
        self._started = self._last
        self._written = False

    def __call__(self, rows: int) -> None:
        """Show that this many rows are done."""
        now = time.monotonic()
        every = self.EVERY_TERMINAL if self._terminal else self.EVERY_ELSEWHERE
        if not self._shown or now - self._last < every:
            return
        self._last = now
        rate = rows / max(now - self._started, 1e-9)
        text = f"{self._what}: {rows:,} rows, {rate:,.0f} rows/s"
        self._written = True
        if self._terminal:
            tell(text, erase=True)
        else:
            tell(f"{text}\n")

    def __enter__(self) -> RowCounter:
        if self._shown and self._terminal:
            self._written = True
            tell(f"{self._what} ...")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._written and self._terminal:
            tell("", erase=True)
