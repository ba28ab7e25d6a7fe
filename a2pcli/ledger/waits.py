"""Messages of a run that wait for their sending hours. Nothing is written when a clock is closed: the counts come from
the clocks, and from the number of messages without attempts of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection

from a2pcli.ledger import clocks, plan_store
from a2pcli.ledger.clocks import Held
from a2pcli.ledger.outcomes import IS_PLANNED
from a2pcli.ledger.records import RESUMABLE, Run, Totals, Waiting
from a2pcli.ledger.tables import attempts, runs
from a2pcli.messages import State

_a = attempts.c

_tried = (
    select(_a.due_at, _a.reason, _a.rule, _a.clock, func.count())
    .where(_a.run == bindparam("run"), _a.due_at.is_not(None), IS_PLANNED, _a.reason.is_not(None))
    .group_by(_a.due_at, _a.reason, _a.rule, _a.clock)
)


def holding(connection: Connection, run: Run, now: int) -> Callable[[int | None], Held | None] | None:
    """Return a function that tells why messages of a clock are held now; None if the run is not being sent, has not
    begun or has no permitted hours."""
    query = select(runs.c.state, runs.c.not_before).where(runs.c.number == run.number)
    state, begins = connection.execute(query).one_or_none() or (None, None)
    is_sent = state in RESUMABLE and (begins is None or begins <= now)
    known = clocks.of_run(connection, run) if is_sent else {}
    return clocks.Gate(run, known, now) if known else None


def waiting(connection: Connection, run: Run, now: int) -> list[Waiting]:
    """Return what waits for permitted hours or a quota now, earliest first."""
    known = clocks.of_run(connection, run)
    found: dict[tuple[int, str], tuple[int, set[str], set[str]]] = {}

    def add(until: int, reason: str, rule: str | None, clock: int | None, many: int) -> None:
        before, zones, rules = found.get((until, reason), (0, set(), set()))
        zones = zones.union(known[clock].clock.zones if clock in known else ())
        found[until, reason] = (before + many, zones, rules.union([rule] if rule else []))

    for until, reason, rule, clock, many in connection.execute(_tried, {"run": run.number}):
        add(until, reason, rule, clock, many)
    holds = holding(connection, run, now)
    if holds is not None:
        by_clock: Counter[int | None] = Counter()
        for (_, clock), many in plan_store.count_waiting(connection, run).items():
            by_clock[clock] += many
        for clock, many in by_clock.items():
            why = holds(clock)
            if why is not None and why.until is not None:
                add(why.until, str(why.reason), why.rule, clock, many)
    return [
        Waiting(until, reason, many, tuple(sorted(zones)), tuple(sorted(rules)))
        for (until, reason), (many, zones, rules) in sorted(found.items())
    ]


def with_held(connection: Connection, run: Run, totals: Totals, now: int) -> Totals:
    """Return the totals with messages held for permitted hours now among the reasons of planned ones."""
    if not any(clock is not None for clock in totals.untouched):
        return totals
    holds = holding(connection, run, now)
    if holds is None:
        return totals
    held = Counter(totals.held)
    for clock, many in totals.untouched.items():
        why = holds(clock)
        if why is not None and why.until is not None:
            held[str(why.reason)] += many
    if not held:
        return totals
    reasons: Mapping[str, Mapping[str, int]] = {
        **totals.reasons,
        str(State.PLANNED): dict(sorted(held.items())),
    }
    return replace(totals, reasons=dict(sorted(reasons.items())))
