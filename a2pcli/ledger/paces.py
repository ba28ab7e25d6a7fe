"""Paces that belong to an account, over all processes that send with one ledger: a gateway's, a campaign's, a sender's.

``paces`` holds the next free slot of each. A claim reserves slots for what it claims, in its own transaction, so two
processes never get the same; a killed process wastes only what it had reserved. A message may leave at its slot
or later, never before. Slots are given a moment ahead only, so that no process takes them from another that comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import BigInteger, bindparam, cast, extract, func, select, text, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger.limits import Limit
from a2pcli.ledger.records import Claimed
from a2pcli.ledger.tables import paces

AHEAD = 0.5
"""Seconds of slots that are reserved ahead of their time."""

MICRO = 1_000_000

_LATEST = 60.0
_MOST_SLOTS = 200
"""A next slot later than these seconds plus these slots from now comes from a wrong clock: it counts as free."""

_read = (
    select(paces.c.key, paces.c.next_at)
    .where(paces.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(paces.c.key)
    .with_for_update()
)
_move = update(paces).where(paces.c.key == bindparam("b_key")).values(next_at=bindparam("b_next_at"))
_server_time = select(cast(extract("epoch", func.clock_timestamp()) * MICRO, BigInteger))


@dataclass(frozen=True, slots=True)
class SharedPace(Limit):
    """A rate in messages or parts per second, shared by all runs and processes with the same ``key``.

    ``sender`` limits it to what this sender sends, ``channels`` to messages of these channels.
    """

    key: str
    per_second: float
    unit: str
    sender: str | None = None
    channels: frozenset[str] | None = None
    via: frozenset[str] | None = None
    """The gateways of a route whose messages it binds; None for all."""

    def weight(self, parts: int) -> int:
        """Return the slots that a message of ``parts`` parts takes."""
        return max(parts, 1) if self.unit == "parts" else 1


def add(connection: Connection, shared: Iterable[SharedPace]) -> None:
    """Create missing rows, because a row that does not exist cannot be locked."""
    insert = text("INSERT INTO paces (key, next_at) VALUES (:key, 0) ON CONFLICT DO NOTHING")
    for key in sorted({one.key for one in shared}):
        connection.execute(insert, {"key": key})


class Slots:
    """The paces of a run in one transaction, locked until its end.

    ``now`` is UTC milliseconds; a server's own clock is used instead, because all processes share it.
    """

    def __init__(self, connection: Connection, shared: Sequence[SharedPace], now: int) -> None:
        self._connection = connection
        self._shared = shared
        rows: Any = connection.execute(_read, {"keys": sorted({one.key for one in shared})})
        found = {key: int(at) for key, at in rows}
        self._now = now * 1000
        if connection.dialect.name == "postgresql":
            self._now = int(connection.execute(_server_time).scalar_one())
        self._next = {one.key: self._start(one, found.get(one.key, 0)) for one in shared}

    def _start(self, pace: SharedPace, next_at: int) -> int:
        latest = self._now + int((_LATEST + _MOST_SLOTS / pace.per_second) * MICRO)
        return self._now if next_at < self._now or next_at > latest else next_at

    @property
    def room(self) -> int:
        """How many messages may be claimed now, by the paces that bind all of them."""
        binding = (one for one in self._shared if one.is_everybodys)
        return min(map(self._within, binding), default=2**31)

    def room_via(self, gateway: str, channels: Set[str]) -> int:
        """How many messages may be claimed now for a gateway of a run that goes by a route, which sends these channels:
        by its own paces, not those that bind every message."""
        mine = (one for one in self._shared if not one.is_everybodys and one.binds_all(gateway, channels))
        return max(0, min(map(self._within, mine), default=2**31))

    def room_of(self, channels: Set[str], claimed: Mapping[str, int]) -> int:
        """How many messages of these channels may be claimed now; ``claimed`` in this transaction, by channel, have no
        slot yet."""
        found = 2**31
        for one in self._binding(channels):
            taken = sum(
                many for name, many in claimed.items() if one.channels is None or name in one.channels
            )
            found = min(found, self._within(one) - taken)
        return found

    def _binding(self, channels: Set[str]) -> list[SharedPace]:
        return [
            one
            for one in self._shared
            if one.sender is None and (one.channels is None or not one.channels.isdisjoint(channels))
        ]

    def _within(self, pace: SharedPace) -> int:
        left = self._now + int(AHEAD * MICRO) - self._next[pace.key]
        return int(left / MICRO * pace.per_second) + 1 if left >= 0 else 0

    @property
    def pause(self) -> float:
        """Seconds until there is room again, for several messages at once if the pace is fast; above 0."""
        return self._pause([one for one in self._shared if one.is_everybodys])

    def pause_of(self, channels: Set[str]) -> float:
        """The same for messages of these channels."""
        return self._pause(self._binding(channels))

    def _pause(self, binding: Iterable[SharedPace]) -> float:
        waits = [
            (self._next[one.key] - self._now) / MICRO - AHEAD + min(AHEAD / 2, 2 / one.per_second)
            for one in binding
        ]
        return max([0.001, *waits])

    def reserve(self, claimed: Sequence[Claimed]) -> list[float]:
        """Reserve the next slots for these messages; return the seconds until each may be sent."""
        waits = [self._reserve(one) for one in claimed]
        if claimed:
            moved = [{"b_key": key, "b_next_at": at} for key, at in sorted(self._next.items())]
            self._connection.execute(_move, moved)
        return waits

    def _reserve(self, claimed: Claimed) -> float:
        message = claimed.message
        slot = self._now
        for pace in self._shared:
            if not pace.binds(message, claimed.gateway):
                continue
            step = MICRO / pace.per_second
            last = self._next[pace.key] + (pace.weight(message.parts) - 1) * step
            self._next[pace.key] = int(last + step)
            slot = max(slot, int(last))
        return (slot - self._now) / MICRO
