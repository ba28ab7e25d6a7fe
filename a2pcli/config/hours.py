"""The notation of send windows: ``09:00-17:30``, ``21:00-02:00``, ``mon-fri, sun``; shared by campaigns and law.

Each function takes what was typed and gives what it means, or raises ``ValueError`` with a plain sentence and a
hint, as in ``values``. Days count from Monday (0) to Sunday (6), times in seconds of the local day.
"""

from __future__ import annotations

import re
from itertools import pairwise

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 86_400
"""Seconds of a day without a change of the clocks."""

Span = tuple[int, int]
"""From (included) to (excluded), in seconds of the day it opens on; to is above 86,400 past midnight."""

_TIME = r"(\d{1,2}):(\d\d)(?::(\d\d))?"
_SPAN = re.compile(rf"{_TIME}\s*(?:-|–|to)\s*{_TIME}", re.ASCII)
_NAMES = {name: number for number, day in enumerate(DAYS) for name in (day,)} | {
    "monday": 0,
    "tuesday": 1,
    "tues": 1,
    "wednesday": 2,
    "thursday": 3,
    "thur": 3,
    "thurs": 3,
    "friday": 4,
    "saturday": 5,
    "sunday": 6,
}
_GROUPS = {"daily": range(7), "weekdays": range(5), "weekend": (5, 6), "weekends": (5, 6)}


def parse_spans(text: str) -> tuple[Span, ...]:
    """``09:00-12:00, 14:00-18:00``, or ``none``. A span that ends before it starts goes over midnight."""
    if text.strip().lower() in ("none", "closed"):
        return ()
    spans = sorted(_span(part) for part in text.split(","))
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise ValueError(f"the windows of '{text}' overlap", "join them into one")
    if spans[-1][1] - DAY > spans[0][0]:
        raise ValueError(f"the windows of '{text}' overlap after midnight", "join them into one")
    return tuple(spans)


def _span(part: str) -> Span:
    found = _SPAN.fullmatch(part.strip())
    hint = "write it like 09:00-17:30, local time"
    if found is None:
        raise ValueError(f"'{part.strip()}' is not a window of hours", hint)
    start, end = _seconds(found, 1), _seconds(found, 4)
    if start >= DAY or end > DAY:
        raise ValueError(f"'{part.strip()}' goes past 24:00", "times are 00:00 to 24:00")
    if start == end:
        raise ValueError(f"'{part.strip()}' is empty", "00:00-24:00 is the whole day, none means never")
    return (start, end) if start < end else (start, end + DAY)


def _seconds(found: re.Match[str], first: int) -> int:
    hours, minutes, seconds = (int(found[first + step] or 0) for step in range(3))
    if minutes > 59 or seconds > 59:
        raise ValueError(f"'{found[0]}' has more than 59 minutes", "write it like 09:00-17:30, local time")
    return hours * 3600 + minutes * 60 + seconds


def parse_days(text: str) -> tuple[int, ...]:
    """``mon-fri, sun`` is (0, 1, 2, 3, 4, 6). Also ``weekdays``, ``weekend``, ``daily``; ``sat-mon`` wraps."""
    days: set[int] = set()
    for part in re.split(r"[,\s]+", re.sub(r"\s*[-–]\s*", "-", text.strip().lower())):
        if part in _GROUPS:
            days.update(_GROUPS[part])
            continue
        first, dash, last = part.partition("-")
        if first not in _NAMES or (dash and last not in _NAMES):
            raise ValueError(f"'{part}' is not a day of the week", "mon, tue, ... sun, or mon-fri")
        start = _NAMES[first]
        end = _NAMES[last] if dash else start
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return tuple(sorted(days))


def spans_text(spans: tuple[Span, ...]) -> str:
    """The notation of spans: ``08:00-20:00``, ``none``."""
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in spans) or "none"


def _clock(seconds: int) -> str:
    if seconds > DAY:
        seconds -= DAY
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text
