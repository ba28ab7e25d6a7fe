"""Every row of a run, one record each, as Arrow tables that stream by: memory does not grow with the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import State
from a2pcli.reporting.table_file import MOMENT, MONEY, money_column

_TYPES: dict[str, pa.DataType] = {
    "line": pa.int64(), "number": pa.string(), "cell": pa.string(), "country": pa.string(),
    "state": pa.string(), "reason": pa.string(), "detail": pa.string(),
    "rule": pa.string(), "variant": pa.string(), "sender": pa.string(),
    "body": pa.string(), "encoding": pa.string(), "units": pa.int32(), "parts": pa.int16(),
    "cost": MONEY, "currency": pa.string(), "attempts": pa.int16(), "code": pa.string(),
    "gateway_id": pa.string(), "reference": pa.string(), "due_at": MOMENT, "claimed_at": MOMENT,
    "settled_at": MOMENT, "delivery": pa.string(), "delivered_at": MOMENT, "delivery_code": pa.string(),
}  # fmt: skip

SCHEMA = pa.schema(_TYPES)
"""``cell`` is the address as it was read, where no number came of it. ``reference`` is what the gateway got;
``claimed_at`` is when the message was handed over, ``settled_at`` when its outcome was known. ``delivery`` is what
receipts say of it, since ``delivered_at``, with the provider's ``delivery_code`` where it was not delivered."""


def row_tables(
    ledger: Ledger, run: Run, *, states: Sequence[str] | None = None, reasons: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The run's rows in the file's order, in chunks of ``SCHEMA``; ``states`` and ``reasons`` narrow them."""
    for columns in ledger.messages.columns(run, states=states, reasons=reasons):
        yield _table(run, columns)


def _table(run: Run, columns: dict[str, Sequence[Any]]) -> pa.Table:
    made: dict[str, Any] = {
        "number": columns["address"],
        "sender": [
            None if state == State.SKIPPED else sender or run.sender
            for sender, state in zip(columns["sender"], columns["state"], strict=True)
        ],
        "cost": money_column(pa.array(columns["cost"], pa.int64())),
        # One-time codes are wiped once they are sent; those that wait to be are not shown either.
        "body": [None] * len(columns["id"]) if run.purpose == "otp" else columns["body"],
        # A row that was never handed over has no reference at the gateway.
        "reference": [
            run.reference(id % ROWS_PER_RUN) if claimed is not None else None
            for id, claimed in zip(columns["id"], columns["claimed_at"], strict=True)
        ],
    }
    arrays = []
    for field in SCHEMA:
        values: Any = made[field.name] if field.name in made else columns[field.name]
        arrays.append(values if isinstance(values, pa.Array) else pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
