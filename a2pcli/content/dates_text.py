"""Dates as people type them into tables, and as people read them.

``03/04/2026`` is in March or in April, depending on the country: the locale decides, and where it does not
(English alone) the row is refused rather than sent with the wrong day.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Any

from a2pcli.contacts.date_formats import month_first
from a2pcli.content.failures import Unsuitable
from a2pcli.content.numbers_text import babel_locale, no_odd_spaces, shown

_STYLES = ("short", "medium", "long", "full")
_TIME = re.compile(
    r"[T,\s]\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?\s*([ap]\.?m\.?)?\s*(Z|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})|(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4}|\d{2})")
_DAY_FIRST = re.compile(r"\d{1,2}-[^\W\d_]+\.?-\d{2}")
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_TIME_FIELDS = re.compile(r"[HhKkmsSaABb]")
_ZONE_FIELDS = re.compile(r"[zZvVOXx]")
_QUOTED = re.compile(r"'[^']*'")


def formatted(value: Any, pattern: str, locale: str) -> str:
    """A date in the words of the locale. ``pattern`` is ``short`` to ``full`` or made of CLDR fields
    (``EEEE d MMMM``, ``HH:mm``)."""
    if not isinstance(value, str):
        raise Unsuitable("not a date")
    if not isinstance(pattern, str) or not 0 < len(pattern.strip()) <= 100:
        raise Unsuitable("a date's format is a short text, such as 'd MMMM'")
    if "%" in pattern:
        raise Unsuitable("a date's format is written 'd MMMM yyyy', not with %")
    return _formatted(value, pattern, locale)


@lru_cache(maxsize=4096)
def _formatted(value: str, pattern: str, locale: str) -> str:
    from babel.dates import format_date, format_datetime

    day, clock = parse(value, locale)
    if pattern in _STYLES:
        return no_odd_spaces(format_date(day, pattern, locale=babel_locale(locale)))
    if clock is None and _TIME_FIELDS.search(_QUOTED.sub("", pattern)):
        raise Unsuitable(f"{shown(value)} has no time of day")
    if (clock is None or clock.tzinfo is None) and _ZONE_FIELDS.search(_QUOTED.sub("", pattern)):
        raise Unsuitable(f"{shown(value)} has no time zone")
    moment = datetime.combine(day, clock or time())
    try:
        return no_odd_spaces(format_datetime(moment, pattern, locale=babel_locale(locale)))
    except (KeyError, ValueError, AttributeError):
        raise Unsuitable(f"{shown(pattern)} is not a date format: write 'd MMMM yyyy'") from None


def parse(text: str, locale: str) -> tuple[date, time | None]:
    """The day, and the time of day where there is one, as written on the clock. Raises ``Unsuitable``."""
    typed = text.strip()
    clock = None
    found = _TIME.search(typed)
    if found:
        clock = _clock(found, text)
        typed = typed[: found.start()].strip()
    day = _numeric(typed, locale, text) or _worded(typed, locale)
    if day is None:
        spreadsheet = re.fullmatch(r"\d{5}(?:\.\d+)?", typed)
        hint = (
            ": a spreadsheet wrote the number of the day (give its column a date format, and export it again)"
            if spreadsheet
            else ""
        )
        raise Unsuitable(f"{shown(text)} is not a date{hint}")
    return day, clock


def _clock(found: re.Match[str], text: str) -> time:
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    half = (found[4] or "").lower()[:1]
    if half:
        if not 1 <= hour <= 12:
            raise Unsuitable(f"{shown(text)} is not a time")
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, minute, second, tzinfo=_offset(found[5]))
    except ValueError:
        raise Unsuitable(f"{shown(text)} is not a time") from None


def _offset(text: str | None) -> timezone | None:
    if not text or text.upper() == "Z":
        return UTC if text else None
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _numeric(typed: str, locale: str, text: str) -> date | None:
    if found := _YEAR_FIRST.fullmatch(typed):
        year, month, day = (
            int(part) for part in (found.group(1, 3, 4) if found[1] else found.group(5, 6, 7))
        )
        return _day(year, month, day, text)
    found = _YEAR_LAST.fullmatch(typed)
    if not found:
        return None
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    if len(found[4]) == 2:
        year += 2000 if year < 70 else 1900
    if first > 12 or first == second or found[2] == ".":
        return _day(year, second, first, text)
    if second > 12:
        return _day(year, first, second, text)
    written_first = month_first(str(babel_locale(locale)))
    if written_first is None:
        raise Unsuitable(f"{shown(text)} may be day/month or month/day: say locale: en_GB or en_US")
    return _day(year, first, second, text) if written_first else _day(year, second, first, text)


def _worded(typed: str, locale: str) -> date | None:
    """``3 April 2026``, ``April 3rd, 2026``, ``Fri 3. Apr 2026``, with the months of English or the locale."""
    months = _months(locale)
    numbers, month = [], None
    for word in _WORDS.findall(typed):
        if word.isdigit():
            numbers.append(word)
        elif word.lower() in months:
            if month is not None:
                return None
            month = months[word.lower()]
        elif word.lower() not in _fillers(locale):
            return None
    if month is None or len(numbers) != 2:
        return None
    if _DAY_FIRST.fullmatch(typed):  # 14-Mar-26, as spreadsheets have it
        year = int(numbers[1])
        return _day(year + (2000 if year < 70 else 1900), month, int(numbers[0]), typed)
    day, year = sorted(numbers, key=len)
    if len(year) != 4 or len(day) > 2:
        return None
    return _day(int(year), month, int(day), typed)


def _day(year: int, month: int, day: int, text: str) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Unsuitable(f"{shown(text)} is not a date") from None


@lru_cache(maxsize=32)
def _months(locale: str) -> dict[str, int]:
    return {
        name: number
        for language in ("en", locale)
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for number, name in _names(babel_locale(language).months[context][width])
    } | {"sept": 9}


@lru_cache(maxsize=32)
def _fillers(locale: str) -> frozenset[str]:
    """Words of a date that tell nothing new: weekdays, ordinal endings, ``of``, ``de``."""
    days = (
        name
        for language in ("en", locale)
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for _, name in _names(babel_locale(language).days[context][width])
    )
    words = {word for name in days for word in _WORDS.findall(name)}
    return frozenset(words) | {
        "st",
        "nd",
        "rd",
        "th",
        "of",
        "the",
        "de",
        "del",
        "er",
        "tues",
        "thur",
        "thurs",
    }


def _names(by_number: Any) -> list[tuple[int, str]]:
    return [(number, str(name).lower().rstrip(".")) for number, name in by_number.items()]
