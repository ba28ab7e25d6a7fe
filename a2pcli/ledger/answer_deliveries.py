"""What receipts say of messages outside of campaign runs, written into them: as ``deliveries`` does for those of runs.

A receipt may come before its message is settled (``settle`` applies it again) or before the ledger knows the gateway's
id (the listener, a pull or an import matches it later).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection, RowMapping

from a2pcli.channels import channel_of
from a2pcli.delivery import Report, delivery_of
from a2pcli.ledger import audit, deliveries
from a2pcli.ledger.billed import bill_of
from a2pcli.ledger.tables import answers, receipts
from a2pcli.messages import State

_n, _r = answers.c, receipts.c


def apply(connection: Connection, numbers: Collection[int], now: int) -> int:
    """Update these messages from all of their receipts; return how many became accepted by them. Audit:
    ``answer.send``."""
    accepted: list[str] = []
    for some in deliveries.pieces(sorted(set(numbers))):
        query = select(answers).where(_n.number.in_(some)).order_by(_n.number)
        # Locked before the receipts are read: whoever settles the message meanwhile sees these, or is seen here.
        rows = connection.execute(query.with_for_update()).mappings().all()
        told, bills = deliveries.told_and_billed(connection, some, _r.answer)
        for row in rows:
            reports = told.get(row["number"], [])
            values = _delivered(row, reports) | _billed(row, bills.get(row["number"], {}))
            if reports and deliveries.was_taken(_state(row), _found(row, reports), reports):
                values |= _accepted(row, reports, now)
                accepted.append(row["address"])
            if values:
                connection.execute(update(answers).where(_n.number == row["number"]).values(values))
    if accepted:  # last, as other writers of entries wait until the transaction ends
        detail = {"state": str(State.ACCEPTED), "by": "receipt"}
        audit.record(connection, "answer.send", None, detail, accepted, now)
    return len(accepted)


def _state(row: RowMapping) -> str:
    """Return the state, that of a message which did not leave in time taken for a rejected one."""
    return str(State.REJECTED) if row["state"] == State.EXPIRED else str(row["state"])


def _found(row: RowMapping, reports: list[Report]) -> Report | None:
    reads = channel_of(row["channel"]).reads
    return delivery_of(reports, parts=row["parts"] or 1, read_receipts=reads)


def delivery_values(row: RowMapping, reports: list[Report]) -> dict[str, Any]:
    """Return the columns that say what became of a message, as its receipts have it."""
    found = _found(row, reports)
    return {
        "delivery": None if found is None else str(found.delivery),
        "delivered_at": None if found is None else found.at,
        "delivery_code": None if found is None else found.code,
    }


def _delivered(row: RowMapping, reports: list[Report]) -> dict[str, Any]:
    values = delivery_values(row, reports)
    return values if any(row[name] != value for name, value in values.items()) else {}


def _billed(row: RowMapping, prices: dict[str | None, tuple[int, str]]) -> dict[str, Any]:
    bill = bill_of(prices) if prices else None
    if bill is None or bill == (row["billed_cost"], row["billed_currency"]):
        return {}
    return {"billed_cost": bill[0], "billed_currency": bill[1]}


def _accepted(row: RowMapping, reports: list[Report], now: int) -> dict[str, Any]:
    """Return what a message has that was accepted after all. One that waits to be tried again must not be: its text
    goes, since only whoever sends it knows whether texts are kept."""
    ids = sorted({one.gateway_id for one in reports if one.gateway_id is not None})
    values: dict[str, Any] = {
        "state": str(State.ACCEPTED),
        "detail": deliveries.NOTE,
        "code": None,
        "reason": None,
        "due_at": None,
        "settled_at": now,
    }
    if row["gateway_id"] is None and ids:
        values["gateway_id"] = ids[0]
    if row["state"] == State.PLANNED:
        values |= {"body": None, "content": None}
    return values
