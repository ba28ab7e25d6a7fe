"""Methods of ``Ledger`` that planning uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from a2pcli.lazy import lazily
from a2pcli.ledger import queries
from a2pcli.ledger.core import LedgerCore
from a2pcli.ledger.database import connect
from a2pcli.ledger.faults import translates_errors
from a2pcli.ledger.records import (
    NewRun,
    PlannedRows,
    Run,
    RunState,
)

if TYPE_CHECKING:
    from a2pcli.ledger import caps, counting, plans, retention
    from a2pcli.ledger import clocks as run_clocks
    from a2pcli.ledger import lock as locks
    from a2pcli.ledger.caps import Cap
    from a2pcli.ledger.clocks import RunClock
else:
    caps, counting, plans, retention, locks, run_clocks = lazily(
        "a2pcli.ledger", "caps", "counting", "plans", "retention", "lock", "clocks"
    )

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


NO_CLOCKS: Mapping[int, RunClock] = {}


class PlanningMixin(LedgerCore):
    """Making plans; see ``store.Ledger``."""

    @translates_errors
    def occasion(self, campaign: str, occurrence: str) -> int:
        """The number of a campaign's occurrence, within which nobody is messaged twice."""
        with self.writing() as connection:
            return plans.occasion_number(connection, campaign, occurrence)

    @translates_errors
    def known_occasion(self, campaign: str, occurrence: str) -> int:
        """The same; 0 where nobody has planned it yet."""
        with self._reading() as connection:
            return plans.known_occasion(connection, campaign, occurrence)

    @translates_errors
    def begin_plan(self, new: NewRun) -> Run:
        """A run in state ``planning``. Plans of the occasion that a dead process left half-made are removed."""
        self._clean(new.occasion)
        with self.writing() as connection:
            plans.refuse_forgotten(connection, new.occasion)
            run = plans.begin(connection, new)
            # Taken before others can see the run, so that nobody takes its planner for dead.
            lock = locks.planner_lock(self.engine, run.number, run.id)
            lock.take()
            self._planning[run.number] = lock
        return run

    def _clean(self, occasion: int) -> None:
        with self.writing() as connection, ExitStack() as locks:
            for run, lock in plans.abandoned(connection, self.engine, occasion):
                locks.callback(lock.drop)
                plans.drop_rows(connection, run, RunState.DISCARDED, "planning was interrupted")

    @translates_errors
    def add_rows(self, run: Run, rows: PlannedRows) -> None:
        """One chunk of the plan in one commit; safe from a thread, one call at a time."""
        if self._chunks is None:
            self._chunks = connect(
                self.url, busy_seconds=self._busy_seconds, chunks=True, key=self._key, watch=self._watch
            )
        with self._chunks.begin() as connection:
            plans.add_rows(connection, run, rows)

    @translates_errors
    def finish_plan(
        self,
        run: Run,
        *,
        digest: str,
        rows_read: int,
        summary: Mapping[str, Any],
        clocks: Mapping[int, RunClock] = NO_CLOCKS,
    ) -> Run:
        """The plan is complete and durable. ``clocks`` are those that its rows name, by number.

        Unsent plans of the occasion beyond the newest three lose their rows.
        """
        with self.writing() as connection:
            run_clocks.write(connection, run, clocks)
            plans.finish(connection, run, digest=digest, rows_read=rows_read, summary=summary)
            counting.keep(connection, run)
        self._end_planning(run)
        with self.writing() as connection:
            plans.tell_planner(connection)
            for old in plans.outdated(connection, run.occasion):
                plans.drop_rows(
                    connection, old, RunState.SUPERSEDED, f"replaced by newer plans, the latest is {run.id}"
                )
        return self.run(run.id)

    @translates_errors
    def discard_plan(self, run: Run) -> None:
        """Take an unsent plan away: its rows are removed, the run stays as ``discarded``."""
        with self.writing() as connection:
            state = queries.run_by_id(connection, run.id).state
            if state in (RunState.PLANNING, RunState.PLANNED):
                plans.drop_rows(connection, run, RunState.DISCARDED, "not approved")
        self._end_planning(run)

    def _end_planning(self, run: Run) -> None:
        lock = self._planning.pop(run.number, None)
        if lock is not None:
            lock.drop()
        if not self._planning and self._chunks is not None:
            self._chunks.dispose()
            self._chunks = None

    @translates_errors
    def reached(self, occasion: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Sorted ``person`` keys of everybody who has, or may have, a message of this occasion, in any run."""
        with self._reading() as connection:
            return queries.reached(connection, occasion)

    @translates_errors
    def had_enough(
        self, cap: Cap, *, campaign: str, programme: str, subject: str, now: int
    ) -> tuple[list[str], list[int]]:
        """Addresses that got as many messages as a cap allows, and when each may get the next (UTC milliseconds)."""
        with self._reading() as connection:
            found = list(
                caps.enough(connection, cap, campaign=campaign, programme=programme, subject=subject, now=now)
            )
        return [address for address, _ in found], [free for _, free in found]

    @translates_errors
    def recipients(self, names: Sequence[str]) -> pa.StringArray:
        """Addresses that have, or may have, a message of these runs or campaigns, as a PyArrow string array."""
        with self._reading() as connection:
            return queries.recipients(connection, names)

    @translates_errors
    def open_run(self, occasion: int) -> Run | None:
        """The newest run of the occasion that was interrupted or paused."""
        with self._reading() as connection:
            return queries.open_run(connection, occasion)

    @translates_errors
    def run(self, id: str) -> Run:
        """The run with this id, as it is now. Raises ``UsageError`` where there is none."""
        with self._reading() as connection:
            return queries.run_by_id(connection, id)

    @translates_errors
    def runs(
        self, limit: int | None = None, campaign: str | None = None, without: Sequence[str] = ()
    ) -> list[Run]:
        """Runs, newest first, but for those in the states ``without``."""
        with self._reading() as connection:
            return queries.list_runs(connection, limit, campaign, without)

    @translates_errors
    def count_runs(self, states: Sequence[str], campaign: str | None = None) -> int:
        """How many runs are in one of the states."""
        with self._reading() as connection:
            return queries.count_runs(connection, campaign, states)
