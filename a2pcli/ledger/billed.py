"""What providers bill for messages, as their receipts say: beside the estimate of the plan, which stays.

The bill of a message is the sum over its parts that have ids of their own, of the newest price of each. A run's budget
counts a message with its bill once there is one in the same currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.engine import Connection

from a2pcli.ledger import spending
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Billed, Run
from a2pcli.ledger.tables import attempts

_a = attempts.c
_PIECE = 500

Bills: TypeAlias = dict[int, dict[str | None, tuple[int, str]]]
"""By attempt and gateway id: the newest price in 1e-9 units, and its currency."""


def bill_of(prices: Mapping[str | None, tuple[int, str]]) -> tuple[int, str] | None:
    """Return the bill of a message; None where its parts have several currencies."""
    named = {id: price for id, price in prices.items() if id is not None} or prices
    currencies = {currency for _, currency in named.values()}
    return (sum(price for price, _ in named.values()), currencies.pop()) if len(currencies) == 1 else None


def apply(connection: Connection, run: Run, bills: Bills) -> None:
    """Write the bills of attempts of a run, which is locked, and correct what its budget counts."""
    ids = sorted(bills)
    values = []
    changes: dict[str, int] = {}
    for row in _rows(connection, ids):
        bill = bill_of(bills[row.id])
        if bill is None or bill == (row.billed_cost, row.billed_currency):
            continue
        values.append({"b_id": row.id, "b_cost": bill[0], "b_currency": bill[1]})
        before = row.billed_cost if row.billed_cost is not None else row.cost
        if row.state in spending.SPENT and bill[1] == row.currency and before is not None:
            changes[bill[1]] = changes.get(bill[1], 0) + bill[0] - before
    if not values:
        return
    one = update(attempts).where(_a.id == bindparam("b_id"))
    connection.execute(
        one.values(billed_cost=bindparam("b_cost"), billed_currency=bindparam("b_currency")), values
    )
    if any(changes.values()) and spending.is_on(connection, run):
        spending.take_off(connection, run, {currency: -more for currency, more in changes.items()})


def _rows(connection: Connection, ids: Sequence[int]) -> Sequence[Any]:
    found: list[Any] = []
    for start in range(0, len(ids), _PIECE):
        query = select(_a.id, _a.state, _a.cost, _a.currency, _a.billed_cost, _a.billed_currency)
        found += connection.execute(query.where(_a.id.in_(ids[start : start + _PIECE]))).all()
    return found


class Bill(SubStore):
    """The bills in an open ledger."""

    def of_run(self, run: Run) -> list[Billed]:
        """Return what was billed for a run, by currency."""
        same = case((_a.currency == _a.billed_currency, _a.cost), else_=0)
        query = select(_a.billed_currency, func.count(), func.sum(_a.billed_cost), func.sum(same)).where(
            of_run(run), _a.billed_cost.is_not(None)
        )
        with self._ledger.reading() as connection:
            rows = connection.execute(query.group_by(_a.billed_currency).order_by(_a.billed_currency)).all()
        return [Billed(row[0], int(row[1]), int(row[2]), int(row[3] or 0)) for row in rows]
