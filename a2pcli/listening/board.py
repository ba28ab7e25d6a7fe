"""What the page shows, as its templates take it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from a2pcli.actions.overview import inbox_now, receipts_now, replies_now, runs_now
from a2pcli.dataclass import dataclass
from a2pcli.moments import minute, zone_name
from a2pcli.reporting.values import instead_of_sending, iso, money_with_unpriced

if TYPE_CHECKING:
    from a2pcli.actions.heard import HeardStore
    from a2pcli.reporting.runs import RunLine

ROWS = 20
"""Runs, replies and receipts that are shown: the newest."""

KEPT_FOR = 2.0
"""Seconds for which what was read is shown to everybody who looks."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment for people and for programs."""

    text: str
    iso: str


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run. ``reason`` is a remark on its state; ``done`` the share of its messages that are settled, in percent."""

    id: str
    campaign: str
    state: str
    reason: str
    at: Moment
    recipients: int
    accepted: int
    rejected: int
    unknown: int
    left: int
    done: int
    cost: str


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A reply or a receipt. ``what`` is its text or status, ``note`` what it means."""

    at: Moment
    who: str
    gateway: str
    what: str
    note: str


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message of a conversation. ``note`` says what became of one of ours."""

    at: Moment
    is_ours: bool
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class ShownConversation:
    """An open conversation. ``turn`` changes with each answer: what is sent twice from one page is sent once."""

    code: str
    who: str
    why: str
    assignee: str
    at: Moment
    turn: str
    messages: Sequence[ShownMessage]


def moment(at: int) -> Moment:
    """A moment (UTC milliseconds) in the time zone of this machine."""
    return Moment(minute(at), iso(at) or "")


def zone_now() -> str:
    """The name of the zone of the moments."""
    return zone_name(int(time.time() * 1000))


class Board:
    """Reads the ledger for the page, at most every two seconds. May be used by several threads."""

    def __init__(self, store: HeardStore) -> None:
        self._store = store
        self._kept: dict[str, tuple[float, Sequence[object]]] = {}

    def runs(self) -> Sequence[ShownRun]:
        """The newest runs."""
        return self._fresh("runs", lambda: [_run(line) for line in runs_now(self._store.ledger, ROWS)])

    def inbox(self) -> Sequence[ShownConversation]:
        """The conversations that wait for a person."""
        return self._fresh("inbox", self._inbox)

    def forget(self) -> None:
        """Something was changed here, and is to be seen at once."""
        self._kept.clear()

    def replies(self) -> Sequence[ShownLine]:
        """The newest replies."""
        return self._fresh("replies", self._replies)

    def receipts(self) -> Sequence[ShownLine]:
        """The newest receipts."""
        return self._fresh("receipts", self._receipts)

    def _inbox(self) -> list[ShownConversation]:
        return [
            ShownConversation(
                one.code,
                f"{one.who} ({one.channel})",
                one.why,
                one.assignee or "",
                moment(one.heard_at),
                str(one.answered_at or one.heard_at),
                [
                    ShownMessage(moment(said.at), said.is_ours, said.text or "", said.outcome)
                    for said in one.said
                ],
            )
            for one in inbox_now(self._store.ledger, ROWS)
        ]

    def _replies(self) -> list[ShownLine]:
        return [
            ShownLine(moment(one.received_at), one.address, one.gateway, one.text or "", one.kind)
            for one in replies_now(self._store.ledger, ROWS)
        ]

    def _receipts(self) -> list[ShownLine]:
        return [
            ShownLine(
                moment(one.received_at), one.address or "", one.gateway, one.delivery or one.status,
                " ".join(dict.fromkeys(filter(None, [one.status, one.code]))),
            )
            for one in receipts_now(self._store.ledger, ROWS)
        ]  # fmt: skip

    def _fresh(self, name: str, read: Callable[[], Sequence[Row]]) -> Sequence[Row]:
        at, kept = self._kept.get(name, (-KEPT_FOR, ()))
        if time.monotonic() - at >= KEPT_FOR:
            kept = read()
            self._kept[name] = (time.monotonic(), kept)
        return kept  # type: ignore[return-value]


def _run(line: RunLine) -> ShownRun:
    run = line.run
    left = line.left + line.in_flight
    settled = max(0, line.recipients - left)
    instead = instead_of_sending(run)
    is_over = str(run.state) in ("finished", "planned")
    reason = (
        f"messages are {instead}, nothing is sent" if instead else "" if is_over else run.state_reason or ""
    )
    cost = "" if instead else money_with_unpriced(line.cost, line.unpriced, nothing="")
    return ShownRun(
        run.id,
        run.campaign,
        str(run.state),
        reason,
        moment(line.at),
        line.recipients,
        line.accepted,
        line.rejected,
        line.unknown,
        left,
        round(100 * settled / line.recipients) if line.recipients and run.started_at else 0,
        cost,
    )
