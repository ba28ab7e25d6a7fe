"""Messages with several attempts: numbered without gaps, each but the last one followed, their receipts right."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, not_, select

from a2pcli.ledger.attempt_ids import ATTEMPT_BIT, MOST_ROWS, ROWS_PER_RUN
from a2pcli.ledger.counting import most_attempts
from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.integrity_receipts import look_at_run
from a2pcli.ledger.integrity_rows import first
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import Run
from a2pcli.ledger.schema import falling
from a2pcli.ledger.tables import attempts, is_followed, runs
from a2pcli.messages import State

_f = falling.c
_a, _beside = attempts.c, attempts.alias("beside")


def look_at(context: CheckContext) -> None:
    """Check every run in which messages have several attempts; adds a ``Finding`` for each problem."""
    context.take("later attempts of messages", lambda: _of_runs(context))


def _of_runs(context: CheckContext) -> Iterator[Finding]:
    for row in context.connection.execute(select(runs).order_by(runs.c.number)).mappings().all():
        try:
            run = run_from_row(row)
        except ValueError:  # reported with the table
            continue
        yield from _followed(context, run)
        yield from _falling(context, run)
        if most_attempts(context.connection, run) > 1:
            begin = run.number * ROWS_PER_RUN
            yield from _later(context, run)
            yield from look_at_run(context, run, begin + MOST_ROWS + 1, begin + ROWS_PER_RUN)


def _later(context: CheckContext, run: Run) -> Iterator[Finding]:
    """Check that each later attempt has an earlier one marked as followed."""
    before = exists().where(_beside.c.id == _a.id - (1 << ATTEMPT_BIT), is_followed(_beside.c))
    begin = run.number * ROWS_PER_RUN
    later = and_(_a.id > begin + MOST_ROWS, _a.id < begin + ROWS_PER_RUN)
    many, least = context.connection.execute(
        select(func.count(), func.min(_a.id)).where(later, not_(before))
    ).one()
    if many:
        text = f"{_attempts(many)} without an earlier one that ended{first(least)}"
        yield Finding("attempt-unknown", text, run.id)


def _followed(context: CheckContext, run: Run) -> Iterator[Finding]:
    """Check that each followed attempt has a next one, unless retention removed it."""
    if "people" in run.summary.get("pruned", {}):
        return
    next = exists().where(_beside.c.id == _a.id + (1 << ATTEMPT_BIT))
    mine = and_(_a.occasion == run.occasion, is_followed(_a), _a.run == run.number)
    many, least = context.connection.execute(
        select(func.count(), func.min(_a.id)).where(mine, not_(next))
    ).one()
    if many:
        text = f"{_attempts(many)} followed by another, which is not there{first(least)}"
        yield Finding("attempt-unknown", text, run.id)


def _falling(context: CheckContext, run: Run) -> Iterator[Finding]:
    """Check that whatever is to be followed by another channel is an attempt of the run that a gateway answered."""
    ended = _a.state.in_([str(State.ACCEPTED), str(State.REJECTED)])
    there = exists().where(_a.id == _f.attempt, _a.run == _f.run, ended)
    many = context.connection.execute(
        select(func.count()).select_from(falling).where(_f.run == run.number, not_(there))
    ).scalar_one()
    if many:
        text = f"{_attempts(many)} to be followed by another channel, which no gateway has answered"
        yield Finding("left-over", text, run.id)


def _attempts(many: int) -> str:
    return "1 attempt is" if many == 1 else f"{many:,} attempts are"
