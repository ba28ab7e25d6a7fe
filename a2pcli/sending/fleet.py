"""What a run sends with: a dispatcher for its one gateway, or for each of several, and what is asked of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from a2pcli.dataclass import dataclass
from a2pcli.gateways.base import Gateway
from a2pcli.gateways.by_channel import GatewayByChannel
from a2pcli.ledger.records import Run
from a2pcli.messages import Message
from a2pcli.sending import endings
from a2pcli.sending.claiming import Claiming
from a2pcli.sending.claiming_by_gateway import ClaimingByGateway
from a2pcli.sending.dispatcher import Dispatcher, DispatchPolicy
from a2pcli.sending.lane import Lane
from a2pcli.sending.lanes import AllBreakers, AllPaces, AnyBreaker, AnyDispatcher, AnyPace, Lanes
from a2pcli.sending.options import SendOptions
from a2pcli.sending.pace import SenderPaces
from a2pcli.sending.router import Router
from a2pcli.sending.run_policy import LanePolicy, RunPolicy


@dataclass(slots=True)
class Fleet:
    """The gateways of a run, each in its lane."""

    lanes: Sequence[Lane]
    breaker: AnyBreaker
    pace: AnyPace
    dispatcher: AnyDispatcher
    claiming: Claiming
    router: Router | None = None
    """What chooses the gateways of messages, if the run goes by a route."""

    @classmethod
    def of(
        cls,
        run: Run,
        lanes: Sequence[Lane],
        policy: RunPolicy,
        options: SendOptions,
        *,
        leaving: Callable[[Sequence[Message]], None],
        clock: Callable[[], int],
    ) -> Fleet:
        """Make the dispatchers of these lanes. ``leaving`` is called with messages right before they are submitted."""
        senders = SenderPaces.of(run)

        def dispatcher(lane: Lane, asked: DispatchPolicy) -> Dispatcher:
            return Dispatcher(
                *(lane.gateway, lane.pace, lane.breaker, asked),
                submits=lane.submits,
                deadline=options.submit_deadline,
                senders=senders,
                leaving=leaving,
            )

        has_senders = bool(senders)
        if len(lanes) == 1:
            lane, one = lanes[0], dispatcher(lanes[0], policy)
            own = Claiming(policy, one, lane.breaker, lane.pace, senders=has_senders, clock=clock)
            return cls(lanes, lane.breaker, lane.pace, one, own)
        several = Lanes(run, {one.name: dispatcher(one, LanePolicy(policy, one)) for one in lanes})
        each = ClaimingByGateway(policy, lanes, several, senders=has_senders, clock=clock)
        router = each.router = policy.router = router_of(run, lanes, policy, options, clock)
        return cls(lanes, AllBreakers(lanes), AllPaces(lanes), several, each, router)

    async def open(self, gateway: Gateway, policy: RunPolicy) -> None:
        """Open the gateways. Of several, one that cannot be used is stopped. Raises ``GatewayUnusable`` if none can."""
        if len(self.lanes) == 1 or not isinstance(gateway, GatewayByChannel):
            await gateway.open()
            return
        unusable = await gateway.open_each()
        for lane in self.lanes:
            if lane.name in unusable:
                problem = unusable[lane.name].problems[0]
                if self.router is not None:
                    self.router.cannot_be_opened(lane.name, problem.message)
                policy.stop(lane, problem)

    def stop_what_gave_up(self, run: Run, policy: RunPolicy, left: int) -> None:
        """Stop gateways that did not come back for as long as the breaker waits; ``left`` messages have no result."""
        for lane in self.lanes:
            if lane.breaker.gave_up and lane.stopped is None:
                many = left if len(self.lanes) == 1 else None
                policy.stop(lane, endings.gateway_down(run, lane.name, lane.last_failure, many))

    def look_at_route(self, policy: RunPolicy, now: float) -> None:
        """Notice which gateways of a route lost their share or have it back, and try again those that had time to cool
        down."""
        if self.router is None or policy.ended is not None:
            return
        for lane in self.lanes:
            cooled = lane.stopped is not None and now - lane.stopped_at >= COOLS
            # Others must have sent something meanwhile: else the run would not end while all that is left is for it.
            if cooled and self._has_sent(lane) and self.router.may_start_again(lane.name):
                lane.start_again()
        self.router.look()
        switches = self.router.switches()
        policy.switches += switches
        policy.writes.switches += switches
        policy.hope_until = max(policy.hope_until, self.router.hope_until())

    def _has_sent(self, stopped: Lane) -> bool:
        """Whether another gateway had an answer since this one was stopped."""
        return any(one.answered_at > stopped.stopped_at for one in self.lanes if one is not stopped)

    def take_back(self, now: float, *, all_of_them: bool) -> list[int]:
        """Return the ids of messages that wait for a gateway that takes none for a while; they leave no more."""
        dispatcher = self.dispatcher
        if not isinstance(dispatcher, Lanes):
            return dispatcher.take_back() if all_of_them or self.lanes[0].keeps_back(now) else []
        return [
            id
            for lane in self.lanes
            if all_of_them or lane.keeps_back(now)
            for id in dispatcher.by_gateway[lane.name].take_back()
        ]


COOLS = 60.0
"""Seconds after which a gateway of a route that was stopped is tried again, if others are at work."""


def router_of(
    run: Run, lanes: Sequence[Lane], policy: RunPolicy, options: SendOptions, clock: Callable[[], int]
) -> Router | None:
    """Return what chooses the gateways of the run's messages; None without a route."""
    if not run.sending.get("routes"):
        return None
    return Router(
        lanes,
        own=run.gateway,
        time=asyncio.get_running_loop().time,
        clock=clock,
        planned=meant_for(run),
        left=policy.left_of_budget if options.max_cost else None,
    )


def meant_for(run: Run) -> dict[str, int]:
    """Return how many messages of the run's plan are meant for each gateway of its routes."""
    found: dict[str, int] = {}
    for route in (run.summary.get("routes") or {}).values():
        for name, one in route["gateways"].items():
            found[name] = found.get(name, 0) + one["recipients"]
    return found
