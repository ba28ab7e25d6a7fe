"""What became of a message after the gateway took it, and which of several receipts counts.

Receipts come twice, late and out of order, and "delivered" can follow "failed". So every receipt is kept, and the
delivery of a message is worked out from all of them: the same receipts give the same delivery, in whatever order
they arrive. Of two receipts the one further to the left counts:

    read > delivered > a negative end > sent > accepted

Negative ends are undelivered, failed, rejected, expired, cancelled and bounced; among them, and among several
``sent``, the latest counts. A message was delivered at the earliest moment that a receipt says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from a2pcli.dataclass import dataclass

PART_OF = "part of "
"""Begins the status of a row that says no more than: the gateway took a part of the message under this id."""


class Delivery(StrEnum):
    """What a receipt says of a message. ``accepted`` says no more than the gateway's own answer did."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    BOUNCED = "bounced"


NEGATIVE = (
    Delivery.UNDELIVERED,
    Delivery.FAILED,
    Delivery.REJECTED,
    Delivery.EXPIRED,
    Delivery.CANCELLED,
    Delivery.BOUNCED,
)
"""The message did not reach the person, as far as a receipt can tell."""

ARRIVED = (Delivery.DELIVERED, Delivery.READ)
"""The person has the message."""

_RANK = {
    Delivery.ACCEPTED: 0,
    Delivery.SENT: 1,
    **dict.fromkeys(NEGATIVE, 2),
    Delivery.DELIVERED: 3,
    Delivery.READ: 4,
}

_NO_MOMENT = -(2**63)


class DeliveryCount(NamedTuple):
    """Accepted messages of one ``variant`` with this delivery and this code of the provider's."""

    delivery: str
    code: str | None
    variant: str | None
    messages: int


@dataclass(frozen=True, slots=True)
class Report:
    """One receipt of a message. ``at`` is UTC milliseconds; ``code`` is the provider's, of a negative end."""

    delivery: Delivery
    at: int | None = None
    code: str | None = None
    gateway_id: str | None = None
    total: int = 0
    """Of a record of a part's id: how many parts the message has, each with an id of its own. Else 0."""

    @property
    def _weight(self) -> tuple[int, int, str, str, str]:
        """Of two receipts the heavier counts; no two that differ weigh the same."""
        moment = _NO_MOMENT if self.at is None else -self.at if self.delivery in ARRIVED else self.at
        return _RANK[self.delivery], moment, str(self.delivery), self.code or "", self.gateway_id or ""


def delivery_of(reports: Iterable[Report], *, parts: int = 1, read_receipts: bool = True) -> Report | None:
    """What all the receipts of one message together say; None where there are none, or none says more than the answer.

    A message whose parts have ids of their own is delivered when each part is, and failed when one failed. It is such
    a message where a record of its answer says so (``Report.total``), or where a message of several ``parts`` has
    receipts of several ids. Without ``read_receipts`` (SMS has none) "read" is taken as "delivered".
    """
    by_id: dict[str | None, Report] = {}
    reports = list(reports)
    total = total_of(reports)
    for report in reports:
        one = _as_channel_has_it(report, read_receipts)
        there = by_id.get(one.gateway_id)
        if there is None or one._weight > there._weight:
            by_id[one.gateway_id] = one
    named = [one for id, one in by_id.items() if id is not None]
    found: Report | None
    if total > 1 or (not total and parts > 1 and len(named) > 1):
        found = _of_parts(named, total or parts)
    else:
        found = max(by_id.values(), key=lambda one: one._weight, default=None)
    return None if found is None or found.delivery is Delivery.ACCEPTED else found


def total_of(reports: Iterable[Report]) -> int:
    """Return how many parts with an id of their own the message has; 1 if all have the same id, 0 if unknown."""
    totals = {one.total for one in reports if one.total}
    return 1 if 1 in totals else max(totals, default=0)


def is_partly_known(reports: Iterable[Report]) -> bool:
    """Return whether the gateway is known to have taken some parts of the message, but not all of them."""
    reports = list(reports)
    known = {one.gateway_id for one in reports if one.gateway_id is not None}
    return 1 < total_of(reports) > len(known)


def _as_channel_has_it(report: Report, read_receipts: bool) -> Report:
    delivery = report.delivery
    if delivery is Delivery.READ and not read_receipts:
        delivery = Delivery.DELIVERED
    code = report.code if delivery in NEGATIVE else None
    return Report(delivery, report.at, code, report.gateway_id)


def _of_parts(each: list[Report], parts: int) -> Report:
    """Several parts with an id each: one that failed decides; else all must have arrived, the last of them last."""
    failed = [one for one in each if one.delivery in NEGATIVE]
    if failed:
        return max(failed, key=lambda one: one._weight)
    arrived = [one for one in each if one.delivery in ARRIVED]
    if len(arrived) == len(each) and len(each) >= parts:
        least = min(one.delivery for one in arrived)  # "delivered" comes before "read"
        return max((Report(least, one.at, None, one.gateway_id) for one in arrived), key=_latest)
    under_way = [
        one if one.delivery not in ARRIVED else Report(Delivery.SENT, one.at, None, one.gateway_id)
        for one in each
    ]
    return max(under_way, key=lambda one: one._weight)


def _latest(one: Report) -> tuple[int, str]:
    return _NO_MOMENT if one.at is None else one.at, one.gateway_id or ""


def parts_in(status: str) -> int:
    """Return the number of parts in the status of ``part_receipt``; 0 for any other status."""
    number = status.removeprefix(PART_OF)
    return int(number) if number != status and number.isascii() and number.isdigit() else 0
