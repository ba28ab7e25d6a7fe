"""Days and times as a spreadsheet shows them.

A day in figures is read back by the ``date`` filter in the order of the campaign's locale. Where the sheet writes it
in another order, or the computer decides how, it is merged as 2026-03-14: a wrong day is worse than another look.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*.|\[(?P<elapsed>h+|m+|s+)\]|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<half>am/pm|a/p)|(?P<short>short-date)|(?P<part>y+|m+|d+|h+|s+)|(?P<tenths>\.0+)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_LANGUAGES = {
    "07": "de", "09": "en", "0a": "es", "0c": "fr", "10": "it", "13": "nl", "14": "nb", "15": "pl", "16": "pt",
    "19": "ru", "1d": "sv", "1f": "tr", "05": "cs", "06": "da", "08": "el", "0b": "fi", "0e": "hu", "11": "ja",
    "12": "ko", "04": "zh", "0d": "he", "01": "ar", "21": "id", "22": "uk", "18": "ro", "1b": "sk", "24": "sl",
}  # fmt: skip
"""The primary language of a Windows locale id, by its low byte (MS-LCID 2.2)."""
_MOST_DAYS = 2_958_466


class UnknownFormat(ValueError):
    """A number format that is not supported."""


class DateSection:
    """One section of a format that shows days or times. ``misread``: its days are merged as 2026-03-14 (see above)."""

    def __init__(self, code: str, locale: str, *, epoch_1904: bool) -> None:
        self._epoch_1904 = epoch_1904
        self._locale = locale
        self._tokens: list[tuple[str, str]] = []
        for found in _TOKEN.finditer(code):
            self._add(found)
        parts = [text for kind, text in self._tokens if kind == "part"]
        self._half = any(kind == "half" for kind, _ in self._tokens)
        self._elapsed = any(kind == "elapsed" for kind, _ in self._tokens)
        self._tenths = max((len(text) - 1 for kind, text in self._tokens if kind == "tenths"), default=0)
        self._mark_minutes()
        kinds = [kind for kind, _ in self._tokens]
        self._has_day = any(kind in ("year", "month", "day", "short") for kind in kinds)
        self._has_time = any(kind in ("hour", "minute", "second", "elapsed") for kind in kinds)
        if not parts and not self._elapsed and "short" not in kinds:
            raise UnknownFormat("not a date")
        self.misread = self._has_day and self._is_misread()
        self._iso = self.misread or self._is_iso()

    def show(self, value: float, signed: bool) -> str:
        """The day or time with this serial number, as the spreadsheet displays it."""
        if self._elapsed:
            return self._show_elapsed(value)
        moment = self._moment(value)
        if self._iso:
            midnight = moment.time() == dt.time()
            seconds = any(kind in ("second", "short") for kind, _ in self._tokens)
            whole = moment.isoformat(" ", "seconds" if seconds else "minutes")
            return whole[:10] if midnight or not self._has_time else whole
        return "".join(self._piece(kind, text, moment) for kind, text in self._tokens)

    def _add(self, found: re.Match[str]) -> None:
        kind = found.lastgroup
        if kind == "bracket":
            inside = found["bracket"]
            if not inside.startswith("$"):
                return  # a colour or a condition
            literal, _, language = inside[1:].rpartition("-")
            if language.lower() in ("f800", "f400", "x-sysdate", "x-systime") or "x-sys" in inside.lower():
                raise UnknownFormat("a date in the computer's own format")
            named = _LANGUAGES.get(language.lower()[-2:].rjust(2, "0")) if language else None
            if named and not self._locale.startswith(named):
                self._locale = named
            if literal:
                self._tokens.append(("literal", literal))
        elif kind in ("quoted", "escaped"):
            self._tokens.append(("literal", found[kind]))
        elif kind == "space":
            self._tokens.append(("literal", " "))
        elif kind in ("half", "elapsed", "tenths", "part", "short"):
            self._tokens.append((kind, found[kind]))
        elif kind == "other":
            if found[0].isalpha() and found[0].isascii():
                raise UnknownFormat(f"'{found[0]}' in a date")
            if found[0] != "@":
                self._tokens.append(("literal", found[0]))

    def _mark_minutes(self) -> None:
        """``m`` is minutes behind hours and before seconds, else the month."""
        names = {"y": "year", "d": "day", "h": "hour", "s": "second", "m": "month"}
        places = [at for at, (kind, _) in enumerate(self._tokens) if kind in ("part", "elapsed")]
        for order, at in enumerate(places):
            kind, text = self._tokens[at]
            if kind == "elapsed":
                continue
            letter = text[0].lower()
            name = names[letter]
            if letter == "m" and len(text) <= 2:
                before = self._tokens[places[order - 1]][1][0].lower() if order else ""
                after = self._tokens[places[order + 1]][1][0].lower() if order + 1 < len(places) else ""
                name = "minute" if before == "h" or after == "s" else "month"
            self._tokens[at] = (name, text.lower())

    def _order(self) -> list[str]:
        return [kind for kind, _ in self._tokens if kind in ("year", "month", "day", "short")]

    def _is_iso(self) -> bool:
        """Days as ISO 8601 has them, which keep a time as it has it: ``09:30:00``, and none at midnight."""
        figures = all(len(text) == 2 for kind, text in self._tokens if kind in ("month", "day"))
        literals = [text for kind, text in self._tokens if kind == "literal"]
        return self._order() == ["year", "month", "day"] and figures and literals[:2] == ["-", "-"]

    def _is_misread(self) -> bool:
        """Whether the ``date`` filter would not find the same day in what the sheet shows."""
        order = self._order()
        if "short" in order:
            return month_first(self._locale) is None
        if any(kind == "month" and len(text) > 2 for kind, text in self._tokens):
            # Where months are numbered (3月), their names among figures read like nothing.
            return any(
                letter.isdigit() for letter in _name("month", 3, dt.datetime(2026, 3, 1), self._locale)
            )
        if order in (["month", "day", "year"], ["day", "month", "year"]):
            if ("literal", ".") in self._tokens:
                return order[0] == "month"
            own = month_first(self._locale)
            return own is not None and own != (order[0] == "month")
        return False

    def _moment(self, value: float) -> dt.datetime:
        if not 0 <= value < _MOST_DAYS:
            raise ValueError(value)
        unit = 10**self._tenths
        days, ticks = divmod(round(value * 86_400 * unit), 86_400 * unit)
        first = dt.datetime(1904, 1, 1) if self._epoch_1904 else dt.datetime(1899, 12, 30)
        if not self._epoch_1904 and 0 < days < 60:
            days += 1  # Lotus 1-2-3 had a 29 February 1900, and spreadsheets kept it
        return first + dt.timedelta(days=days, microseconds=ticks * (1_000_000 // unit))

    def _piece(self, kind: str, text: str, moment: dt.datetime) -> str:
        if kind == "literal":
            return text
        if kind == "short":
            return short_date(moment, self._locale)
        if kind == "half":
            half = "AM" if moment.hour < 12 else "PM"
            return half if "m" in text.lower() else half[0]
        if kind == "tenths":
            return "." + f"{moment.microsecond:06d}"[: len(text) - 1]
        if kind == "year":
            return f"{moment.year:04d}" if len(text) > 2 else f"{moment.year % 100:02d}"
        if kind in ("month", "day") and len(text) > 2:
            return _name(kind, len(text), moment, self._locale)
        number = {
            "month": moment.month, "day": moment.day, "minute": moment.minute, "second": moment.second,
            "hour": (moment.hour % 12 or 12) if self._half else moment.hour,
        }[kind]  # fmt: skip
        return f"{number:02d}" if len(text) > 1 else str(number)

    def _show_elapsed(self, value: float) -> str:
        unit = 10**self._tenths
        left = round(abs(value) * 86_400 * unit)
        pieces = ["-" if value < 0 else ""]
        sizes = {"h": 3_600, "m": 60, "s": 1}
        for kind, text in self._tokens:
            if kind in ("elapsed", "hour", "minute", "second"):
                amount, left = divmod(left, sizes[text[0].lower()] * unit)
                pieces.append(f"{amount:0{len(text)}d}")
            elif kind == "tenths":
                pieces.append("." + f"{left:0{len(text) - 1}d}")
            elif kind == "literal":
                pieces.append(text)
        return "".join(pieces)


@lru_cache(maxsize=64)
def parsed(name: str) -> Locale:
    """The locale of that name, which stands in for the computer's own; English where there is none."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return Locale("en")


@lru_cache(maxsize=64)
def month_first(locale: str) -> bool | None:
    """Whether a locale writes the month before the day; None where its countries disagree (English)."""
    chosen = parsed(locale)
    if chosen.language == "en" and chosen.territory is None:
        return None
    pattern = chosen.date_formats["short"].pattern
    return bool(pattern.index("M") < pattern.index("d"))


def short_date(moment: dt.datetime, locale: str) -> str:
    """The day as the locale writes it in figures, with the whole year."""
    pattern = parsed(locale).date_formats["short"].pattern
    whole = re.sub(r"y+", "yyyy", pattern)
    from babel.dates import format_date

    return str(format_date(moment.date(), whole, locale=parsed(locale)))


def _name(kind: str, length: int, moment: dt.datetime, locale: str) -> str:
    """The name of a month or weekday in the locale."""
    from babel.dates import format_date

    if kind == "month" and length == 5:
        return _name(kind, 4, moment, locale)[:1]
    pattern = {"month": {3: "MMM"}, "day": {3: "EEE"}}[kind].get(
        length, "MMMM" if kind == "month" else "EEEE"
    )
    return str(format_date(moment.date(), pattern, locale=parsed(locale))).rstrip(".")
