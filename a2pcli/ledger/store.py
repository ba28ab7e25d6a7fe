"""The ledger's front: every promise of the ledger is a method here, one short transaction each.

How each is kept is in ``plans`` (making a plan), ``claims`` (sending), ``optouts`` and ``queries``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from a2pcli.errors import LedgerError, Problem
from a2pcli.lazy import lazily
from a2pcli.ledger import queries
from a2pcli.ledger.consent_mixin import ConsentMixin
from a2pcli.ledger.faults import translates_errors
from a2pcli.ledger.planning_mixin import PlanningMixin
from a2pcli.ledger.protecting_mixin import ProtectingMixin
from a2pcli.ledger.reading_mixin import ReadingMixin
from a2pcli.ledger.records import (
    SENDABLE,
    Exchange,
    Run,
    RunState,
    Settled,
    now_ms,
)
from a2pcli.ledger.retrying import retrying
from a2pcli.ledger.suppression_mixin import SuppressionMixin
from a2pcli.ledger.tables import events
from a2pcli.messages import Outcome, State
from a2pcli.reasons import Reason

if TYPE_CHECKING:
    from a2pcli.ledger import (
        approved,
        claims,
        clocks,
        counting,
        in_flight,
        newest,
        outcomes,
        paces,
        plans,
        receipts,
        rejected,
    )
else:
    approved, claims, clocks, counting, in_flight, newest, outcomes, paces, plans, receipts, rejected = (
        lazily(
            "a2pcli.ledger",
            *(
                "approved",
                "claims",
                "clocks",
                "counting",
                "in_flight",
                "newest",
                "outcomes",
                "paces",
                "plans",
            ),
            *("receipts", "rejected"),
        )
    )


class Ledger(PlanningMixin, ReadingMixin, SuppressionMixin, ConsentMixin, ProtectingMixin):
    """An open ledger. Safe to use from several threads; one sender a run (``lock.sender_lock``)."""

    @cached_property
    def receipts(self) -> receipts.Inbox:
        """The delivery receipts of this ledger."""
        return receipts.Inbox(self)

    @translates_errors
    def verify_plan(self, run: Run) -> None:
        """Raise ``LedgerError`` where the run would not send what was planned; see ``approved``.

        Reads the whole run: 2 s for a million rows.
        """
        with self._reading() as connection:
            approved.verify(connection, run)

    @translates_errors
    def start_sending(self, run: Run, now: int) -> int:
        """Begin or resume: intents that a crash left become ``unknown``; gives how many.

        Hold ``sender_lock`` around the whole of sending. Raises ``LedgerError`` for a run whose rows are not
        all there or gone.
        """
        with self._sending_transaction(run) as connection:
            state = queries.run_by_id(connection, run.id, lock=True).state
            if state not in SENDABLE:
                problem = Problem(
                    f"run {run.id} cannot be sent: it is {state}",
                    hint="make a new plan",
                    code="run-not-sendable",
                )
                raise LedgerError(problem)
            lost, progress = claims.start(connection, run, now)
        self._progress[run.number] = progress
        return lost

    def begin_journal(self, run: Run) -> in_flight.InFlightJournal | None:
        """The in-flight journal of this sender, who holds the run and has claimed nothing yet; see ``in_flight``.

        None where none can be kept: then all that is claimed when the sender is killed is ``unknown``.
        """
        hold = self.holds.get(run.number)
        return None if hold is None else in_flight.InFlightJournal.begin(self.url, hold)

    @translates_errors
    def exchange(
        self,
        run: Run,
        settled: Sequence[Settled],
        want: int,
        now: int,
        known: Collection[int] | None = None,
    ) -> Exchange:
        """Record outcomes and claim up to ``want`` due messages, durably, in one transaction.

        When it raises, the same call can be made again. Where the connection broke after the commit, nobody got
        what it claimed: with ``known``, all messages that the sender has in its hands, the others go back.
        """

        def work(halving: bool = False) -> Exchange:
            progress: claims.Progress | None = None
            try:
                with self._sending_transaction(run) as connection:
                    hold = self.holds.get(run.number)
                    if hold is not None and hold.was_committed:
                        if known is not None:
                            outcomes.release(connection, run, claims.nobodys(connection, run, known))
                        self._progress[run.number] = claims.beginning(connection, run)
                    progress = self._progress.get(run.number) or claims.beginning(connection, run)
                    progress.halving = progress.halving or halving
                    progress.plan.begin()
                    shared = self._shared.get(run.number, ())
                    result, moved = claims.exchange(connection, run, progress, settled, want, now, shared)
            except BaseException:
                if progress is not None:
                    progress.plan.undo()
                raise
            if hold is not None:
                hold.was_committed = False
            self._progress[run.number] = moved
            return result

        with self._sending_lock:
            try:
                return retrying(work)
            except IntegrityError:  # another run took a person of this claim, which left nothing behind
                return retrying(lambda: work(halving=True))

    @translates_errors
    def settle_late(self, run: Run, settled: Sequence[Settled], now: int) -> int:
        """Record what a sender learnt that is the run's sender no more; gives how many rows take it."""
        with self.writing() as connection:
            plans.lock_run(connection, run)
            count = outcomes.settle_late(connection, run, settled, now)
            counting.keep(connection, run)
        return count

    @translates_errors
    def renew(self, run: Run) -> None:
        """Be heard of, and learn whether the run is still held; nothing else. Raises ``SenderLost``."""
        with self._sending_transaction(run):
            pass

    @translates_errors
    def release(self, run: Run, message_ids: Sequence[int]) -> None:
        """Claimed, but certainly never handed to the gateway: planned again, the attempt not counted."""
        with self._sending_transaction(run) as connection:
            plans.lock_run(connection, run)
            back = outcomes.release(connection, run, message_ids)
            plans.changed(connection, run)
            counting.keep(connection, run)
        self._gained(run, back)

    def _gained(self, run: Run, count: int) -> None:
        with self._sending_lock:
            progress = self._progress.get(run.number)
            if progress is not None:
                progress.waiting += count

    @translates_errors
    def set_state(self, run: Run, state: str, reason: str | None = None, now: int | None = None) -> None:
        """Set the run's state (``RunState``), with why."""
        with self._sending_transaction(run, alone=False) as connection:
            outcomes.set_run_state(connection, run, state, reason, now_ms() if now is None else now)

    @translates_errors
    def settle_unknown(
        self, run: Run, message_ids: Sequence[int] | None, state: State, note: str, now: int | None = None
    ) -> int:
        """Settle ``unknown`` messages (all of them for None) as accepted, rejected, or planned (not sent)."""
        if state not in (State.ACCEPTED, State.REJECTED, State.PLANNED):
            raise ValueError(f"unknown messages cannot become {state}")
        moment = now_ms() if now is None else now
        with self._sending_transaction(run) as connection:
            count = outcomes.settle_unknown(connection, run, message_ids, state, note, moment)
            counting.keep(connection, run)
        if state is State.PLANNED:
            self._gained(run, count)
        return count

    @translates_errors
    def share_paces(self, run: Run, shared: Sequence[paces.SharedPace]) -> None:
        """From now on, claims for the run keep these paces together with all other processes."""
        self._shared[run.number] = tuple(shared)
        if shared:
            with self.writing() as connection:
                paces.add(connection, shared)

    def has_hours(self, run: Run) -> bool:
        """Whether clocks say when messages of the run may leave. Of a run that is being sent."""
        progress = self._progress.get(run.number)
        return progress is not None and bool(progress.binding.clocks)

    @translates_errors
    def newest_moment(self) -> int | None:
        """UTC milliseconds of the newest entry; None in a ledger without one."""
        with self._reading() as connection:
            return newest.newest(connection)

    @translates_errors
    def set_clock_right(self, now: int) -> None:
        """A person says that this is the time, whatever the entries say."""
        with self.writing() as connection:
            newest.set_right(connection, now)

    @translates_errors
    def rejections(self, run: Run, now: int) -> list[rejected.Rejection]:
        """What the gateway refused, by code: how many, and how many of these may be planned again."""
        with self._reading() as connection:
            return rejected.rejections(connection, run, now)

    @translates_errors
    def plan_again(self, run: Run, codes: Sequence[str], note: str, now: int) -> int:
        """Plan again what the gateway refused with these codes, where it may go; gives how many.

        Hold ``sender_lock`` meanwhile.
        """
        with self._sending_transaction(run) as connection:
            count = rejected.plan_again(connection, run, codes, note, now)
            counting.keep(connection, run)
        self._gained(run, count)
        return count

    @translates_errors
    def assume_zone(self, run: Run, zone: str, now: int | None = None) -> int:
        """People of the run whose time zone is not known are in ``zone``; gives how many held messages go by it.

        Hold ``sender_lock`` meanwhile.
        """
        with self._sending_transaction(run) as connection, approved.changing_rows(connection, [run]):
            count = clocks.assume(connection, run, zone, now_ms() if now is None else now)
            counting.keep(connection, run)
        return count

    @translates_errors
    def expire(self, run: Run, now: int) -> int:
        """After the run's ``expires_at``, what is still planned never leaves; gives how many."""
        if run.expires_at is None or now < run.expires_at:
            return 0
        return self._end_planned(run, State.EXPIRED, Reason.EXPIRED, now)

    @translates_errors
    def refuse_country(self, run: Run, country: str, now: int | None = None) -> int:
        """Nothing more goes to this country in this run; gives how many are skipped."""
        return self._end_planned(run, State.SKIPPED, Reason.COUNTRY_REFUSED, now, country)

    @translates_errors
    def cancel(self, run: Run, now: int | None = None, *, why: str | None = None, alone: bool = False) -> int:
        """What is still planned is cancelled, and so is the run; gives how many. What has left stays as it is.

        ``alone``: the caller holds ``sender_lock``, so intents that are still open are of a sender that was killed,
        and become ``unknown``.
        """
        moment = now_ms() if now is None else now
        with self._sending_transaction(run, alone=alone) as connection:
            plans.lock_run(connection, run)
            if alone:
                outcomes.lose(connection, run, moment)
            count = outcomes.end_planned(connection, run, State.CANCELLED, Reason.CANCELLED, moment)
            outcomes.set_run_state(connection, run, RunState.CANCELLED, why, moment)
        return count

    def _end_planned(
        self, run: Run, state: State, reason: Reason, now: int | None, country: str | None = None
    ) -> int:
        moment = now_ms() if now is None else now
        with self._sending_transaction(run, alone=False) as connection:
            count = outcomes.end_planned(connection, run, state, reason, moment, country)
            counting.keep(connection, run)
        return count

    @translates_errors
    def record_test(self, run: Run | None, address: str, outcome: Outcome, now: int | None = None) -> None:
        """A test message, as an event only: it is never counted, and its number is kept by its last digits."""
        values = {
            "run": None if run is None else run.number,
            "at": now_ms() if now is None else now,
            "kind": "test",
            "code": outcome.code,
            "detail": f"{outcome.verdict} to …{address[-4:]}"
            + (f": {outcome.detail}" if outcome.detail else ""),
            "gateway_id": outcome.gateway_id,
        }
        with self.writing() as connection:
            connection.execute(insert(events).values(values))
