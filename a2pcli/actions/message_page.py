"""A message as an HTML page: a bubble with its picture, its text and its buttons, about as phones show it.

Everything of the message is escaped; the page runs no script, and pictures are the only thing it fetches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from a2pcli.message_content import buttons_of, head_lines, pictures_of, tail_lines

_STYLE = """
body { background: #e8edf2; font: 16px/1.4 system-ui, sans-serif; padding: 2em }
.message { background: #fff; border-radius: 14px; max-width: 24em; overflow: hidden; box-shadow: 0 1px 3px #0003 }
.message img { display: block; width: 100%; background: #d5dde5; min-height: 6em }
.message p { margin: 0; padding: .8em 1em; white-space: pre-wrap; overflow-wrap: anywhere }
.row { display: flex; gap: 4px; padding: 4px }
.row a { flex: 1; text-align: center; padding: .5em; border-radius: 8px; background: #eef3f8; color: #0b62c4;
  text-decoration: none }
.about { color: #667; font-size: 13px; max-width: 30em; overflow-wrap: anywhere }
"""
_POLICY = "default-src 'none'; img-src https: http:; style-src 'unsafe-inline'"


def page_of(body: str, content: Mapping[str, Any]) -> str:
    """The page of a message."""
    return "".join(_pieces(body, content))


def _pieces(body: str, content: Mapping[str, Any]) -> Iterator[str]:
    yield f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield f"<title>Preview</title><style>{_STYLE}</style>"
    yield '<div class="message">'
    for picture in pictures_of(content):
        yield f'<img src="{escape(picture)}" alt="{escape(picture)}">'
    if content.get("subject"):
        yield f"<p><b>{escape(content['subject'])}</b></p>"
    yield f"<p>{escape(body)}</p>"
    for row in buttons_of(content):
        links = "".join(_link(one) for one in row)
        yield f'<div class="row">{links}</div>'
    yield "</div>"
    for line in (*head_lines(content), *tail_lines(content)):
        yield f'<p class="about">{escape(line)}</p>'


def _link(button: Mapping[str, Any]) -> str:
    url, text = button.get("url"), escape(button["text"])
    return f'<a href="{escape(url)}" rel="noreferrer noopener">{text}</a>' if url else f"<a>{text}</a>"
