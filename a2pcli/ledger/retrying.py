"""Transactions that the database ended through no fault of theirs are made again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

Result = TypeVar("Result")

RETRIES = 8
"""How often a transaction is tried again when PostgreSQL ends it because two senders locked each other out."""


def retrying(work: Callable[[], Result]) -> Result:
    """Run a whole transaction again when PostgreSQL chose it to end a deadlock: it left nothing behind."""
    for attempt in range(RETRIES + 1):
        try:
            return work()
        except OperationalError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in ("40P01", "40001") or attempt == RETRIES:
                raise
            time.sleep(random.uniform(0, 0.05))  # out of step with the other one
    raise AssertionError("unreachable")
