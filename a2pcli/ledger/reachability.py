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
"""Milliseconds for which an answer counts."""
KEPT = 30 * DAY
_PIECE = 500

_c = reachability.c


class Asked(NamedTuple):
    """Answers of one gateway that still count: how many, and when the oldest came (UTC milliseconds)."""

    numbers: int
    oldest: int


class Reachability(SubStore):
    """The answers in an open ledger."""

    def keep(self, gateway: str, answers: Mapping[str, bool], now: int) -> None:
        """Keep new answers in place of earlier ones of the same numbers."""
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
        """The numbers that the channel does not reach, as far as the answers still count."""
        counts = (_c.gateway == gateway) & (_c.reachable == 0) & (_c.asked_at >= now - GOOD)
        with self._ledger.reading() as connection:
            return list(connection.execute(select(_c.address).where(counts)).scalars())

    def since(self, gateway: str, moment: int) -> set[str]:
        """The numbers about which the provider was asked since a moment (UTC milliseconds)."""
        asked = (_c.gateway == gateway) & (_c.asked_at >= moment)
        with self._ledger.reading() as connection:
            return set(connection.execute(select(_c.address).where(asked)).scalars())

    def asked(self, gateway: str, now: int) -> Asked | None:
        """What the answers that still count are; None where there are none."""
        counts = (_c.gateway == gateway) & (_c.asked_at >= now - GOOD)
        with self._ledger.reading() as connection:
            row = connection.execute(select(func.count(), func.min(_c.asked_at)).where(counts)).one()
        return Asked(int(row[0]), int(row[1])) if row[0] else None
