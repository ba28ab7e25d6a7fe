"""A run's clocks at the moment of a claim: who may be messaged now, who is held and until when, whose time is up.

A run has few clocks, each for many of its people (``attempts.clock``). They are stored with the plan and read
once when sending starts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import (
    ARRAY,
    BigInteger,
    any_,
    bindparam,
    case,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.dataclass import dataclass
from a2pcli.ledger import plan_store
from a2pcli.ledger.caps import Cap
from a2pcli.ledger.outcomes import IS_PLANNED, note_each
from a2pcli.ledger.plans import changed, lock_run
from a2pcli.ledger.records import FAR, Run
from a2pcli.ledger.statements import PreparedStatement
from a2pcli.ledger.tables import attempts, clocks
from a2pcli.messages import State
from a2pcli.reasons import Reason
from a2pcli.rules.clock import EXPIRED, UNKNOWN_ZONE, Clock

PIECE = 20_000
"""Maximum number of rows held in one transaction: a fraction of a second (measured: 60 ms on SQLite)."""

LONGEST_RETRY = 7 * 86_400_000
"""Milliseconds; no answer of a gateway makes a message wait longer."""

SPREAD = 1000
"""Milliseconds over which messages tried before are put in order."""

_c = attempts.c


@dataclass(frozen=True, slots=True)
class RunClock:
    """Permitted hours of the people in one place, and the legal caps there."""

    clock: Clock
    caps: tuple[Cap, ...] = ()

    def to_json(self) -> str:
        """Return one line of JSON, equal for equal clocks."""
        data = {"clock": json.loads(self.clock.to_json()), "caps": [cap.to_data() for cap in self.caps]}
        return json.dumps(data, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> RunClock:
        """Return the clock written by ``to_json``."""
        data = json.loads(text)
        return cls(Clock.from_json(json.dumps(data["clock"])), tuple(Cap(**one) for one in data["caps"]))


@dataclass(frozen=True, slots=True)
class Held:
    """A row that may not be sent now. ``until`` (UTC ms) is None if it never may, because it has expired."""

    until: int | None
    reason: Reason
    rule: str | None
    detail: str | None = None


def held(clock: Clock, now: int, expires_at: int | None = None) -> Held | None:
    """Return why a message with this clock may not be sent now, and until when; None if it may. ``expires_at`` is
    the run's."""
    if clock.is_open(now):
        return None
    ends = [moment for moment in (clock.expires_at, expires_at) if moment is not None]
    end = min(ends, default=None)
    if end is not None and now >= end:
        return Held(None, Reason.EXPIRED, EXPIRED)
    if clock.lacks_zone:
        return Held(FAR, Reason.UNKNOWN_ZONE, UNKNOWN_ZONE)
    rule = next(iter(clock.closed_by(now)), None)
    opening = clock.next_opening(now)
    if end is not None and (opening is None or opening >= end):
        return Held(None, Reason.EXPIRED, rule, f"it expires before its permitted sending time ({rule})")
    return Held(FAR if opening is None else opening, Reason.QUIET_HOURS, rule)


def write(connection: Connection, run: Run, made: Mapping[int, RunClock]) -> None:
    """Store the clocks of a plan."""
    rows = [{"run": run.number, "number": number, "spec": one.to_json()} for number, one in made.items()]
    if rows:
        connection.execute(insert(clocks), rows)


def of_run(connection: Connection, run: Run) -> dict[int, RunClock]:
    """Return the run's clocks by number; empty if no permitted hours apply."""
    query = select(clocks.c.number, clocks.c.spec).where(clocks.c.run == run.number).order_by(clocks.c.number)
    return {number: RunClock.from_json(spec) for number, spec in connection.execute(query)}


def assume(connection: Connection, run: Run, zone: str, now: int) -> int:
    """Use ``zone`` for recipients whose time zone is unknown; return how many waiting messages that affects."""
    lost = {number: one for number, one in of_run(connection, run).items() if one.clock.lacks_zone}
    if not lost:
        return 0
    lock_run(connection, run)
    for number, one in lost.items():
        placed = RunClock(replace(one.clock, zones=(zone,)), one.caps)
        same = (clocks.c.run == run.number) & (clocks.c.number == number)
        connection.execute(update(clocks).where(same).values(spec=placed.to_json()))
    changed(connection, run)
    held_so = (_c.run == run.number) & (_c.due_at == FAR) & (_c.reason == str(Reason.UNKNOWN_ZONE))
    query = update(attempts).where(held_so, IS_PLANNED, _c.clock.in_(list(lost))).values(due_at=now)
    count = connection.execute(query).rowcount
    waiting = plan_store.count_waiting(connection, run)
    return count + sum(many for (_, clock), many in waiting.items() if clock in lost)


def wake(connection: Connection, run: Run, now: int, *, only: ColumnElement[bool] | None = None) -> None:
    """Reset waiting times when a sender starts: nothing waits longer than a rule says, and unheld messages are due.

    Backoff ends with the sender that set it. Messages tried more often come later, by a millisecond per try, so that
    those a gateway never accepts are not always first. A time later than any clock of the run allows comes from a
    machine whose clock was wrong. ``only`` selects rows that no other sender has.
    """
    waits = (_c.run == run.number) & _c.due_at.is_not(None)
    if only is not None:
        waits = waits & only
    tried = _c.settled_at.is_not(None) | (_c.due_at > now + LONGEST_RETRY)
    tries = case((_c.tries < SPREAD, _c.tries), else_=SPREAD)
    connection.execute(
        update(attempts)
        .where(waits, IS_PLANNED, _c.reason.is_(None), tried)
        .values(due_at=literal(now - SPREAD, BigInteger) + tries)
    )
    openings = {number: one.clock.next_opening(now) for number, one in of_run(connection, run).items()}
    known = {number: opening for number, opening in openings.items() if opening is not None}
    if known:
        late = waits & (_c.due_at > max(known.values())) & (_c.reason == str(Reason.QUIET_HOURS))
        connection.execute(
            update(attempts).where(late, IS_PLANNED, _c.clock.in_(list(known))).values(due_at=now)
        )


_hold = PreparedStatement(
    update(attempts)
    .where(_c.id == bindparam("b_id"), IS_PLANNED)
    .values(due_at=bindparam("b_due_at"), reason=bindparam("b_reason"), rule=bindparam("b_rule")),
    *("b_reason", "b_rule", "b_due_at", "b_id"),
)
# PostgreSQL: one statement for all, because a round trip for each row would cost more than the row.
_hold_these = (
    update(attempts)
    .where(_c.id == any_(bindparam("ids", type_=ARRAY(BigInteger))), IS_PLANNED)
    .values(due_at=bindparam("due_at"), reason=bindparam("reason"), rule=bindparam("rule"))
)
_expire = PreparedStatement(
    update(attempts)
    .where(_c.id == bindparam("b_id"), IS_PLANNED)
    .values(
        state=literal_column(f"'{State.EXPIRED}'"),
        reason=literal_column(f"'{Reason.EXPIRED}'"),
        detail=bindparam("b_detail"),
        due_at=literal_column("NULL"),
        settled_at=bindparam("b_now"),
        rule=bindparam("b_rule"),
    ),
    *("b_rule", "b_detail", "b_now", "b_id"),
)


class Gate:
    """The run's clocks at one moment; each is evaluated once."""

    def __init__(self, run: Run, known: Mapping[int, RunClock], now: int) -> None:
        self._run, self._known, self._now = run, known, now
        self._answers: dict[int, Held | None] = {}
        self._ends: dict[int, int | None] = {}
        self.held = self.expired = 0

    def __call__(self, clock: int | None) -> Held | None:
        """Return why rows of this clock may not be sent now; None if they may."""
        if clock is None:
            return None
        if clock not in self._answers:
            one = self._known.get(clock)
            self._answers[clock] = None if one is None else held(one.clock, self._now, self._run.expires_at)
        return self._answers[clock]

    def open_until(self, clock: int | None) -> int | None:
        """Return when an open clock closes (UTC ms); None if it does not."""
        if clock is None or clock not in self._known:
            return None
        if clock not in self._ends:
            self._ends[clock] = self._known[clock].clock.open_until(self._now)
        return self._ends[clock]

    def keep_back(self, connection: Connection, rows: Sequence[tuple[int, int | None]]) -> list[int]:
        """Hold or expire the rows (id, clock) that may not be sent now; return the ids of the others."""
        going: list[int] = []
        kept: dict[Held, list[int]] = defaultdict(list)
        for id, clock in rows:
            why = self(clock)
            if why is None:
                going.append(id)
            else:
                kept[why].append(id)
        for why, ids in kept.items():
            self._keep(connection, why, ids)
        return going

    def _keep(self, connection: Connection, why: Held, ids: list[int]) -> None:
        if why.until is not None:
            hold(connection, ids, why)
            self.held += len(ids)
            return
        _expire.run(connection, [(why.rule, why.detail, self._now, id) for id in ids])
        note_each(
            connection, self._run, ids, self._now, kind=str(State.EXPIRED), code=why.rule, detail=why.detail
        )
        self.expired += len(ids)


def hold(connection: Connection, ids: Iterable[int], why: Held) -> None:
    """Mark planned rows as held until their clock opens."""
    if connection.dialect.name == "sqlite":
        _hold.run(connection, [(str(why.reason), why.rule, why.until, id) for id in ids])
        return
    connection.execute(
        _hold_these, {"ids": list(ids), "due_at": why.until, "reason": str(why.reason), "rule": why.rule}
    )
