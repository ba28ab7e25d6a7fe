"""The runs of a ledger: finding them, what of them is counted, waits and happened, and what ends them as a whole."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import masked
from a2pcli.errors import Problem, UsageError
from a2pcli.lazy import lazily
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.faults import translates_errors
from a2pcli.ledger.history import Event, events_where
from a2pcli.ledger.plans import lock_run, run_from_row
from a2pcli.ledger.records import RESUMABLE, Run, RunState, Totals, Waiting, now_ms
from a2pcli.ledger.tables import events, runs
from a2pcli.messages import Outcome, State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.ledger import approved, clocks, counting, falling, outcomes, waits
else:
    approved, clocks, counting, falling, outcomes, waits = lazily(
        "a2pcli.ledger", "approved", "clocks", "counting", "falling", "outcomes", "waits"
    )


def run_by_id(connection: Connection, id: str, *, lock: bool = False) -> Run:
    """Return the run with this id; with ``lock``, no other process changes it until the transaction ends.

    Raises ``UsageError`` that suggests the nearest id if it does not exist.
    """
    query = select(runs).where(runs.c.id == id.strip().lower())
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is not None:
        return run_from_row(row)
    known = connection.execute(select(runs.c.id).order_by(runs.c.number.desc()).limit(10_000)).scalars().all()
    near = difflib.get_close_matches(id.strip().lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "`a2pcli runs` lists the runs of this ledger"
    raise UsageError(Problem(f"no run '{id}' in this ledger", hint=hint, code="unknown-run"))


class Runs(SubStore):
    """The runs of an open ledger. Times are UTC milliseconds; ``now`` is for tests."""

    def get(self, id: str) -> Run:
        """Return the run with this id as it is now. Raises ``UsageError`` if it does not exist."""
        with self._ledger.reading() as connection:
            return run_by_id(connection, id)

    def all(
        self, limit: int | None = None, campaign: str | None = None, without: Sequence[str] = ()
    ) -> list[Run]:
        """Return runs, newest first, except those in the states ``without``."""
        query = select(runs).order_by(runs.c.number.desc())
        if without:
            query = query.where(runs.c.state.not_in([str(state) for state in without]))
        if campaign is not None:
            query = query.where(runs.c.campaign == campaign)
        if limit is not None:
            query = query.limit(limit)
        with self._ledger.reading() as connection:
            return [run_from_row(row) for row in connection.execute(query).mappings()]

    def programmes(self) -> list[str]:
        """Return the names of all programmes that runs belong to."""
        query = select(runs.c.programme).where(runs.c.programme.is_not(None)).distinct()
        with self._ledger.reading() as connection:
            return list(connection.execute(query).scalars())

    def count(self, states: Sequence[str], campaign: str | None = None) -> int:
        """Return the number of runs in one of the states."""
        query = (
            select(func.count()).select_from(runs).where(runs.c.state.in_([str(state) for state in states]))
        )
        if campaign is not None:
            query = query.where(runs.c.campaign == campaign)
        with self._ledger.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def unfinished(self, occasion: int) -> Run | None:
        """Return the newest run of the occurrence that was interrupted or paused, or None."""
        states = sorted(str(state) for state in RESUMABLE)
        query = (
            select(runs)
            .where(runs.c.occasion == occasion, runs.c.state.in_(states))
            .order_by(runs.c.number.desc())
            .limit(1)
        )
        with self._ledger.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else run_from_row(row)

    def has_campaign(self, campaign: str) -> bool:
        """Return whether the ledger has a run of the campaign."""
        query = select(runs.c.number).where(runs.c.campaign == campaign).limit(1)
        with self._ledger.reading() as connection:
            return connection.execute(query).first() is not None

    def events(self, run: Run) -> tuple[Event, ...]:
        """Return the events of the run as a whole, and its test messages, oldest first."""
        with self._ledger.reading() as connection:
            return events_where(connection, (events.c.run == run.number) & events.c.message.is_(None))

    def totals(self, run: Run, now: int | None = None) -> Totals:
        """Return the counts of the run, stored or counted from its chunks and attempts; writes nothing.

        Messages held for permitted hours are counted as of ``now``.
        """
        with self._ledger.reading() as connection:
            known = counting.kept(connection, run)
            counted = counting.count(connection, run) if known is None else known
            return waits.with_held(connection, run, counted, now_ms() if now is None else now)

    def waiting(self, run: Run, now: int | None = None) -> list[Waiting]:
        """Return what waits for permitted hours or a quota as of ``now``, earliest first."""
        with self._ledger.reading() as connection:
            return waits.waiting(connection, run, now_ms() if now is None else now)

    def clocks(self, run: Run) -> dict[int, clocks.RunClock]:
        """Return the run's clocks by number (``attempts.clock``)."""
        with self._ledger.reading() as connection:
            return clocks.of_run(connection, run)

    @translates_errors
    def set_state(self, run: Run, state: str, reason: str | None = None, now: int | None = None) -> None:
        """Set the run's state (``RunState``) and its reason."""
        with self._ledger.sending(run, alone=False) as connection:
            outcomes.set_run_state(connection, run, state, reason, now_ms() if now is None else now)

    @translates_errors
    def assume_zone(self, run: Run, zone: str, now: int | None = None) -> int:
        """Use ``zone`` for recipients of the run whose time zone is unknown; return how many held messages that
        affects.

        Hold ``sender_lock`` meanwhile.
        """
        with self._ledger.sending(run) as connection, approved.changing_rows(connection, [run]):
            count = clocks.assume(connection, run, zone, now_ms() if now is None else now)
            counting.keep(connection, run)
        return count

    @translates_errors
    def expire(self, run: Run, now: int) -> int:
        """Expire all planned messages if the run's ``expires_at`` has passed; return how many."""
        if run.expires_at is None or now < run.expires_at:
            return 0
        return self._end_planned(run, State.EXPIRED, Reason.EXPIRED, now)

    @translates_errors
    def refuse_country(self, run: Run, country: str, now: int | None = None) -> int:
        """Skip all planned messages to this country in the run; return how many."""
        return self._end_planned(run, State.SKIPPED, Reason.COUNTRY_REFUSED, now, country)

    @translates_errors
    def cancel(self, run: Run, now: int | None = None, *, why: str | None = None, alone: bool = False) -> int:
        """Cancel the run and all planned messages; return how many. Submitted messages are not changed.

        ``alone``: the caller holds ``sender_lock``, so open claims are of a killed sender and become ``unknown``.
        """
        moment = now_ms() if now is None else now
        with self._ledger.sending(run, alone=alone) as connection:
            lock_run(connection, run)
            if alone:
                outcomes.lose(connection, run, moment)
            count = outcomes.end_planned(connection, run, State.CANCELLED, Reason.CANCELLED, moment)
            falling.forget_run(connection, run)
            outcomes.set_run_state(connection, run, RunState.CANCELLED, why, moment)
        return count

    def _end_planned(
        self, run: Run, state: State, reason: Reason, now: int | None, country: str | None = None
    ) -> int:
        moment = now_ms() if now is None else now
        with self._ledger.sending(run, alone=False) as connection:
            count = outcomes.end_planned(connection, run, state, reason, moment, country)
            counting.keep(connection, run)
        return count

    def record_test(self, run: Run | None, address: str, outcome: Outcome, now: int | None = None) -> None:
        """Record a test message as an event only: it is not counted, and its address is masked."""
        values = {
            "run": None if run is None else run.number,
            "at": now_ms() if now is None else now,
            "kind": "test",
            "code": outcome.code,
            "detail": f"{outcome.verdict} to {masked(address)}"
            + (f": {outcome.detail}" if outcome.detail else ""),
            "gateway_id": outcome.gateway_id,
        }
        with self._ledger.writing() as connection:
            connection.execute(insert(events).values(values))
