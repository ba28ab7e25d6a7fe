"""How many messages to claim next for each gateway of a run with several.

A gateway without further messages is asked for again a little later, together with all others in that state, so that
the remaining gateways go on sending meanwhile. The run ends only when no gateway has messages left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from a2pcli.ledger.records import Exchange, Rooms
from a2pcli.sending.claiming import Claiming
from a2pcli.sending.lane import Lane
from a2pcli.sending.lanes import AllBreakers, AllPaces, Lanes
from a2pcli.sending.route_holds import EARLY
from a2pcli.sending.router import Router
from a2pcli.sending.run_policy import RunPolicy

_LOOKS_AGAIN = 200
"""Milliseconds after which a gateway without messages is asked for again."""


class ClaimingByGateway(Claiming):
    """What the sender knows about unclaimed rows, for each gateway."""

    def __init__(
        self,
        policy: RunPolicy,
        lanes: Sequence[Lane],
        dispatchers: Lanes,
        *,
        senders: bool,
        clock: Callable[[], int],
    ) -> None:
        super().__init__(
            policy, dispatchers, AllBreakers(lanes), AllPaces(lanes), senders=senders, clock=clock
        )
        self._lanes = lanes
        self.router: Router | None = None
        """Of a run that goes by a route: what chooses the gateway of each message."""
        self._own = {
            one.name: Claiming(
                *(policy, dispatchers.by_gateway[one.name], one.breaker, one.pace),
                senders=senders,
                clock=clock,
            )
            for one in lanes
        }
        self._later: dict[str, int] = {}  # UTC ms before which asking for a gateway's messages is pointless
        self._asked_after = (
            -1
        )  # how many messages had left when held ones were asked for at the end of the run
        self._paused_until = 0  # UTC ms before which nothing is asked for early
        self._together = 0  # UTC ms at which those without messages are asked for

    def want(self, now: float) -> int:
        """Return the number of messages to claim now for all gateways together; ``rooms`` tells for which."""
        moment = self._clock()
        found = {
            one.name: 0
            if one.stopped is not None or self._later.get(one.name, 0) > moment
            else self._own[one.name].want(now)
            for one in self._lanes
        }
        self.rooms = Rooms(found, frozenset(one.name for one in self._lanes if one.stopped is not None))
        return sum(found.values()) if self.router is None else self.router.want(found)

    def wait(self, want: int) -> float:
        """Return the seconds until asking makes sense: 0 if a gateway has room for messages that are held for it."""
        seconds = super().wait(want)
        router, rooms = self.router, self.rooms
        if want <= 0 or self.is_empty or router is None or rooms is None:
            return seconds
        if not router.starves(rooms.by_gateway):
            return seconds
        return min(seconds, max(0.0, (self._paused_until - self._clock()) / 1000))

    def asks_once_more(self) -> bool:
        """Ask once for all messages that are held for a gateway, by this sender or another, since the last one left."""
        if self.router is None or self._asked_after == self._dispatcher.left:
            return False
        self._asked_after = self._dispatcher.left
        self.router.ask_for_all()
        self.gave_back()
        return True

    def gave_back(self) -> None:
        """Record that rows of any gateway were returned to the plan."""
        super().gave_back()
        self._later.clear()

    def took(self, exchange: Exchange, want: int, seconds: float, asked_at: int) -> None:
        """Update after a transaction; see ``Claiming.took``."""
        if self.router is not None:  # the run is not over while messages wait for a busy gateway
            self._policy.hope_until = max(self._policy.hope_until, self.router.hope_until())
        for own in self._own.values():
            own.wrote(seconds, looks_far=self.looks_far)
        if want > 0:
            pause = exchange.pause if exchange.claimed else max(exchange.pause, EARLY)
            self._paused_until = self._clock() + int(pause * 1000) + 1
        found = exchange.by_gateway
        if want <= 0 or found is None or not found.is_partial:
            if want > 0:
                self._later.clear()
            super().took(exchange, want, seconds, asked_at)
            return
        super().took(exchange, len(exchange.claimed), seconds, asked_at)
        now = self._clock()
        if self._together <= now:
            self._together = now + _LOOKS_AGAIN
        self._later = {name: until for name, until in self._later.items() if until > now}
        self._later |= dict.fromkeys(found.dry, self._together)
        self._later |= {name: now + int(pause * 1000) + 1 for name, pause in found.paced.items()}
        self._asked_at, self.is_empty, self._from, self.next_due, self.quota = asked_at, False, 0, 0, None
