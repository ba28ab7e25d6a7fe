"""How a receipt is written into the inbox, each once: what it says is its key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy.engine import Connection

from a2pcli.ledger.bulk import insert_columns
from a2pcli.ledger.tables import receipts

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt

REFERENCE = re.compile(r"(r[2-9b-z]{7})-(\d{6,9})(?:-([2-9]|1[0-6]))?", re.ASCII)
"""Our reference: the run's id, the row, and the number of the attempt from the second on."""


class OfAnswer(NamedTuple):
    """Stands for a message outside of runs, by its number in ``answers``."""

    number: int


Match: TypeAlias = int | OfAnswer | None
"""The message of a receipt: the id of an attempt, a message outside of runs, or None if none matches."""


def run_named_in(reference: str | None) -> str | None:
    """Return the id of the run in a reference of ours; None if it is none."""
    found = REFERENCE.fullmatch(reference or "")
    return found[1] if found else None


def event_of(receipt: Receipt, gateway: str) -> str:
    """Return the key that identifies a receipt when it comes again: 128 bits of a hash of its content, in hex."""
    at = "" if receipt.at is None else str(receipt.at)
    said: tuple[str | None, ...] = (
        gateway, receipt.gateway_id, receipt.reference, receipt.status, receipt.code, at,
    )  # fmt: skip
    if receipt.price is not None:
        said += (f"{receipt.price} {receipt.currency}",)
    return sha256("\0".join(one or "" for one in said).encode(errors="replace")).hexdigest()[:32]


def insert_receipts(
    connection: Connection, there: Sequence[tuple[Receipt, Match]], gateway: str, source: str, now: int
) -> int:
    """Add receipts, each with its message or None; return how many were new."""
    if not there:
        return 0
    found = [one for one, _ in there]
    columns: dict[str, Any] = {
        "event": [event_of(one, gateway) for one in found],
        "gateway": gateway,
        "gateway_id": [one.gateway_id for one in found],
        "reference": [one.reference for one in found],
        "status": [one.status for one in found],
        "delivery": [None if one.delivery is None else str(one.delivery) for one in found],
        "code": [one.code for one in found],
        "at": [one.at for one in found],
        "received_at": now,
        "attempt": [at if isinstance(at, int) else None for _, at in there],
        "answer": [at.number if isinstance(at, OfAnswer) else None for _, at in there],
        "source": source,
        "price": [one.price for one in found],
        "currency": [one.currency for one in found],
    }
    return insert_columns(connection, receipts, columns, ignore_conflicts=True)
