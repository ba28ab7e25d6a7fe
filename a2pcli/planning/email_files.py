"""The ``email:`` block of a campaign file as templates and attachments, its files read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import file_digest
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from a2pcli.config.blocks import Loc
from a2pcli.config.email import is_file_name
from a2pcli.config.load import LoadedCampaign
from a2pcli.content.compose import near_file, read_partial
from a2pcli.content.email import missing_library, plain_text
from a2pcli.content.failures import Unsuitable
from a2pcli.content.sources import SourcePlace
from a2pcli.errors import Problem
from a2pcli.planning.composed import ComposedSpot, composed_at
from a2pcli.planning.emails import EmailTexts
from a2pcli.planning.spec import TemplateText
from a2pcli.regular import open_regular

LARGEST_HTML = 500_000
"""Maximum size of an HTML file in bytes."""
LARGEST_ATTACHMENT = 25_000_000


_LINK_OF_COLUMN = re.compile(r"(href=[\"'])\s*(\{\{.*?\}\})", re.IGNORECASE | re.DOTALL)


def source_place(loaded: LoadedCampaign, loc: Loc) -> SourcePlace:
    """Return the exact place of a campaign text, however YAML folds or quotes it, and for composed texts too."""
    document, at = loaded.written(tuple(loc))
    block = document.block(at)
    composed = composed_at(loaded, loc)
    spot = ComposedSpot(document, composed) if composed else partial(document.spot, at)
    return SourcePlace(document.path, block.line, block.column, block.indent, spot)


def spot_in(loaded: LoadedCampaign, loc: Loc, offset: int) -> tuple[int, int]:
    """Return line and column of an offset in a text of the campaign."""
    place = source_place(loaded, loc)
    return place.spot(offset) if place.spot else (place.line, place.column)


def source_at(loaded: LoadedCampaign, loc: Loc, text: str) -> TemplateText:
    """Return a text of the campaign file with its place."""
    return TemplateText(text, source_place(loaded, loc))


def shared_email(loaded: LoadedCampaign, problems: list[Problem]) -> EmailTexts | None:
    """Return the templates of the ``email:`` block; None without one. Problems with its files are added to
    ``problems``."""
    block = loaded.campaign.email
    if block is None:
        return None
    sources = {"subject": source_at(loaded, ("email", "subject"), block.subject)}
    if block.html is not None:
        sources |= _html(loaded, ("email", "html"), block.html, problems)
    for key in ("preheader", "reply_to"):
        text = getattr(block, key)
        if text is not None:
            sources[key] = source_at(loaded, ("email", key), text)
    for key in ("url", "mailto"):
        text = getattr(block.unsubscribe, key, None)
        if text is not None:
            sources[key] = source_at(loaded, ("email", "unsubscribe", key), text)
    for name, text in block.headers.items():
        sources[f"header:{name}"] = source_at(loaded, ("email", "headers", name), text)
    return EmailTexts(
        sources,
        tuple(_attachments(loaded, problems)),
        loaded.campaign.sender_names,
        loaded.campaign.own_sender,
    )


def variant_email(
    loaded: LoadedCampaign, shared: EmailTexts | None, name: str, problems: list[Problem]
) -> EmailTexts | None:
    """Return the email block with the variant's own values."""
    if shared is None:
        return None
    variant = (loaded.campaign.variants or {})[name]
    sources = dict(shared.sources)
    if variant.subject is not None:
        sources["subject"] = source_at(loaded, ("variants", name, "subject"), variant.subject)
    if variant.html is not None:
        sources.pop("html", None)
        sources |= _html(loaded, ("variants", name, "html"), variant.html, problems)
    return replace(shared, sources=sources, makes_text=variant.message is None)


def _html(loaded: LoadedCampaign, loc: Loc, typed: str, problems: list[Problem]) -> dict[str, TemplateText]:
    """Return the HTML, from its file or written in the campaign; empty if the file cannot be read."""
    if not is_file_name(typed):
        return {"html": source_at(loaded, loc, typed)}
    name = typed.strip()
    try:
        text, path = read_partial(loaded.folder, name, LARGEST_HTML)
    except FileNotFoundError as error:
        hint = near_file(loaded.folder, name)
        problems.append(loaded.document.problem(str(error), loc, hint=hint, code="email-file"))
    except Unsuitable as error:
        problems.append(loaded.document.problem(str(error), loc, code="email-file"))
    else:
        if text.strip():
            return {"html": TemplateText(text, SourcePlace(path))}
        problems.append(loaded.document.problem(f"'{name}' is empty", loc, code="email-file"))
    return {}


def _attachments(loaded: LoadedCampaign, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    """Yield the attached files as the content stores them, with their digests."""
    names: set[str] = set()
    for place, typed in enumerate(loaded.campaign.email.attachments if loaded.campaign.email else ()):
        loc = ("email", "attachments", place)
        path = loaded.folder / typed
        wrong, hint = None, None
        try:
            found = _attachment(path)
        except FileNotFoundError:
            wrong, hint = f"no file '{typed}'", near_file(path.parent, path.name)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            wrong = f"'{typed}' cannot be attached: {why}"
        else:
            if found["name"] in names:
                wrong = f"two attachments are called '{found['name']}'"
            names.add(found["name"])
        if wrong is not None:
            problems.append(loaded.document.problem(wrong, loc, hint=hint, code="attachment"))
        else:
            yield found


def _attachment(path: Path) -> dict[str, Any]:
    """Return name, type, digest and size of a file. Raises ``OSError``, or ``ValueError`` with a reason."""
    real = path.resolve(strict=True)
    with open_regular(real) as file:
        digest = file_digest(file, "sha256").hexdigest()
        size = file.tell()
    if size == 0:
        raise ValueError("it is empty")
    if size > LARGEST_ATTACHMENT:
        raise ValueError(f"larger than {LARGEST_ATTACHMENT // 1_000_000} MB")
    type, encoding = guess_type(path.name)
    if type is None or encoding is not None:
        type = "application/octet-stream"
    return {"file": str(real), "name": path.name, "type": type, "sha256": digest, "size": size}


def words_of_html(loaded: LoadedCampaign, typed: str) -> str:
    """Return the text of HTML, template tags included; empty if it cannot be read (reported elsewhere)."""
    if is_file_name(typed):
        try:
            typed, _ = read_partial(loaded.folder, typed.strip(), LARGEST_HTML)
        except (FileNotFoundError, Unsuitable):
            return ""
    # A link whose address comes from a column still counts as a link.
    typed = _LINK_OF_COLUMN.sub(r"\1https://example.com/\2", typed)
    return "" if missing_library() else plain_text(typed)
