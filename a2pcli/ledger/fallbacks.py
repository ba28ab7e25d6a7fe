"""The next attempt of a message, where the one before has ended and did not arrive.

That is: the gateway refused it, or accepted it and its receipts say that it was not delivered. The earlier attempt is
marked as followed, which takes it out of the index ``attempts_once``, and the next one waits for a claim, as a row
that is tried again does: opt-outs, consent, caps and hours are checked again then, and the claim takes the person's
place. Both are one transaction under the run's lock, as are receipts, so of a receipt "delivered" and the next
attempt one comes first. If it is the attempt, a receipt may still come before the claim: then the attempt is taken
back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, exists, func, insert, not_, or_, select, update
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE, Delivery
from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import attempt_counts, caps, outcomes, plan_store
from a2pcli.ledger.alternatives import Alternative
from a2pcli.ledger.attempt_ids import (
    MOST_ATTEMPTS,
    ROWS_PER_RUN,
    all_attempts,
    attempt_number,
    message_of,
    nth_attempt,
)
from a2pcli.ledger.counting import most_attempts
from a2pcli.ledger.plans import changed, lock_run
from a2pcli.ledger.records import SENDABLE, Run, RunState
from a2pcli.ledger.tables import attempts, receipts, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

_a = attempts.c

EVENT = "fallback"
"""Kind of the event of an attempt that follows another, or is withdrawn."""

_told = func.coalesce(_a.delivery, "")
HAS_ENDED = or_(
    and_(
        _a.state.in_([str(State.REJECTED), str(State.SKIPPED)]),
        _told.not_in([str(one) for one in (Delivery.SENT, *ARRIVED)]),
    ),
    and_(_a.state == str(State.ACCEPTED), _told.in_([str(one) for one in NEGATIVE])),
)
"""Condition: the attempt has ended and was not delivered, as far as known."""

_OF_THE_MESSAGE = ("run", "occasion", "person", "variant", "clock", "consent_until")
"""Columns that all attempts of a message share."""

_kept = [_a[name] for name in (*_OF_THE_MESSAGE, "country")]

_PIECE = 500
"""Messages in one statement."""


@dataclass(frozen=True, slots=True)
class Next:
    """How the next attempt is sent. ``cost`` is in 1e-9 currency units; None for ``country`` keeps the earlier
    attempt's, None for ``sender`` means the gateway's own."""

    channel: str
    gateway: str
    address: str
    body: str
    sender: str | None = None
    country: str | None = None
    parts: int = 1
    encoding: str | None = None
    units: int | None = None
    cost: int | None = None
    currency: str | None = None
    hours: tuple[int | None, int | None] | None = None
    """Number of its clock, and when the consent that allows it ends (UTC ms); None keeps the earlier attempt's."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A new attempt that waits for a claim."""

    id: int
    reference: str


def as_next(one: Alternative) -> Next:
    """Return a planned alternative as the next attempt."""
    return Next(
        channel=one.channel,
        gateway=one.gateway,
        address=one.address,
        body=one.body,
        sender=one.sender,
        country=one.country,
        parts=one.parts,
        encoding=one.encoding,
        units=one.units,
        cost=one.cost,
        currency=one.currency,
        hours=(one.clock, one.consent_until),
    )


def follow(connection: Connection, run: Run, message_id: int, next: Next, now: int) -> Followed | None:
    """Plan the next attempt of a message.

    Returns None if the previous attempt was or may still be delivered, the recipient is gone, or the run is cancelled
    or was never sent. Raises ``LedgerError`` if the message has the maximum number of attempts, or the run has no
    chunks.
    """
    return follow_all(connection, run, {message_id: next}, now).get(message_id)


def follow_all(connection: Connection, run: Run, ways: Mapping[int, Next], now: int) -> dict[int, Followed]:
    """Like ``follow`` for many messages, by the id of any of their attempts; those not followed are absent."""
    if not ways:
        return {}
    lock_run(connection, run)
    state = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar()
    if state not in (*SENDABLE, RunState.FINISHED):
        return {}
    if not plan_store.exist(connection, run):
        raise LedgerError(
            Problem(f"run {run.id} keeps no plan: its messages have one attempt", code="fallback")
        )
    made: dict[int, Followed] = {}
    most = most_attempts(connection, run)
    for some in _pieces(list(ways)):
        last = _ended(connection, some, most)
        followed = _follow(connection, run, {last[id]["id"]: (last[id], ways[id]) for id in last}, now)
        made |= {id: followed[row["id"]] for id, row in last.items()}
    if made:
        changed(connection, run)
        outcomes.planned_again(connection, run, len(made), "messages go by another channel or gateway")
    return made


def follow_skipped(connection: Connection, run: Run, ways: Mapping[int, Next], now: int) -> list[int]:
    """Plan the next attempts of attempts that this transaction has skipped, by their ids; return the ids planned.

    The claim that calls it holds the run, so nothing is locked here.
    """
    made: list[int] = []
    for some in _pieces(list(ways)):
        query = select(_a.id, *_kept).where(_a.id.in_(some))
        rows = {row["id"]: row for row in connection.execute(query).mappings()}
        followed = _follow(connection, run, {id: (rows[id], ways[id]) for id in some}, now)
        made += [one.id for one in followed.values()]
    return made


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _PIECE):
        yield ids[start : start + _PIECE]


_is_over = and_(_a.address.is_not(None), HAS_ENDED).label("is_over")


def _ended(connection: Connection, ids: Sequence[int], most: int) -> dict[int, RowMapping]:
    """Return the last attempts of the messages that may be followed: every attempt of theirs has ended. By the given id
    (the last one, of several ids of one message); ``most`` is from ``most_attempts``."""
    query = select(_a.id, _a.state, _a.followed_at, _is_over, *_kept)
    chosen = query.where(_a.id.in_(all_attempts(ids, most))).order_by(_a.id)
    by_message: dict[int, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(chosen.with_for_update()).mappings():
        by_message[message_of(row["id"])].append(row)
    found: dict[int, RowMapping] = {}
    for id in sorted(ids, reverse=True):
        rows = by_message.pop(message_of(id), None)
        # A skipped attempt is followed by the claim that skips it (``follow_skipped``), or never.
        is_followed = (
            rows is None or rows[-1]["followed_at"] is not None or rows[-1]["state"] == State.SKIPPED
        )
        if rows and not is_followed and all(row["is_over"] for row in rows):
            found[id] = rows[-1]
    return found


def _follow(
    connection: Connection, run: Run, last: Mapping[int, tuple[RowMapping, Next]], now: int
) -> dict[int, Followed]:
    """Mark these attempts as followed, and plan the next ones; return them by the ids of those they follow."""
    made: dict[int, Followed] = {}
    values: list[dict[str, Any]] = []
    notes: dict[str, list[int]] = defaultdict(list)
    for before, (row, next) in last.items():
        number = attempt_number(before) + 1
        if number > MOST_ATTEMPTS:
            many = f"a message can have {MOST_ATTEMPTS} attempts at most"
            raise LedgerError(Problem(f"run {run.id}: {many}", hint="name fewer channels", code="fallback"))
        id = nth_attempt(before, number)
        made[before] = Followed(id, run.reference(id % ROWS_PER_RUN))
        values.append(
            {"id": id, "state": str(State.PLANNED), "tries": 0, "due_at": now, **_values(row, next)}
        )
        notes[f"attempt {number}: {next.channel} by {next.gateway}"].append(id)
    if not made:
        return made
    connection.execute(update(attempts).where(_a.id.in_(list(made))).values(followed_at=now))
    connection.execute(insert(attempts), values)
    attempt_counts.add(connection, run.number, [one.id for one in made.values()])
    for how, ids in notes.items():
        outcomes.note_each(connection, run, ids, now, kind=EVENT, detail=how)
    if caps.noted(run.purpose):
        caps.forget(connection, list(made))
    return made


def _values(before: RowMapping, next: Next) -> dict[str, Any]:
    """The columns of an attempt that follows another one."""
    values = {name: before[name] for name in _OF_THE_MESSAGE} | {
        name: getattr(next, name)
        for name in (
            *("channel", "gateway", "address", "body", "sender", "parts"),
            *("encoding", "units", "cost", "currency"),
        )
    }
    values["country"] = before["country"] if next.country is None else next.country
    if next.hours is not None:
        values["clock"], values["consent_until"] = next.hours
    return values


def _last(connection: Connection, ids: Sequence[int]) -> int | None:
    found = connection.execute(select(func.max(_a.id)).where(_a.id.in_(ids))).scalar()
    return None if found is None else int(found)


def take_back(connection: Connection, run: Run, followed: Sequence[int], now: int) -> int:
    """Withdraw the next attempts of these followed attempts if they may be delivered after all; return how many.

    Only unclaimed next attempts are withdrawn; the message is then counted by the earlier one again. If the next one
    was already sent, the person may have both, which counts for caps. Call it under the run's lock.
    """
    back = 0
    for id in followed:
        found = connection.execute(
            select(_a.address, _a.claimed_at, _a.delivery).where(_a.id == id, not_(HAS_ENDED))
        ).one_or_none()
        if found is None:
            continue
        back += _took_back(connection, run, id, now)
        if caps.noted(run.purpose) and found.address is not None:
            caps.forget(connection, [id])
            caps.note(connection, run, [(id, found.address)], found.claimed_at)
    if back:
        changed(connection, run)
    return back


def _took_back(connection: Connection, run: Run, id: int, now: int) -> bool:
    next = _last(connection, all_attempts([id], MOST_ATTEMPTS)) or id
    before = nth_attempt(next, attempt_number(next) - 1)
    waits = and_(_a.id == next, _a.id != id, _a.claimed_at.is_(None))
    # The row and what the gateway once said of it stay, but it will not be sent.
    told = exists().where(receipts.c.attempt == next)
    end = {"state": str(State.SKIPPED), "reason": str(Reason.ALREADY_SENT), "due_at": None, "settled_at": now}
    if connection.execute(update(attempts).where(waits, told).values(end)).rowcount:
        return True
    try:
        with connection.begin_nested():
            if not connection.execute(delete(attempts).where(waits)).rowcount:
                return False
            connection.execute(update(attempts).where(_a.id == before).values(followed_at=None))
    except (
        IntegrityError
    ):  # another run reached the person meanwhile; the claim finds that, and skips the next one
        return False
    attempt_counts.add(connection, run.number, [next], made=-1)
    arrived = f"a receipt shows that attempt {attempt_number(id)} may have arrived"
    detail = f"attempt {attempt_number(next)} was taken back: {arrived}"
    outcomes.note_each(connection, run, [id], now, kind=EVENT, detail=detail)
    return True
