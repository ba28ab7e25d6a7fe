"""Messages that are held because the gateway of a route that is meant to take them is busy.

Each is asked for again when the gateway is likely to have room for it. That is an estimate; so if a gateway has room
earlier, some of those that wait longest are asked for at once, and more and more of them if none was for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from a2pcli.ledger.choosing import MOST_HELD
from a2pcli.sending.route_gateway import RouteGateway

AGAIN = 0.2
"""Seconds after which a message is claimed again at the earliest for which no gateway has room."""
LATEST = 30.0
"""The same at the latest."""
LEAST_SPEED = 200.0
"""Messages a second that a gateway is taken to take before it is known."""
EARLY = 0.5
"""Seconds until messages are asked for early again, if none of the last ones was for a gateway that has room."""


class Holds:
    """When the messages are asked for that are held for these gateways. Moments are seconds of the loop's clock."""

    def __init__(self, gateways: Mapping[str, RouteGateway]) -> None:
        self._gateways = gateways
        self._from = float("-inf")  # before which none is asked for early
        self._next = 0  # how many are to be asked for early next, at least
        self._asked_for: set[str] = set()  # the gateways for which messages are being asked for early
        self.asks_all = False
        """Whether the next claim asks for all messages that are held, by whichever sender."""

    def hold(self, name: str, now: float) -> float:
        """Hold a message for a gateway; seconds after which it is asked for again."""
        one = self._gateways[name]
        speed = max(2 * one.speed.per_second, LEAST_SPEED)
        one.asked_until = min(max(one.asked_until, now + AGAIN) + 1 / speed, now + LATEST)
        return one.asked_until - now

    def is_time(self, rooms: Mapping[str, int], now: float) -> bool:
        """Whether messages are to be asked for early, because a gateway has room for messages that are held for it."""
        return now >= self._from and bool(self._starving(rooms, now))

    def most(self, rooms: Mapping[str, int], now: float) -> int | None:
        """How many messages to ask for early, those first that would be next: 0 for none, None for all."""
        if self.asks_all:
            self.asks_all = False
            return None
        starving = self._starving(rooms, now) if now >= self._from else {}
        if not starving:
            return 0
        self._from = now + EARLY
        if self._next > MOST_HELD:  # as many as that were not for it: they wait for others
            self._next = 0
            for name, one in self._gateways.items():
                if name in starving or one.is_down or not one.is_usable(now):
                    one.asked_until = min(one.asked_until, now)
            return 0
        most = min(max(2 * sum(starving.values()), self._next), MOST_HELD)
        self._next, self._asked_for = 2 * most, set(starving)
        return most

    def given(self, name: str) -> None:
        """A gateway is given a message."""
        if name in self._asked_for:  # it was worth it
            self._from, self._next = float("-inf"), 0

    def asked(self) -> None:
        """The messages that were asked for were looked at."""
        self._asked_for = set()

    def _starving(self, rooms: Mapping[str, int], now: float) -> dict[str, int]:
        """The gateways that have room though messages are held for them, or for others that have lost their share
        meanwhile; with the room of each."""
        held_for = {name: one for name, one in self._gateways.items() if one.asked_until > now + AGAIN}
        if not held_for:
            return {}
        is_any_down = any(one.is_down or not one.is_usable(now) for one in held_for.values())
        return {
            name: room
            for name, room in rooms.items()
            if room > 0 and (is_any_down or name in held_for) and self._gateways[name].is_usable(now)
        }
