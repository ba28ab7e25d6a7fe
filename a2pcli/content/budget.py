"""What one row's message may cost: a hostile or mistaken template ends with an error, never with a hang.

Work is counted where it repeats (turns of loops, calls of macros, items that filters go through), each turn
weighted with what stands in it; text is counted where it can pile up. Nothing depends on a clock, so the same
template does the same thing on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from a2pcli.content.failures import TooMuchWork, Unsuitable

MOST_CHARACTERS = 10_000
"""Of a message, and of any text on the way to it. Twilio takes 1,600, six parts hold 918."""
MOST_ITEMS = 10_000
"""Of a list, everything in lists inside it included."""
MOST_STEPS = 2_000
"""A row that needs them all takes about a third of a second."""
MOST_WRITTEN = 100_000
DEEPEST_NESTING = 8
MOST_BITS = 1_024
"""Of a whole number."""


class Budget:
    """Steps and characters left for the row at hand."""

    __slots__ = ("characters", "steps")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Reset the counters for a new row."""
        self.steps = MOST_STEPS
        self.characters = MOST_WRITTEN

    def spend(self, steps: int) -> None:
        """Count steps of work. Raises if the row exceeds its limit."""
        self.steps -= steps
        if self.steps < 0:
            raise TooMuchWork("the template loops too long")

    def write(self, characters: int) -> None:
        """Count characters of output. Raises if the row exceeds its limit."""
        self.characters -= characters
        if self.characters < 0:
            raise TooMuchWork("the template produces too much text")

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items, counted as they are taken."""
        for item in items:
            self.spend(1)
            yield item


def short(text: str) -> str:
    """The text, if it is not too long to go on with."""
    if len(text) > MOST_CHARACTERS:
        raise TooMuchWork(f"a text of more than {MOST_CHARACTERS:,} characters")
    return text


def flat(value: Any) -> Any:
    """The value, if the lists in it are neither too deep nor too large. Repeated ones count each time."""
    _count(value, MOST_ITEMS, DEEPEST_NESTING)
    return value


def _count(value: Any, left: int, depth: int) -> int:
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if not isinstance(value, (list, tuple)):
        return left - 1
    if depth == 0:
        raise Unsuitable("lists nested too deep")
    for item in value:
        left = _count(item, left, depth - 1)
        if left < 0:
            raise TooMuchWork(f"a list of more than {MOST_ITEMS:,} items")
    return left
