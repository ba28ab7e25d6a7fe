"""What ``check`` says of the HTML of emails: its size, and places where a cell could be more than a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from a2pcli.content.email import GMAIL_CLIPS
from a2pcli.errors import Problem, Severity
from a2pcli.frame import Frame
from a2pcli.message_content import content_of, size_text
from a2pcli.planning.contents import ContentTexts
from a2pcli.planning.spec import TemplateText

_UNQUOTED = re.compile(r"<[a-zA-Z][^<>]*?\s[a-zA-Z-]+=(\{\{)")
_UNSAFE = re.compile(r"\{\{[^{}]*\|\s*(safe)\b")


def clipped(content: ContentTexts, frame: Frame) -> Iterator[Problem]:
    """Warn if the HTML is so large that Gmail hides the end of it."""
    contents = [content_of(text) or {} for text in frame["@content"].to_pylist()[:20]]
    largest = max((len(one.get("html", "").encode("utf-8", "replace")) for one in contents), default=0)
    if largest <= GMAIL_CLIPS:
        return
    place = content.sources["html"].place
    yield Problem(
        f"the HTML is {size_text(largest)} long; Gmail hides everything beyond 102 kB, including the unsubscribe link",
        place.path,
        place.line,
        place.column,
        "shorten it",
        Severity.WARNING,
        "html-size",
    )


def doubtful(source: TemplateText) -> Iterator[Problem]:
    """Yield warnings for places in HTML where a cell could inject markup."""
    for pattern, message, hint in (
        (_UNQUOTED, "a value without quotation marks can become several attributes", 'write ="{{ … }}"'),
        (
            _UNSAFE,
            "'safe' inserts cells into the HTML unescaped, including tags",
            "remove it unless the cells contain HTML",
        ),
    ):
        for found in pattern.finditer(source.text):
            line, column = _position(source, found.start(1))
            yield Problem(message, source.place.path, line, column, hint, Severity.WARNING, "unsafe-html")


def _position(source: TemplateText, offset: int) -> tuple[int, int]:
    """Return line and column in the file of an offset in the template."""
    if source.place.spot:
        return source.place.spot(offset)
    before = source.text[:offset]
    line = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    if line == 0:
        return source.place.line, source.place.column + column
    return source.place.line + line, source.place.indent + column + 1
