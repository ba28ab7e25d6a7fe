"""Which gateway of a route each message is meant to take, which may stand in for it, and what it costs by each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.config.route_rules import CHEAPEST, SHARES, Route, Rule
from a2pcli.dataclass import dataclass
from a2pcli.frame import Frame
from a2pcli.ledger.route_legs import Leg, MessageRoute
from a2pcli.planning.frames import Mask, among, drop, mask_of, spread
from a2pcli.planning.legs import NOWHERE, closed_to, places_of
from a2pcli.planning.people import keys_of
from a2pcli.planning.window import WINDOW
from a2pcli.reasons import Reason
from a2pcli.rules.senders import Senders, scores

if TYPE_CHECKING:
    from a2pcli.content.prices import PricedColumn
    from a2pcli.planning.spec import CompiledSpec

ROUTE = "@route"
"""The column with the gateways of each message as text (``ledger.route_legs``)."""

NOBODY = -1
"""Stands for no gateway."""
UNKNOWN = np.iinfo(np.int64).max
"""Stands for a price that is not known: dearer than any."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A campaign's route, as workers need it. ``senders`` are the campaign's with the own sender of each gateway, by
    gateway, where these differ; else empty."""

    route: Route
    senders: Mapping[str, Senders] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    """Countries whose numbers are of the range of another one, and which that is."""


def routed(frame: Frame, rows: Mask, compiled: CompiledSpec, plan: RoutePlan) -> None:
    """``@route`` of the rows, with cost and currency by the intended gateway; rows that may go by none drop out."""
    found = _Routed(frame, rows, compiled, plan)
    found.put_in_order()
    frame["@cost"] = spread(found.costs(), rows)
    frame["@currency"] = spread(found.currencies(), rows)
    frame[ROUTE] = spread(found.texts(), rows)
    found.drop_rest()


class _Routed:
    """The alive rows of one chunk. ``order`` holds the number of a gateway for each row and rank, else ``NOBODY``."""

    def __init__(self, frame: Frame, rows: Mask, compiled: CompiledSpec, plan: RoutePlan) -> None:
        self.frame, self.rows, self.compiled, self.plan = frame, rows, compiled, plan
        self.gateways = plan.route.gateways
        self.size = int(rows.sum())
        taken = pa.array(rows)
        self.countries: pa.Array = frame["@country"].filter(taken)
        self.numbers: pa.Array = frame["@address"].filter(taken)
        self.places = tuple(plan.route.rules)
        self.at = places_of(plan, self.countries, self.numbers)
        self.names: list[str | None] = [None]
        """Currencies; the first stands for none."""
        self.cost, self.currency = self._prices(taken)
        self.barred = self._barred()
        self.closed = self._closed()
        self.order = np.full((self.size, len(self.gateways)), NOBODY, dtype=np.int64)

    def _prices(self, taken: pa.Array) -> tuple[Places, Places]:
        """By gateway and row: the cost, ``UNKNOWN`` where no price is known, and the number of the currency."""
        costs = np.full((len(self.gateways), self.size), UNKNOWN, dtype=np.int64)
        currencies = np.zeros((len(self.gateways), self.size), dtype=np.int64)
        if self.compiled.rates is None or not self.size:
            return costs, currencies
        has_window = self.compiled.is_free_in_window and WINDOW in self.frame
        free = mask_of(self.frame[WINDOW])[self.rows] if has_window else None
        for number, gateway in enumerate(self.gateways):
            price = self._price(gateway, taken)
            costs[number] = np.where(price.known, price.cost, UNKNOWN)
            if free is not None:
                costs[number][free & self._wrote_to(gateway) & price.known] = 0
            currencies[number] = self._currency_numbers(price.currency)
        return costs, currencies

    def _wrote_to(self, gateway: str) -> Mask:
        """The rows whose person is in the service window of this gateway."""
        members = (self.compiled.spec.people.in_window or {}).get(gateway)
        if members is None:
            return np.zeros(self.size, dtype=np.bool_)
        return among(keys_of(self.numbers), members)

    def _currency_numbers(self, names: pa.Array) -> Places:
        encoded = names.dictionary_encode()
        known = encoded.dictionary.to_pylist()
        self.names += [name for name in known if name not in self.names]
        numbers = np.array([*map(self.names.index, known), 0], dtype=np.int64)
        found: Places = numbers[encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)]
        return found

    def _price(self, gateway: str, taken: pa.Array) -> PricedColumn:
        spec = self.compiled.spec
        assert self.compiled.rates is not None
        return self.compiled.rates.price_column(
            gateway=gateway,
            channel=spec.channel,
            on=spec.today,
            countries=self.countries,
            numbers=self.numbers,
            parts=self.frame["@parts"].filter(taken).to_numpy(zero_copy_only=False),
            category=self.compiled.category,
        )

    def _barred(self) -> npt.NDArray[np.bool_]:
        """By gateway and row: whether the gateway's own sender may not message the row's country."""
        found = np.zeros((len(self.gateways), self.size), dtype=np.bool_)
        for gateway, senders in self.plan.senders.items():
            for country in pc.unique(self.countries).to_pylist():
                if not senders.verdict(country).senders:
                    found[self.gateways.index(gateway)] |= self._of_country(country)
        return found

    def _closed(self) -> npt.NDArray[np.bool_]:
        """By gateway and row: whether the gateway cannot take the row's message now."""
        found = np.zeros_like(self.barred)
        for gateway, rows in closed_to(self.frame, self.compiled).items():
            found[self.gateways.index(gateway)] |= rows[self.rows]
        return found

    def _of_country(self, country: str | None) -> Mask:
        """The rows whose numbers are of this country; None for those of no country."""
        return mask_of(pc.is_null(self.countries) if country is None else pc.equal(self.countries, country))

    def put_in_order(self) -> None:
        """Put the gateways of each row in the order of its rule, without those that it may not go by."""
        for number, place in enumerate(self.places):
            mine = np.flatnonzero(self.at == number)
            if len(mine):
                self._order(self.plan.route.rules[place], mine)

    def _order(self, rule: Rule, mine: Places) -> None:
        names = np.array([self.gateways.index(name) for name in rule.gateways], dtype=np.int64)
        order = np.tile(names, (len(mine), 1))
        if rule.kind == CHEAPEST:
            # Stable: of the same price, the one that the settings name first.
            order = names[np.argsort(self._comparable(names, mine), axis=1, kind="stable")]
        elif rule.kind == SHARES:
            order = names[self._drawn(rule, mine)]
        out = (self.barred | self.closed)[order, mine[:, None]]
        if self.compiled.spec.exclude_unpriced:
            out |= self.cost[order, mine[:, None]] == UNKNOWN
        order[out] = NOBODY
        # Stable: those that may take the message first, in their order.
        order = np.take_along_axis(order, np.argsort(out, axis=1, kind="stable"), axis=1)
        self.order[mine, : order.shape[1]] = order

    def _comparable(self, names: Places, mine: Places) -> Places:
        """The prices of these gateways. One in another currency than the first's cannot be compared and comes after
        those that can; one that is not known comes last."""
        cost, currency = self.cost[names][:, mine].T, self.currency[names][:, mine].T
        known = cost != UNKNOWN
        first = currency[np.arange(len(mine)), known.argmax(axis=1)]
        found: Places = np.where(known & (currency != first[:, None]), UNKNOWN - 1, cost)
        return found

    def _drawn(self, rule: Rule, mine: Places) -> npt.NDArray[np.intp]:
        """Weighted rendezvous hashing: of each person the gateways by their draw, which stays the same from run to run.
        A gateway is first for its share of the people, and where it is down the others take over in their shares."""
        people = keys_of(self.numbers.take(pa.array(mine))).astype(np.uint64)
        draws = np.empty((len(mine), len(rule.gateways)))
        for column, (name, weight) in enumerate(zip(rule.gateways, rule.weights, strict=True)):
            evenly = (scores(people, f"{self.plan.route.name} {name}").astype(np.float64) + 1.0) / 2.0**64
            draws[:, column] = -np.log(np.minimum(evenly, 1.0)) / weight
        return np.argsort(draws, axis=1, kind="stable")

    def costs(self) -> pa.Array:
        """What each message costs by the intended gateway; null where that is not known."""
        first = self.order[:, 0]
        cost = self.cost[first, np.arange(self.size)]
        return pa.array(cost, pa.int64(), mask=(first == NOBODY) | (cost == UNKNOWN))

    def currencies(self) -> pa.Array:
        """The currency of each message's cost."""
        first = self.order[:, 0]
        numbers = np.where(first == NOBODY, 0, self.currency[first, np.arange(self.size)])
        return pa.array(self.names, pa.string()).take(pa.array(numbers))

    def texts(self) -> pa.Array:
        """The gateways of each message as text: one for all messages that go alike, null where there is none."""
        codes = self.at + 1
        rows = np.arange(self.size)
        for rank in range(self.order.shape[1]):
            at = self.order[:, rank]
            cost = np.where(at == NOBODY, UNKNOWN, self.cost[at, rows])
            prices, price = np.unique(cost, return_inverse=True)
            codes = (codes * (len(self.gateways) + 1) + at + 1) * len(prices) + price
            codes = codes * len(self.names) + self.currency[at, rows]
            codes = np.unique(codes, return_inverse=True)[1]  # small again, or they would overflow
        _, first, kinds = np.unique(codes, return_index=True, return_inverse=True)
        texts = [self._text(row) for row in first.tolist()]
        return pa.array(texts, pa.string()).take(pa.array(kinds, pa.int64()))

    def _text(self, row: int) -> str | None:
        legs = tuple(self._leg(at, row) for at in self.order[row].tolist() if at != NOBODY)
        if not legs:
            return None
        place = self.places[self.at[row]]
        return MessageRoute(place, self.plan.route.rules[place].kind, legs).text()

    def _leg(self, at: int, row: int) -> Leg:
        cost = int(self.cost[at, row])
        name = self.gateways[at]
        return Leg(name) if cost == UNKNOWN else Leg(name, cost, self.names[self.currency[at, row]])

    def drop_rest(self) -> None:
        """Rows that may go by no gateway drop out, with why."""
        nobody = self.order[:, 0] == NOBODY
        if not nobody.any():
            return
        nowhere = nobody & (self.at == NOWHERE)
        for country in pc.unique(self.countries.filter(pa.array(nowhere))).to_pylist():
            where = country or "numbers of no country"
            detail = f"the route {self.plan.route.name} has no gateway for {where}"
            self._drop(nowhere & self._of_country(country), Reason.NO_GATEWAY, detail)
        self._drop_barred(nobody & ~nowhere)
        detail = f"no gateway of the route {self.plan.route.name} that may be used takes the message now"
        self._drop(nobody & self.closed.any(axis=0), Reason.NO_GATEWAY, detail)
        self._drop(nobody, Reason.UNPRICED)

    def _drop_barred(self, out: Mask) -> None:
        """Those that no gateway's own sender may message."""
        for number, place in enumerate(self.places):
            named = [self.gateways.index(name) for name in self.plan.route.rules[place].gateways]
            rows = out & (self.at == number) & self.barred[named].all(axis=0)
            for country in pc.unique(self.countries.filter(pa.array(rows))).to_pylist():
                verdict = self.plan.senders[self.gateways[named[0]]].verdict(country)
                self._drop(rows & self._of_country(country), Reason.NO_SENDER, verdict.detail, verdict.rule)

    def _drop(self, rows: Mask, reason: Reason, detail: str | None = None, rule: str | None = None) -> None:
        where = np.zeros(len(self.frame), dtype=np.bool_)
        where[np.flatnonzero(self.rows)[rows]] = True
        drop(self.frame, where, reason, detail, rule)
