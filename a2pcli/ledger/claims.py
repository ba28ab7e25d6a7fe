"""The sending path: intents before the call, outcomes after it, in one durable transaction for both.

A sender hands in what it learnt and gets its next batch; the commit between the two makes the outcomes and
the new intents durable together, so a group of messages costs one flush of the disk.

Which rows are next: those that waited for their hour come first (a small index knows them), then the rows
that never waited, in the file's order, from where the last claim stopped. Whatever goes back to ``planned``
gets a ``due_at``, so nothing is ever left behind that mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, and_, bindparam, case, exists, func, insert, literal, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, OperationalError

from a2pcli.ledger.optouts import binds
from a2pcli.ledger.plans import UNCOUNTED, changed, end_id, first_id, of_run
from a2pcli.ledger.records import Claimed, Exchange, Run, RunState, Settled
from a2pcli.ledger.tables import ROWS_PER_RUN, events, is_claimed, is_waiting, messages, runs, suppressions
from a2pcli.messages import Message, State
from a2pcli.reasons import Reason

PLANNED, SUBMITTING, SKIPPED = str(State.PLANNED), str(State.SUBMITTING), str(State.SKIPPED)
RETRIES = 5
"""How often an exchange is tried again when PostgreSQL ends it because two senders locked each other out."""

_c = messages.c
_other = messages.alias("other")


# Is this person in a claimed state in another row of the occasion? (the index messages_once answers)
_reached = exists(
    select(1).where(
        _other.c.occasion == _c.occasion,
        _other.c.person == _c.person,
        is_claimed(_other.c.state),
    )
)
_opted_out = exists(
    select(1).where(
        suppressions.c.address == _c.address,
        suppressions.c.lifted_at.is_(None),
        or_(
            suppressions.c.scope == "everything",
            and_(suppressions.c.scope == "sender", suppressions.c.scope_value == bindparam("sender")),
        ),
    )
)
_why_not = case(
    (
        and_(bindparam("binds", type_=Boolean), _opted_out),
        literal(str(Reason.OPTED_OUT), literal_execute=True),
    ),
    (_reached, literal(str(Reason.ALREADY_SENT), literal_execute=True)),
).label("why_not")

_candidate = select(
    _c.id, _c.address, _c.body, _c.country, _c.parts, _c.attempts, _c.cost, _c.currency, _why_not
).with_for_update(skip_locked=True, of=messages)

_waited = (
    _candidate.where(
        _c.run == bindparam("run"), is_waiting(_c.state, _c.due_at), _c.due_at <= bindparam("now")
    )
    .order_by(_c.due_at)
    .limit(bindparam("want"))
)
_fresh = (
    _candidate.where(
        _c.id > bindparam("after"), _c.id < bindparam("end"), _c.state == PLANNED, _c.due_at.is_(None)
    )
    .order_by(_c.id)
    .limit(bindparam("want"))
)
_next_due = select(func.min(_c.due_at)).where(_c.run == bindparam("run"), is_waiting(_c.state, _c.due_at))
_claim = (
    update(messages)
    .where(_c.id == bindparam("b_id"), _c.state == PLANNED)
    .values(
        state=SUBMITTING,
        attempts=_c.attempts + 1,
        claimed_at=bindparam("b_now"),
        due_at=None,
        settled_at=None,
    )
)
_claim_or_ignore = _claim.prefix_with("OR IGNORE", dialect="sqlite")
_skip = (
    update(messages)
    .where(_c.id == bindparam("b_id"), _c.state == PLANNED)
    .values(state=SKIPPED, reason=bindparam("b_reason"), due_at=None, settled_at=bindparam("b_now"))
)
_settle = (
    update(messages)
    .where(_c.id == bindparam("b_id"), _c.state == SUBMITTING)
    .values(
        state=bindparam("b_state"),
        attempts=_c.attempts - bindparam("b_uncounted"),
        code=bindparam("b_code"),
        detail=bindparam("b_detail"),
        gateway_id=bindparam("b_gateway_id"),
        settled_at=bindparam("b_now"),
        due_at=bindparam("b_due_at"),
    )
)


@dataclass(slots=True)
class Progress:
    """Where one sender is in a run: the last id it looked at, and how many rows are still planned."""

    after: int
    left: int


def start(connection: Connection, run: Run, now: int) -> tuple[int, Progress]:
    """``submitting`` left by a crash becomes ``unknown``; the run is ``sending``. Gives how many, and where we are."""
    found_states = select(_c.state, func.count()).where(of_run(run)).group_by(_c.state)
    counts: dict[str, int] = dict(connection.execute(found_states).tuples().all())
    lost = int(counts.get(SUBMITTING, 0))
    if lost:
        detail = "the process ended between the intent and the outcome"
        found = and_(of_run(run), _c.state == SUBMITTING)
        connection.execute(
            insert(events).from_select(
                ["message", "run", "at", "kind", "detail"],
                select(_c.id, _c.run, literal(now), literal("unknown"), literal(detail)).where(found),
            )
        )
        connection.execute(
            update(messages).where(found).values(state=str(State.UNKNOWN), settled_at=now, detail=detail)
        )
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number)
        .values(
            state=str(RunState.SENDING),
            state_reason=None,
            started_at=func.coalesce(runs.c.started_at, now),
            finished_at=None,
            **UNCOUNTED,
        )
    )
    add_run_event(connection, run, RunState.SENDING, None, now)
    return lost, Progress(first_id(run) - 1, int(counts.get(PLANNED, 0)))


def count_left(connection: Connection, run: Run) -> int:
    """Rows still planned: one pass over the run's rows."""
    query = select(func.count()).where(of_run(run), _c.state == PLANNED).select_from(messages)
    return int(connection.execute(query).scalar_one())


def settle(connection: Connection, run: Run, settled: Sequence[Settled], now: int) -> int:
    """Record outcomes and their events; gives how many rows went back to ``planned``."""
    if not settled:
        return 0
    connection.execute(
        _settle,
        [
            {
                "b_id": one.message_id,
                "b_state": str(one.state),
                "b_uncounted": 0 if one.counted else 1,
                "b_code": one.outcome.code,
                "b_detail": one.outcome.detail,
                "b_gateway_id": one.outcome.gateway_id,
                "b_now": now,
                # A row that goes back always waits, if only until now: so it is found again.
                "b_due_at": (now if one.due_at is None else one.due_at) if one.state == PLANNED else None,
            }
            for one in settled
        ],
    )
    connection.execute(
        insert(events),
        [
            {
                "message": one.message_id,
                "run": run.number,
                "at": now,
                "kind": str(one.outcome.verdict),
                "code": one.outcome.code,
                "detail": one.outcome.detail,
                "gateway_id": one.outcome.gateway_id,
            }
            for one in settled
        ],
    )
    return sum(one.state == PLANNED for one in settled)


def exchange(
    connection: Connection, run: Run, progress: Progress, settled: Sequence[Settled], want: int, now: int
) -> tuple[Exchange, Progress]:
    """Record outcomes, then claim. To be committed by the caller before anything is handed over."""
    left = progress.left + settle(connection, run, settled, now)
    after = progress.after
    claimed: list[Claimed] = []
    skipped = 0
    state = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar()
    if settled and state != RunState.SENDING:
        changed(connection, run)
    next_due: int | None = None
    if want > 0 and state == RunState.SENDING:
        parameters = {
            "run": run.number,
            "now": now,
            "end": end_id(run),
            "sender": run.sender or "",
            "binds": binds(run.purpose),
        }
        for query in (_waited, _fresh):
            while len(claimed) < want:
                room = want - len(claimed)
                rows = connection.execute(query, {**parameters, "after": after, "want": room}).all()
                if query is _fresh and rows:
                    after = rows[-1].id
                taken, passed = _take(connection, run, rows, parameters, now)
                claimed.extend(taken)
                skipped += passed
                if len(rows) < room:
                    if query is _fresh:
                        after = end_id(run)
                    break
        if len(claimed) < want:
            next_due = connection.execute(_next_due, {"run": run.number}).scalar()
    left -= len(claimed) + skipped
    return Exchange(claimed, skipped, left, next_due), Progress(after, left)


def _take(
    connection: Connection, run: Run, rows: Sequence[Any], parameters: dict[str, Any], now: int
) -> tuple[list[Claimed], int]:
    """Claim those of the candidates that may go; the others are skipped with their reason."""
    if not rows:
        return [], 0
    good = [row for row in rows if row.why_not is None]
    bad = [(row.id, row.why_not) for row in rows if row.why_not is not None]
    taken, clashed = _mark(connection, good, now)
    bad.extend((row.id, str(Reason.ALREADY_SENT)) for row in clashed)
    _mark_skipped(connection, run, bad, now)
    return [_claimed(run, row) for row in taken], len(bad)


def _mark(connection: Connection, rows: Sequence[Any], now: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """Mark as submitting; gives those that went through and those whose person is taken by another run."""
    if not rows:
        return [], []
    values = [{"b_id": row.id, "b_now": now} for row in rows]
    if connection.dialect.name == "sqlite":
        if connection.execute(_claim_or_ignore, values).rowcount == len(rows):
            return rows, []
        taken_ids = set(
            connection.execute(
                select(_c.id).where(_c.id.in_([row.id for row in rows]), _c.state == SUBMITTING)
            ).scalars()
        )
        return [row for row in rows if row.id in taken_ids], [row for row in rows if row.id not in taken_ids]
    try:
        with connection.begin_nested():
            connection.execute(_claim, values)
        return rows, []
    except IntegrityError:
        if len(rows) == 1:
            return [], rows
    # Somebody in this half is taken: halve until the clash is alone.
    middle = len(rows) // 2
    taken_a, clashed_a = _mark(connection, rows[:middle], now)
    taken_b, clashed_b = _mark(connection, rows[middle:], now)
    return [*taken_a, *taken_b], [*clashed_a, *clashed_b]


def _mark_skipped(connection: Connection, run: Run, bad: Sequence[tuple[int, str]], now: int) -> None:
    if not bad:
        return
    connection.execute(_skip, [{"b_id": id, "b_reason": reason, "b_now": now} for id, reason in bad])
    connection.execute(
        insert(events),
        [
            {"message": id, "run": run.number, "at": now, "kind": SKIPPED, "code": reason}
            for id, reason in bad
        ],
    )


def _claimed(run: Run, row: Any) -> Claimed:
    message = Message(
        id=row.id,
        reference=run.reference(row.id % ROWS_PER_RUN),
        to=row.address,
        body=row.body,
        channel=run.channel,
        sender=run.sender,
        country=row.country,
        parts=row.parts,
        media=run.media,
    )
    return Claimed(message, row.attempts + 1, row.cost, row.currency)


def release(connection: Connection, message_ids: Iterable[int]) -> int:
    """Claims that certainly never reached the gateway go back, as if they had not been made."""
    query = (
        update(messages)
        .where(_c.id == bindparam("b_id"), _c.state == SUBMITTING)
        # Due since it was claimed, that is, at once; the due_at is what lets the next claim find it.
        .values(state=PLANNED, attempts=_c.attempts - 1, due_at=_c.claimed_at, claimed_at=None)
    )
    values = [{"b_id": id} for id in message_ids]
    return connection.execute(query, values).rowcount if values else 0


def settle_unknown(
    connection: Connection, run: Run, message_ids: Sequence[int] | None, state: State, note: str, now: int
) -> int:
    """Give ``unknown`` messages a state by decision or by what the gateway said; recorded as events."""
    chosen = and_(of_run(run), _c.state == str(State.UNKNOWN))
    ids = connection.execute(select(_c.id).where(chosen).order_by(_c.id)).scalars().all()
    if message_ids is not None:
        wanted = set(message_ids)
        ids = [id for id in ids if id in wanted]
    if not ids:
        return 0
    changed(connection, run)
    again = state is State.PLANNED
    connection.execute(
        update(messages)
        .where(_c.id == bindparam("b_id"), _c.state == str(State.UNKNOWN))
        .values(state=str(state), settled_at=now, detail=note, due_at=now if again else None),
        [{"b_id": id} for id in ids],
    )
    connection.execute(
        insert(events),
        [
            {
                "message": id,
                "run": run.number,
                "at": now,
                "kind": "reconciled",
                "code": str(state),
                "detail": note,
            }
            for id in ids
        ],
    )
    if again:
        connection.execute(
            update(runs)
            .where(runs.c.number == run.number, runs.c.state == str(RunState.FINISHED))
            .values(state=str(RunState.PAUSED), state_reason="messages settled as not sent", finished_at=None)
        )
    return len(ids)


def end_planned(
    connection: Connection, run: Run, state: State, reason: Reason, now: int, country: str | None = None
) -> int:
    """Every planned row (of ``country``) ends in ``state`` for one reason: expired, cancelled, a country refused."""
    query = update(messages).where(of_run(run), _c.state == PLANNED)
    if country is not None:
        query = query.where(_c.country == country)
    done = connection.execute(
        query.values(state=str(state), reason=str(reason), due_at=None, settled_at=now)
    ).rowcount
    if done:
        changed(connection, run)
        # One event for all of them: each row carries its own reason and moment.
        detail = f"{done} messages" + (f" to {country}" if country else "")
        connection.execute(
            insert(events).values(run=run.number, at=now, kind=str(state), code=str(reason), detail=detail)
        )
    return done


def set_run_state(connection: Connection, run: Run, state: str, reason: str | None, now: int) -> None:
    """Set the run's state, and note it as an event."""
    ended = state in (RunState.FINISHED, RunState.CANCELLED)
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number)
        .values(state=str(state), state_reason=reason, finished_at=now if ended else None, **UNCOUNTED)
    )
    add_run_event(connection, run, state, reason, now)


def add_run_event(connection: Connection, run: Run, state: str, reason: str | None, now: int) -> None:
    """An event of the run as a whole."""
    connection.execute(
        insert(events).values(run=run.number, at=now, kind="run", code=str(state), detail=reason)
    )


def retrying(work: Callable[[], Exchange]) -> Exchange:
    """Run a whole transaction again when PostgreSQL chose it to end a deadlock: it left nothing behind."""
    for attempt in range(RETRIES + 1):
        try:
            return work()
        except OperationalError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state not in ("40P01", "40001") or attempt == RETRIES:
                raise
    raise AssertionError("unreachable")
