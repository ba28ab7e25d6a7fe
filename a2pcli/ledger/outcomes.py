"""What becomes of claimed and planned messages: outcomes, releases, decisions about the unknown, mass ends.

Every change is noted as an event; events are only ever added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, insert, literal, literal_column, not_, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.ledger import about, caps, counting, falling, plan_store, receipt_ids, spending
from a2pcli.ledger.counting import IS_LATER
from a2pcli.ledger.plan_store import End
from a2pcli.ledger.plans import UNCOUNTED, changed, keeps_no_texts, lock_run, of_run
from a2pcli.ledger.records import Run, RunState, Settled
from a2pcli.ledger.statements import PreparedStatement
from a2pcli.ledger.tables import attempts, events, runs
from a2pcli.messages import CLAIMED_STATES, State, Verdict
from a2pcli.reasons import Reason

_c = attempts.c
IS_PLANNED = _c.state == literal_column(f"'{State.PLANNED}'")
IS_SUBMITTING = _c.state == literal_column(f"'{State.SUBMITTING}'")

_one = and_(_c.id == bindparam("b_id"), IS_SUBMITTING)
_heard: dict[str, Any] = {
    "state": bindparam("b_state"),
    "code": bindparam("b_code"),
    "detail": bindparam("b_detail"),
    "gateway_id": bindparam("b_gateway_id"),
    "settled_at": bindparam("b_now"),
}
# Two statements because of claimed_at: one keeps it, and with it the person's entry in attempts_once.
_settle = PreparedStatement(
    update(attempts).where(_one).values(**_heard),
    *("b_state", "b_detail", "b_code", "b_gateway_id", "b_now", "b_id"),
)
_uncount = PreparedStatement(
    update(attempts).where(_one).values(tries=_c.tries - literal_column("1")), "b_id"
)
_put_back = PreparedStatement(
    update(attempts)
    .where(_one)
    .values(
        **_heard,
        tries=_c.tries - bindparam("b_uncounted"),
        due_at=bindparam("b_due_at"),
        claimed_at=literal_column("NULL"),
    ),
    *("b_state", "b_detail", "b_code", "b_gateway_id", "b_uncounted", "b_now", "b_due_at", "b_id"),
)
_release = PreparedStatement(
    update(attempts)
    .where(_one)
    # A due_at of 0 makes the row due at once by any clock; only rows with a due_at are found by claims.
    .values(
        state=literal_column(f"'{State.PLANNED}'"),
        tries=_c.tries - literal_column("1"),
        due_at=literal_column("0"),
        claimed_at=literal_column("NULL"),
    ),
    "b_id",
)
_hold_back = PreparedStatement(
    update(attempts)
    .where(_one)
    .values(
        state=literal_column(f"'{State.PLANNED}'"),
        tries=_c.tries - literal_column("1"),
        due_at=bindparam("b_due_at"),
        reason=bindparam("b_reason"),
        claimed_at=literal_column("NULL"),
    ),
    *("b_reason", "b_due_at", "b_id"),
)
_EVENT = ("message", "run", "at", "kind", "code", "detail", "gateway_id")
_note = PreparedStatement(
    insert(events).inline().values({name: bindparam(f"b_{name}") for name in _EVENT}),
    *(f"b_{name}" for name in _EVENT),
)
_wipe = PreparedStatement(
    update(attempts)
    .where(_c.id == bindparam("b_id"))
    .values(body=literal_column("NULL"), content=literal_column("NULL")),
    "b_id",
)
_STATES = {state: str(state) for state in State}
_VERDICTS = {verdict: str(verdict) for verdict in Verdict}


def wipe_texts(connection: Connection, run: Run) -> None:
    """Delete the texts of a run that keeps none, except of messages still to be sent."""
    if keeps_no_texts(run):
        waiting = [str(State.PLANNED), str(State.SUBMITTING)]
        chosen = and_(of_run(run), _c.body.is_not(None), _c.state.not_in(waiting))
        connection.execute(update(attempts).where(chosen).values(body=None, content=None))


def settle(connection: Connection, run: Run, settled: Sequence[Settled], now: int) -> int:
    """Record outcomes and their events; return how many rows went back to ``planned``."""
    ended, back, notes = [], [], []
    for one in settled:
        outcome, id, state = one.outcome, one.message_id, _STATES[one.state]
        code, detail, gateway_id = outcome.code, outcome.detail, outcome.gateway_id
        notes.append((id, run.number, now, _VERDICTS[outcome.verdict], code, detail, gateway_id))
        if one.state in CLAIMED_STATES:
            ended.append((state, detail, code, gateway_id, now, id))
        else:
            # A planned row always has a due time, even if it is now: the next claim finds it by that.
            due_at = (now if one.due_at is None else one.due_at) if one.state is State.PLANNED else None
            back.append((state, detail, code, gateway_id, 0 if one.counted else 1, now, due_at, id))
    if caps.noted(run.purpose):
        caps.forget(connection, [one.message_id for one in settled if one.state not in caps.TAKEN])
    if never := [(one.message_id,) for one in settled if one.is_never_handed_over]:
        _uncount.run(connection, never, counted=False)
    _settle.run(connection, ended, counted=False)
    if falls := [one.falls for one in settled if one.falls is not None]:
        falling.note(connection, run, falls)
    receipt_ids.note_parts(connection, run, settled, now)
    returned = _put_back.run(connection, back)
    if keeps_no_texts(run):
        _wipe.run(connection, [(one.message_id,) for one in settled if one.state is not State.PLANNED])
    _note.run(connection, notes, counted=False)
    return returned


def settle_late(connection: Connection, run: Run, settled: Sequence[Settled], now: int) -> int:
    """Record outcomes that a sender learnt after another process took the run over; return how many rows changed.

    A row changes if it is still as that claim left it, or unknown since the takeover. One that was settled or claimed
    again meanwhile stays as it is, and only an event is recorded.
    """
    taken: list[int] = []
    not_paid = [one.message_id for one in settled if str(one.state) not in spending.SPENT]
    spending.came_back(connection, run, not_paid)
    for one in settled:
        outcome, again = one.outcome, one.state is State.PLANNED
        values: dict[str, Any] = {
            "state": str(one.state),
            "code": outcome.code,
            "detail": outcome.detail,
            "gateway_id": outcome.gateway_id,
            "settled_at": now,
        }
        if one.state not in CLAIMED_STATES:
            values |= {"claimed_at": None}
        if again:
            due_at = now if one.due_at is None else one.due_at
            values |= {"due_at": due_at, "tries": _c.tries - (0 if one.counted else 1)}
        as_left = and_(
            _c.id == one.message_id,
            _c.tries == one.attempts,
            _c.state.in_([str(State.SUBMITTING), str(State.UNKNOWN)]),
        )
        if connection.execute(update(attempts).where(as_left).values(values)).rowcount:
            taken.append(one.message_id)
            receipt_ids.note_parts(connection, run, [one], now)
        detail = (
            f"its answer arrived after another process took over the run: {outcome.detail or outcome.verdict}"
        )
        _note.run(
            connection,
            [
                (
                    one.message_id,
                    run.number,
                    now,
                    str(outcome.verdict),
                    outcome.code,
                    detail,
                    outcome.gateway_id,
                )
            ],
        )
    if caps.noted(run.purpose):
        not_taken = {one.message_id for one in settled if one.state not in caps.TAKEN}
        caps.forget(connection, [id for id in taken if id in not_taken])
    changed(connection, run)
    wipe_texts(connection, run)
    planned_again(
        connection, run, len(taken), "messages that were certainly not sent were returned to the plan"
    )
    return len(taken)


CAME_LATE = "messages were planned again just as the run finished"


def planned_again(connection: Connection, run: Run, count: int, why: str) -> None:
    """Pause a finished run that has messages to send again."""
    waits = select(_c.id).where(_c.run == run.number, _c.due_at.is_not(None), IS_PLANNED)
    if count and connection.execute(waits.limit(literal_column("1"))).first():
        connection.execute(
            update(runs)
            .where(runs.c.number == run.number, runs.c.state == str(RunState.FINISHED))
            .values(state=str(RunState.PAUSED), state_reason=why, finished_at=None)
        )


def note_each(
    connection: Connection,
    run: Run,
    ids: Iterable[int],
    now: int,
    *,
    kind: str,
    code: str | None = None,
    detail: str | None = None,
) -> None:
    """Record the same event for each of these messages."""
    _note.run(connection, [(id, run.number, now, kind, code, detail, None) for id in ids])


def release(connection: Connection, run: Run, message_ids: Sequence[int], *, counted: bool = True) -> int:
    """Return claims that certainly never reached the gateway to the plan, as if they had not been made.

    ``counted``: their cost may be included in the sum shared by the run's senders.
    """
    if caps.noted(run.purpose):
        caps.forget(connection, message_ids)
    if counted:
        spending.came_back(connection, run, message_ids)
    return _release.run(connection, [(id,) for id in message_ids])


def hold_back(connection: Connection, run: Run, due: Mapping[int, int], reason: Reason | None) -> int:
    """Claims for which a quota or a gateway has no room wait, each until its moment (UTC milliseconds)."""
    if caps.noted(run.purpose):
        caps.forget(connection, list(due))
    why = None if reason is None else str(reason)
    return _hold_back.run(connection, [(why, until, id) for id, until in due.items()])


def lose(
    connection: Connection,
    run: Run,
    now: int,
    left: Collection[int] | None = None,
    *,
    only: ColumnElement[bool] | None = None,
) -> None:
    """Make claims that no sender holds any more ``unknown``, or ``planned`` if they certainly were never submitted.

    ``left`` are the messages that may have been submitted; None if unknown, so all may have been. ``only`` limits it
    to rows of an ended sender while others are active.
    """
    lock_run(connection, run)
    found = and_(of_run(run), IS_SUBMITTING)
    if only is not None:
        found = and_(found, only)
    if left is not None:
        claimed = connection.execute(select(_c.id).where(found, *_sendable(connection, run))).scalars()
        release(connection, run, [id for id in claimed if id not in left])
    detail = "the process ended before the result was recorded"
    connection.execute(
        insert(events).from_select(
            ["message", "run", "at", "kind", "detail"],
            select(_c.id, _c.run, literal(now), literal(str(State.UNKNOWN)), literal(detail)).where(found),
        )
    )
    connection.execute(
        update(attempts).where(found).values(state=str(State.UNKNOWN), settled_at=now, detail=detail)
    )
    changed(connection, run)


def _sendable(connection: Connection, run: Run) -> list[ColumnElement[bool]]:
    """Return the conditions for rows that can still be sent: the person is not erased, and the text exists."""
    there = _c.address.is_not(None)
    # A chunk keeps its texts while they may be needed; runs without chunks and later attempts have their own.
    has_text = _c.body.is_not(None)
    return [there, or_(not_(IS_LATER), has_text) if plan_store.exist(connection, run) else has_text]


def settle_unknown(
    connection: Connection, run: Run, message_ids: Sequence[int] | None, state: State, note: str, now: int
) -> int:
    """Settle ``unknown`` messages by a decision or the gateway's information; recorded as events.

    Messages that were not sent are planned again; in a cancelled run they are cancelled, and free for a new plan.
    """
    lock_run(connection, run)
    run_state = connection.execute(select(runs.c.state).where(runs.c.number == run.number)).scalar()
    is_cancelled = run_state == RunState.CANCELLED
    unknown = _c.state == str(State.UNKNOWN)
    if state is State.PLANNED:
        unknown = and_(unknown, *_sendable(connection, run))
    ids = connection.execute(select(_c.id).where(of_run(run), unknown).order_by(_c.id)).scalars().all()
    if message_ids is not None:
        wanted = set(message_ids)
        ids = [id for id in ids if id in wanted]
    if not ids:
        return 0
    changed(connection, run)
    if state not in caps.TAKEN:
        caps.forget(connection, ids)
    again = state is State.PLANNED
    # The code of the unclear answer does not describe the result; its event keeps it.
    values: dict[str, Any] = {"state": str(state), "settled_at": now, "detail": note, "code": None}
    if again and is_cancelled:
        values |= {"state": str(State.CANCELLED), "reason": str(Reason.CANCELLED), "claimed_at": None}
    elif again:
        values |= {"due_at": now, "claimed_at": None}
    connection.execute(
        update(attempts).where(_c.id == bindparam("b_id"), unknown).values(values),
        [{"b_id": id} for id in ids],
    )
    note_each(connection, run, ids, now, kind="reconciled", code=str(state), detail=note)
    if again:
        planned_again(connection, run, len(ids), "messages resolved as not sent")
    return len(ids)


def end_planned(
    connection: Connection, run: Run, state: State, reason: Reason, now: int, country: str | None = None
) -> int:
    """End every planned message (of ``country``) for one reason: expired, cancelled, country refused. Return how many.

    Messages without attempts are ended by a single row.
    """
    lock_run(connection, run)
    end = End(now, state, reason, country=country)
    waiting = plan_store.count_waiting(connection, run)
    done = sum(many for place, many in waiting.items() if end.fits(*place))
    if done:
        plan_store.add_end(connection, run, end)
    query = update(attempts).where(of_run(run), _c.state == str(State.PLANNED))
    if country is not None:
        query = query.where(_c.country == country)
    done += connection.execute(
        query.values(state=str(state), reason=str(reason), due_at=None, settled_at=now, rule=None)
    ).rowcount
    if done:
        changed(connection, run)
        # One event for all of them; each row has its own reason and time.
        note_run(
            connection,
            run,
            now,
            state,
            str(reason),
            f"{done} messages" + (f" to {country}" if country else ""),
        )
    return done


def note_run(
    connection: Connection, run: Run, now: int, kind: State, code: str | None, detail: str | None
) -> None:
    """Record what became of many messages of the run as one event."""
    connection.execute(
        insert(events).values(run=run.number, at=now, kind=str(kind), code=code, detail=detail)
    )


def set_run_state(connection: Connection, run: Run, state: str, reason: str | None, now: int) -> None:
    """Set the run's state and record the change as an event.

    A run to be finished is paused instead if a message was planned again since its sender last looked.
    """
    ended = state in (RunState.FINISHED, RunState.CANCELLED)
    lock_run(connection, run)
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number)
        .values(state=str(state), state_reason=reason, finished_at=now if ended else None, **UNCOUNTED)
    )
    add_run_event(connection, run, state, reason, now)
    if state == RunState.FINISHED:
        planned_again(connection, run, 1, CAME_LATE)
    wipe_texts(connection, run)
    counting.keep(connection, run)


def add_run_event(connection: Connection, run: Run, state: str, reason: str | None, now: int) -> None:
    """Record an event of the run as a whole."""
    connection.execute(
        insert(events).values(run=run.number, at=now, kind="run", code=str(state), detail=reason)
    )
    about.note_moment(connection, now)
