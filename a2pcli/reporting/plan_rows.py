"""``plan --out FILE``: every row of the plan, as CSV, JSON lines or Parquet, written while it streams by."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa

from a2pcli.frame import Frame
from a2pcli.reporting.table_file import MONEY, TableFile, money_column, pc

_TYPES: dict[str, pa.DataType] = {
    "line": pa.int64(), "cell": pa.string(), "number": pa.string(), "country": pa.string(),
    "type": pa.string(), "status": pa.string(), "reason": pa.string(), "detail": pa.string(),
    "rule": pa.string(), "body": pa.string(), "encoding": pa.string(), "units": pa.int32(), "parts": pa.int16(),
    "cost": MONEY, "currency": pa.string(), "variant": pa.string(), "sender": pa.string(), "repairs": pa.string(),
}  # fmt: skip
SCHEMA = pa.schema(_TYPES)


class RowsFile:
    """Writes planned chunks to a file; the extension chooses the format. Complete, or not there at all."""

    def __init__(self, path: Path, own_sender: str | None = None, *, texts: bool = True) -> None:
        """Without ``texts`` the bodies stay out: one-time codes belong into no file."""
        self._path = path
        self._texts = texts
        self._own_sender = own_sender

    def add(self, frame: Frame) -> None:
        """Append one planned chunk."""
        rows = _table(frame, self._own_sender)
        if not self._texts:
            place = rows.schema.get_field_index("body")
            rows = rows.set_column(place, "body", pa.nulls(len(rows), pa.string()))
        self._file.add(rows)

    def __enter__(self) -> RowsFile:
        self._file = TableFile(self._path, SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)


def _table(frame: Frame, own_sender: str | None) -> pa.Table:
    """The chunk's rows; those that leave have the sender they leave from."""
    planned = pc.is_null(frame["@reason"])
    senders = pc.coalesce(frame["@sender"], pa.scalar(own_sender, pa.string()))
    columns = {
        "sender": pc.if_else(planned, senders, pa.scalar(None, pa.string())),
        "status": pc.if_else(planned, "planned", "excluded"),
        "encoding": pc.if_else(frame["@ucs2"], "UCS-2", "GSM-7"),
        "cost": money_column(frame["@cost"]),
        "number": frame["@address"],
    }
    return pa.table({name: columns[name] if name in columns else frame[f"@{name}"] for name in SCHEMA.names})
