"""The sum that a run's budget is compared with: what its messages cost that left or may leave.

While a sender of the run has a budget, each claim adds what it claims to one sum per currency, in its own transaction,
and gives back what would exceed the budget. What a gateway did not take is subtracted; a message that it took according
to a receipt, against its own answer, is added (``deliveries``). So several senders together never spend more than the
budget of any of them, even if one is killed. A sender that starts while no other is sending counts the sum from the
rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger.plans import of_run
from a2pcli.ledger.records import Claimed, Run
from a2pcli.ledger.tables import attempts, spending
from a2pcli.messages import State

_s, _a = spending.c, attempts.c

SPENT = tuple(str(state) for state in (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING))
"""States in which a message was paid for, or may have been."""


def counted_cost() -> ColumnElement[Any]:
    """Return what a budget counts for an attempt: its bill, if it is in the currency of the estimate, else that."""
    return case((_a.billed_currency == _a.currency, _a.billed_cost), else_=_a.cost)


def begin(connection: Connection, run: Run, budget: Mapping[str, int], *, alone: bool) -> None:
    """Prepare the sum for a sender with a ``budget`` (1e-9 currency units by currency; may be empty): count what is
    spent, unless other senders maintain the sum already. The run must be locked."""
    is_kept = is_on(connection, run)
    if is_kept and not alone:
        for currency in sorted(budget.keys() - _currencies(connection, run)):
            connection.execute(insert(spending).values(run=run.number, currency=currency, amount=0))
        return
    connection.execute(delete(spending).where(_s.run == run.number))
    if not budget:
        return
    chosen = (of_run(run), _a.state.in_(SPENT), _a.currency.is_not(None))
    found = connection.execute(
        select(_a.currency, func.sum(counted_cost())).where(*chosen).group_by(_a.currency)
    )
    amounts = dict.fromkeys(budget, 0) | {currency: int(cost or 0) for currency, cost in found}
    for currency, amount in sorted(amounts.items()):
        connection.execute(insert(spending).values(run=run.number, currency=currency, amount=amount))


def is_on(connection: Connection, run: Run) -> bool:
    """Return whether the run's senders maintain a sum."""
    return bool(_currencies(connection, run))


def _currencies(connection: Connection, run: Run) -> set[str]:
    return set(connection.execute(select(_s.currency).where(_s.run == run.number)).scalars())


def claimed(
    connection: Connection, run: Run, rows: Sequence[Claimed], budget: Mapping[str, int]
) -> tuple[list[Claimed], str | None]:
    """Add the cost of claims; return those, from the end, that exceed the budget, and its currency.

    These are not counted: the caller gives them back in this transaction.
    """
    costs = Counter[str]()
    for one in rows:
        if one.cost and one.currency:
            costs[one.currency] += one.cost
    too_many: list[Claimed] = []
    short: str | None = None
    for currency, cost in sorted(costs.items()):
        amount = _add(connection, run, currency, cost)
        over = 0 if currency not in budget else amount - budget[currency]
        if over > 0:
            short, back = currency, 0
            for one in reversed(rows):
                if back >= over:
                    break
                if one.cost and one.currency == currency:
                    back += one.cost
                    too_many.append(one)
            _add(connection, run, currency, -back)
    return too_many, short


def was_paid(connection: Connection, run: Run, currency: str | None, cost: int | None) -> None:
    """Count a message that was found to have been sent."""
    if cost and currency is not None and is_on(connection, run):
        _add(connection, run, currency, cost)


def came_back(connection: Connection, run: Run, ids: Iterable[int]) -> None:
    """Subtract the cost of these messages if they are counted. Call it before their rows change."""
    wanted = list(ids)
    if wanted and is_on(connection, run):
        take_off(connection, run, cost_of(connection, wanted))


def cost_of(connection: Connection, ids: Sequence[int]) -> dict[str, int]:
    """Return what these messages are counted with, by currency."""
    if not ids:
        return {}
    chosen = (_a.id.in_(ids), _a.state.in_(SPENT), _a.currency.is_not(None))
    rows = connection.execute(
        select(_a.currency, func.sum(counted_cost())).where(*chosen).group_by(_a.currency)
    )
    return {str(currency): int(cost or 0) for currency, cost in rows}


def take_off(connection: Connection, run: Run, costs: Mapping[str, int]) -> None:
    """Subtract these costs. Other senders of the run wait from here to the commit, so call it late."""
    for currency, cost in sorted(costs.items()):
        _add(connection, run, currency, -cost)


def _add(connection: Connection, run: Run, currency: str, cost: int) -> int:
    """Add to the sum and return it. Other senders of the run cannot claim or give back until the commit."""
    mine = (_s.run == run.number) & (_s.currency == currency)
    changed = update(spending).where(mine).values(amount=_s.amount + cost).returning(_s.amount)
    amount = connection.execute(changed).scalar()
    if amount is None:
        connection.execute(insert(spending).values(run=run.number, currency=currency, amount=cost))
        return cost
    return int(amount)
