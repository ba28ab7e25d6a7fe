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
    from a2pcli.config.load import ledger_url
    from a2pcli.ledger.store import Ledger

    named = ledger or os.environ.get("A2PCLI_LEDGER")
    return Ledger.open(named or ledger_url(settings_from(start)), create=create)


def ledger_file(ledger: Ledger) -> Path | None:
    """The file of a SQLite ledger; None for one on a server."""
    url = ledger.url
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
