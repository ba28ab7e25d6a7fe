"""Each claimed message gets the gateway that it is handed to, in the transaction that claims it.

A sender with several gateways for one message gives a ``Chooser`` (``Attempts.choose_by``). It is asked within the
transaction of the intent, so the attempt's row has the gateway that really gets the message, and what that costs,
before anything leaves: after a crash there is no doubt which provider may have it. A message that its gateway clearly
did not take waits and is claimed again; then it may be given to another. What is unknown is never claimed again, and
keeps its gateway.

What the plan said stays in the row where the attempt differs from it (``planned_parts``, ``planned_cost`` and
``planned_currency``; see ``planned_costs``), so that the totals of a run stay right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import leases
from a2pcli.ledger.outcomes import IS_PLANNED, IS_SUBMITTING, hold_back, note_each
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.statements import PreparedStatement
from a2pcli.ledger.tables import attempts
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.ledger.one_claim import Claim

_a = attempts.c


@dataclass(frozen=True, slots=True)
class Choice:
    """By which gateway a claimed message goes, and what that costs (1e-9 units of ``currency``; None where no price is
    known). ``parts`` is None where they are as planned. Or not now: ``gateway`` is None, and it may be claimed again in
    ``again_in`` seconds."""

    gateway: str | None
    cost: int | None = None
    currency: str | None = None
    parts: int | None = None
    again_in: float = 0.2
    waits_for: tuple[str, ...] = ()
    """Of a message that may go by no gateway now: those that would take it if their quotas were not used up."""
    why: str | None = None
    """Why it is not the gateway that was planned; recorded as an event of the message."""


class Chooser(Protocol):
    """Chooses a gateway for each of some claimed messages.

    Called on the ledger's thread, inside the transaction. That may be rolled back and made again, so a chooser keeps
    no record of what it chose: what was really claimed is in the ``Claimed`` that the sender gets (``gateway``,
    ``cost``, ``currency``, ``message.parts``).
    """

    def __call__(self, claimed: Sequence[Claimed], rooms: dict[str, int]) -> Sequence[Choice]:
        """One choice for each message, in their order.

        A message that was claimed before has the gateway of its last try and its cost there, and ``attempts`` above
        1. ``rooms`` are how many more messages each gateway may be given now, by its name; one that is not in it may
        be given any number, and one with ``USED_UP`` takes nothing before its quota has room again. The chooser lowers
        them by what it gives.
        """
        ...


@runtime_checkable
class LooksOn(Chooser, Protocol):
    """A chooser that tells how many more messages to look at."""

    def more(self, rooms: Mapping[str, int]) -> int:
        """How many more messages to look at, for gateways that have these rooms left."""
        ...

    def asks_early(self, rooms: Mapping[str, int]) -> int | None:
        """How many held messages to look at before their time, because gateways have these rooms left: 0 for none, None
        for all of them."""
        ...


EVENT = "gateway"
"""Kind of the event of a message that goes by another gateway than was planned."""


_go_by = PreparedStatement(
    update(attempts)
    .where(_a.id == bindparam("b_id"), IS_SUBMITTING)
    .values(
        # What the plan said is kept the first time that an attempt differs from it; a later choice leaves it.
        planned_parts=case((_a.planned_parts.is_(None), _a.parts), else_=_a.planned_parts),
        planned_cost=case((_a.planned_parts.is_(None), _a.cost), else_=_a.planned_cost),
        planned_currency=case((_a.planned_parts.is_(None), _a.currency), else_=_a.planned_currency),
        gateway=bindparam("b_gateway"),
        parts=bindparam("b_parts"),
        cost=bindparam("b_cost"),
        currency=bindparam("b_currency"),
    ),
    *("b_gateway", "b_parts", "b_cost", "b_currency", "b_id"),
)


_HELD = (_a.due_at > bindparam("now"), _a.reason.is_(None), _a.settled_at.is_(None), IS_PLANNED)
"""Condition: the message is held for a gateway that was busy. One that waits after an answer has ``settled_at``."""


def wake(
    connection: Connection,
    run: Run,
    now: int,
    *,
    most: int | None = None,
    but: Collection[int] = (),
    lease: int | None = None,
) -> int:
    """Make messages due that are held for a gateway that was busy, by this sender or an earlier one; return how many.

    ``most``: only so many, those that would be due first. ``but``: ids that are left as they are. ``lease``: the token
    of one of several senders, whose chunks alone are looked at.
    """
    held = select(_a.id).where(_a.run == run.number, *_HELD, _a.id.not_in(list(but)))
    if lease is not None:
        held = held.where(leases.IS_MINE)
    if most is not None:
        held = held.order_by(_a.due_at, _a.id).limit(most)
    parameters = {"now": now} if lease is None else {"now": now, "lease": lease}
    return connection.execute(
        update(attempts).where(_a.id.in_(held), IS_PLANNED).values(due_at=now), parameters
    ).rowcount


MOST_HELD = 500
"""Messages that are looked at in one transaction at most whose gateway has no room."""


class NotNow(NamedTuple):
    """Claimed messages that may not go now, by id, each with the time at which it may (UTC ms): for those in ``busy``
    no gateway has room, for those in ``over`` the quotas of all gateways that would take them are used up."""

    busy: dict[int, int]
    over: dict[int, int]


def fill(
    claim: Claim, chooser: Chooser | None, rooms: dict[str, int], until: Mapping[str, int], *, odd: bool
) -> NotNow:
    """Claim, and give each message its gateway; those that may not go now wait again and are returned. ``until``: when
    gateways have room again whose quotas are used up (UTC ms). Without a chooser nothing is done.

    If a gateway has room and the messages at hand are for others, more messages are looked at; if there are no more,
    those that were held for it.
    """
    not_now = NotNow({}, {})
    if chooser is None:
        return not_now
    most = claim.want  # what paces and quotas that bind all of them allow
    looks_at = 1
    is_early = False
    while True:
        given, wanted = len(claim.claimed), claim.room
        claim.fill(odd=odd)
        is_dry = claim.room > 0
        some = _choose(claim, chooser, rooms, until, claim.claimed[given:], most - given)
        held = some.busy.keys() | some.over.keys()
        claim.claimed = [one for one in claim.claimed if one.message.id not in held]
        not_now.busy.update(some.busy)
        not_now.over.update(some.over)
        more = chooser.more(rooms) if held and isinstance(chooser, LooksOn) else 0
        if len(claim.claimed) == given and held:  # nobody could go: others may be for gateways that take them
            looks_at = min(2 * looks_at, MOST_HELD)
            more = max(more, looks_at)
        if is_dry and not is_early and isinstance(chooser, LooksOn):
            is_early = True
            if _asked_early(claim, chooser, rooms, not_now.busy):
                continue
        looked_at = len(not_now.busy) + len(not_now.over)
        if is_dry or not wanted or more <= 0 or looked_at >= MOST_HELD or len(claim.claimed) >= most:
            break
        claim.want = len(claim.claimed) + more
    if not is_dry:  # there may be more of those that were not looked at
        claim.want = min(claim.want, len(claim.claimed))
    return not_now


def _asked_early(claim: Claim, chooser: LooksOn, rooms: dict[str, int], but: Collection[int]) -> bool:
    """Make messages due, ``but`` these, that were held for gateways that have room now; whether there are any."""
    most = chooser.asks_early(rooms)
    if most == 0:
        return False
    woken = wake(claim.connection, claim.run, claim.now, most=most, but=but, lease=claim.lease)
    return woken > 0


def _choose(
    claim: Claim,
    chooser: Chooser,
    rooms: dict[str, int],
    until: Mapping[str, int],
    claimed: Sequence[Claimed],
    most: int,
) -> NotNow:
    """Give ``most`` of these messages of a claim their gateways; returns those that may not go now."""
    connection, run = claim.connection, claim.run
    if not claimed:
        return NotNow({}, {})
    going: dict[int, Claimed] = {}
    rows: list[tuple[str | None, int, int | None, str | None, int]] = []
    due: dict[int, int] = {}
    over: dict[int, int] = {}
    why: dict[tuple[str, str], list[int]] = {}
    for one, choice in zip(claimed, chooser(claimed, rooms), strict=True):
        message = one.message
        if choice.gateway is None and choice.waits_for:
            over[message.id] = min(until.get(name, claim.now + 1) for name in choice.waits_for)
            continue
        if choice.gateway is None or len(going) >= most:
            again_in = choice.again_in if choice.gateway is None else 0.0
            due[message.id] = claim.now + max(1, int(again_in * 1000))
            continue
        if choice.why is not None:
            why.setdefault((choice.gateway, choice.why), []).append(message.id)
        parts = message.parts if choice.parts is None else choice.parts
        # The run's own gateway is null in its rows, but where the message has a channel of its own.
        own = None if choice.gateway == run.gateway and message.channel == run.channel else choice.gateway
        chosen = (own, parts, choice.cost, choice.currency)
        if chosen != (one.gateway, message.parts, one.cost, one.currency):
            rows.append((*chosen, message.id))
        if parts != message.parts:
            message = replace(message, parts=parts)
        going[message.id] = replace(
            one, message=message, gateway=choice.gateway, cost=choice.cost, currency=choice.currency
        )
    claim.claimed = [going.get(one.message.id, one) for one in claim.claimed]
    _go_by.run(connection, rows)
    if due:
        hold_back(connection, run, due, reason=None)
    if over:
        hold_back(connection, run, over, Reason.QUOTA)
    for (gateway, reason), ids in why.items():
        note_each(
            connection, run, ids, claim.now, kind=EVENT, code=gateway, detail=f"goes by {gateway}: {reason}"
        )
    return NotNow(due, over)
