"""Writes a previewed message as an HTML file, to look at in a browser.

An email is written as it is. Any other message becomes a page with its picture, text and buttons, about as phones show
it; everything of the message is escaped, and the page runs no script and fetches only pictures.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.actions.tables import spare
from a2pcli.config.load import load_campaign
from a2pcli.errors import UsageError
from a2pcli.message_content import buttons_of, content_of, head_lines, pictures_of, tail_lines

if TYPE_CHECKING:
    from a2pcli.actions.plans import Previewed, PreviewedRow


def write_page(found: Previewed, campaign: Path, out: Path | None) -> Path:
    """Write the first shown message to ``out``, or to a new file for this user alone; gives the file. An email with
    HTML is written as it is; of everything else a page is made that shows it about as people see it. With several
    channels the page shows each channel's message.

    Raises ``UsageError`` where there is no message, or ``out`` is the campaign or cannot be written.
    """
    html = next(filter(None, map(_pages, found.rows)), None)
    if html is None:
        raise UsageError("no message to show: `a2pcli plan` shows why")
    if out is None:
        descriptor, name = tempfile.mkstemp(suffix=".html", prefix="a2pcli-preview-")
        out = Path(name)
    else:
        if out.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--out {out}: the file must end in .html")
        spare("--out", out, {"the campaign": campaign, **_html_sources(campaign)})
        try:
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # Files are read as UTF-8 by browsers only where they say so.
        file.write(html if "charset" in html[:2000].lower() else f'<meta charset="utf-8">{html}')
    return out


def _pages(one: PreviewedRow) -> str | None:
    """The page of one row with its messages by all channels; None where it has no message."""
    shown = [(version.row["channel"], _page(version)) for version in (one, *one.versions)]
    found = [(channel, page) for channel, page in shown if page is not None]
    if len(found) < 2:
        return found[0][1] if found else None
    return "".join(_frames(found))


def _frames(found: list[tuple[str, str]]) -> Iterator[str]:
    """Each page in a frame of its own that runs no script, as styles of an email are for it alone."""
    yield '<!DOCTYPE html><meta charset="utf-8"><title>Preview</title>'
    frame = "iframe { width: 100%; height: 32em; border: 1px solid #ccd }"
    yield f"<style>body {{ font: 16px system-ui, sans-serif }} {frame}</style>"
    for channel, page in found:
        yield f"<h2>{escape(channel)}</h2>"
        yield f'<iframe sandbox="" title="{escape(channel)}" srcdoc="{escape(page)}"></iframe>'


def _page(one: PreviewedRow) -> str | None:
    """The page of one row; None where it has no message."""
    content = content_of(one.row["content"]) or {}
    if content.get("html"):
        return str(content["html"])
    if one.body is None:
        return None
    return "".join(_pieces(one.body, content))


def _html_sources(campaign: Path) -> dict[str, Path | None]:
    """The campaign's own HTML files, which a preview must not replace."""
    block = load_campaign(campaign).campaign
    named = [
        block.email.html if block.email else None,
        *(arm.html for arm in (block.variants or {}).values()),
    ]
    return {
        f"the campaign's HTML {name}": campaign.parent / name for name in named if name and len(name) < 200
    }


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
