"""Attempts that are followed by the message's next channel, and when: the moment is kept until it is decided.

A row is written where the sender settles an attempt that another channel comes after: at once for a message that the
gateway refused, and after the campaign's ``fallback: after`` for one that it took. A receipt that says that a message
was not delivered writes one for at once, and one that says that it arrived takes it away. ``falling_back`` decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import ColumnElement

from a2pcli.channels import UNDELIVERED
from a2pcli.dataclass import dataclass
from a2pcli.ledger import plan_store
from a2pcli.ledger.alternatives import Alternative, next_after
from a2pcli.ledger.attempt_ids import ROWS_PER_RUN, is_later, message_of
from a2pcli.ledger.attempt_senders import attempt_sender
from a2pcli.ledger.exchanges import Fall
from a2pcli.ledger.records import SENDABLE, Run, RunState
from a2pcli.ledger.schema import falling
from a2pcli.ledger.tables import attempts, runs

_a, _f = attempts.c, falling.c

_PIECE = 500

WHY = "messages that were not delivered go by another channel"
"""Reason stored with a finished run that is paused again."""


@dataclass(frozen=True, slots=True)
class Due:
    """A due fallback, with the current state of its attempt."""

    attempt: int
    expires_at: int | None
    state: str
    delivery: str | None
    gateway_id: str | None
    gateway: str | None
    channel: str | None
    address: str | None
    settled_at: int | None
    sender: str | None
    reference: str


def rule_of(run: Run) -> dict[str, Any] | None:
    """Return the fallback rule: ``when``, and ``after`` in seconds; None for a run without fallback."""
    found: dict[str, Any] | None = run.sending.get("fallback")
    return found


def note(connection: Connection, run: Run, falls: Sequence[Fall]) -> None:
    """Store these fallbacks, replacing earlier ones of the same attempts."""
    if not falls:
        return
    forget(connection, [one.attempt for one in falls])
    values = [
        {"attempt": one.attempt, "run": run.number, "at": one.at, "expires_at": one.expires_at}
        for one in falls
    ]
    connection.execute(insert(falling), values)


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Delete the fallbacks of these attempts."""
    chosen = sorted(ids)
    for start in range(0, len(chosen), _PIECE):
        connection.execute(delete(falling).where(_f.attempt.in_(chosen[start : start + _PIECE])))


def forget_run(connection: Connection, run: Run) -> None:
    """Stop following any attempt of the run: it is cancelled, or its people are removed."""
    connection.execute(delete(falling).where(_f.run == run.number))


def pending(connection: Connection, run: Run) -> tuple[int, int | None]:
    """Return how many attempts of the run may still be followed, and when the first (UTC ms); 0 and None for none."""
    query = select(func.count(), func.min(_f.at)).join(attempts, _a.id == _f.attempt)
    query = query.where(_f.run == run.number, _is_sendable(run))
    many, first = connection.execute(query).one()
    return int(many), first


def _is_sendable(run: Run) -> ColumnElement[bool]:
    """Return the condition that the run can be sent; in a cancelled run nothing is revoked either."""
    states = [str(one) for one in SENDABLE]
    return exists().where(runs.c.number == run.number, runs.c.state.in_(states))


def due(connection: Connection, run: Run, now: int, most: int) -> list[Due]:
    """Return at most ``most`` due fallbacks, the longest due first."""
    columns = (
        _f.attempt,
        _f.expires_at,
        _a.state,
        _a.delivery,
        _a.gateway_id,
        _a.gateway,
        _a.channel,
        _a.address,
        _a.settled_at,
        attempt_sender(run.sender).label("sender"),
    )
    query = (
        select(*columns)
        .join(attempts, _a.id == _f.attempt)
        .where(_f.run == run.number, _f.at <= now, _is_sendable(run))
        .order_by(_f.at, _f.attempt)
        .limit(most)
    )
    rows = connection.execute(query).mappings()
    return [Due(**row, reference=run.reference(row["attempt"] % ROWS_PER_RUN)) for row in rows]


def told(connection: Connection, run: Run, lost: Sequence[int], arrived: Sequence[int], now: int) -> None:
    """Update fallbacks after receipts reported these attempts as not delivered, or delivered."""
    rule = rule_of(run)
    if rule is None:
        return
    forget(connection, arrived)
    if lost and UNDELIVERED in rule["when"]:
        next = next_of(connection, run, lost)
        falls = [Fall(id, now) for id in lost if id in next]
        note(connection, run, falls)
        if falls:
            connection.execute(
                update(runs)
                .where(runs.c.number == run.number, runs.c.state == str(RunState.FINISHED))
                .values(state=str(RunState.PAUSED), state_reason=WHY, finished_at=None)
            )


def next_of(connection: Connection, run: Run, ids: Iterable[int]) -> dict[int, Alternative]:
    """Return the next step of each attempt according to the plan; attempts without one are absent."""
    later = sorted(id for id in ids if is_later(id))
    found: dict[int, tuple[str | None, str | None]] = {id: (None, None) for id in ids if not is_later(id)}
    for start in range(0, len(later), _PIECE):
        some = later[start : start + _PIECE]
        rows = connection.execute(select(_a.id, _a.channel, _a.body).where(_a.id.in_(some)))
        found |= {row.id: (row.channel, row.body) for row in rows}
    texts = _texts(connection, run, found)
    ways = {id: next_after(texts.get(message_of(id)), *tried) for id, tried in found.items()}
    return {id: way for id, way in ways.items() if way is not None}


def _texts(connection: Connection, run: Run, ids: Iterable[int]) -> dict[int, str | None]:
    """Return the column ``alternatives`` of these attempts' messages, by message id."""
    messages = sorted({message_of(id) for id in ids})
    found: dict[int, str | None] = {}
    by_chunk: dict[int, list[int]] = defaultdict(list)
    heads = plan_store.heads(connection, run)
    for id in messages:
        for place, head in enumerate(heads):
            if head.first_id <= id < head.end_id:
                by_chunk[place].append(id)
    for place, mine in by_chunk.items():
        head = heads[place]
        column = plan_store.load(connection, run, head, ("alternatives",)).column("alternatives")
        if column is not None:
            found |= {id: column[id - head.first_id].as_py() for id in mine}
    return found
