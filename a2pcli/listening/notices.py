"""What the log says of requests, without their data: the first of a kind at once, further ones counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

MOST = 1_000
"""Different sentences within that time; what is beyond them is told and counted as ``OTHERS``."""

OTHERS = "more went wrong than the log has room for"

EVERY = 60.0
"""Seconds after which the count of further ones is told."""


class Notices:
    """Tells a sentence at once if it was not told lately, and how often it would have been told since."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._more: Counter[str] = Counter()

    def note(self, sentence: str) -> None:
        """Tell it, or count it."""
        if sentence not in self._more and len(self._more) >= MOST:
            sentence = OTHERS
        if sentence in self._more:
            self._more[sentence] += 1
            return
        self._more[sentence] = 0
        self._tell(sentence)

    def sum_up(self) -> None:
        """Tell what was counted; what did not come again may be told at once the next time."""
        for sentence, more in list(self._more.items()):
            if more:
                self._tell(f"{sentence} ({more:,} more)")
                self._more[sentence] = 0
            else:
                del self._more[sentence]
