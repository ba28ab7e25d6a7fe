"""The gateways of a run side by side, each with its own pace, circuit breaker and room.

A gateway that is down, slow or refuses the account stops only its own messages. A run with one gateway has one lane.
``Lanes`` is the dispatcher of a run with several; ``AllBreakers`` and ``AllPaces`` combine their state for the
progress display and the claims.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from a2pcli.ledger.alternatives import gateway_of
from a2pcli.ledger.records import Claimed, Run
from a2pcli.sending.breaker import Breaker
from a2pcli.sending.dispatcher import Dispatcher
from a2pcli.sending.lane import Lane
from a2pcli.sending.pace import Pace


class AllBreakers:
    """The breakers of several lanes as one; open if all of them are."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes

    @property
    def _live(self) -> list[Breaker]:
        return [one.breaker for one in self._lanes if one.stopped is None]

    @property
    def open(self) -> bool:
        """Whether nothing may be claimed or sent."""
        return all(one.open for one in self._live)

    @property
    def some_open(self) -> bool:
        """Whether a gateway that is not stopped gets nothing now, or a single message to try."""
        return any(one.open or one.half_open for one in self._live)

    @property
    def half_open(self) -> bool:
        """Whether every gateway is either tried with a single message or closed off."""
        return all(one.half_open or one.open for one in self._live)

    @property
    def is_troubled(self) -> bool:
        """Whether no gateway answers clearly."""
        return all(one.is_troubled for one in self._live)

    def allowance(self, now: float) -> int:
        """Return how many messages may be in flight now, in all."""
        return sum(one.allowance(now) for one in self._live)


class AllPaces:
    """The paces of several lanes as one."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes

    @property
    def per_second(self) -> float | None:
        """Messages a second over all lanes; None if a lane has no limit."""
        speeds = [one.pace.per_second for one in self._lanes if one.stopped is None]
        return None if None in speeds else sum(one for one in speeds if one is not None)

    def held(self, now: float) -> float:
        """Return the seconds for which no lane may send."""
        return min((one.pace.held(now) for one in self._lanes if one.stopped is None), default=0.0)

    def longest(self, now: float) -> float:
        """Return the seconds after which all lanes that are not stopped may send again."""
        return max((one.pace.held(now) for one in self._lanes if one.stopped is None), default=0.0)

    def within(self, horizon: float, now: float) -> float:
        """Return the number of slots in the next ``horizon`` seconds, over all lanes."""
        return sum(one.pace.within(horizon, now) for one in self._lanes if one.stopped is None)


class Lanes:
    """The dispatchers of several gateways as one. A claimed message goes to the gateway that it names, else to its
    channel's."""

    def __init__(self, run: Run, dispatchers: Mapping[str, Dispatcher]) -> None:
        self._run = run
        self.by_gateway = dict(dispatchers)
        self._all = list(self.by_gateway.values())
        self.batch = max(one.batch for one in self._all)

    def takes(self, claimed: Claimed) -> bool:
        """Whether the message's gateway is one of these."""
        return self._name(claimed) in self.by_gateway

    def _name(self, claimed: Claimed) -> str:
        return claimed.gateway or gateway_of(self._run, claimed.message.channel)

    @property
    def ready(self) -> int:
        """Number of claimed messages waiting to be sent."""
        return sum(one.ready for one in self._all)

    @property
    def flying(self) -> int:
        """Number of messages in flight."""
        return sum(one.flying for one in self._all)

    @property
    def left(self) -> int:
        """Number of messages ever handed to a gateway."""
        return sum(one.left for one in self._all)

    @property
    def closed(self) -> bool:
        """Whether sending is suspended, because the run is ending or the ledger does not accept outcomes."""
        return any(one.closed for one in self._all)

    @closed.setter
    def closed(self, value: bool) -> None:
        for one in self._all:
            one.closed = value

    @property
    def ids(self) -> set[int]:
        """Ids of all messages that are waiting or in flight."""
        return {id for one in self._all for id in one.ids}

    def next_ids(self, most: int) -> list[int]:
        """Return the ids of up to ``most`` messages that are sent next."""
        return [id for one in self._all for id in one.next_ids(most)][:most]

    def offer(self, claimed: Sequence[Claimed], slots: Mapping[int, float] | None = None) -> None:
        """Queue claimed messages, and start those that may be sent now."""
        for name, dispatcher in self.by_gateway.items():
            mine = [one for one in claimed if self._name(one) == name]
            if mine:
                own = (
                    {one.message.id: slots[one.message.id] for one in mine if one.message.id in slots}
                    if slots
                    else None
                )
                dispatcher.offer(mine, own)

    def take_back_claims(self) -> list[Claimed]:
        """Remove all waiting messages from the queue and return them."""
        return [claimed for one in self._all for claimed in one.take_back_claims()]

    def take_back(self, country: str | None = None) -> list[int]:
        """Remove waiting messages (of a country) from the queue and return their ids."""
        return [id for one in self._all for id in one.take_back(country)]

    def pump(self) -> None:
        """Start every message that may be sent now."""
        for one in self._all:
            one.pump()

    def was_stopped(self, seconds: float) -> None:
        """Record that the process was stopped for this many seconds, which do not count as a delay."""
        for one in self._all:
            one.was_stopped(seconds)

    def cancel_overdue(self) -> None:
        """Cancel messages that have been in flight for too long."""
        for one in self._all:
            one.cancel_overdue()

    def drop(self) -> None:
        """Cancel all messages in flight; they become unknown."""
        for one in self._all:
            one.drop()

    async def end(self) -> None:
        """End the tasks."""
        await asyncio.gather(*(one.end() for one in self._all))

    async def wait_until_idle(self, seconds: float) -> None:
        """Wait until nothing is in flight, for at most this many seconds."""
        await asyncio.gather(*(one.wait_until_idle(seconds) for one in self._all))


AnyDispatcher: TypeAlias = Dispatcher | Lanes
AnyBreaker: TypeAlias = Breaker | AllBreakers
AnyPace: TypeAlias = Pace | AllPaces
