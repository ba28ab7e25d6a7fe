"""What a plan says of its routes: how many go by each gateway, why, at what cost, and the most it can become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.config.route_rules import Route
from a2pcli.content.prices import parse_budget, to_decimal
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity
from a2pcli.ledger.route_legs import MessageRoute, route_of_text

if TYPE_CHECKING:
    from a2pcli.planning.prepare import Prepared
    from a2pcli.planning.spec import PlanSpec


@dataclass(slots=True)
class RouteTally:
    """The recipients of one channel by the texts of their routes: the texts are few, so a chunk is counted at once."""

    texts: Counter[str] = field(default_factory=Counter)

    def add(self, column: pa.Array) -> None:
        """Count the routes of a chunk's recipients; rows without one are of a channel that has none."""
        for one in pc.value_counts(column.drop_null()).to_pylist():
            self.texts[one["values"]] += one["counts"]

    def __bool__(self) -> bool:
        return bool(self.texts)

    def _routes(self) -> list[tuple[MessageRoute, int]]:
        return [(route_of_text(text), many) for text, many in self.texts.items()]

    @property
    def most(self) -> Counter[str]:
        """What all of them cost by the dearest gateway that each may go by, by currency (1e-9 units)."""
        found: Counter[str] = Counter()
        for route, many in self._routes():
            leg = route.most
            if leg.cost is not None and leg.currency is not None:
                found[leg.currency] += leg.cost * many
        return found

    @property
    def unpriced(self) -> int:
        """Recipients of known cost of whom a gateway that may stand in has no known price."""
        priced = ((route, many) for route, many in self._routes() if route.legs[0].cost is not None)
        return sum(many for route, many in priced if any(leg.cost is None for leg in route.legs[1:]))

    @property
    def alone(self) -> int:
        """Recipients for whom no other gateway can stand in."""
        return sum(many for route, many in self._routes() if len(route.legs) == 1)

    def first(self) -> Counter[str]:
        """How many are meant for each gateway."""
        found: Counter[str] = Counter()
        for route, many in self._routes():
            found[route.legs[0].gateway] += many
        return found

    def document(self, route: Route) -> dict[str, Any]:
        """What the plan's summary keeps of it."""
        return {
            **route.document(),
            "gateways": {name: self._gateway(name) for name in route.gateways},
            "most": dict(sorted(self.most.items())),
            "unpriced_stand_ins": self.unpriced,
            "without_stand_in": self.alone,
        }

    def _gateway(self, name: str) -> dict[str, Any]:
        """Who is meant for a gateway: how many, at what cost, by which rules, and for how many more it may stand in."""
        cost: Counter[str] = Counter()
        why: Counter[str] = Counter()
        unpriced = stands_in = 0
        for route, many in self._routes():
            if route.legs[0].gateway != name:
                stands_in += many if route.leg(name) is not None else 0
                continue
            why[route.place] += many
            leg = route.legs[0]
            if leg.cost is None or leg.currency is None:
                unpriced += many
            else:
                cost[leg.currency] += leg.cost * many
        return {
            "recipients": sum(why.values()),
            "cost": dict(sorted(cost.items())),
            "unpriced": unpriced,
            "places": dict(why.most_common()),
            "stands_in_for": stands_in,
        }


@dataclass(slots=True)
class RoutesTally:
    """The same for each channel of a campaign; None stands for its first."""

    channels: dict[str | None, RouteTally] = field(default_factory=dict)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the recipients of a chunk."""
        routes = rows["route"]
        if routes.null_count == len(routes):
            return
        if "channel" not in rows.schema.names:
            self.channels.setdefault(None, RouteTally()).add(routes)
            return
        for channel in pc.unique(rows["channel"]).to_pylist():
            mine = pc.is_null(rows["channel"]) if channel is None else pc.equal(rows["channel"], channel)
            self.channels.setdefault(channel, RouteTally()).add(routes.filter(pc.fill_null(mine, False)))

    def of(self, channel: str, first: str) -> RouteTally:
        """Those of a channel; ``first`` is the campaign's first."""
        return self.channels.get(None if channel == first else channel, RouteTally())


def gateways_of_spec(spec: PlanSpec) -> tuple[str, ...]:
    """The gateways that messages of one channel may go by."""
    return (spec.gateway,) if spec.route is None else spec.route.route.gateways


def routes_by_channel(prepared: Prepared) -> dict[str, Route]:
    """The routes that a campaign goes by, by channel, in order of preference."""
    plans = ((one.spec.channel, one.spec.route) for one in prepared.channels)
    return {channel: plan.route for channel, plan in plans if plan is not None}


def route_documents(prepared: Prepared, tally: RoutesTally) -> dict[str, Any]:
    """``routes`` of a plan's summary, by channel; of a single channel also ``most``, what the plan costs at most. Empty
    where no channel goes by a route."""
    routes, first = routes_by_channel(prepared), prepared.spec.channel
    if not routes:
        return {}
    found: dict[str, Any] = {
        "routes": {channel: tally.of(channel, first).document(one) for channel, one in routes.items()}
    }
    if not prepared.others:  # of several channels, the most is that of falling back too
        found["most"] = dict(sorted(tally.of(first, first).most.items()))
    return found


def dear_stand_ins(prepared: Prepared, tally: RoutesTally, budget: str | None) -> Iterator[Problem]:
    """A warning where the budget suffices for the gateways that are meant, and not for those that may stand in."""
    budget = budget or prepared.loaded.campaign.limits.cost
    if not budget or prepared.others or prepared.spec.route is None:
        return  # of several channels, the most is what the budget is compared with
    amount, currency = parse_budget(budget)
    most = to_decimal(tally.of(prepared.spec.channel, prepared.spec.channel).most[currency])
    if most > amount:
        message = f"if dearer gateways of the route stand in, it costs up to {most:f} {currency}, more than the budget"
        hint = f"sending pauses before more than {amount:f} {currency} is spent"
        at = ("limits", "cost") if prepared.loaded.document.has(("limits", "cost")) else ("gateway",)
        problem = prepared.loaded.document.problem(message, at, hint=hint, code="route-budget")
        yield replace(problem, severity=Severity.WARNING)


def recipients_by_gateway(prepared: Prepared, tally: RoutesTally, first: Mapping[str, int]) -> Counter[str]:
    """How many recipients are meant for each gateway of the campaign; ``first`` are those by the channel that each is
    sent by first."""
    found: Counter[str] = Counter()
    for one in prepared.channels:
        if one.spec.route is None:
            found[one.spec.gateway] += first.get(one.spec.channel, 0)
        else:
            found.update(tally.of(one.spec.channel, prepared.spec.channel).first())
    return found
