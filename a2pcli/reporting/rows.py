"""Every row of a run or a plan, one record each, as Arrow tables that stream by: memory does not grow with the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from a2pcli.channels import CHANNELS, DEFAULT
from a2pcli.frame import Frame
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.messages import State
from a2pcli.reporting.table_file import MOMENT, MONEY, TableFile, money_column, pc

_TYPES: dict[str, pa.DataType] = {
    "line": pa.int64(), "number": pa.string(), "cell": pa.string(), "country": pa.string(),
    "state": pa.string(), "reason": pa.string(), "detail": pa.string(),
    "rule": pa.string(), "variant": pa.string(), "sender": pa.string(),
    "body": pa.string(), "encoding": pa.string(), "units": pa.int32(), "parts": pa.int16(),
    "cost": MONEY, "currency": pa.string(), "attempts": pa.int16(), "code": pa.string(),
    "gateway_id": pa.string(), "reference": pa.string(), "due_at": MOMENT, "claimed_at": MOMENT,
    "settled_at": MOMENT, "delivery": pa.string(), "delivered_at": MOMENT, "delivery_code": pa.string(),
    "content": pa.string(),
}  # fmt: skip

SCHEMA = pa.schema(_TYPES)
"""``cell`` is the address as it was read, where no number came of it. ``reference`` is what the gateway got;
``claimed_at`` is when the message was handed over, ``settled_at`` when its outcome was known. ``delivery`` is what
receipts say of it, since ``delivered_at``, with the provider's ``delivery_code`` where it was not delivered.
``content`` is what the channel sends beside the text, as JSON."""


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


_PLAN_TYPES: dict[str, pa.DataType] = {
    "line": pa.int64(), "cell": pa.string(), "number": pa.string(), "country": pa.string(),
    "type": pa.string(), "status": pa.string(), "reason": pa.string(), "detail": pa.string(),
    "rule": pa.string(), "body": pa.string(), "encoding": pa.string(), "units": pa.int32(), "parts": pa.int16(),
    "cost": MONEY, "currency": pa.string(), "variant": pa.string(), "sender": pa.string(), "repairs": pa.string(),
    "content": pa.string(),
}  # fmt: skip
_IN_PARTS = [one.name for one in CHANNELS.values() if one.parts]
PLAN_SCHEMA = pa.schema(_PLAN_TYPES)


class RowsFile:
    """Writes planned chunks to a file; the extension chooses the format. Complete, or not there at all."""

    def __init__(
        self, path: Path, own_sender: str | None = None, *, channel: str = DEFAULT, texts: bool = True
    ) -> None:
        """``channel`` is that of rows that name none. Without ``texts`` the bodies stay out: one-time codes belong
        into no file."""
        self._channel = channel
        self._path = path
        self._texts = texts
        self._own_sender = own_sender

    def add(self, frame: Frame) -> None:
        """Append one planned chunk."""
        rows = _plan_table(frame, self._own_sender, self._channel)
        if not self._texts:
            for name in ("body", "content"):
                place = rows.schema.get_field_index(name)
                rows = rows.set_column(place, name, pa.nulls(len(rows), pa.string()))
        self._file.add(rows)

    def __enter__(self) -> RowsFile:
        self._file = TableFile(self._path, PLAN_SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


def _plan_table(frame: Frame, own_sender: str | None, channel: str) -> pa.Table:
    """The chunk's rows; those that leave have the sender they leave from. Only texts cut into SMS parts have an
    encoding and units."""
    planned = pc.is_null(frame["@reason"])
    senders = pc.coalesce(frame["@sender"], pa.scalar(own_sender, pa.string()))
    cut: Any = pa.scalar(channel in _IN_PARTS)
    if "@channel" in frame:
        cut = pc.is_in(pc.fill_null(frame["@channel"], channel), pa.array(_IN_PARTS, pa.string()))
    columns = {
        "sender": pc.if_else(planned, senders, pa.scalar(None, pa.string())),
        "status": pc.if_else(planned, "planned", "excluded"),
        "encoding": pc.if_else(
            cut, pc.if_else(frame["@ucs2"], "UCS-2", "GSM-7"), pa.scalar(None, pa.string())
        ),
        "units": pc.if_else(cut, frame["@units"], pa.scalar(None, frame["@units"].type)),
        "cost": money_column(frame["@cost"]),
        "number": frame["@address"],
    }
    return pa.table(
        {name: columns[name] if name in columns else frame[f"@{name}"] for name in PLAN_SCHEMA.names}
    )
