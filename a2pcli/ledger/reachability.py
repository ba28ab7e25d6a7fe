"""Whom a channel reaches, as the provider behind a gateway said when it was asked: answers, each with its moment.

Answers get old, since people change phones and networks. Those older than ``KEPT`` are removed whenever new ones come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select

from a2pcli.ledger.core import SubStore
from a2pcli.ledger.schema import reachability

DAY = 86_400_000
GOOD = 7 * DAY
"""Milliseconds for which an answer is valid."""
KEPT = 30 * DAY
_PIECE = 500

_c = reachability.c


class Asked(NamedTuple):
    """The valid answers of one gateway: how many, and when the oldest came (UTC milliseconds)."""

    numbers: int
    oldest: int


class Reachability(SubStore):
    """The reachability answers in an open ledger."""

    def keep(self, gateway: str, answers: Mapping[str, bool], now: int) -> None:
        """Store new answers, replacing earlier ones of the same numbers."""
        items = list(answers.items())
        with self._ledger.writing() as connection:
            connection.execute(delete(reachability).where(_c.asked_at < now - KEPT))
            for start in range(0, len(items), _PIECE):
                piece = items[start : start + _PIECE]
                mine = (_c.gateway == gateway) & _c.address.in_([address for address, _ in piece])
                connection.execute(delete(reachability).where(mine))
                rows = [
                    {"gateway": gateway, "address": address, "reachable": int(is_there), "asked_at": now}
                    for address, is_there in piece
                ]
                connection.execute(insert(reachability), rows)

    def unreachable(self, gateway: str, now: int) -> list[str]:
        """Return the numbers that the channel cannot reach, according to valid answers."""
        counts = (_c.gateway == gateway) & (_c.reachable == 0) & (_c.asked_at >= now - GOOD)
        with self._ledger.reading() as connection:
            return list(connection.execute(select(_c.address).where(counts)).scalars())

    def since(self, gateway: str, moment: int) -> set[str]:
        """Return the numbers the provider was asked about since ``moment`` (UTC ms)."""
        asked = (_c.gateway == gateway) & (_c.asked_at >= moment)
        with self._ledger.reading() as connection:
            return set(connection.execute(select(_c.address).where(asked)).scalars())

    def asked(self, gateway: str, now: int) -> Asked | None:
        """Return the count and age of valid answers; None if there are none."""
        counts = (_c.gateway == gateway) & (_c.asked_at >= now - GOOD)
        with self._ledger.reading() as connection:
            row = connection.execute(select(func.count(), func.min(_c.asked_at)).where(counts)).one()
        return Asked(int(row[0]), int(row[1])) if row[0] else None
