"""What a sender does with a run's messages: begin, claim and settle, give back, and decide about what is unknown.

How each is done is in ``claims`` and ``outcomes``; here is what is one transaction, and where its sender is in the run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import (
    channel_counts,
    choosing,
    claims,
    claims_by_gateway,
    counting,
    fallbacks,
    falling,
    falling_back,
    holds,
    in_flight,
    outcomes,
    paces,
    plans,
    quotas,
    rejected,
    route_records,
    route_values,
    sharing,
    spending,
)
from a2pcli.ledger.arrivals import Arrivals, arrivals
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.falling import Due
from a2pcli.ledger.falling_back import FallenBack, Revocations
from a2pcli.ledger.faults import retrying, translates_errors
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.records import SENDABLE, Exchange, Rooms, Run, Settled, now_ms
from a2pcli.ledger.runs import run_by_id
from a2pcli.ledger.tables import attempts
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.ledger.holds import Hold
    from a2pcli.ledger.store import Ledger


class Attempts(SubStore):
    """The attempts of an open ledger, for a sender that holds the run (``lock.sender_lock``). Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._progress: dict[int, claims.SenderPosition] = {}
        self._shared: dict[int, tuple[paces.SharedPace, ...]] = {}
        self._budgets: dict[int, dict[str, int]] = {}
        self._books: dict[int, quotas.Book] = {}
        self._choosers: dict[int, choosing.Chooser] = {}

    @translates_errors
    def start(self, run: Run, now: int) -> int:
        """Start or resume a run: open claims left by a crash become ``unknown``; return how many.

        Hold ``sender_lock`` during the whole of sending. Raises ``LedgerError`` if the run cannot be sent, or some of
        its rows are missing.
        """
        lease = self._lease(run)
        with self._ledger.sending(run) as connection:
            if lease is not None:
                holds.one_by_one(connection, run)
            state = run_by_id(connection, run.id, lock=True).state
            if state not in SENDABLE:
                problem = Problem(
                    f"run {run.id} cannot be sent: it is {state}",
                    hint="make a new plan",
                    code="run-not-sendable",
                )
                raise LedgerError(problem)
            lost, progress = claims.start(connection, run, now, lease)
            if run.number in self._choosers:
                choosing.wake(connection, run, now)
            mine, budget = None, self._budgets.get(run.number, {})
            if lease is not None:
                mine, progress = sharing.join(connection, run, progress, lease, now, budget)
            else:
                spending.begin(connection, run, budget, alone=True)
                progress = replace(progress, is_counted=bool(budget))
        if lease is not None:
            progress.plan.mine = mine  # only once it is committed
        self._progress[run.number] = progress
        return lost

    def _lease(self, run: Run) -> int | None:
        """Return the token of this sender's chunk leases if it is one of several; None if it has the run alone."""
        hold = self._ledger.holds.get(run.number)
        return hold.token if hold is not None and hold.is_shared else None

    def keep_budget(self, run: Run, budget: Mapping[str, int]) -> None:
        """Set what all senders of the run may spend together, in 1e-9 currency units by currency. Call it before
        ``start``."""
        self._budgets[run.number] = dict(budget)

    @translates_errors
    def end(self, run: Run, state: str, reason: str | None, now: int) -> tuple[str, bool]:
        """End this sender's part, and set the run's state unless other senders continue.

        Returns the names of those that continue (empty for none), and whether the state was set. If it raises, the
        same call with the same ``now`` can be repeated, even if the connection broke after the commit.
        """
        hold = self._ledger.holds.get(run.number)
        if hold is not None and hold.is_leaving:
            with self._ledger.reading() as connection:
                done = sharing.has_left(connection, run, hold, state, now)
            if done is not None:
                return done
        with self._ledger.sending(run) as connection:
            if hold is not None:
                hold.is_leaving = True
            return sharing.leave(connection, run, hold, state, reason, now)

    @translates_errors
    def has_other_senders(self, run: Run) -> bool:
        """Return whether other senders send the run too."""
        lease = self._lease(run)
        if lease is None:
            return False
        with self._ledger.reading() as connection:
            return any(one.token != lease for one in holds.holders_of(connection, run))

    def _lease_more(self, run: Run, hold: Hold, want: int, now: int) -> None:
        """Lease another chunk for one of several senders, if it needs one and one is free."""
        progress = self._progress.get(run.number)
        if progress is None or hold.was_committed or not sharing.is_time(run, progress, want, now):
            return

        def work() -> sharing.Leased:
            with self._ledger.sending(run) as connection:
                return sharing.lease_more(self.url, connection, run, progress, hold, now)

        found = retrying(work)
        self._progress[run.number] = sharing.leased(self.url, run, found)

    def begin_journal(self, run: Run) -> in_flight.InFlightJournal | None:
        """Return a new in-flight journal for the sender that holds the run and has claimed nothing yet; see
        ``in_flight``.

        None if none can be kept: then all claims become ``unknown`` if the sender is killed.
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
        rooms: Rooms | None = None,
    ) -> Exchange:
        """Record outcomes and claim up to ``want`` due messages, durably, in one transaction.

        If it raises, the same call can be repeated. If the connection broke after the commit, its claims never reached
        the sender: with ``known``, the ids of all messages the sender holds, other claims are returned to the plan.
        ``rooms``: of a run with several gateways, how many messages each may be given now; ``want`` is their sum.
        """

        hold, lease = self._ledger.holds.get(run.number), self._lease(run)
        shared, budget = self._shared.get(run.number, ()), self._budgets.get(run.number)
        book, chooser = self._books.get(run.number), self._choosers.get(run.number)

        def work(halving: bool = False) -> Exchange:
            progress: claims.SenderPosition | None = None
            entry: quotas.Entry | None = None
            try:
                with self._ledger.sending(run) as connection:
                    if hold is not None and hold.was_committed:
                        if known is not None:
                            unclaimed_by_others = claims.unclaimed_by_others(connection, run, known, lease)
                            outcomes.release(connection, run, unclaimed_by_others)
                        self._progress[run.number] = claims.beginning(connection, run, lease)
                    progress = self._progress.get(run.number) or claims.beginning(connection, run, lease)
                    progress.halving = progress.halving or halving
                    progress.channels = claims_by_gateway.claimed_channels(run, rooms)
                    progress.plan.begin()
                    if book is not None and (settled or want > 0):
                        entry = book.begin(connection, settled, now)
                    result, moved = claims.exchange(
                        *(connection, run, progress, settled, want, now, shared, budget, entry),
                        *(chooser, rooms),
                    )
                    if entry is not None:
                        entry.write()
            except BaseException:
                if progress is not None:
                    progress.plan.undo()
                raise
            if hold is not None:
                hold.was_committed = False
            self._progress[run.number] = moved
            if book is not None and entry is not None:
                book.committed(entry)
            return result

        with self._ledger.sending_lock:
            if hold is not None and hold.is_shared and want > 0:
                self._lease_more(run, hold, want, now)
            try:
                return retrying(work)
            except IntegrityError:  # another run took a person of this claim; the transaction was rolled back
                return retrying(lambda: work(halving=True))

    @translates_errors
    def settle_late(self, run: Run, settled: Sequence[Settled], now: int) -> int:
        """Record outcomes learnt by a process that is no longer the run's sender; return how many rows changed."""
        with self._ledger.writing() as connection:
            plans.lock_run(connection, run)
            count = outcomes.settle_late(connection, run, settled, now)
            counting.keep(connection, run)
        return count

    @translates_errors
    def renew(self, run: Run) -> None:
        """Confirm that the sender is alive. Raises ``SenderLost`` if another process took the run over."""
        with self._ledger.sending(run):
            pass

    @translates_errors
    def release(self, run: Run, message_ids: Sequence[int]) -> None:
        """Return claims that were certainly never handed to the gateway; the attempt is not counted."""
        with self._ledger.sending(run) as connection:
            plans.lock_run(connection, run)
            back = outcomes.release(connection, run, message_ids)
            plans.changed(connection, run)
            counting.keep(connection, run)
        if (book := self._books.get(run.number)) is not None:
            book.came_back(message_ids)
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
        """Settle ``unknown`` messages (None: all) as accepted, rejected, or planned (not sent); return how many."""
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
    def gateways_of_unknown(self, run: Run) -> dict[int, str]:
        """Return the gateways of unknown attempts that did not use the run's gateway, by attempt id."""
        unknown = (attempts.c.run == run.number, attempts.c.state == str(State.UNKNOWN))
        query = select(attempts.c.id, attempts.c.gateway).where(*unknown, attempts.c.gateway != run.gateway)
        with self._ledger.reading() as connection:
            return {int(id): gateway for id, gateway in connection.execute(query)}

    @translates_errors
    def gateways_used(self, run: Run) -> set[str]:
        """The gateways that attempts of the run went through, its own among them."""
        query = select(attempts.c.gateway).where(
            attempts.c.run == run.number, attempts.c.gateway.is_not(None)
        )
        with self._ledger.reading() as connection:
            return {run.gateway, *connection.execute(query.distinct()).scalars()}

    def choose_by(self, run: Run, chooser: choosing.Chooser | None) -> None:
        """From now on ``chooser`` gives each claimed message of the run its gateway; None for none. To be called before
        ``start``. Whoever hands over has to follow ``Claimed.gateway``."""
        self._choosers.pop(run.number, None)
        if chooser is not None:
            self._choosers[run.number] = chooser

    @translates_errors
    def note_switches(self, run: Run, switches: Sequence[route_values.Switch]) -> None:
        """Record that gateways of the run's route lost their share or have it back. Audit: ``route.switch``."""
        with self._ledger.writing() as connection:
            route_records.note_switches(connection, run, switches)

    @translates_errors
    def by_gateway(self, run: Run) -> list[route_values.GatewayCount]:
        """What each gateway of the run's routes was given, and what became of it."""
        with self._ledger.reading() as connection:
            return route_records.by_gateway(connection, run)

    @translates_errors
    def share_paces(self, run: Run, shared: Sequence[paces.SharedPace]) -> None:
        """Make claims for the run keep these paces together with all other processes."""
        self._shared[run.number] = tuple(shared)
        if shared:
            with self._ledger.writing() as connection:
                paces.add(connection, shared)

    @translates_errors
    def share_quotas(self, run: Run, shared: Sequence[SharedQuota], now: int) -> None:
        """Make claims for the run keep these quotas together with all other processes. The run must be held."""
        self._books.pop(run.number, None)
        if not shared:
            return
        hold = self._ledger.holds.get(run.number)
        with self._ledger.writing() as connection:
            quotas.begin(connection, shared, now)
            quotas.wake(connection, run, shared, now)
        self._books[run.number] = quotas.Book(shared, hold.token if hold is not None else -1)

    def has_hours(self, run: Run) -> bool:
        """Return whether permitted hours apply to the run. Only for a run being sent."""
        progress = self._progress.get(run.number)
        return progress is not None and bool(progress.binding.clocks)

    @translates_errors
    def next(self, run: Run, message_id: int, way: fallbacks.Next, now: int) -> fallbacks.Followed | None:
        """Plan the next attempt of a message, by another channel, gateway or address; it waits for a claim.

        Returns None if the previous attempt has not ended, or may still be delivered. ``message_id`` is the id of any
        attempt. The run need not be held: a receipt may cause it while another process sends.
        """

        def work() -> fallbacks.Followed | None:
            with self._ledger.writing() as connection:
                made = fallbacks.follow(connection, run, message_id, way, now)
                if made is not None:
                    counting.keep(connection, run)
                return made

        return retrying(work)

    @translates_errors
    def arrivals(self, run: Run) -> Arrivals:
        """Return how many people's messages arrived by an attempt that another one followed."""
        with self._ledger.reading() as connection:
            return arrivals(connection, run)

    @translates_errors
    def by_channel(self, run: Run) -> channel_counts.ByChannel:
        """Return the attempts of a run with several channels, counted by channel."""
        with self._ledger.reading() as connection:
            return channel_counts.count(connection, run)

    @translates_errors
    def falling_due(self, run: Run, now: int, most: int) -> list[Due]:
        """Return at most ``most`` attempts that are due to be followed by another channel."""
        with self._ledger.reading() as connection:
            return falling.due(connection, run, now, most)

    @translates_errors
    def falling(self, run: Run) -> tuple[int, int | None]:
        """Return how many attempts may still be followed by another channel, and when the first (UTC ms)."""
        with self._ledger.reading() as connection:
            return falling.pending(connection, run)

    @translates_errors
    def fall_back(self, run: Run, due: Sequence[Due], revoked: Revocations, now: int) -> FallenBack:
        """Plan the next attempt for those that have ended, in one transaction."""
        with self._ledger.sending(run) as connection:
            plans.lock_run(connection, run)
            done = falling_back.fall_back(connection, run, due, revoked, now)
            if done.made:
                counting.keep(connection, run)
        return done

    @translates_errors
    def rejections(self, run: Run, now: int) -> list[rejected.Rejection]:
        """Return the gateway's rejections by code: how many, and how many may be planned again."""
        with self._ledger.reading() as connection:
            return rejected.rejections(connection, run, now)

    @translates_errors
    def plan_again(self, run: Run, codes: Sequence[str], note: str, now: int) -> int:
        """Plan messages again that the gateway rejected with these codes, where permitted; return how many.

        Hold ``sender_lock`` meanwhile.
        """
        with self._ledger.sending(run) as connection:
            count = rejected.plan_again(connection, run, codes, note, now)
            counting.keep(connection, run)
        self._gained(run, count)
        return count
