"""People whose message arrived by an attempt that another one followed: by both, perhaps by both, or by the earlier one
alone. Each of them is counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.ledger.attempt_ids import MOST_ATTEMPTS, all_attempts, message_of
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts, is_followed
from a2pcli.messages import State

_a = attempts.c
_PIECE = 200
_ARRIVED, _LOST = frozenset(map(str, ARRIVED)), frozenset(map(str, NEGATIVE))
_TAKEN = frozenset(map(str, (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING)))


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Numbers of people. ``both``: receipts say that two attempts arrived. ``perhaps``: an earlier one arrived, and a
    gateway has a later one of which no receipt tells. ``earlier``: only the earlier one arrived."""

    both: int = 0
    perhaps: int = 0
    earlier: int = 0

    def to_data(self) -> dict[str, int]:
        """Return the numbers as JSON-ready data."""
        return asdict(self)


def arrivals(connection: Connection, run: Run) -> Arrivals:
    """Count the run's people whose message arrived by an earlier attempt; as it was counted, after retention."""
    pruned: Mapping[str, Any] = run.summary.get("pruned", {})
    if "arrivals" in pruned:
        return Arrivals(**pruned["arrivals"])
    followed = (_a.occasion == run.occasion, _a.run == run.number, is_followed(_a))
    query = select(_a.id).where(*followed, _a.delivery.in_(sorted(_ARRIVED)))
    messages = sorted({message_of(id) for id in connection.execute(query).scalars()})
    counts = {"both": 0, "perhaps": 0, "earlier": 0}
    for start in range(0, len(messages), _PIECE):
        ids = all_attempts(messages[start : start + _PIECE], MOST_ATTEMPTS)
        by_message: dict[int, list[tuple[str, str]]] = defaultdict(list)
        rows = select(_a.id, _a.state, _a.delivery).where(_a.id.in_(ids)).order_by(_a.id)
        for id, state, delivery in connection.execute(rows):
            by_message[message_of(id)].append((state, delivery or ""))
        for each in by_message.values():
            counts[_kind(each)] += 1
    return Arrivals(**counts)


def _kind(each: list[tuple[str, str]]) -> str:
    """Which of the three a message is, by state and delivery of its attempts in order; one of them arrived."""
    first = next(place for place, (_, delivery) in enumerate(each) if delivery in _ARRIVED)
    later = each[first + 1 :]
    if any(delivery in _ARRIVED for _, delivery in later):
        return "both"
    if any(state in _TAKEN and delivery not in _LOST for state, delivery in later):
        return "perhaps"
    return "earlier"


__all__ = ["Arrivals", "arrivals"]
