"""Delivery figures of a run's accepted messages, with their denominators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE, Delivery, DeliveryCount
from a2pcli.ledger.records import Totals, Unheard
from a2pcli.messages import State

NO_CODE = "no code"
"""Stands for the code of messages that were not delivered, where the receipt has none."""


CauseOf: TypeAlias = Callable[[str | None, str], str | None]
"""What a receipt's code, with its delivery status, says of the cause (``temporary``, ``content``, …); None if no table
has the code."""

UNKNOWN_CAUSE = "unknown"

NONE_UNHEARD = Unheard(0, {})


def no_table(_code: str | None, _delivery: str) -> None:
    """None: the gateway's codes are in no table."""
    return


@dataclass(frozen=True, slots=True)
class Deliveries:
    """``accepted`` messages by what receipts say; ``codes`` is negative end -> provider's code -> messages.

    ``causes`` is why messages were not delivered -> messages; they add up to ``undelivered``."""

    accepted: int
    statuses: dict[str, int]
    codes: dict[str, dict[str, int]]
    causes: dict[str, int]
    unknown: int = 0
    """Of ``sent`` and ``no_receipt``: those whose final receipt did not come within the time that one is waited for."""

    @property
    def delivered(self) -> int:
        """Messages that the person has, those that were read among them."""
        return self._sum(ARRIVED)

    @property
    def read(self) -> int:
        """Messages that the person opened, where the channel tells."""
        return self._sum((Delivery.READ,))

    @property
    def undelivered(self) -> int:
        """Messages that did not reach the person, in whatever way."""
        return self._sum(NEGATIVE)

    @property
    def sent(self) -> int:
        """Messages that are on their way, as far as receipts tell."""
        return self._sum((Delivery.SENT,))

    @property
    def no_receipt(self) -> int:
        """Accepted messages of which no receipt tells yet."""
        return self.accepted - sum(self.statuses.values())

    @property
    def share(self) -> float | None:
        """Of the accepted messages, how many were delivered, 0 to 1; None where none was accepted."""
        return self.delivered / self.accepted if self.accepted else None

    def _sum(self, kinds: Iterable[Delivery]) -> int:
        return sum(self.statuses.get(kind, 0) for kind in kinds)


def deliveries(
    totals: Totals, variant: str | None = None, cause_of: CauseOf = no_table, unheard: Unheard = NONE_UNHEARD
) -> Deliveries:
    """Of all accepted messages, or of those of a ``variant``; ``cause_of`` knows the codes of the run's gateway."""
    unknown = unheard.messages if variant is None else unheard.by_variant.get(variant, 0)
    if variant is None:
        accepted, counts = totals.count(State.ACCEPTED), list(totals.deliveries)
    else:
        one = totals.variants.get(variant, {}).get(State.ACCEPTED)
        accepted = one.messages if one else 0
        counts = [count for count in totals.deliveries if count.variant == variant]
    return Deliveries(accepted, _by_status(counts), _by_code(counts), _by_cause(counts, cause_of), unknown)


def _by_status(counts: Iterable[DeliveryCount]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found[one.delivery] += one.messages
    return {str(kind): found[kind] for kind in Delivery if found[kind]}


def _by_code(counts: Iterable[DeliveryCount]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for one in counts:
        if one.delivery in NEGATIVE:
            found.setdefault(one.delivery, Counter())[one.code or NO_CODE] += one.messages
    return {status: dict(codes.most_common()) for status, codes in sorted(found.items())}


def _by_cause(counts: Iterable[DeliveryCount], cause_of: CauseOf) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        if one.delivery in NEGATIVE:
            found[cause_of(one.code, one.delivery) or UNKNOWN_CAUSE] += one.messages
    return dict(found.most_common())


def delivery_document(found: Deliveries) -> dict[str, Any]:
    """For JSON: ``delivered``, ``undelivered``, ``sent`` and ``no_receipt`` add up to ``accepted``."""
    return {
        "accepted": found.accepted,
        "delivered": found.delivered,
        "read": found.read,
        "undelivered": found.undelivered,
        "sent": found.sent,
        "no_receipt": found.no_receipt,
        "unknown": found.unknown,
        "delivered_share": None if found.share is None else round(found.share, 6),
        "statuses": found.statuses,
        "codes": found.codes,
        "causes": found.causes,
    }
