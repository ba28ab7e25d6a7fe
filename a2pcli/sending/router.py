"""The gateways of a route while a run is sent: who takes the next message, who lost share and why, who comes back.

A message goes to another gateway only after the one before has clearly not taken it. What is unknown is never claimed
again, so it stays with its gateway.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType

from a2pcli.ledger.choosing import Choice
from a2pcli.ledger.quota_values import USED_UP
from a2pcli.ledger.records import Claimed
from a2pcli.ledger.route_legs import Leg, MessageRoute, route_of_text
from a2pcli.ledger.route_values import Switch
from a2pcli.messages import STOPS_THE_RUN, Cause, Outcome, Verdict
from a2pcli.sending.lane import Lane
from a2pcli.sending.route_gateway import RouteGateway, is_failing, was_not_taken, words_of
from a2pcli.sending.route_holds import AGAIN, LATEST, Holds
from a2pcli.sending.route_share import ILL, LESS, WELL
from a2pcli.sending.route_speed import too_slow
from a2pcli.sending.timing import HORIZON

SLOW = 0.25
"""The share that is left to a gateway that is too slow."""
REFUSED = 90.0
"""Seconds after which a gateway is tried again that refused the account, its sender or its credit."""
LONG = 5.0
"""Seconds: a gateway that asks for a longer wait has lost its share."""
TOO_MANY = 10
"""Rejections in a row that are more likely the gateway's fault than the numbers'."""
SELDOM = 0.01
"""A gateway that is chosen for a smaller part of the messages is not claimed for."""
REMEMBERED = 1000
"""So many of the last choices say how many are likely to be made for each gateway."""


NOTHING: Mapping[str, int] = MappingProxyType({})


class Router:
    """Chooses a gateway for each claimed message (``ledger.choosing.Chooser``), and learns from every answer.

    It is asked on the ledger's thread and told on the event loop. ``time`` gives seconds of the loop's clock, ``clock``
    UTC milliseconds; ``planned`` is how many messages are meant for each gateway; ``left`` is what the budget has left
    in a currency (1e-9 units), None without a budget.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        *,
        own: str,
        time: Callable[[], float],
        clock: Callable[[], int],
        planned: Mapping[str, int] = NOTHING,
        left: Callable[[str], int | None] | None = None,
    ) -> None:
        self._own, self._time, self._clock = own, time, clock
        self._planned, self._left = dict(planned), left
        self._states = {one.name: RouteGateway(one) for one in lanes}
        self._tried: dict[int, set[str]] = {}
        self._barred: set[tuple[str, str | None]] = set()
        self._wanted: Counter[str] = Counter()
        self._switches: list[Switch] = []
        self._lock = threading.Lock()
        self._holds = Holds(self._states)
        self.waits_until = 0.0
        """Until when messages wait for a gateway that is only busy, or will be tried again soon."""

    # -- choosing ----------------------------------------------------------------------------------------

    def __call__(self, claimed: Sequence[Claimed], rooms: dict[str, int]) -> list[Choice]:
        """A gateway for each message; ``rooms`` are how many more each may be given, and are lowered."""
        with self._lock:
            asked = _Asked(self, rooms)
            choices = [asked.choice(one) for one in claimed]
            self._holds.asked()
            return choices

    def want(self, rooms: Mapping[str, int]) -> int:
        """How many messages to claim for these rooms: what gateways that messages are meant for have room for, and as
        many as are likely to go by others that stand in."""
        with self._lock:
            total = self._wanted.total() or 1
            parts = {name: self._wanted[name] / total for name in rooms}
            most = max((rooms[name] / part for name, part in parts.items() if part > SELDOM), default=0.0)
            found = self._meant(rooms) + sum(
                min(float(room), parts[name] * most)
                for name, room in rooms.items()
                if room > 0 and not self._planned.get(name) and parts[name] > SELDOM
            )
            return max(int(found), 1 if any(room > 0 for room in rooms.values()) else 0)

    def more(self, rooms: Mapping[str, int]) -> int:
        """How many more messages to look at for the rooms that are left, if those at hand were for other gateways."""
        return self._meant(rooms)

    def starves(self, rooms: Mapping[str, int]) -> bool:
        """Whether a gateway has room for messages that are held for it."""
        with self._lock:
            return self._holds.is_time(rooms, self._time())

    def asks_early(self, rooms: Mapping[str, int]) -> int | None:
        """How many held messages to look at before their time; see ``ledger.choosing.LooksOn``."""
        with self._lock:
            return self._holds.most(rooms, self._time())

    def ask_for_all(self) -> None:
        """Let the next claim look at all messages that are held, by whichever sender."""
        with self._lock:
            self._holds.asks_all = True

    def _meant(self, rooms: Mapping[str, int]) -> int:
        """The room of gateways for which messages are left that are meant for them."""
        return sum(room for name, room in rooms.items() if room > 0 and self._planned.get(name))

    def bars(self, gateway: str, country: str | None) -> bool:
        """Whether the gateway's account may not send to a country."""
        return (gateway, country) in self._barred

    # -- learning ----------------------------------------------------------------------------------------

    def left(self, claimed: Claimed) -> None:
        """A message was handed to its gateway."""
        with self._lock:
            self._of(claimed).speed.left(claimed.message.id, self._time())

    def has_tried(self, claimed: Claimed) -> bool:
        """Whether the gateway that has a message did not take it before."""
        return self._name(claimed) in self._tried.get(claimed.message.id, ())

    def returned(self, claimed: Claimed, outcome: Outcome) -> bool:
        """Learn from an answer; whether another gateway may take the message now, which this one has not taken."""
        with self._lock:
            now, state, id = self._time(), self._of(claimed), claimed.message.id
            state.speed.came_back(id, now)
            self._judge(state, claimed, outcome, now)
            self._look_at(self._name(claimed), now)
            if not was_not_taken(outcome):
                self._tried.pop(id, None)
                return False
            tried = self._tried.setdefault(id, set())
            if outcome.cause is Cause.BATCH:  # it is the batch that was refused
                return False
            tried.add(self._name(claimed))
            usable = (leg.gateway for leg in self._route(claimed).legs if leg.gateway not in tried)
            other = any(self._is_usable(name, claimed.message.country, now) for name in usable)
            if outcome.verdict is Verdict.REJECTED and not other:
                self._tried.pop(id, None)
            return other

    def _judge(self, state: RouteGateway, claimed: Claimed, outcome: Outcome, now: float) -> None:
        """What an answer says about the gateway that gave it."""
        is_rejected = outcome.verdict is Verdict.REJECTED and outcome.cause is not Cause.COUNTRY
        state.rejected = state.rejected + 1 if is_rejected else 0
        if state.rejected >= TOO_MANY:
            state.why = f"it has rejected {state.rejected} messages in a row"
            state.share.lose(now)
        if outcome.cause in STOPS_THE_RUN:
            state.out_until, state.why = now + REFUSED, words_of(outcome)
            state.share.lose_all(now)
        elif outcome.cause is Cause.COUNTRY:
            self._barred.add((self._name(claimed), claimed.message.country))
        elif outcome.cause is Cause.RATE:
            state.why = words_of(outcome)
            state.share.lose(now, LESS)
        elif is_failing(outcome) and not self.has_tried(claimed):
            # (The same message failing at the same gateway again says nothing new.)
            state.why = words_of(outcome)
            state.share.lose(now)

    def cannot_be_opened(self, gateway: str, why: str) -> None:
        """A gateway takes nothing in this session."""
        with self._lock:
            state = self._states[gateway]
            state.out_until, state.why = float("inf"), why
            self._look_at(gateway, self._time())

    def look(self) -> None:
        """Notice which gateways are slow, stopped or back. To be called a few times a second."""
        with self._lock:
            now = self._time()
            slow = too_slow({name: one.speed for name, one in self._states.items()}, now)
            for name, state in self._states.items():
                state.share.most = SLOW if name in slow else 1.0
                if name in slow:
                    state.why = f"its answers take {slow[name]:.0f} s"
                self._look_at(name, now)

    def _look_at(self, name: str, now: float) -> None:
        """Note it if a gateway has just lost its share, or has it back."""
        state = self._states[name]
        stopped = state.is_stopped(now)
        if stopped:
            state.share.lose_all(now)  # it comes back from the least
        held = state.lane.pace.held(now)
        share = state.share.now(now)
        is_ill = stopped or held > LONG or share < ILL
        if not state.is_down and is_ill:
            state.is_down = state.is_less = True
            self._note_loss(name, "its share", now)
        elif not state.is_less and held > 0 and share < WELL:
            state.is_less = True
            self._note_loss(name, "a part of its share", now)
        elif state.is_less and not is_ill and share >= WELL:
            state.is_down = state.is_less = False
            self._note(name, f"{name} has its share again")

    def _note_loss(self, name: str, what: str, now: float) -> None:
        others = [one for one in self._states if one != name and self._is_usable(one, None, now)]
        to = f"; {' and '.join(others)} stand{'' if len(others) > 1 else 's'} in" if others else ""
        self._note(name, f"{name} lost {what}: {self._states[name].why or 'it fails'}{to}")

    def _note(self, name: str, detail: str) -> None:
        self._switches.append(Switch(self._clock(), name, detail))

    def switches(self) -> list[Switch]:
        """What happened since the last call."""
        with self._lock:
            found, self._switches = self._switches, []
            return found

    def hope_until(self) -> int:
        """Until when (UTC ms) messages wait that a gateway will take then."""
        waits = self.waits_until - self._time()
        return self._clock() + int(waits * 1000) + 1000 if waits > 0 else 0

    @property
    def down(self) -> list[str]:
        """The gateways that have lost their share."""
        return [name for name, state in self._states.items() if state.is_down]

    def may_start_again(self, name: str) -> bool:
        """Whether a gateway that was stopped may be tried again."""
        state, now = self._states[name], self._time()
        return now >= state.out_until and state.lane.pace.held(now) <= HORIZON

    def serves(self, country: str | None) -> bool:
        """Whether the account of any gateway may send to a country, as far as is known."""
        return any((name, country) not in self._barred for name in self._states)

    def _remember(self, name: str) -> None:
        """A message is chosen for a gateway, or waits for it."""
        self._wanted[name] += 1
        if self._wanted.total() > REMEMBERED:
            self._wanted = Counter({key: many // 2 for key, many in self._wanted.items()})

    def _give(self, meant: str) -> None:
        """A message that was meant for this gateway is given to one."""
        if self._planned.get(meant, 0) > 1:  # the last is kept: messages may come back
            self._planned[meant] -= 1

    # -- small things ------------------------------------------------------------------------------------

    def _name(self, claimed: Claimed) -> str:
        return claimed.gateway or self._own

    def _of(self, claimed: Claimed) -> RouteGateway:
        return self._states[self._name(claimed)]

    def _route(self, claimed: Claimed) -> MessageRoute:
        return route_of(claimed, self._own)

    def _is_usable(self, name: str, country: str | None, now: float) -> bool:
        state = self._states.get(name)
        return state is not None and state.is_usable(now) and (name, country) not in self._barred


class _Asked:
    """One call of a router: what its gateways have room for, and what of the budget is promised already."""

    def __init__(self, router: Router, rooms: dict[str, int]) -> None:
        self._router = router
        self._now = router._time()
        self._rooms = rooms
        self._spent: Counter[str] = Counter()

    def choice(self, one: Claimed) -> Choice:
        """The gateway of a message, or when it may be asked for again."""
        route = self._router._route(one)
        name, why = self._pick(one, route)
        if name is None:
            waits_for = self._waits_for_quotas(route, one.message.country)
            return Choice(None, again_in=0.0 if waits_for else self._reopens_in(route), waits_for=waits_for)
        leg = route.leg(name) or Leg(name, one.cost, one.currency)
        self._router._remember(name)
        if self._rooms.get(name, 1) <= 0:  # it is only busy: the message waits for it
            again_in = self._router._holds.hold(name, self._now)
            self._router.waits_until = max(self._router.waits_until, self._now + again_in)
            return Choice(None, again_in=again_in)
        if name in self._rooms:
            self._rooms[name] -= 1
        self._router._holds.given(name)
        self._router._give(route.legs[0].gateway)
        if leg.cost and leg.currency:
            self._spent[leg.currency] += leg.cost
        return Choice(name, leg.cost, leg.currency, why=why)

    def _pick(self, one: Claimed, route: MessageRoute) -> tuple[str | None, str | None]:
        """The gateway that a message should go by, and why it is not the one that was meant for it."""
        message, tried = one.message, self._router._tried.get(one.message.id, set())
        usable = [leg for leg in route.legs if self._is_usable(leg, route, message.country)]
        if not usable:
            barred = all(self._router.bars(leg.gateway, message.country) for leg in route.legs)
            return (route.legs[0].gateway, None) if barred else (None, None)
        # Each of them once; after all have said no, again from the start.
        fresh = [leg for leg in usable if leg.gateway not in tried] or usable
        for leg in fresh:
            if self._router._states[leg.gateway].is_tried() and self._rooms.get(leg.gateway, 1) > 0:
                return leg.gateway, self._why(leg, route, tried, message.country)
            share = self._router._states[leg.gateway].share.now(self._now)
            if share >= 1.0 or _draw(leg.gateway, message.reference, one.attempts) < share:
                return leg.gateway, self._why(leg, route, tried, message.country)
        best = max(fresh, key=lambda leg: self._router._states[leg.gateway].share.now(self._now))
        return best.gateway, self._why(best, route, tried, message.country)

    def _is_usable(self, leg: Leg, route: MessageRoute, country: str | None) -> bool:
        if self._rooms.get(leg.gateway, 1) == USED_UP:
            return False
        fits = leg is route.legs[0] or self._is_affordable(leg)
        return fits and self._router._is_usable(leg.gateway, country, self._now)

    def _is_affordable(self, leg: Leg) -> bool:
        """Whether the budget has room for a gateway that stands in. Of the one that was meant, the sender asks."""
        if self._router._left is None:
            return True
        left = None if leg.currency is None else self._router._left(leg.currency)
        return (
            leg.cost is not None and left is not None and leg.cost <= left - self._spent[leg.currency or ""]
        )

    def _why(self, leg: Leg, route: MessageRoute, tried: Collection[str], country: str | None) -> str | None:
        meant = route.legs[0].gateway
        if leg.gateway == meant:
            return None
        state = self._router._states.get(meant)
        if self._router.bars(meant, country):
            return f"{meant} does not send to {country}"
        if self._rooms.get(meant, 1) == USED_UP:
            return f"the quota of {meant} is used up"
        if state is not None and state.is_down and state.why:
            return f"{meant}: {state.why}"
        return f"{meant} did not take it" if meant in tried else f"{meant} has lost a part of its share"

    def _waits_for_quotas(self, route: MessageRoute, country: str | None) -> tuple[str, ...]:
        """The gateways that would take the message but for their used-up quotas; none if others may take it later."""
        used_up = []
        for leg in route.legs:
            if not (leg is route.legs[0] or self._is_affordable(leg)) or self._router.bars(
                leg.gateway, country
            ):
                continue
            if self._rooms.get(leg.gateway, 1) != USED_UP:
                return ()
            used_up.append(leg.gateway)
        return tuple(used_up)

    def _reopens_in(self, route: MessageRoute) -> float:
        """Seconds after which a message is asked for again that may go by no gateway now."""
        fitting = (leg for leg in route.legs if leg is route.legs[0] or self._is_affordable(leg))
        states = [self._router._states[leg.gateway] for leg in fitting if leg.gateway in self._router._states]
        soon = [
            max(one.lane.breaker.reopens_in(self._now), one.lane.pace.held(self._now))
            for one in states
            if one.lane.stopped is None
            and self._now >= one.out_until
            and self._rooms.get(one.lane.name, 1) != USED_UP
        ]
        if not soon:
            return LATEST
        again_in = min(max(min(soon), AGAIN), LATEST)
        self._router.waits_until = max(self._router.waits_until, self._now + again_in)
        return again_in


def route_of(claimed: Claimed, own: str) -> MessageRoute:
    """The route of a claimed message; of one without, its only gateway."""
    if claimed.route is not None:
        return route_of_text(claimed.route)
    return MessageRoute("other", "order", (Leg(claimed.gateway or own, claimed.cost, claimed.currency),))


def _draw(gateway: str, reference: str, tries: int) -> float:
    """A number from 0 to 1 for a try of a message: evenly spread, and the same each time."""
    text = f"{gateway} {reference} {tries}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64
