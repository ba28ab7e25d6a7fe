"""What a sender does with a run's messages: begin, claim and settle, give back, and decide about what is unknown.

How each is done is in ``claims`` and ``outcomes``; here is what is one transaction, and where its sender is in the run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import claims, counting, in_flight, outcomes, paces, plans, rejected
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.faults import translates_errors
from a2pcli.ledger.records import SENDABLE, Exchange, Run, Settled, now_ms
from a2pcli.ledger.retrying import retrying
from a2pcli.ledger.runs import run_by_id
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.ledger.store import Ledger


class Attempts(SubStore):
    """The attempts of an open ledger, for the run's one sender (``lock.sender_lock``). Safe from several threads."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._progress: dict[int, claims.Progress] = {}
        self._shared: dict[int, tuple[paces.SharedPace, ...]] = {}

    @translates_errors
    def start(self, run: Run, now: int) -> int:
        """Begin or resume: intents that a crash left become ``unknown``; gives how many.

        Hold ``sender_lock`` around the whole of sending. Raises ``LedgerError`` for a run whose rows are not
        all there or gone.
        """
        with self._ledger.sending(run) as connection:
            state = run_by_id(connection, run.id, lock=True).state
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
        hold = self._ledger.holds.get(run.number)
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
                with self._ledger.sending(run) as connection:
                    hold = self._ledger.holds.get(run.number)
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

        with self._ledger.sending_lock:
            try:
                return retrying(work)
            except IntegrityError:  # another run took a person of this claim, which left nothing behind
                return retrying(lambda: work(halving=True))

    @translates_errors
    def settle_late(self, run: Run, settled: Sequence[Settled], now: int) -> int:
        """Record what a sender learnt that is the run's sender no more; gives how many rows take it."""
        with self._ledger.writing() as connection:
            plans.lock_run(connection, run)
            count = outcomes.settle_late(connection, run, settled, now)
            counting.keep(connection, run)
        return count

    @translates_errors
    def renew(self, run: Run) -> None:
        """Be heard of, and learn whether the run is still held; nothing else. Raises ``SenderLost``."""
        with self._ledger.sending(run):
            pass

    @translates_errors
    def release(self, run: Run, message_ids: Sequence[int]) -> None:
        """Claimed, but certainly never handed to the gateway: planned again, the attempt not counted."""
        with self._ledger.sending(run) as connection:
            plans.lock_run(connection, run)
            back = outcomes.release(connection, run, message_ids)
            plans.changed(connection, run)
            counting.keep(connection, run)
        self._gained(run, back)

    def _gained(self, run: Run, count: int) -> None:
        with self._ledger.sending_lock:
            progress = self._progress.get(run.number)
            if progress is not None:
                progress.waiting += count

    @translates_errors
    def settle_unknown(
        self, run: Run, message_ids: Sequence[int] | None, state: State, note: str, now: int | None = None
    ) -> int:
        """Settle ``unknown`` messages (all of them for None) as accepted, rejected, or planned (not sent)."""
        if state not in (State.ACCEPTED, State.REJECTED, State.PLANNED):
            raise ValueError(f"unknown messages cannot become {state}")
        moment = now_ms() if now is None else now
        with self._ledger.sending(run) as connection:
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
            with self._ledger.writing() as connection:
                paces.add(connection, shared)

    def has_hours(self, run: Run) -> bool:
        """Whether clocks say when messages of the run may leave. Of a run that is being sent."""
        progress = self._progress.get(run.number)
        return progress is not None and bool(progress.binding.clocks)

    @translates_errors
    def rejections(self, run: Run, now: int) -> list[rejected.Rejection]:
        """What the gateway refused, by code: how many, and how many of these may be planned again."""
        with self._ledger.reading() as connection:
            return rejected.rejections(connection, run, now)

    @translates_errors
    def plan_again(self, run: Run, codes: Sequence[str], note: str, now: int) -> int:
        """Plan again what the gateway refused with these codes, where it may go; gives how many.

        Hold ``sender_lock`` meanwhile.
        """
        with self._ledger.sending(run) as connection:
            count = rejected.plan_again(connection, run, codes, note, now)
            counting.keep(connection, run)
        self._gained(run, count)
        return count
