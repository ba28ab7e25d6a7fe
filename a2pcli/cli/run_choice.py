"""What the commands that read the ledger share: opening one that exists, and finding the run that is meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.cli.ledger_option import is_missing, open_to_read
from a2pcli.errors import LedgerError, UsageError
from a2pcli.ledger.records import Run, RunState

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger

UNSENT = (RunState.PLANNING, RunState.DISCARDED, RunState.SUPERSEDED)


@contextmanager
def existing_ledger(ledger: str | None, start: Path | None = None) -> Iterator[Ledger | None]:
    """The ledger; None where nobody named one and there is none yet. Reading never makes one."""
    with ExitStack() as held:
        opened = None
        try:
            opened = held.enter_context(open_to_read(ledger, start or Path.cwd()))
        except LedgerError as error:
            if ledger or os.environ.get("A2PCLI_LEDGER") or not is_missing(error):
                raise
        yield opened


def chosen_run(ledger: Ledger, named: str | None) -> Run | None:
    """The run with this id, or the newest of the campaign with this name; without a name, the newest of all.

    "Newest" is the run that was started last, else the newest plan. None where there is no run at all.
    Raises ``UsageError`` for a name that is neither.
    """
    if named is None:
        return newest(ledger.runs(without=UNSENT))
    try:
        return ledger.run(named)
    except UsageError:
        run = newest(ledger.runs(campaign=named, without=UNSENT))
        if run is None:
            raise
        return run


def newest(runs: list[Run]) -> Run | None:
    """The run that was started last, else the newest plan."""
    started = [run for run in runs if run.started_at is not None]
    if started:
        return max(started, key=lambda run: (run.started_at or 0, run.number))
    return runs[0] if runs else None
