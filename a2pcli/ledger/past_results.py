"""Results of earlier messages by a channel and gateway: how many were refused, lost or delivered, by country.

The estimate of a plan's fallbacks uses them. Reading is bounded: the newest runs of the last ``DAYS`` days, up to
``ENOUGH`` messages in all, and no more than ``OF_A_RUN`` of one run.
"""

from __future__ import annotations

from dataclasses import field

from sqlalchemy import and_, func, or_, select
from sqlalchemy.engine import Connection

from a2pcli.dataclass import dataclass
from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.ledger.alternatives import gateway_of, names_by_channel
from a2pcli.ledger.attempt_ids import ROWS_PER_RUN, nth_attempt
from a2pcli.ledger.counting import most_attempts
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import Run
from a2pcli.ledger.tables import attempts, runs
from a2pcli.messages import State

DAYS = 90
FEWEST = 100
"""Messages whose results are enough for an estimate."""
ENOUGH = 200_000
OF_A_RUN = 100_000
MOST_RUNS = 100

_a = attempts.c
_NEGATIVE, _ARRIVED = frozenset(map(str, NEGATIVE)), frozenset(map(str, ARRIVED))


@dataclass(slots=True)
class Results:
    """Messages of one country (or of all): ``rejected`` by the gateway, ``lost`` or ``delivered`` by their receipts,
    ``silent`` without a receipt that tells."""

    rejected: int = 0
    lost: int = 0
    delivered: int = 0
    silent: int = 0

    @property
    def messages(self) -> int:
        """Number of messages."""
        return self.rejected + self.lost + self.delivered + self.silent

    def add(self, other: Results) -> None:
        """Add the counts of others."""
        self.rejected += other.rejected
        self.lost += other.lost
        self.delivered += other.delivered
        self.silent += other.silent


@dataclass(slots=True)
class PastResults:
    """Results by country. ``oldest`` and ``newest`` are when the first and the last was settled (UTC milliseconds);
    None without messages."""

    countries: dict[str, Results] = field(default_factory=dict)
    oldest: int | None = None
    newest: int | None = None

    @property
    def total(self) -> Results:
        """Results of all countries."""
        found = Results()
        for one in self.countries.values():
            found.add(one)
        return found


def of_channel(connection: Connection, channel: str, gateway: str, now: int) -> PastResults:
    """Count what became of messages by this channel and gateway; empty if there were none."""
    found = PastResults()
    since = now - DAYS * 86_400_000
    recent = and_(runs.c.started_at.is_not(None), runs.c.created_at >= since)
    query = select(runs).where(recent).order_by(runs.c.number.desc()).limit(MOST_RUNS)
    for row in connection.execute(query).mappings().all():
        run = run_from_row(row)
        if gateway in names_by_channel(run).get(channel, ()):
            _add(connection, run, channel, gateway, since, found)
        if found.total.messages >= ENOUGH:
            break
    return found


def _add(
    connection: Connection, run: Run, channel: str, gateway: str, since: int, found: PastResults
) -> None:
    begin = run.number * ROWS_PER_RUN
    within = [
        and_(_a.id >= nth_attempt(begin, number), _a.id < nth_attempt(begin, number) + OF_A_RUN)
        for number in range(1, most_attempts(connection, run) + 1)
    ]
    ended = [str(State.ACCEPTED), str(State.REJECTED)]
    mine = (
        or_(*within),
        _a.state.in_(ended),
        _a.settled_at >= since,
        func.coalesce(_a.channel, run.channel) == channel,
        func.coalesce(_a.gateway, gateway_of(run, channel)) == gateway,
    )
    keys = (_a.country, _a.state, _a.delivery)
    moments = (func.min(_a.settled_at), func.max(_a.settled_at))
    query = select(*keys, func.count(), *moments).where(*mine).group_by(*keys)
    for country, state, delivery, many, oldest, newest in connection.execute(query):
        results = found.countries.setdefault(country or "", Results())
        if state == State.REJECTED:
            results.rejected += many
        elif delivery in _NEGATIVE:
            results.lost += many
        elif delivery in _ARRIVED:
            results.delivered += many
        else:
            results.silent += many
        found.oldest = oldest if found.oldest is None else min(found.oldest, oldest)
        found.newest = newest if found.newest is None else max(found.newest, newest)


__all__ = ["DAYS", "FEWEST", "PastResults", "Results", "of_channel"]
