"""Limits on the work and text of one row's message, and Python's text functions within these limits.

A hostile or mistaken template ends with an error, never with a hang.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import isfinite
from typing import Any

from jinja2 import Undefined
from jinja2.environment import TemplateModule
from jinja2.runtime import Macro

from a2pcli.content.failures import TooMuchWork, Unsuitable, needed

MOST_CHARACTERS = 10_000
"""Of a message, and of any text on the way to it. Twilio takes 1,600, six parts hold 918."""
MOST_ITEMS = 10_000
"""Of a list, everything in lists inside it included."""
MOST_STEPS = 2_000
"""A row that needs them all takes about a third of a second."""
MOST_WRITTEN = 100_000
MOST_LONG_CHARACTERS = 400_000
"""Of an email's text or HTML. Gmail shows no more than 102 kB of it."""
MOST_LONG_WRITTEN = 1_000_000
DEEPEST_NESTING = 8
MOST_BITS = 1_024
"""Of a whole number."""


class Budget:
    """Steps and characters left for the row at hand."""

    __slots__ = ("characters", "most_written", "steps")

    def __init__(self, most_written: int = MOST_WRITTEN) -> None:
        self.most_written = most_written
        self.reset()

    def reset(self) -> None:
        """Reset the counters for a new row."""
        self.steps = MOST_STEPS
        self.characters = self.most_written

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


MOST_TURNS = 1_000
"""Most numbers in one ``range``."""


def kind_of(value: Any) -> str:
    """A word for the type of a value, for error messages: a text, a number, a list, …"""
    if value is None:
        return "nothing (none)"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float, Decimal)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, Macro):
        return "a macro"
    if isinstance(value, TemplateModule):
        return "the imported file"
    return "a list" if isinstance(value, (list, tuple, range)) else "this value"


def to_text(value: Any) -> str:
    """The value as a message shows it. Texts, numbers, true and false; a list or nothing is a mistake."""
    if type(value) is str:
        return value
    if isinstance(value, float) and not isfinite(value):
        raise Unsuitable("the number is not finite")
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)  # raises, and says what is missing
    hint = ": use the join filter" if isinstance(value, (list, tuple, dict, range)) else ""
    hint = hint or (": call it, with ()" if isinstance(value, Macro) else "")
    raise Unsuitable(f"{kind_of(value)} cannot be printed{hint}")


def join_texts(values: Iterable[Any]) -> str:
    """Implements ``~``: both values as text, joined."""
    return short("".join([short(to_text(value)) for value in values]))


def join_items(separator: str, values: Iterable[Any]) -> str:
    """``separator.join(values)``, for any values that can be printed."""
    texts = []
    length = 0
    for value in needed(values):
        texts.append(to_text(value))
        length += len(texts[-1]) + len(separator)
        if length > MOST_CHARACTERS + len(separator):
            raise TooMuchWork(f"a text of more than {MOST_CHARACTERS:,} characters")
    return separator.join(texts)


def replace(text: str, old: str, new: str, count: int = -1) -> str:
    """``text.replace``."""
    old, new = to_text(old), to_text(new)
    hits = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    if len(text) + hits * (len(new) - len(old)) > MOST_CHARACTERS:
        raise TooMuchWork(f"a text of more than {MOST_CHARACTERS:,} characters")
    return text.replace(old, new, -1 if count is None else count)


def width(value: Any) -> int:
    """Check a width in characters. Raises if it is too large."""
    if not isinstance(value, int):
        raise Unsuitable("a width is a whole number")
    if value > MOST_CHARACTERS:
        raise TooMuchWork(f"a text of more than {MOST_CHARACTERS:,} characters")
    return value


def center(text: str, to: int, fill: str = " ") -> str:
    """``text.center``."""
    return text.center(width(to), fill)


def ljust(text: str, to: int, fill: str = " ") -> str:
    """``text.ljust``."""
    return text.ljust(width(to), fill)


def rjust(text: str, to: int, fill: str = " ") -> str:
    """``text.rjust``."""
    return text.rjust(width(to), fill)


def zfill(text: str, to: int) -> str:
    """``text.zfill``."""
    return text.zfill(width(to))


def range_of(*bounds: int) -> range:
    """``range``, of at most ``MOST_TURNS`` numbers."""
    numbers = range(*bounds)
    if (numbers.stop - numbers.start) // numbers.step > MOST_TURNS:
        raise TooMuchWork(f"a range of more than {MOST_TURNS:,} numbers")
    return numbers


def listed(values: Iterable[Any]) -> list[Any]:
    """The values as a list of bounded length."""
    items = []
    for item in needed(values):
        items.append(item)
        if len(items) > MOST_ITEMS:
            raise TooMuchWork(f"a list of more than {MOST_ITEMS:,} items")
    return items
