"""How long a provider asks to wait: ``Retry-After`` in every form that it has, or is seen with (RFC 9110, 10.2.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""Seconds; a longer wait is taken for this."""

_MILLISECONDS = {"ms", "msec", "millis", "milliseconds", "millisecond"}
_NUMBER = re.compile(
    r"([+-]?)(\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})\s*"
    r"(s|secs?|seconds?|ms|msec|millis|milliseconds?|m|mins?|minutes?|h|hours?)?",
    re.IGNORECASE | re.ASCII,
)
_UNITS = {"m": 60.0, "h": 3600.0}
# No wait is so long: it is a moment, in seconds or milliseconds since 1970.
_SURELY_A_MOMENT = 1e9
_IN_MILLISECONDS = 1e11


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """``Retry-After`` in whole seconds from now, 0 to a day; None where it is absent or says nothing.

    A date counts from the answer's own ``Date``, where it has one: the two clocks need not agree.
    """
    said = headers.get("retry-after")
    if said is None:
        return None
    if now is None:
        now = _moment(headers.get("date", "")) or datetime.now(UTC)
    said = said.strip().strip("\"'").strip()
    wait = _wait(said, now)
    if wait is None and "," in said:
        # Given twice; a date, which has a comma too, was read above.
        waits = [_wait(one.strip(), now) for one in said.split(",")]
        wait = max((one for one in waits if one is not None), default=None) if None not in waits else None
    return wait


def seconds(value: str | None, now: datetime | None = None) -> float | None:
    """A number of seconds in the body of an answer, as ``retry_after`` gives it; None where it is none."""
    return None if value is None else _wait(value.strip(), now or datetime.now(UTC))


def _wait(said: str, now: datetime) -> float | None:
    number = _NUMBER.fullmatch(said)
    if number is not None:
        return _bounded(_seconds(number, now))
    moment = _moment(said)
    if moment is None:
        return None
    try:
        return _bounded((moment - now).total_seconds())
    except OverflowError:
        return None


def _seconds(number: re.Match[str], now: datetime) -> float:
    sign, digits, unit = number[1], float(number[2]), (number[3] or "s").lower()
    if sign == "-":
        return 0.0
    if number[3] is None and digits >= _SURELY_A_MOMENT:
        return (digits / 1000 if digits >= _IN_MILLISECONDS else digits) - now.timestamp()
    if unit in _MILLISECONDS:
        return digits / 1000
    return digits * _UNITS.get(unit[0], 1.0)


def _bounded(wait: float) -> float:
    """Never earlier than asked for: a part of a second counts whole."""
    return float(math.ceil(max(0.0, min(wait, LONGEST))))


def _moment(said: str) -> datetime | None:
    """A date of HTTP, in its three forms, or of ISO 8601."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(said)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None
