"""The markup a text can be written in, and how cells are escaped so that they never become markup.

Whatever a template prints is escaped for the markup that its text is written in. Only HTML of emails has the filter
``safe``, which takes a cell as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape as escape_html
from html import unescape
from typing import Any

from markupsafe import Markup

from a2pcli.content import bounded
from a2pcli.dataclass import dataclass

HTML = "html"
TELEGRAM_HTML = "telegram-html"
TELEGRAM_MARKDOWN = "telegram-markdown"


class MarkdownText(Markup):
    """MarkdownV2 that is escaped already, as ``Markup`` is HTML."""

    @classmethod
    def escape(cls, s: Any, /) -> MarkdownText:
        """The value escaped, unless it is so already."""
        return s if isinstance(s, cls) else cls(escape_markdown(bounded.to_text(s)))


def escape_markdown(text: str) -> str:
    """The text as MarkdownV2 that shows it as it is, wherever it stands. Any ASCII character may stand behind a
    backslash, and is an ordinary one then (core.telegram.org/bots/api#markdownv2-style).

    >>> escape_markdown("1*2 = _2_")
    '1\\\\*2 \\\\= \\\\_2\\\\_'
    """
    return "".join(f"\\{char}" if _is_reserved(char) else char for char in text)


def _is_reserved(char: str) -> bool:
    return "\0" < char < "\x7f" and not char.isalnum() and not char.isspace()


@dataclass(frozen=True, slots=True)
class WrittenIn:
    """One markup: how a text is escaped for it, and the type of texts that are escaped already."""

    escape: Callable[[str], str]
    marked: type[Markup]
    is_safe_offered: bool = False

    def escaped(self, value: Any) -> str:
        """The value as the markup shows it; what was marked as safe, or is escaped already, as it is."""
        if isinstance(value, self.marked):
            return str(value)
        return self.escape(bounded.to_text(value))

    @property
    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters that templates in it have besides the others."""

        def escaped(value: Any) -> Markup:
            return self.marked(self.escaped(value))

        return {"escape": escaped, "e": escaped} | ({"safe": self.marked} if self.is_safe_offered else {})


MARKUPS: dict[str, WrittenIn] = {
    HTML: WrittenIn(escape_html, Markup, is_safe_offered=True),
    TELEGRAM_HTML: WrittenIn(escape_html, Markup),
    TELEGRAM_MARKDOWN: WrittenIn(escape_markdown, MarkdownText),
}


_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKS = re.compile(r"\\([\x01-\x7e])|\]\([^()\s]*\)|[*_~`\[\]>|]")


def words_of_markup(text: str, markup: str | None) -> str:
    """About what a template in a markup says, for rules that look at words; the template's own tags stay."""
    if markup is None:
        return text
    if markup == TELEGRAM_MARKDOWN:
        outside = _JINJA.split(text)
        return "".join(
            piece if place % 2 else _MARKS.sub(lambda found: found[1] or "", piece)
            for place, piece in enumerate(outside)
        )
    return unescape(_TAG.sub("", text))


_JINJA = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
