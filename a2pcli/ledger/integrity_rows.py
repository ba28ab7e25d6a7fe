"""Each table by itself: what must be true of its rows whatever a plan says.

Rules are conditions in SQL for rows that are wrong; all of a table are asked in one pass over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.schema import Table
from sqlalchemy.sql.selectable import Select

from a2pcli.ledger import consents as consent_rows
from a2pcli.ledger import optouts
from a2pcli.ledger.caps import TAKEN
from a2pcli.ledger.erased_people import MARK
from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.records import RunState
from a2pcli.ledger.row_rules import OUTSIDE, RowRule
from a2pcli.ledger.schema import codes
from a2pcli.ledger.schema_answers import answers
from a2pcli.ledger.schema_triggers import triggers
from a2pcli.ledger.tables import (
    MOST_ROWS,
    ROWS_PER_RUN,
    about,
    attempt_counts,
    attempts,
    clocks,
    consents,
    contacted,
    events,
    is_claimed,
    leases,
    metadata,
    occasions,
    plan_chunks,
    plan_ends,
    runs,
    senders,
    spending,
    suppressions,
)
from a2pcli.messages import CLAIMED_STATES, State
from a2pcli.reasons import Reason

_a, _r, _s, _c, _e = attempts.c, runs.c, suppressions.c, consents.c, plan_ends.c

_CLAIMED = [str(state) for state in CLAIMED_STATES]
_NEVER_SENT = (RunState.PLANNING, RunState.PLANNED, RunState.DISCARDED, RunState.SUPERSEDED)


_ATTEMPTS = (
    RowRule("attempt-state", "have an invalid state", _a.state.not_in([str(one) for one in State])),
    RowRule(
        "attempt-state",
        "have a state that contradicts whether they were claimed",
        _a.claimed_at.is_(None) == _a.state.in_(_CLAIMED),
    ),
    RowRule(
        "attempt-state",
        "have a due time without waiting, or wait without a due time",
        _a.due_at.is_(None) == (_a.state == str(State.PLANNED)),
    ),
    RowRule(
        "attempt-state",
        "have an outcome without a time",
        and_(_a.state.in_([*_CLAIMED[1:], "expired", "cancelled"]), _a.settled_at.is_(None)),
    ),
    RowRule(
        "attempt-state", "were skipped without a reason", and_(_a.state == "skipped", _a.reason.is_(None))
    ),
    RowRule(
        "attempt-state",
        "were claimed but have no tries",
        # What is rejected as its country was is never handed over (``exchanges.Settled``).
        and_(
            _a.claimed_at.is_not(None),
            _a.tries < 1,
            _a.delivery.is_(None),
            _a.state != str(State.REJECTED),
        ),
    ),
    RowRule(
        "attempt-state", "have a negative cost or a negative number of parts", or_(_a.cost < 0, _a.parts < 0)
    ),
    RowRule(
        "attempt-state", "have a cost without a currency", and_(_a.cost.is_not(None), _a.currency.is_(None))
    ),
    RowRule("attempt-unknown", "have an id that belongs to another run", _a.id // ROWS_PER_RUN != _a.run),
)

_TABLES: dict[Table, Sequence[RowRule]] = {
    suppressions: (
        RowRule("opt-out", "have an unknown scope", _s.scope.not_in(optouts.SCOPES)),
        RowRule(
            "opt-out",
            "have a scope without a name, or a name without a scope",
            (_s.scope == optouts.EVERYTHING) != (_s.scope_value == ""),
        ),
        RowRule("opt-out", "have no address", _s.address == ""),
        RowRule(
            "opt-out",
            "were removed, but the time or the person who did it is missing",
            _s.lifted_at.is_(None) != _s.lifted_by.is_(None),
        ),
    ),
    consents: (
        RowRule(
            "consent", "have an unknown basis", _c.basis.not_in([*consent_rows.BASES, consent_rows.WITHDRAWN])
        ),
        RowRule("consent", "have no address", _c.address == ""),
        RowRule(
            "consent",
            "have an unknown state of double opt-in",
            _c.double_opt_in.not_in([consent_rows.PENDING, consent_rows.CONFIRMED]),
        ),
        RowRule(
            "consent",
            "withdraw consent without a time",
            and_(_c.basis == consent_rows.WITHDRAWN, _c.revoked_at.is_(None)),
        ),
    ),
    **OUTSIDE,
    plan_ends: (
        RowRule("plan-end", "have an unknown reason", _e.reason.not_in([str(one) for one in Reason])),
        RowRule(
            "plan-end",
            "have a state that cannot be final",
            _e.state.not_in([str(State.SKIPPED), str(State.EXPIRED), str(State.CANCELLED)]),
        ),
    ),
    runs: (
        RowRule("run", "have an invalid state", _r.state.not_in([str(one) for one in RunState])),
        RowRule(
            "run",
            "have ended without a time, or have an end time without having ended",
            _r.finished_at.is_(None) == _r.state.in_([str(RunState.FINISHED), str(RunState.CANCELLED)]),
        ),
        RowRule(
            "run",
            "belong to an occurrence that does not exist",
            not_(exists().where(occasions.c.number == _r.occasion)),
        ),
    ),
}

_NAMES = {
    suppressions: "opt-outs",
    consents: "consent records",
    answers: "messages outside of campaigns",
    codes: "one-time passwords",
    triggers: "events that other systems reported",
    plan_ends: "ends of many messages at once",
    runs: "runs",
}

_NO_RUN = {
    plan_chunks: plan_chunks.c.run,
    plan_ends: plan_ends.c.run,
    clocks: clocks.c.run,
    senders: senders.c.run,
    leases: leases.c.run,
    spending: spending.c.run,
    events: events.c.run,
    attempt_counts: attempt_counts.c.run,
}
"""Tables with a run number that must exist in ``runs``."""


def look_at(context: CheckContext) -> None:
    """Check every table; adds a ``Finding`` for each problem."""
    if context.connection.dialect.name == "sqlite":
        for table in metadata.sorted_tables:
            context.take(f"the table {table.name}", partial(_kinds, context, table))
    context.take("the table attempts", lambda: _attempts(context))
    context.take("the index of who was messaged", lambda: _twice(context))
    context.take("attempts and their runs", lambda: _of_runs(context))
    for table, rules in _TABLES.items():
        context.take(f"the table {table.name}", partial(_broken, context, table, rules))
    context.take("the table runs", lambda: _documents(context))
    context.take("the suppression list", lambda: _lists(context))
    context.take("the log for frequency caps", lambda: _caps(context))
    for table, column in _NO_RUN.items():
        context.take(f"the table {table.name}", partial(_strays, context, table, column))


def _kinds(context: CheckContext, table: Table) -> Iterator[Finding]:
    """Check value types, because SQLite stores any type in any column."""
    any_wrong, sums_of_wrong = _queries_for_kinds(table)
    if not context.connection.execute(any_wrong).first():
        return
    sums = context.connection.execute(sums_of_wrong).one()
    for column, many in zip(table.columns, sums, strict=True):
        if many:
            said = f"the table {table.name} has {_many(many, 'row')} with no valid {column.name}"
            yield Finding("wrong-values", said)


@cache
def _queries_for_kinds(table: Table) -> tuple[Select[Any], Select[Any]]:
    """Return the query whether any row has a value of a wrong type, and the number of such rows for each column.

    One condition for all columns is twice as fast as a sum for each; sums are queried only if it holds.
    """
    wrong = [_is_of_other_kind(column) for column in table.columns]
    return (
        select(literal(1)).select_from(table).where(or_(*wrong)).limit(1),
        select(*(func.sum(case((one, 1), else_=0)) for one in wrong)),
    )


def _is_of_other_kind(column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that a value has another type than its column. Missing values are found by the file's
    check."""
    numbers = isinstance(column.type, (Integer, BigInteger, SmallInteger))
    kind = "integer" if numbers else "blob" if isinstance(column.type, LargeBinary) else "text"
    return and_(column.is_not(None), func.typeof(column) != literal_column(f"'{kind}'"))


def _sums(rules: Sequence[RowRule], place: Any) -> list[Any]:
    """Return for each rule the number of rows that break it, and the first of them."""
    found: list[Any] = []
    for rule in rules:
        found += [func.sum(case((rule.wrong, 1), else_=0)), func.min(case((rule.wrong, place)))]
    return found


def _attempts(context: CheckContext) -> Iterator[Finding]:
    number = _a.id // ROWS_PER_RUN
    ids = dict(map(tuple, context.connection.execute(select(_r.number, _r.id))))
    for of, many in context.connection.execute(select(number, func.count()).group_by(number)):
        context.checked.attempts += many
        if of not in ids:
            yield Finding("left-over", f"{_many(many, 'attempt')} of a run that does not exist (number {of})")
    broken = or_(*(rule.wrong for rule in _ATTEMPTS))
    rows = context.connection.execute(select(number, *_sums(_ATTEMPTS, _a.id)).where(broken).group_by(number))
    for of, *sums in rows:
        for place, rule in enumerate(_ATTEMPTS if of in ids else ()):
            if count := sums[2 * place]:
                yield Finding(
                    rule.code, f"{_many(count, 'attempt')} {rule.says}{first(sums[2 * place + 1])}", ids[of]
                )


def first(id: int | None) -> str:
    """Return text such as `` (the first is row 17)``."""
    return "" if id is None else f" (the first is row {row_of(id):,})"


def row_of(id: int) -> int:
    """Return the plan row that an attempt belongs to."""
    return int(id % ROWS_PER_RUN) & int(MOST_ROWS)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _twice(context: CheckContext) -> Iterator[Finding]:
    """Check that each person has one claimed row per occurrence, by the rows rather than by the index that enforces
    it."""
    claimed = and_(is_claimed(_a), _a.person.is_not(None))
    people = select(_a.occasion).where(claimed).group_by(_a.occasion, _a.person).having(func.count() > 1)
    found = people.subquery()
    query = (
        select(occasions.c.campaign, occasions.c.occurrence, func.count())
        .select_from(found.outerjoin(occasions, occasions.c.number == found.c.occasion))
        .group_by(occasions.c.campaign, occasions.c.occurrence)
    )
    for campaign, occurrence, many in context.connection.execute(query):
        who = "1 person has" if many == 1 else f"{many:,} people have"
        yield Finding("sent-twice", f"{who} more than one message of {campaign}/{occurrence}")


def _of_runs(context: CheckContext) -> Iterator[Finding]:
    """Report attempts that contradict the state of their run."""
    never = _r.state.in_([str(state) for state in _NEVER_SENT])
    ended = _r.state == str(RunState.FINISHED)
    rules = (
        RowRule(
            "attempt-unknown", "belong to a different occurrence than their run", _a.occasion != _r.occasion
        ),
        RowRule(
            "attempt-state",
            "were claimed although sending never started",
            and_(never, _a.claimed_at.is_not(None)),
        ),
        RowRule(
            "open-claim", "are still open although the run has ended", and_(ended, _a.state == "submitting")
        ),
    )
    query = (
        select(_r.id, *_sums(rules, _a.id))
        .select_from(attempts.join(runs, _r.number == _a.run))
        .where(or_(*(rule.wrong for rule in rules)))
        .group_by(_r.id)
        .order_by(_r.id)
    )
    for run, *sums in context.connection.execute(query):
        for place, rule in enumerate(rules):
            if count := sums[2 * place]:
                yield Finding(
                    rule.code, f"{_many(count, 'attempt')} {rule.says}{first(sums[2 * place + 1])}", run
                )


def _broken(context: CheckContext, table: Table, rules: Sequence[RowRule]) -> Iterator[Finding]:
    place = table.primary_key.columns.values()[-1]
    sums = context.connection.execute(select(*_sums(rules, place)).select_from(table)).one()
    for at, rule in enumerate(rules):
        if count := sums[2 * at]:
            name = _NAMES[table] if count > 1 else _NAMES[table].removesuffix("s")
            yield Finding(
                rule.code, f"{count:,} {name} {rule.says} (the first is number {sums[2 * at + 1]:,})"
            )


def _documents(context: CheckContext) -> Iterator[Finding]:
    """Report JSON of runs that cannot be read."""
    for run, *texts in context.connection.execute(select(_r.id, _r.summary, _r.sending, _r.totals)):
        for name, value in zip(("summary", "sending", "totals"), texts, strict=True):
            try:
                good = value is None or isinstance(json.loads(value), dict)
            except (ValueError, TypeError):
                good = False
            if not good:
                yield Finding("run", f"its {name} cannot be read", run)


def _lists(context: CheckContext) -> Iterator[Finding]:
    """Check that each address and scope has one active opt-out, and that the key of erased people's hashes is known."""
    same = (_s.address, _s.scope, _s.scope_value)
    query = select(func.count()).select_from(
        select(_s.scope).where(_s.lifted_at.is_(None)).group_by(*same).having(func.count() > 1).subquery()
    )
    if many := context.connection.execute(query).scalar_one():
        yield Finding("opt-out", f"{many:,} opt-outs are on the list twice at once")
    hashed = select(func.count()).where(_s.address.like(f"{MARK}%"))
    known = context.connection.execute(select(about.c.value).where(about.c.name == "erasure-key")).first()
    if known is None and (many := context.connection.execute(hashed).scalar_one()):
        yield Finding("opt-out", f"the check value of the key for {many:,} erased people is missing")


def _caps(context: CheckContext) -> Iterator[Finding]:
    """Check that messages noted for caps and replies were, or may have been, accepted."""
    m = contacted.c.message
    taken = [str(state) for state in TAKEN]
    query = select(func.count(), func.min(m)).select_from(contacted.join(attempts, _a.id == m))
    count, least = context.connection.execute(query.where(_a.state.not_in(taken))).one()
    if count:
        yield Finding("caps", f"{_many(count, 'message')} noted as sent were not accepted{first(least)}")
    run = m // ROWS_PER_RUN
    lost = select(func.count()).select_from(contacted).where(run.not_in(select(_r.number)))
    if count := context.connection.execute(lost).scalar_one():
        yield Finding("left-over", f"{_many(count, 'message')} noted as sent belong to no run")


def _strays(context: CheckContext, table: Table, run: Any) -> Iterator[Finding]:
    query = select(func.count()).select_from(table).where(run.is_not(None), run.not_in(select(_r.number)))
    if count := context.connection.execute(query).scalar_one():
        yield Finding(
            "left-over", f"the table {table.name} has {_many(count, 'row')} of runs that do not exist"
        )
