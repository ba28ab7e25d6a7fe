"""An email's HTML and headers, of rendered texts: styles written into elements, the plain text, one-line headers.

The libraries are an extra: ``a2pcli[email]``. Styles are inlined for each message (0.2 ms for a page of 18 kB,
measured): a template cannot be parsed as HTML before it is rendered, a loop around table rows would leave the table.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.util import find_spec
from typing import Any

from a2pcli.errors import InvalidInput, Problem, how_to_install

GMAIL_CLIPS = 102_000
"""Bytes of HTML beyond which Gmail hides the rest."""

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_HIDDEN = (
    '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{}'
    + "&#847;&zwnj;&nbsp;" * 20
    + "</div>"
)
"""The text, and characters without width, so that the inbox does not fill up with the text of the page."""

_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")
_SPACES = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_IMAGE = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
_TABS = re.compile(r"\t+")


def missing_library() -> Problem | None:
    """The problem of an installation without what HTML needs."""
    if find_spec("css_inline") is not None and find_spec("resiliparse") is not None:
        return None
    hint = how_to_install("email")
    return Problem("HTML emails need libraries that are not installed", hint=hint, code="missing-extra")


def require_libraries() -> None:
    """Raises ``InvalidInput`` where they are not installed."""
    if problem := missing_library():
        raise InvalidInput(problem)


@cache
def _inliner() -> Any:
    import css_inline

    # Nothing is fetched: neither from the network nor from the disk.
    return css_inline.CSSInliner(
        keep_at_rules=True, load_remote_stylesheets=False, keep_link_tags=True, keep_style_tags=False
    )


def inlined(html: str) -> str:
    """The HTML with its styles in the elements' ``style`` attributes, where all mail programs heed them; ``@media``
    stays in a ``<style>``. Raises ``ValueError`` where the styles cannot be read."""
    if "<style" not in html.lower():
        return html
    import css_inline

    try:
        done: str = _inliner().inline(html)
    except css_inline.InlineError:
        raise ValueError("the styles of the HTML cannot be read") from None
    return done


def plain_text(html: str) -> str:
    """What the HTML says, as text: links with their addresses, lists with bullets. Empty where it says nothing."""
    from resiliparse.extract.html2text import extract_plain_text

    # The words that stand for a picture are words of their own, and not a part of the next link.
    text: str = extract_plain_text(
        _IMAGE.sub(r" \g<0> ", html), links=True, alt_texts=True, list_bullets=True, preserve_formatting=True
    )
    lines = "\n".join(_TABS.sub("  ", line).rstrip() for line in text.splitlines())
    return _BLANK_LINES.sub("\n\n", lines).strip()


def with_preheader(html: str, preheader: str) -> str:
    """The HTML with a text at its beginning that only inboxes show."""
    hidden = _HIDDEN.format(escape(preheader))
    body = _BODY.search(html)
    at = body.end() if body else 0
    return html[:at] + hidden + html[at:]


def one_line(text: str) -> str:
    """A header's value: no line ends, no control characters, so that no cell can add a header of its own."""
    return _SPACES.sub(" ", _UNWANTED.sub(" ", text)).strip()
