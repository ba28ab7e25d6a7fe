"""Who of a campaign of several channels goes by which, what may follow, and what all that costs at most."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from a2pcli.channels import REJECTED
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity
from a2pcli.planning.likely import Past, likely_cost
from a2pcli.planning.standing_in import StandIns, at_most

if TYPE_CHECKING:
    from a2pcli.contacts.table import Table
    from a2pcli.planning.prepare import Prepared

Chain = tuple[str | None, ...]
"""Channels in the order in which a person is tried; None stands for the campaign's first."""

Prices = tuple[tuple[int | None, str | None], ...]
"""Cost of each step (1e-9 currency units, and the currency); None if unknown."""


@dataclass(slots=True)
class Routes:
    """Rows counted by the channels they are tried on, with the cost of each step."""

    chains: Counter[Chain] = field(default_factory=Counter)
    costs: dict[tuple[str | None, Chain], list[Counter[str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By country and chain: total cost of the rows at each step, by currency."""
    dearest: Counter[str] = field(default_factory=Counter)
    """Sum of each row's most expensive step: the maximum cost if only rejected messages fall back."""
    unpriced: int = 0
    """Rows of which a later step has no known price."""
    stand_ins: StandIns = field(default_factory=StandIns)

    def first(self, of_campaign: str) -> Counter[str]:
        """Return how many rows go by each channel first; ``of_campaign`` is the campaign's first."""
        found: Counter[str] = Counter()
        for chain, rows in self.chains.items():
            found[chain[0] or of_campaign] += rows
        return found

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the recipients of a chunk."""
        alike = pa.table({name: rows[name] for name in _OF_ROUTES})
        alone = pc.is_null(alike["alternatives"])
        # Without alternatives few kinds of rows differ; alternatives have the texts of one person each.
        kinds = alike.filter(alone).group_by(list(_OF_ROUTES)).aggregate([([], _MANY)])
        others = alike.filter(pc.invert(alone))
        for some in (kinds, others.append_column(_MANY, pa.repeat(1, len(others)))):
            for country, steps, prices, instead, many in _steps(some):
                self._add(country, steps, prices, many)
                self._note_dearest((*prices, *instead), many)
        self.stand_ins.add(others)

    def _add(self, country: str | None, steps: Chain, prices: Prices, many: int) -> None:
        self.chains[steps] += many
        sums = self.costs[country, steps]
        while len(sums) < len(steps):
            sums.append(Counter())
        for sum, (cost, currency) in zip(sums, prices, strict=True):
            if cost is not None and currency is not None:
                sum[currency] += cost * many
        self.unpriced += many if any(cost is None for cost, _ in prices[1:]) else 0

    def _note_dearest(self, prices: Prices, many: int) -> None:
        most: dict[str, int] = {}
        for cost, currency in prices:
            if cost is not None and currency is not None:
                most[currency] = max(most.get(currency, 0), cost)
        for currency, cost in most.items():
            self.dearest[currency] += cost * many

    def document(self, prepared: Prepared, past: Past | None = None) -> dict[str, Any]:
        """Return JSON-ready data: ``channels`` in order of preference with their recipients, and ``most``, the cost
        if everybody goes through every step that may cost more. Empty for one channel."""
        if not prepared.others:
            return self.stand_ins.document()
        named = prepared.spec.channel
        first: Counter[str] = Counter()
        next: Counter[str] = Counter()
        for chain, many in self.chains.items():
            first[chain[0] or named] += many
            for channel in chain[1:]:
                next[channel or named] += many
        return {
            "channels": [
                {
                    "channel": one.spec.channel,
                    "gateway": one.spec.gateway,
                    "sender": one.spec.sender,
                    "recipients": first[one.spec.channel],
                    "fallbacks": next[one.spec.channel],
                }
                for one in prepared.channels
            ],
            "fallback": fallback_document(prepared),
            "most": dict(sorted(self.most(prepared).items())),
            "unpriced_fallbacks": self.unpriced,
            **self._likely(prepared, past),
            **self.stand_ins.document(),
        }

    def _likely(self, prepared: Prepared, past: Past | None) -> dict[str, Any]:
        """Return the likely cost and what it is based on; nothing where nobody can fall back."""
        gateways = {one.spec.channel: one.spec.gateway for one in prepared.channels}
        first = prepared.spec.channel
        followed = {channel or first for chain in self.chains for channel in chain[:-1]}
        if past is None or not followed:
            return {}
        cost = likely_cost(self.costs, past, first)
        return {
            "likely": None if cost is None else dict(sorted(cost.items())),
            "likely_from": [
                past.document(channel, gateway)
                for channel, gateway in gateways.items()
                if channel in followed
            ],
        }

    def most(self, prepared: Prepared) -> Counter[str]:
        """Return the maximum cost of the plan, by currency: a rejected message costs nothing, an undelivered one
        does."""
        fallback = fallback_document(prepared)
        if fallback is not None and fallback["when"] == [REJECTED] and fallback["after"] is None:
            return self.dearest
        total = Counter(self.stand_ins.more)
        for steps in self.costs.values():
            for sum in steps:
                total.update(sum)
        return total


_OF_ROUTES = ("country", "channel", "cost", "currency", "alternatives", "route")
_MANY = "count_all"
"""The column with the number of rows that are alike."""


def _steps(rows: pa.Table) -> Iterator[tuple[str | None, Chain, Prices, Prices, int]]:
    """Yield country, channels and their prices, the prices of what may stand in, and how many rows are alike."""
    columns = (rows[name].to_pylist() for name in (*_OF_ROUTES, _MANY))
    for country, channel, cost, currency, text, route, many in zip(*columns, strict=True):
        steps, instead = [channel], []
        prices = [at_most(cost, currency, route)]
        for one in json.loads(text) if text else ():
            price = at_most(one.get("cost"), one.get("currency"), one.get("route"))
            if not one.get("instead"):
                steps.append(one["channel"])
                prices.append(price)
            elif len(steps) == 1:  # counted by ``StandIns``
                instead.append(price)
            elif price[1] == prices[-1][1] and (price[0] or 0) > (prices[-1][0] or 0):
                prices[-1] = price
        yield country, tuple(steps), tuple(prices), tuple(instead), many


def channels_document(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Return what the run stores about its channels, in order of preference."""
    return {
        one.spec.channel: {"gateway": one.spec.gateway, "sender": one.spec.sender}
        for one in prepared.channels
    }


def fallback_document(prepared: Prepared) -> dict[str, Any] | None:
    """Return when the next channel is tried, JSON-ready: ``when``, and ``after`` in seconds; None if never."""
    found = (prepared.loaded.whole or prepared.loaded).campaign.fallback
    return None if found is None else {"when": list(found.when), "after": found.seconds}


def strange_preferences(table: Table, strange: Mapping[str, int]) -> list[Problem]:
    """Warn if contacts prefer channels that do not exist."""
    if not strange:
        return []
    many = sum(strange.values())
    few = ", ".join(f"'{name}'" for name, _ in Counter(strange).most_common(3))
    rows = "1 row prefers" if many == 1 else f"{many:,} rows prefer"
    return [
        Problem(
            f"{rows} a channel that does not exist: {few}",
            path=table.path,
            line=table.header_line,
            hint="their messages go by the campaign's order; channels are named as in the campaign: email, sms, …",
            severity=Severity.WARNING,
            code="preferred-channel",
        )
    ]
