"""Transactions that the database ended through no fault of theirs are made again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from a2pcli.errors import LedgerError

Result = TypeVar("Result")

RETRIES = 8
"""How often a transaction is tried again when PostgreSQL ends it because two senders locked each other out."""


def retrying(work: Callable[[], Result]) -> Result:
    """Run a whole transaction again when PostgreSQL chose it to end a deadlock: it left nothing behind."""
    for attempt in range(RETRIES + 1):
        try:
            return work()
        except (OperationalError, LedgerError) as error:
            if not _is_deadlock(error) or attempt == RETRIES:
                raise
            time.sleep(random.uniform(0, 0.05))  # out of step with the other one
    raise AssertionError("unreachable")


def _is_deadlock(error: BaseException | None) -> bool:
    """Whether this is, or was put into plain words from, what PostgreSQL says to whom it ended."""
    while error is not None:
        if isinstance(error, OperationalError):
            return getattr(error.orig, "sqlstate", None) in ("40P01", "40001")
        error = error.__cause__
    return False
