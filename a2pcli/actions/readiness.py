"""Whether a ledger takes what a listener has to store now: asked by storing something, not by looking."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from a2pcli.errors import LedgerError, LedgerUnavailable
from a2pcli.ledger.about import note_probe
from a2pcli.ledger.migrate import check_revision

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

LEAST_FREE = 10_000_000
"""Bytes that must be free on the disk of a SQLite ledger: less is used up by one burst of receipts."""

_PUBLIC = {
    "ledger-disk-full": "the disk of the ledger is full",
    "ledger-disk": "the disk of the ledger failed, or is full",
    "ledger-read-only": "the ledger cannot be written: it is read-only",
    "ledger-locked": "the ledger is locked by another process",
    "ledger-newer": "the ledger has the schema of another version of a2pcli",
    "ledger-gone": "the ledger is no longer there",
    "ledger-damaged": "the ledger is damaged",
}
"""What anybody may be told, by the code of the problem."""

OTHERWISE = "the ledger cannot be reached"


class NotReady(NamedTuple):
    """Why nothing can be stored: what anybody may be told, and the whole of it for the log."""

    public: str
    detail: str


def is_of_ledger(error: LedgerError) -> bool:
    """Whether an error is about the ledger itself, and so true for everything that is to be stored."""
    return error.problems[0].code in _PUBLIC or isinstance(error, LedgerUnavailable)


def why_not_ready(ledger: Ledger, *, writes: bool = True) -> NotReady | None:
    """Return why a ledger cannot be written, None if it can. Without ``writes`` it was written just now, so only the
    file and the disk are looked at."""
    try:
        if ledger.watch is not None:
            ledger.watch.check()
        if writes:
            with ledger.writing() as connection:
                check_revision(connection)
                note_probe(connection)
    except LedgerError as error:
        problem = error.problems[0]
        return NotReady(_PUBLIC.get(problem.code, OTHERWISE), str(problem))
    return _without_room(ledger)


def _without_room(ledger: Ledger) -> NotReady | None:
    if ledger.watch is None:
        return None
    folder = Path(ledger.watch.path).parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return NotReady(OTHERWISE, f"{folder}: {error.strerror}")
    if free >= LEAST_FREE:
        return None
    public = f"the disk of the ledger has {free / 1e6:.1f} MB free, and {LEAST_FREE / 1e6:.0f} MB are needed"
    return NotReady(public, f"{folder}: {public}")
