"""Which sender a message of a run comes from.

A row without a sender of its own comes from the run's. In a run with several channels, the run's sender is that of its
first channel: a row of another channel has that channel's sender, or none, and then the gateway chooses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, func
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts

_a = attempts.c


def sender_of(run: Run, row: Mapping[str, Any]) -> str | None:
    """Return the sender of a row (``plan_rows.NAMES``); None if the gateway chooses it."""
    sender: str | None = row["sender"]
    return sender or (run.sender if row["channel"] is None else None)


def attempt_sender(of_run: Any) -> ColumnElement[Any]:
    """Return the sender of an attempt as SQL; null if the gateway chooses it. ``of_run`` is the run's sender."""
    return case((_a.channel.is_(None), func.coalesce(_a.sender, of_run)), else_=_a.sender)


SENDER_SQL = "CASE WHEN t.channel IS NULL THEN coalesce(t.sender, r.sender) ELSE t.sender END"
"""The same as text, for a view of attempts ``t`` and their runs ``r``."""
