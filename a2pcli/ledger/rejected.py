"""Planning again what a gateway refused: by the provider's code, after a person has looked.

Only messages that were certainly not delivered: rejected ones, and those left out because the gateway refused their
country; never unknown ones. People who may not be messaged stay excluded, and the claim checks them again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import attempt_counts, caps, falling, other_forms, refusals
from a2pcli.ledger.alternatives import by_another_channel, gateway_of
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.outcomes import note_each
from a2pcli.ledger.plan_rows import NAMES, PlanRows, Wanted, as_rows, of_attempts
from a2pcli.ledger.plans import changed, lock_run
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.tables import attempts, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

NO_CODE = "no-code"
"""Stands for the code of a rejection without one."""

_PIECE = 5_000
"""Number of rows processed together."""

_c = attempts.c


@dataclass(frozen=True, slots=True)
class Rejection:
    """The messages of a run that the gateway rejected with one code.

    ``sentence`` is the provider's text. ``may_go`` of the ``messages`` can be planned again; for the others the person
    opted out, withdrew consent or was erased, or the text was a one-time code and is deleted.
    """

    code: str
    sentence: str
    messages: int
    may_go: int
    gateways: Mapping[str, int] = field(default_factory=dict)
    """How many of them each gateway rejected."""


def rejections(connection: Connection, run: Run, now: int) -> list[Rejection]:
    """Return the rejected messages of the run by code, most frequent first."""
    codes: dict[str, tuple[str, int, int]] = {}
    gateways: dict[str, Counter[str]] = defaultdict(Counter)
    for row, code, may_go in _refused(connection, run, now):
        sentence, many, free = codes.get(code, ("", 0, 0))
        codes[code] = (sentence or row["detail"] or "", many + 1, free + may_go)
        gateways[code][row["gateway"] or gateway_of(run, row["channel"])] += 1
    found = [Rejection(code, *of, dict(sorted(gateways[code].items()))) for code, of in codes.items()]
    return sorted(found, key=lambda one: (-one.messages, one.code))


def plan_again(connection: Connection, run: Run, codes: Collection[str], note: str, now: int) -> int:
    """Plan the rejected messages with these codes again, if permitted; return how many.

    Each gets an event with ``note``. A finished run is paused, so that the next ``send`` continues it.
    """
    lock_run(connection, run)
    rows = [row for row, code, may_go in _refused(connection, run, now) if may_go and code in codes]
    if not rows:
        return 0
    ids = [int(row["id"]) for row in rows]
    changed(connection, run)
    caps.forget(connection, ids)
    falling.forget(connection, ids)
    values: dict[str, Any] = {
        "state": str(State.PLANNED),
        "due_at": 0,  # at once, by any clock
        "claimed_at": None,
        "settled_at": None,
        "reason": None,
        "rule": None,
        "tries": 0,
        **dict.fromkeys(("delivery", "delivered_at", "delivery_code")),  # of the previous try
    }
    there = update(attempts).where(_c.id == bindparam("b_id")).values(values)
    for row in rows:
        if not connection.execute(there, {"b_id": row["id"]}).rowcount:
            # it had no attempt: a whole country was refused, in one row
            plain = {name: row[name] for name in NAMES if name in _OF_PLAN}
            connection.execute(insert(attempts).values(plain | values))
            attempt_counts.add(connection, run.number, [row["id"]])
    note_each(connection, run, ids, now, kind="retried", detail=note)
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number, runs.c.state == str(RunState.FINISHED))
        .values(state=str(RunState.PAUSED), state_reason="rejected messages planned again", finished_at=None)
    )
    return len(ids)


_OF_PLAN = frozenset(
    {
        *("id", "run", "occasion", "address", "person", "country", "parts", "cost", "currency", "variant"),
        *("clock", "sender", "consent_until"),
    }
)
"""Columns that a message's attempt takes from the plan."""

_WANTED = Wanted([str(State.REJECTED), str(State.SKIPPED)])


def _refused(connection: Connection, run: Run, now: int) -> Iterator[tuple[dict[str, Any], str, bool]]:
    """Yield the rejected messages with their codes, and whether each may be planned again."""
    for rows in _pieces(connection, run, now):
        gone: set[int] = set()
        for channel in {row["channel"] for row in rows}:
            gone |= _gone(connection, by_another_channel(run, channel), channel, rows, now)
        for row in rows:
            is_there = row["address"] is not None and row["body"] is not None
            code = row["code"] or NO_CODE
            if row["state"] == State.SKIPPED:
                code = str(Reason.COUNTRY_REFUSED)
            yield row, code, is_there and row["id"] not in gone


def _gone(
    connection: Connection, run: Run, channel: str | None, rows: Sequence[dict[str, Any]], now: int
) -> set[int]:
    """Return the ids of the rows of a channel whose people may not be messaged by it; ``run`` is as if it had only this
    channel."""
    candidates = [
        other_forms.Candidate(
            row["id"],
            row["address"],
            row["sender"],
            True,
            row["consent_until"],
            other_forms.others_of(row["others"]),
        )
        for row in rows
        if row["address"] is not None and row["channel"] == channel
    ]
    asked = {**refusals.parameters(run), "binds": binds(run.purpose)}
    return set(other_forms.refused_of_plan(connection, run, candidates, asked, now))


def _pieces(connection: Connection, run: Run, now: int) -> Iterator[list[dict[str, Any]]]:
    """Yield rejected messages in batches of at most ``_PIECE``."""
    reader = PlanRows(connection, run, now)
    for head in reader.heads:
        found = [row for row in as_rows(reader.columns(connection, head, _WANTED)) if _is_refused(row)]
        for start in range(0, len(found), _PIECE):
            yield found[start : start + _PIECE]
    after: int | None = None
    while not reader.heads:
        columns = of_attempts(connection, run, after, _PIECE, _WANTED)
        yield [row for row in as_rows(columns) if _is_refused(row)]
        if len(columns["id"]) < _PIECE:
            return
        after = columns["id"][-1]


def _is_refused(row: dict[str, Any]) -> bool:
    return bool(row["state"] == State.REJECTED or row["reason"] == Reason.COUNTRY_REFUSED)
