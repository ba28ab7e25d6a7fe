"""Which of the rows that wait for another try a claim looks at: the queries, each for as many as are wanted."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from a2pcli.ledger import refusals
from a2pcli.ledger.leases import IS_MINE
from a2pcli.ledger.outcomes import IS_PLANNED
from a2pcli.ledger.tables import attempts

_c = attempts.c

CANDIDATE = select(
    _c.id,
    _c.address,
    _c.body,
    _c.country,
    _c.parts,
    _c.tries,
    _c.cost,
    _c.currency,
    _c.clock,
    _c.sender,
    _c.channel,
    _c.gateway,
    refusals.why_not,
).with_for_update(skip_locked=True, of=attempts)

ID, ADDRESS, BODY, CLOCK, SENDER, CHANNEL, GATEWAY, WHY_NOT = 0, 1, 2, 8, 9, 10, 11, -1
"""Places in a row of ``CANDIDATE``; by name they cost 5x as much."""

# By nothing but the moment: of an old run all are due since ever, and PostgreSQL would sort what is left of it for each
# claim. Both databases give those of one moment in the order in which they were stored.
WAITED = (
    CANDIDATE.where(_c.run == bindparam("run"), _c.due_at <= bindparam("now"), IS_PLANNED)
    .order_by(_c.due_at)
    .limit(bindparam("want"))
)
# The same rows in the same order, but only as much of them as the clocks need.
WAITED_CLOCKS = (
    select(_c.id, _c.clock)
    .where(_c.run == bindparam("run"), _c.due_at <= bindparam("now"), IS_PLANNED)
    .order_by(_c.due_at)
    .limit(bindparam("want"))
)
# Of the chunks that one of several senders has.
WAITED_MINE, WAITED_CLOCKS_MINE = WAITED.where(IS_MINE), WAITED_CLOCKS.where(IS_MINE)
THESE = CANDIDATE.where(_c.id.in_(bindparam("ids", expanding=True)), IS_PLANNED).order_by(_c.id)
NEXT_DUE = select(func.min(_c.due_at)).where(_c.run == bindparam("run"), _c.due_at.is_not(None))
