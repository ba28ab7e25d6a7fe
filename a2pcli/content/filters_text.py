"""Filters on texts."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from a2pcli.content import bounded
from a2pcli.content.bounded import MOST_CHARACTERS, short, to_text
from a2pcli.content.cases import Cases, cases
from a2pcli.content.encoding import measure, prepare
from a2pcli.content.failures import TooMuchWork, Unsuitable

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_DIRECTIVE = re.compile(r"%(?:%|[-+ #0]*(\d{0,9})(?:\.(\d{0,9}))?[diouxXeEfFgGcs])")
_MARKS = ("'", "’", "‘")
_LEEWAY = 5
"""Jinja's: a text that is longer by no more than this is left whole."""


def title(value: Any, locale: str = "en") -> str:
    """Words with a capital first: ``ann o'neil`` is Ann O'Neil, ``sam's`` Sam's, ``McDonald`` stays."""
    return _titled(to_text(value), cases(locale))


@lru_cache(maxsize=4096)
def _titled(text: str, letters: Cases) -> str:
    return _WORD.sub(lambda found: _capital(found, letters), unicodedata.normalize("NFC", text))


def _capital(found: re.Match[str], letters: Cases) -> str:
    word = found[0]
    if word[0].isdigit():
        return word  # 3rd, 4G
    if (
        letters.language == "nl"
        and len(word) == 1
        and found.string[found.start() - 1 : found.start()] in _MARKS
    ):
        return letters.lower(word)  # 's-Hertogenbosch
    if not (word.islower() or letters.is_capitals(word)):
        return letters.capital(word)
    first, mark, rest = letters.lower(word).partition("'" if "'" in word else "’")
    if mark and len(first) == 1:
        rest = letters.capital(rest)
    return letters.capital(first) + mark + rest


def cased(locale: str) -> dict[str, Callable[..., str]]:
    """The filters that change letters, for messages in this locale."""

    def upper(value: Any, locale: str = locale) -> str:
        return cases(locale).upper(to_text(value))

    def lower(value: Any, locale: str = locale) -> str:
        return cases(locale).lower(to_text(value))

    def capitalize(value: Any, locale: str = locale) -> str:
        letters = cases(locale)
        return letters.capital(letters.lower(to_text(value)))

    def titled(value: Any, locale: str = locale) -> str:
        return title(value, locale)

    return {"capitalize": capitalize, "lower": lower, "title": titled, "upper": upper}


def truncate(
    value: Any, length: int = 255, killwords: bool = False, end: str = "...", leeway: int | None = None
) -> str:
    """At most so many characters, cut at a word unless ``killwords``."""
    text = to_text(value)
    if len(end) > length:
        raise Unsuitable(f"truncate: {length} characters have no room for {end!r}")
    if len(text) <= length + (_LEEWAY if leeway is None else leeway):
        return text
    kept = text[: length - len(end)]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + end


def truncate_parts(value: Any, parts: int = 1, end: str = "...") -> str:
    """As much of the text as so many SMS parts hold, cut at a word where one ends near."""
    text = prepare(to_text(value))
    if not isinstance(parts, int) or not 1 <= parts <= 255:
        raise Unsuitable("truncate_parts: parts are a whole number from 1 to 255")
    if not text or measure(text).parts <= parts:
        return text
    fits, too_much = 0, len(text)
    while too_much - fits > 1:
        middle = (fits + too_much) // 2
        if measure(text[:middle] + end).parts <= parts:
            fits = middle
        else:
            too_much = middle
    kept = text[:fits]
    if not text[fits].isspace():
        whole_words = kept.rsplit(maxsplit=1)[0] if kept.split()[1:] else kept
        kept = whole_words if len(whole_words) >= len(kept) - 20 else kept
    return kept.rstrip() + end


def indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Jinja's ``indent``: every line but the first is indented."""
    text = to_text(value)
    before = width if isinstance(width, str) else " " * bounded.width(width)
    if len(text) + len(before) * (text.count("\n") + 1) > MOST_CHARACTERS:
        raise TooMuchWork(f"a text of more than {MOST_CHARACTERS:,} characters")
    lines = text.split("\n")
    return "\n".join(
        before + line if (number or first) and (line or blank) else line for number, line in enumerate(lines)
    )


def wordwrap(
    value: Any, width: int = 79, break_long_words: bool = True, wrapstring: str | None = None
) -> str:
    """Lines of at most so many characters."""
    if not isinstance(width, int) or width < 1:
        raise Unsuitable("wordwrap: the width is a whole number from 1")
    lines = [
        piece
        for line in to_text(value).split("\n")
        for piece in textwrap.wrap(line, width, break_long_words=break_long_words) or [""]
    ]
    return bounded.join_items("\n" if wrapstring is None else to_text(wrapstring), lines)


def formatted(value: Any, *args: Any) -> str:
    """``'%.2f' | format(x)``, with widths a message can have."""
    template = to_text(value)
    if "%" in _DIRECTIVE.sub("", template):
        raise Unsuitable("format: only simple directives such as %s, %d and %.2f")
    for found in _DIRECTIVE.finditer(template):
        if int(found[1] or 0) > 200 or int(found[2] or 0) > 50:
            raise TooMuchWork("format: the width is too large")
    for argument in args:
        to_text(argument)
    try:
        return short(template % args)
    except TypeError as error:
        raise Unsuitable(f"format: {error}") from None


def _on_text(work: Callable[[str], Any]) -> Callable[[Any], Any]:
    def on_text(value: Any) -> Any:
        return work(to_text(value))

    return on_text


def _trim(value: Any, chars: str | None = None) -> str:
    return to_text(value).strip(chars)


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    return bounded.replace(to_text(value), old, new, -1 if count is None else count)


def _center(value: Any, width: int = 80) -> str:
    return bounded.center(to_text(value), width)


def _split(value: Any, separator: str | None = None, most: int = -1) -> list[str]:
    return to_text(value).split(separator, most)


FILTERS: dict[str, Callable[..., Any]] = {
    "center": _center,
    "format": formatted,
    "indent": indent,
    "replace": _replace,
    "split": _split,
    "string": to_text,
    "trim": _trim,
    "truncate": truncate,
    "truncate_parts": truncate_parts,
    "urlencode": _on_text(lambda text: quote(text, safe="/")),
    "wordcount": _on_text(lambda text: len(re.findall(r"\w+", text))),
    "wordwrap": wordwrap,
}
