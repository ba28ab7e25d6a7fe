"""Writes a previewed message as an HTML file, to look at in a browser."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.message_page import page_of
from a2pcli.actions.tables import spare
from a2pcli.config.load import load_campaign
from a2pcli.errors import UsageError
from a2pcli.message_content import content_of

if TYPE_CHECKING:
    from a2pcli.actions.plans import Previewed, PreviewedRow


def write_page(found: Previewed, campaign: Path, out: Path | None) -> Path:
    """Write the first shown message to ``out``, or to a new file for this user alone; gives the file. An email with
    HTML is written as it is; of everything else a page is made that shows it about as people see it.

    Raises ``UsageError`` where there is no message, or ``out`` is the campaign or cannot be written.
    """
    html = next(filter(None, map(_page, found.rows)), None)
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


def _page(one: PreviewedRow) -> str | None:
    """The page of one row; None where it has no message."""
    content = content_of(one.row["content"]) or {}
    if content.get("html"):
        return str(content["html"])
    if one.body is None:
        return None
    return page_of(one.body, content)


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
