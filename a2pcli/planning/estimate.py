"""How many messages of a plan can leave, and when the last does: by pace, quotas, people's hours, start and end.

A plan must not promise what cannot be: a message whose campaign has expired before its turn comes never leaves.
The estimate takes the pace as a steady flow, shared by all who may be messaged at a time; a sender takes them in
the order of the file, which comes to the same for everybody together. What the gateway itself holds up, opt-outs
that come and other campaigns of the same account are not known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.ledger.clocks import RunClock, held
from a2pcli.ledger.records import FAR
from a2pcli.planning.quota_flow import Flow
from a2pcli.reasons import Reason

HORIZON = 60 * 86_400_000
"""Milliseconds that the estimate looks ahead; a longer plan has no known end."""

UNPACED = 10.0
"""Messages per millisecond if only quotas limit sending: the gateway's own speed is not known."""

MOST_STEPS = 4_000
"""Maximum number of openings and closings examined before the end counts as unknown."""

Groups = Iterable[tuple[RunClock | None, int]]
"""Messages by clock; None for those without permitted hours."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a plan's messages, ``going`` can be sent; the others cannot, each for one of four causes.

    ``expired`` ones would expire before their permitted hours (or have already), ``late`` ones before their turn at
    this pace; ``never`` ones have no permitted sending time, ``unknown_zone`` ones no known time zone.
    ``finishes_at`` is when the last one is sent (UTC ms), None if nothing is sent, nothing paces it or it cannot be
    told.
    """

    going: int
    expired: int = 0
    late: int = 0
    never: int = 0
    unknown_zone: int = 0
    finishes_at: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the estimate as the plan's summary stores it."""
        return {
            "going": self.going,
            "expired": self.expired,
            "late": self.late,
            "never": self.never,
            "unknown_zone": self.unknown_zone,
            "finishes_at": self.finishes_at,
        }


class _Group:
    """Messages that share a clock: how many are left, and when they may be sent next."""

    def __init__(self, clock: RunClock | None, messages: float, start: int, ends: int | None) -> None:
        self._clock = None if clock is None else clock.clock
        own = None if self._clock is None else self._clock.expires_at
        known = [end for end in (own, ends) if end is not None]
        self.end = min(known, default=None)
        self.left = messages
        self.open_from: int | None = start
        self.open_to: int | None = None
        self.look(start)

    def look(self, at: int) -> None:
        """Find the permitted period that contains ``at`` or comes next; ``open_from`` is None after the last."""
        opens: int | None = at
        closes: int | None = None
        if self._clock is not None:
            opens = self._clock.next_opening(at)
            closes = None if opens is None else self._clock.open_until(opens)
        if opens is not None and self.end is not None:
            closes = self.end if closes is None else min(closes, self.end)
            opens = opens if opens < self.end else None
        self.open_from, self.open_to = opens, closes


def estimate(
    groups: Groups,
    *,
    start: int,
    ends: int | None,
    per_second: float | None,
    limits: Sequence[Flow] = (),
    others: float = 0,
) -> Estimate:
    """Estimate messages that may be sent from ``start`` until ``ends`` (UTC ms), at ``per_second`` messages and
    within the quotas of ``limits``, which ``others`` messages of other runs use as well."""
    counts = {"going": 0, "expired": 0, "never": 0, "unknown_zone": 0}
    waiting: list[_Group] = []
    for clock, messages in groups:
        kind = _kind(clock, start, ends)
        counts[kind] += messages
        if kind == "going" and messages:
            waiting.append(_Group(clock, messages, start, ends))
    if not waiting:
        return Estimate(**counts)
    if per_second is None and not limits:
        last = max(group.open_from or start for group in waiting)
        return Estimate(**counts, finishes_at=last if last > start else None)
    per_ms = UNPACED if per_second is None else per_second / 1000
    late, finishes_at = _flowing(waiting, start, per_ms, limits, others)
    counts["going"] -= late
    return Estimate(**counts, late=late, finishes_at=finishes_at if counts["going"] else None)


def _kind(clock: RunClock | None, start: int, ends: int | None) -> str:
    if clock is None:
        return "expired" if ends is not None and ends <= start else "going"
    why = held(clock.clock, start, ends)
    if why is None:
        return "going"
    if why.until is None:
        return "expired"
    if why.reason is Reason.UNKNOWN_ZONE:
        return "unknown_zone"
    return "never" if why.until >= FAR else "going"


def _flowing(
    groups: list[_Group], start: int, per_ms: float, limits: Sequence[Flow], others: float
) -> tuple[int, int | None]:
    """Return how many messages are left when their time is over, and when the last of the rest is sent (UTC ms).
    ``others`` are messages of other runs sent at the same time."""
    now: float = start
    finish: float | None = None
    late = 0.0
    for _ in range(MOST_STEPS):
        for group in [one for one in groups if one.open_from is None or one.left <= 0]:
            late += max(group.left, 0)
            groups.remove(group)
        if not groups:
            return round(late), None if finish is None else round(finish)
        if now - start > HORIZON:
            return round(late), None
        there = [group for group in groups if (group.open_from or 0) <= now]
        mine = sum(group.left for group in there)
        total = mine + others
        flow = min(per_ms, *(one.most(now) for one in limits)) if limits else per_ms
        change = min(_changes(groups, now), default=now + HORIZON)
        change = min([change, *(one.changes(now, flow if total else 0.0) for one in limits)])
        sent = min(total, flow * (change - now))
        if total and sent >= total * (1 - 1e-9):
            change = now + total / flow
            sent = total
            finish = max(finish or 0, change) if mine else finish
        for one in limits:
            one.passed(now, change, sent)
        for group in there:
            group.left -= group.left * sent / total if sent < total else group.left
        others -= others * sent / total if sent < total else others
        now = change
        for group in groups:
            if group.open_to is not None and group.open_to <= now:
                group.look(round(now))
    return round(late), None


def _changes(groups: list[_Group], now: float) -> Iterator[float]:
    """Yield times after ``now`` at which a group's permitted hours begin or end."""
    for group in groups:
        for moment in (group.open_from, group.open_to):
            if moment is not None and moment > now:
                yield moment


def pace_of(
    rate: Any,
    sender_rates: Mapping[str, Mapping[str, Any]],
    senders: Mapping[str, int],
    messages: int,
    parts: int,
    gateways: Sequence[tuple[Mapping[str, Any], int]] = (),
) -> float | None:
    """Return the messages per second of a whole plan, from its pace, its senders' paces and those of its ``gateways``,
    each with its number of messages; None if nothing paces it.

    ``senders`` gives the number of messages of each sender; a message has ``parts / messages`` parts on average.
    """
    if not messages:
        return None
    seconds = []
    each = parts / messages
    if rate is not None:
        seconds.append((parts if rate.unit == "parts" else messages) / rate.per_second)
    for sender, pace in sender_rates.items():
        own = messages if pace.get("account") else senders.get(sender, 0)
        work = own * (each if pace["unit"] == "parts" else 1)
        seconds.append(work / float(pace["per_second"]))
    for pace, own in gateways:
        seconds.append(own * (each if pace["unit"] == "parts" else 1) / float(pace["per_second"]))
    slowest = max(seconds, default=0.0)
    return messages / slowest if slowest > 0 else None
