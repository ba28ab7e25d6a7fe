"""The newest receipts and replies, for screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from a2pcli.dataclass import dataclass
from a2pcli.ledger.tables import answers, attempts, receipts, replies

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class LatestReceipt:
    """A receipt. ``address`` is None until its message is known. ``received_at`` is UTC milliseconds."""

    received_at: int
    gateway: str
    status: str
    delivery: str | None
    code: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class LatestReply:
    """A reply. ``text`` is None if the settings do not keep texts. ``received_at`` is UTC milliseconds."""

    number: int
    received_at: int
    gateway: str
    address: str
    kind: str
    text: str | None


def latest_receipts(ledger: Ledger, limit: int) -> list[LatestReceipt]:
    """Return the newest receipts, newest first."""
    c = receipts.c
    query = (
        select(
            c.received_at,
            c.gateway,
            c.status,
            c.delivery,
            c.code,
            func.coalesce(attempts.c.address, answers.c.address),
        )
        .select_from(
            receipts.outerjoin(attempts, attempts.c.id == c.attempt).outerjoin(
                answers, answers.c.number == c.answer
            )
        )
        .order_by(c.number.desc())
        .limit(limit)
    )
    with ledger.reading() as connection:
        return [LatestReceipt(*row) for row in connection.execute(query)]


def latest_replies(ledger: Ledger, limit: int) -> list[LatestReply]:
    """Return the newest replies, newest first."""
    c = replies.c
    query = (
        select(c.number, c.received_at, c.gateway, c.address, c.kind, c.body)
        .order_by(c.number.desc())
        .limit(limit)
    )
    with ledger.reading() as connection:
        return [LatestReply(*row) for row in connection.execute(query)]
