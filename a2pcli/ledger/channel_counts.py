"""Counts of a run with several channels: first attempts and fallbacks by channel, their results and costs, and the
recipients who got a message by two channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED
from a2pcli.ledger.alternatives import channels_of
from a2pcli.ledger.arrivals import Arrivals, arrivals
from a2pcli.ledger.attempt_ids import ATTEMPT_BIT, ROWS_PER_RUN
from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State

_a = attempts.c


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """The attempts on one channel that were each message's ``attempt``-th, from 1. ``followed`` ones were followed
    by the next channel. ``cost`` covers accepted ones, in 1e-9 currency units by currency; ``unpriced`` accepted
    ones are not in it."""

    channel: str
    attempt: int
    states: Mapping[str, int]
    delivered: int
    followed: int
    cost: Mapping[str, int]
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class ByChannel:
    """The counts of all channels, in the campaign's order, and who got the message by an attempt that had ended."""

    counts: tuple[ChannelCount, ...] = ()
    arrivals: Arrivals = Arrivals()


@dataclass(slots=True)
class _Sums:
    states: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    delivered: int = 0
    followed: int = 0
    cost: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unpriced: int = 0


def count(connection: Connection, run: Run) -> ByChannel:
    """Count the run's attempts; empty for a run with one channel."""
    order = list(channels_of(run))
    if not order:
        return ByChannel()
    pruned = run.summary.get("pruned", {})
    if "channels" in pruned:
        return ByChannel(tuple(ChannelCount(**one) for one in pruned["channels"]), arrivals(connection, run))
    number = _a.id % ROWS_PER_RUN // (1 << ATTEMPT_BIT) + 1
    keys = (_a.channel, number, _a.state, _a.delivery, _a.currency, _a.followed_at.is_not(None))
    query = (
        select(*keys, func.count(), func.count(_a.cost), func.sum(_a.cost)).where(of_run(run)).group_by(*keys)
    )
    found: dict[tuple[str, int], _Sums] = defaultdict(_Sums)
    for channel, attempt, state, delivery, currency, is_over, many, priced, cost in connection.execute(query):
        sums = found[channel or run.channel, int(attempt)]
        sums.states[state] += many
        sums.delivered += many if delivery in _ARRIVED else 0
        sums.followed += many if is_over else 0
        if state == State.ACCEPTED and currency is not None and cost:
            sums.cost[currency] += int(cost)
        sums.unpriced += many - priced if state == State.ACCEPTED else 0
    places = {channel: place for place, channel in enumerate(order)}
    keys_found = sorted(found, key=lambda key: (places.get(key[0], len(order)), key[1]))
    counts = (
        ChannelCount(
            channel,
            attempt,
            dict(sums.states),
            sums.delivered,
            sums.followed,
            dict(sums.cost),
            sums.unpriced,
        )
        for (channel, attempt), sums in ((key, found[key]) for key in keys_found)
    )
    return ByChannel(tuple(counts), arrivals(connection, run))


_ARRIVED = frozenset(map(str, ARRIVED))


def written(found: ByChannel) -> list[dict[str, Any]]:
    """Return the counts as retention keeps them."""
    return [asdict(one) for one in found.counts]
