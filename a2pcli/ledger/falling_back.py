"""Falling back: attempts whose moment has come are followed by the message's next channel, or not.

An attempt is followed only where it has certainly ended: the gateway refused it, a receipt says that it did not arrive,
the provider confirmed that it was revoked, or the time is over for which the provider was told to try. The last two are
kept as receipts (``cancelled``, ``expired``), so that a receipt "delivered" which comes all the same outranks them.
What may still arrive is not followed, however long it takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE, Delivery
from a2pcli.ledger import deliveries, falling, outcomes
from a2pcli.ledger.alternatives import gateway_of
from a2pcli.ledger.exchanges import Fall
from a2pcli.ledger.fallbacks import EVENT, Followed, as_next, follow_all
from a2pcli.ledger.falling import Due
from a2pcli.ledger.receipt_rows import insert_receipts
from a2pcli.ledger.records import Run
from a2pcli.messages import State

AT_ONCE = 500
"""Maximum number of attempts decided in one transaction."""

ASK_AGAIN = 60_000
"""Milliseconds until a provider is asked again after an unclear answer to a revocation."""


GIVES_UP = 15 * 60_000
"""Milliseconds for which it is asked; after that, the message may still be delivered."""


@dataclass(frozen=True, slots=True)
class Revocations:
    """Providers' answers to revocations, by attempt: ``done``, or ``refused`` (too late); attempts in neither got no
    clear answer."""

    asked: frozenset[int] = frozenset()
    done: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class FallenBack:
    """Result of a look. ``made`` counts next attempts by the message's former state. ``left`` may still be followed,
    the first at ``first`` (UTC ms); ``more``: some of them now."""

    made: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    first: int | None = None
    more: bool = False


def to_revoke(due: Sequence[Due], now: int, revoking: Collection[str], run: Run) -> list[Due]:
    """Return the attempts that must be revoked before another follows, by gateways that can revoke."""
    return [
        one
        for one in due
        if _is_open(one, now)
        and not _is_over(one, now)
        and (one.gateway or gateway_of(run, one.channel)) in revoking
    ]


def fall_back(
    connection: Connection, run: Run, due: Sequence[Due], revoked: Revocations, now: int
) -> FallenBack:
    """Decide the due fallbacks in one transaction: plan the next attempt of each that has ended, and forget the
    others, except those about which the provider is asked again."""
    again = _to_ask_again(run, due, revoked, now)
    falling.note(connection, run, [_later(one, now) for one in due if one.attempt in again])
    due = [one for one in due if one.attempt not in again]
    expired = [
        one for one in due if _is_open(one, now) and _is_over(one, now) and one.attempt not in revoked.asked
    ]
    cancelled = [one for one in due if one.attempt in revoked.done]
    _tell(connection, run, cancelled, Delivery.CANCELLED, "revoked", now)
    _tell(connection, run, expired, Delivery.EXPIRED, "validity", now)
    late = [one.attempt for one in due if one.attempt in revoked.asked - revoked.done]
    outcomes.note_each(connection, run, late, now, kind=EVENT, detail="the provider did not take it back")
    ended = {one.attempt for one in (*expired, *cancelled)}
    ended |= {one.attempt for one in due if one.state == State.REJECTED or one.delivery in _LOST}
    next = falling.next_of(connection, run, ended)
    states = {one.attempt: one.state for one in due}
    made = follow_all(connection, run, {id: as_next(one) for id, one in next.items()}, now)
    falling.forget(connection, [one.attempt for one in due])
    counts: dict[str, int] = {}
    for id in made:
        counts[states[id]] = counts.get(states[id], 0) + 1
    left, first = falling.pending(connection, run)
    return FallenBack(counts, left, first, first is not None and first <= now)


def _to_ask_again(run: Run, due: Sequence[Due], revoked: Revocations, now: int) -> set[int]:
    """Return the attempts whose revocation got no clear answer, and is asked for again."""
    after = (falling.rule_of(run) or {}).get("after") or 0
    unclear = revoked.asked - revoked.done - revoked.refused
    return {
        one.attempt
        for one in due
        if one.attempt in unclear and now < (one.settled_at or 0) + after * 1000 + GIVES_UP
    }


def _later(one: Due, now: int) -> Fall:
    """Return when a provider is asked again, or the validity that it was given is over."""
    at = now + ASK_AGAIN
    return Fall(one.attempt, at if one.expires_at is None else min(at, one.expires_at), one.expires_at)


_LOST = frozenset(map(str, NEGATIVE))
_THERE = frozenset(map(str, ARRIVED))


def _is_open(one: Due, now: int) -> bool:
    """Whether the gateway accepted it, and its delivery is not known."""
    return one.state == State.ACCEPTED and one.delivery not in _LOST | _THERE


def _is_over(one: Due, now: int) -> bool:
    """Whether the validity given to the provider is over."""
    return one.expires_at is not None and one.expires_at <= now


def _tell(connection: Connection, run: Run, some: Sequence[Due], says: Delivery, code: str, now: int) -> None:
    """Store what is known about these attempts as receipts."""
    from a2pcli.contacts.receipt_file import Receipt  # reads tables: not needed to list runs

    for gateway in {one.gateway or gateway_of(run, one.channel) for one in some}:
        mine = [one for one in some if (one.gateway or gateway_of(run, one.channel)) == gateway]
        there = [
            (Receipt(0, one.gateway_id, one.reference, str(says), says, code, now), one.attempt)
            for one in mine
        ]
        insert_receipts(connection, there, gateway, f"a2pcli ({code})", now)
        deliveries.apply(connection, [one.attempt for one in mine], now)


__all__ = ["AT_ONCE", "FallenBack", "Followed", "Revocations", "fall_back", "to_revoke"]
