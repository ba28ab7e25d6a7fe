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

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import bindparam, case, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger.outcomes import IS_SUBMITTING, hold_back
from a2pcli.ledger.records import Claimed, Rooms, Run
from a2pcli.ledger.statements import PreparedStatement
from a2pcli.ledger.tables import attempts

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


class Chooser(Protocol):
    """Chooses a gateway for each of some claimed messages.

    Called on the ledger's thread, inside the transaction. That may be rolled back and made again, so a chooser keeps
    no record of what it chose: what was really claimed is in the ``Claimed`` that the sender gets (``gateway``,
    ``cost``, ``currency``, ``message.parts``).
    """

    def __call__(self, claimed: Sequence[Claimed], rooms: Mapping[str, int]) -> Sequence[Choice]:
        """One choice for each message, in their order.

        A message that was claimed before has the gateway of its last try and its cost there, and ``attempts`` above
        1. ``rooms`` are how many more messages each gateway may be given now, by its name; one that is not in it may
        be given any number.
        """
        ...


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


def choose(
    connection: Connection, run: Run, claim: Claim, chooser: Chooser, rooms: Rooms | None
) -> dict[int, int]:
    """Give each message of the claim its gateway; those that may not go now wait again. Gives the ids of these, each
    with its moment (UTC milliseconds)."""
    if not claim.claimed:
        return {}
    going: list[Claimed] = []
    rows: list[tuple[str | None, int, int | None, str | None, int]] = []
    due: dict[int, int] = {}
    left = {} if rooms is None else rooms.by_gateway
    for one, choice in zip(claim.claimed, chooser(claim.claimed, left), strict=True):
        message = one.message
        if choice.gateway is None:
            due[message.id] = claim.now + max(1, int(choice.again_in * 1000))
            continue
        parts = message.parts if choice.parts is None else choice.parts
        # The run's own gateway is null in its rows, but where the message has a channel of its own.
        own = None if choice.gateway == run.gateway and message.channel == run.channel else choice.gateway
        chosen = (own, parts, choice.cost, choice.currency)
        if chosen != (one.gateway, message.parts, one.cost, one.currency):
            rows.append((*chosen, message.id))
        if parts != message.parts:
            message = replace(message, parts=parts)
        going.append(
            replace(one, message=message, gateway=choice.gateway, cost=choice.cost, currency=choice.currency)
        )
    claim.claimed = going
    _go_by.run(connection, rows)
    if due:
        hold_back(connection, run, due, reason=None)
    return due
