"""A quota as a steady flow of messages meets it: how fast they may go, and when that changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from a2pcli.config.quotas import Quota
from a2pcli.ledger.quota_values import SKEW, Usage

MANY = 100
"""A quota is simulated for at most this many fillings; a longer plan treats it as a pace."""

LEAST = 1e-6


class QuotaFlow:
    """One quota during an estimate. ``each`` is its average use per message of the plan, ``messages`` the number of
    messages. Times are UTC milliseconds, flows are messages per millisecond."""

    def __init__(self, usage: Usage, each: float, messages: float, start: int) -> None:
        quota = usage.shared.quota
        self._quota: Quota = quota
        self._limit = quota.limit / each
        self._span = quota.seconds * 1000 + usage.shared.slot_size
        self._room = usage.left(start) / each
        self._is_pace = quota.zone is None and messages > MANY * self._limit
        # When used quota is freed again: from, until, how much. What is used now frees at a moment, later use over
        # time.
        ends = ((ends, used / each) for ends, used in usage.ends(start) if ends > start)
        self._frees: deque[tuple[float, float, float]] = deque((at, at, used) for at, used in sorted(ends))
        self._day_ends = float("inf") if quota.zone is None else quota.resets(start - SKEW) + SKEW

    def most(self, now: float) -> float:
        """Return the highest flow allowed now."""
        if self._is_pace:
            return self._limit / self._span
        return float("inf") if self._room > LEAST else self._freed(now)

    def changes(self, now: float, flow: float) -> float:
        """Return when this may change if messages are sent at ``flow``."""
        if self._is_pace:
            return float("inf")
        moments = [self._day_ends]
        freed = self._freed(now)
        if self._room > LEAST and flow > freed:
            moments.append(now + self._room / (flow - freed))
        for first, last, _ in self._frees:
            moments += [moment for moment in (first, last) if moment > now]
            if first > now:
                break
        return max(min(moments), now + LEAST)

    def passed(self, now: float, until: float, sent: float) -> None:
        """Record ``sent`` messages between ``now`` and ``until``."""
        if self._is_pace:
            return
        self._room = self._room - sent
        if self._quota.zone is not None:
            if until >= self._day_ends:
                self._room, self._day_ends = self._limit, self._quota.resets(round(until)) + SKEW
            return
        kept: deque[tuple[float, float, float]] = deque()
        for first, last, used in self._frees:
            if last <= until:
                self._room += used
            elif first < until:
                done = used * (until - max(first, now)) / (last - max(first, now))
                self._room += done
                kept.append((until, last, used - done))
            else:
                kept.append((first, last, used))
        if sent > LEAST:
            kept.append((now + self._span, until + self._span, sent))
        self._frees = kept
        self._room = min(self._room, self._limit)

    def _freed(self, now: float) -> float:
        """Return the flow at which quota is freed now."""
        return sum(used / (last - first) for first, last, used in self._frees if first <= now < last)


class Flow(Protocol):
    """What limits how fast messages may go."""

    def most(self, now: float) -> float:
        """How fast messages may go."""
        ...

    def changes(self, now: float, flow: float) -> float:
        """When this may change, if messages go as fast as ``flow``."""
        ...

    def passed(self, now: float, until: float, sent: float) -> None:
        """So many messages went in this time."""
        ...


class TogetherFlow:
    """The quotas of gateways that stand in for each other: what one has no room for goes by the next."""

    def __init__(self, by_gateway: Sequence[Sequence[Flow]]) -> None:
        self._gateways = by_gateway

    def most(self, now: float) -> float:
        """How fast messages may go by all gateways together."""
        return sum(_most(one, now) for one in self._gateways)

    def changes(self, now: float, flow: float) -> float:
        """When this may change, if messages go as fast as ``flow``."""
        parts = zip(self._gateways, self._divided(now, flow), strict=True)
        return min(one.changes(now, part) for flows, part in parts for one in flows)

    def passed(self, now: float, until: float, sent: float) -> None:
        """So many messages went in this time."""
        length = max(until - now, LEAST)
        parts = list(self._divided(now, sent / length))
        for flows, part in zip(self._gateways, parts, strict=True):
            for one in flows:
                one.passed(now, until, part * length)

    def _divided(self, now: float, flow: float) -> Iterator[float]:
        """How much of a flow each gateway takes: the first what it can, the next what is left."""
        for one in self._gateways:
            part = min(flow, _most(one, now))
            yield part
            flow -= part


def _most(flows: Sequence[Flow], now: float) -> float:
    return min(one.most(now) for one in flows)
