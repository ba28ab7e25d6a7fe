"""The templates of WhatsApp accounts on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from a2pcli.cli.screens.listing import Listing
from a2pcli.moments import moment_text

if TYPE_CHECKING:
    from a2pcli.actions.templates import TemplatesFile

_TEXT = 60
"""Characters of a text that are shown."""


def templates_screen(files: Iterable[TemplatesFile]) -> RenderableType:
    """Each file's templates, with the beginning of their text."""
    return Group(*(part for file in files for part in _file(file)))


def _file(file: TemplatesFile) -> Iterator[RenderableType]:
    rows = [
        (
            one.name,
            one.language,
            one.category,
            one.status if not one.beyond else f"{one.status}, with {one.beyond}",
            ", ".join(one.body_places),
            _short(one.text),
        )
        for one in file.by_key.values()
    ]
    columns = ("name", "language", "category", "status", "placeholders", "text")
    yield Listing(columns, rows, 2, whole=frozenset({"language", "category", "status"}))
    when = f", fetched {moment_text(int(file.fetched.timestamp() * 1000))}" if file.fetched else ""
    yield Text(f"{file.path}{when}", style="dim")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _TEXT else f"{flat[: _TEXT - 1]}…"
