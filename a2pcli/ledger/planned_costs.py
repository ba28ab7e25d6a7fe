"""What a message costs until a gateway has it: what its plan says, not what one that did not take it would charge.

The parts, the cost and the currency of an attempt are those of the gateway it was handed to. Where the plan says
otherwise, ``planned_parts`` is set, and with it ``planned_cost`` and ``planned_currency`` (both null where no price was
known). A message that waits, or has ended without having been handed over, counts as planned.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger.tables import attempts
from a2pcli.messages import CLAIMED_STATES, State

_a = attempts.c

_MAY_DIFFER = ("parts", "cost", "currency")

HANDED_OVER = frozenset(str(state) for state in (*CLAIMED_STATES, State.REJECTED))
"""States of attempts that a gateway has, or has refused: they count with what that gateway makes of them."""

DIFFERS: ColumnElement[bool] = _a.planned_parts.is_not(None)
"""The attempt's parts, cost or currency may not be the plan's."""

STANDS_AS_PLANNED: ColumnElement[bool] = and_(
    DIFFERS, _a.claimed_at.is_(None), _a.state != str(State.REJECTED)
)
"""It differs from the plan, and the gateway that it was chosen for does not have the message."""


def as_planned(name: str) -> ColumnElement[Any]:
    """``parts``, ``cost`` or ``currency`` as the plan has it; of a later attempt, as it was made with. Any other column
    as it is."""
    if name not in _MAY_DIFFER:
        return _a[name]
    return case((DIFFERS, _a[f"planned_{name}"]), else_=_a[name]).label(name)


def as_it_stands(name: str) -> ColumnElement[Any]:
    """``parts``, ``cost`` or ``currency`` as the attempt counts now; any other column as it is."""
    if name not in _MAY_DIFFER:
        return _a[name]
    return case((STANDS_AS_PLANNED, _a[f"planned_{name}"]), else_=_a[name]).label(name)
