"""Accepted messages whose final receipt did not come within the time that one is waited for: their delivery is unknown.

It is counted whenever it is asked for, and nothing is stored: a receipt that comes later counts as any other.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, or_, select

from a2pcli.channels import CHANNELS
from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Run, Unheard
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State

_a = attempts.c


class Waits(SubStore):
    """The receipts that are waited for, in an open ledger."""

    def unheard(self, run: Run, wait_of: Callable[[str], int | None], now: int) -> Unheard:
        """Return the run's messages whose receipts are overdue. ``wait_of`` gives the milliseconds that a channel's
        receipts are waited for; None for ever. A pass over the run's attempts."""
        channel = func.coalesce(_a.channel, run.channel)
        waits = {name: wait_of(name) for name in CHANNELS}
        overdue = or_(
            *(
                (channel == name) & (_a.claimed_at < now - wait)
                for name, wait in waits.items()
                if wait is not None
            )
        )
        final = [str(one) for one in (*ARRIVED, *NEGATIVE)]
        mine = (of_run(run), _a.state == str(State.ACCEPTED), _a.followed_at.is_(None), overdue)
        open_ended = _a.delivery.is_(None) | _a.delivery.not_in(final)
        with self._ledger.reading() as connection:
            query = select(_a.variant, func.count()).where(*mine, open_ended).group_by(_a.variant)
            counts = {variant: int(many) for variant, many in connection.execute(query)}
        return Unheard(
            sum(counts.values()), {name: many for name, many in counts.items() if name is not None}
        )
