"""The way to the ledger for commands that are not on ``actions`` yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.project import is_missing as is_missing
from a2pcli.actions.project import ledger_file as ledger_file
from a2pcli.actions.project import settings_from as settings_from
from a2pcli.cli.project import project_at

if TYPE_CHECKING:
    from a2pcli.config.plain import NumberSettings
    from a2pcli.ledger.known import KnownLedgers
    from a2pcli.ledger.store import Ledger

LEDGER_HELP = "Ledger path or URL; else the settings'."


def number_settings(start: Path) -> NumberSettings:
    """See ``Project.number_settings``."""
    return project_at(None, start).number_settings()


@contextmanager
def open_ledger(
    ledger: str | None,
    start: Path,
    *,
    create: bool = True,
    campaign: str | None = None,
    run: str | None = None,
    ask: bool = True,
) -> Iterator[Ledger]:
    """See ``Project.open_ledger``."""
    with project_at(ledger, start, ask=ask).open_ledger(create=create, campaign=campaign, run=run) as store:
        yield store


@contextmanager
def ledger_to_record(ledger: str | None, start: Path) -> Iterator[Ledger]:
    """See ``Project.ledger_to_record``."""
    with project_at(ledger, start).ledger_to_record() as store:
        yield store


@contextmanager
def open_to_read(ledger: str | None, start: Path) -> Iterator[Ledger]:
    """See ``Project.ledger_to_read``."""
    with project_at(ledger, start).ledger_to_read() as store:
        yield store


def known_ledgers(start: Path, campaign: str | None) -> KnownLedgers | None:
    """See ``Project.known_ledgers``."""
    return project_at(None, start).known_ledgers(campaign)


def ledger_and_key(ledger: str | None, start: Path) -> tuple[str, str | None]:
    """See ``Project.ledger_and_key``."""
    return project_at(ledger, start).ledger_and_key()
