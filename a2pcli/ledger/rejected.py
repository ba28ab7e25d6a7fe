"""Planning again what a gateway refused: by the provider's code, after a person has looked.

Only what certainly nobody has: rejected messages, and those that were left out because the gateway refused their
country. Unknown messages are not among them. Who may not be messaged stays as it is, and is looked at once more
at the claim.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Boolean, and_, bindparam, case, func, literal, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.ledger import caps, other_forms, refusals
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.outcomes import note_each
from a2pcli.ledger.plans import changed, of_run
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.tables import messages, runs
from a2pcli.messages import State
from a2pcli.reasons import Reason

NO_CODE = "no-code"
"""Stands for the code of a rejection without one."""

_c = messages.c
_refused_country = and_(_c.state == str(State.SKIPPED), _c.reason == str(Reason.COUNTRY_REFUSED))
_is_refused = or_(_c.state == str(State.REJECTED), _refused_country)
_code = case(
    (_refused_country, literal(str(Reason.COUNTRY_REFUSED))), else_=func.coalesce(_c.code, NO_CODE)
).label("code")
_has_text = _c.body.is_not(None).label("has_text")
_why_not = case(
    (and_(bindparam("binds", type_=Boolean), refusals.opted_out), literal(str(Reason.OPTED_OUT))),
    (and_(bindparam("consent_binds", type_=Boolean), refusals.no_consent), literal(str(Reason.NO_CONSENT))),
    (and_(bindparam("binds", type_=Boolean), refusals.names_a_sender), literal(refusals.ASKS_SENDER)),
).label("why_not")


@dataclass(frozen=True, slots=True)
class Rejection:
    """The messages of a run that the gateway refused with one code.

    ``sentence`` is what it said with it. ``may_go`` of the ``messages`` can be planned again; of the others the
    person opted out or took consent back, was erased, or the text was a one-time code and is gone.
    """

    code: str
    sentence: str
    messages: int
    may_go: int


def rejections(connection: Connection, run: Run, now: int) -> list[Rejection]:
    """The refused messages of the run by code, the most first."""
    codes: dict[str, tuple[str, int, int]] = {}
    for row, may_go in _refused(connection, run, now):
        sentence, many, free = codes.get(row.code, ("", 0, 0))
        codes[row.code] = (sentence or row.detail or "", many + 1, free + may_go)
    found = [Rejection(code, *of) for code, of in codes.items()]
    return sorted(found, key=lambda one: (-one.messages, one.code))


def plan_again(connection: Connection, run: Run, codes: Collection[str], note: str, now: int) -> int:
    """Plan the refused messages with these codes again, if they may go; gives how many.

    Each gets an event with ``note``. A finished run is paused by it, so that the next ``send`` goes on with it.
    """
    ids = [row.id for row, may_go in _refused(connection, run, now) if may_go and row.code in codes]
    if not ids:
        return 0
    changed(connection, run)
    caps.forget(connection, ids)
    values: dict[str, Any] = {
        "state": str(State.PLANNED),
        "due_at": 0,  # at once, by any clock
        "claimed_at": None,
        "settled_at": None,
        "reason": None,
        "rule": None,
        "attempts": 0,
    }
    connection.execute(
        update(messages).where(_c.id == bindparam("b_id"), _is_refused).values(values),
        [{"b_id": id} for id in ids],
    )
    note_each(connection, run, ids, now, kind="retried", detail=note)
    connection.execute(
        update(runs)
        .where(runs.c.number == run.number, runs.c.state == str(RunState.FINISHED))
        .values(state=str(RunState.PAUSED), state_reason="rejected messages planned again", finished_at=None)
    )
    return len(ids)


def _refused(connection: Connection, run: Run, now: int) -> Iterator[tuple[Any, bool]]:
    """The refused messages, and whether each may be planned again."""
    asked = {**refusals.parameters(run), "binds": binds(run.purpose)}
    query = select(_c.id, _code, _c.detail, _c.address, _c.sender, _has_text, _why_not).where(
        of_run(run), _is_refused
    )
    rows = connection.execute(query.order_by(_c.id), {"now": now, **asked}).all()
    candidates = [
        other_forms.Candidate(row.id, row.address, row.sender, row.why_not == refusals.ASKS_SENDER)
        for row in rows
        if row.address is not None and row.why_not in (None, refusals.ASKS_SENDER)
    ]
    gone = other_forms.refused(connection, run, candidates, asked, now)
    for row in rows:
        is_there = row.address is not None and row.has_text
        yield row, is_there and row.why_not in (None, refusals.ASKS_SENDER) and row.id not in gone
