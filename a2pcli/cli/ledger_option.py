"""Which ledger a command works on: ``--ledger``, else ``A2PCLI_LEDGER``, else the settings'."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

LEDGER_HELP = "Ledger path or URL; else the settings'."


def settings_from(start: Path) -> LoadedSettings:
    """The settings beside ``start`` or above it. A folder without any may keep them in its ``campaigns``, where
    people who stand at the top of a project expect them to count."""
    from a2pcli.config.load import find_settings, load_settings

    below = start / "campaigns"
    if start.is_dir() and below.is_dir() and find_settings(start) is None:
        return load_settings(below)
    return load_settings(start)


def open_ledger(ledger: str | None, start: Path, *, create: bool = True) -> Ledger:
    """The ledger that the options, the environment or the settings near ``start`` name.

    Without ``create``, one that is not there yet raises ``LedgerError`` (code ``ledger-missing``).
    """
    from a2pcli.ledger.store import Ledger

    place, key = ledger_and_key(ledger, start)
    return Ledger.open(place, create=create, key=key)


def ledger_and_key(ledger: str | None, start: Path) -> tuple[str, str | None]:
    """Where the ledger is, and the key that the settings name for it; a ledger that is named elsewhere takes
    that key too, as long as the settings can be read."""
    from a2pcli.config.load import ledger_key, ledger_url
    from a2pcli.errors import A2PError

    named = ledger or os.environ.get("A2PCLI_LEDGER")
    if named and os.environ.get("A2PCLI_LEDGER_KEY"):
        return named, None
    try:
        settings = settings_from(start)
    except A2PError:
        if named:
            return named, None
        raise
    return named or ledger_url(settings), ledger_key(settings)


def ledger_file(ledger: Ledger) -> Path | None:
    """The file of a SQLite ledger; None for one on a server."""
    url = ledger.url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
