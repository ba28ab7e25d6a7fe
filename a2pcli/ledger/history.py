"""What happened to the messages of one address: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.ledger.records import Run


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message; events are only ever added."""

    at: int
    kind: str
    code: str | None
    detail: str | None
    gateway_id: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A message of one address in one run, with its events, oldest first. ``row`` is a row of the messages table."""

    run: Run
    row: Mapping[str, Any]
    events: tuple[Event, ...]
