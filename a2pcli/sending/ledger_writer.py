"""The one thread that uses the ledger while a run is sent, and the batch of writes it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field
from typing import TypeVar

from a2pcli.dataclass import dataclass
from a2pcli.errors import LedgerError, Problem
from a2pcli.ledger import told_optouts
from a2pcli.ledger.choosing import Chooser
from a2pcli.ledger.falling import Due
from a2pcli.ledger.falling_back import FallenBack, Revocations
from a2pcli.ledger.faults import plainly
from a2pcli.ledger.in_flight import GROUP, InFlightJournal
from a2pcli.ledger.processes import steady
from a2pcli.ledger.records import Exchange, Rooms, Run, Settled, Totals, Waiting
from a2pcli.ledger.route_values import Switch
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, State
from a2pcli.sending import timing
from a2pcli.sending.options import SendOptions
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.tally import Tally

T = TypeVar("T")

COUNTS_EVERY = 2.0
"""Seconds between two counts of a run that other senders send as well."""

COUNTS_FOR_LESS_THAN = 30
"""Counting a large run takes a while: at least this multiple of its duration passes between two counts."""

LOOKS_EVERY = 0.002
"""Seconds between two looks at the ledger's file while messages leave."""


@dataclass(slots=True)
class WriteBatch:
    """What happened since the last transaction. Writing it twice does no harm."""

    release: list[int] = field(default_factory=list)
    """Ids of claimed messages that were never submitted."""
    settled: list[Settled] = field(default_factory=list)
    suppress: list[int] = field(default_factory=list)
    """Ids of messages whose recipients opted out according to the gateway."""
    refuse: set[str] = field(default_factory=set)
    """Countries the gateway's account may not send to."""
    switches: list[Switch] = field(default_factory=list)
    """Gateways of a route that lost their share, or have it back."""

    @property
    def is_urgent(self) -> bool:
        """Whether it contains something to be written without waiting for more."""
        return bool(self.release or self.suppress or self.refuse or self.switches)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.settled or self.is_urgent)

    @property
    def gives_back(self) -> bool:
        """Whether writing it makes messages planned again."""
        return bool(self.release) or any(one.state is State.PLANNED for one in self.settled)

    def then(self, later: WriteBatch) -> WriteBatch:
        """Return this batch, which could not be written, joined with a later one."""
        return WriteBatch(
            self.release + later.release,
            self.settled + later.settled,
            self.suppress + later.suppress,
            self.refuse | later.refuse,
            self.switches + later.switches,
        )


class LedgerWriter:
    """The ledger as the sender uses it: one call at a time, on its own thread."""

    def __init__(self, ledger: Ledger, run: Run, clock: Callable[[], int], stop: StopRequest) -> None:
        self._stop = stop
        self._ledger, self._run, self._clock = ledger, run, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self.asked_at = 0
        """UTC ms of the last write, for which its claims were made."""
        self.has_hours = False
        """Whether the run has permitted hours; set by ``start``."""
        self._journal: InFlightJournal | None = None
        self.next_to_leave: Callable[[int], list[int]] = lambda _most: []
        """Returns the ids of up to N messages that leave next, few compared with what is in flight."""
        self._looks_from = 0.0
        self.gone: Callable[[], None] = lambda: None
        """Called when the ledger's file seems to be gone while messages leave; the next transaction knows."""
        self.heard: Totals | None = None
        """The run's totals right after the last write; set now and then while other senders send it as well."""
        self._counts_from = 0.0

    async def verify(self) -> None:
        """Raise ``LedgerError`` if the run would not send what was planned."""
        await self._patiently(lambda: self._ledger.plans.verify(self._run))

    async def start(self, options: SendOptions, chooser: Chooser | None = None) -> Tally:
        """Start or resume the run with its shared paces, quotas, budget and what chooses gateways; return its counts so
        far."""

        def work() -> Tally:
            attempts = self._ledger.attempts
            attempts.share_paces(self._run, options.shared)
            attempts.keep_budget(self._run, options.max_cost)
            attempts.choose_by(self._run, chooser)
            attempts.start(self._run, self._clock())
            attempts.share_quotas(self._run, options.quotas, self._clock())
            self.has_hours = attempts.has_hours(self._run)
            self._journal = attempts.begin_journal(self._run)
            return Tally.of(self._ledger.runs.totals(self._run))

        return await self._patiently(work)

    async def totals(self, before: Tally) -> Tally:
        """Return the counts in the ledger, plus what only this sender knows (``before``)."""

        def work() -> Tally:
            return Tally.of(self._ledger.runs.totals(self._run), before)

        return await self._patiently(work)

    async def write(
        self,
        writes: WriteBatch,
        want: int,
        known: frozenset[int] | None = None,
        rooms: Rooms | None = None,
    ) -> Exchange:
        """Record the writes and claim up to ``want``; durable when it returns.

        After a failure, ``known`` are the ids of all messages this sender holds; see ``Attempts.exchange``. Releases
        go first, so that refusing a country includes them; suppressions go before the outcomes that caused them, so
        that a kill in between loses none.
        """

        def work() -> Exchange:
            ledger, run, now = self._ledger, self._run, self._clock()
            self.asked_at = now
            if writes.release:
                ledger.attempts.release(run, writes.release)
            self._suppress(writes.suppress, now)
            if writes.switches:
                ledger.attempts.note_switches(run, writes.switches)
                writes.switches = []  # a batch may be written again
            exchange = ledger.attempts.exchange(
                run, writes.settled, 0 if writes.refuse else want, now, known, rooms
            )
            for country in sorted(writes.refuse):
                ledger.runs.refuse_country(run, country, now)
            if writes.refuse:
                exchange = ledger.attempts.exchange(run, [], want, now, None, rooms)
            self.heard = self._count()
            return exchange

        exchange = await self._on_thread(work)
        if self._journal is not None:
            again = {one.message_id for one in writes.settled if one.state is State.PLANNED}
            again.update(writes.release)  # some were noted ahead
            self._journal.settled([*(one.message_id for one in writes.settled), *writes.release], again=again)
        return exchange

    @property
    def keeps_journal(self) -> bool:
        """Whether messages that were never submitted can be identified after a kill."""
        return self._journal is not None

    def leaving(self, batch: Sequence[Message]) -> None:
        """Note in the journal that these messages are submitted now, for the process that takes over after a kill."""
        journal = self._journal
        if journal is None or (len(batch) == 1 and journal.has(batch[0].id)):
            return
        if (now := steady()) >= self._looks_from:
            self._looks_from = now + LOOKS_EVERY
            self.look()
        ids = [message.id for message in batch]
        if -len(ids) % GROUP:
            ids += self.next_to_leave(-len(ids) % GROUP)
        journal.note(ids)

    def look(self) -> None:
        """Call ``gone`` if the ledger's file seems to be gone."""
        if self._ledger.watch is not None and self._ledger.watch.seems_gone:
            self.gone()

    def _suppress(self, told: Sequence[int], now: int) -> None:
        """Store opt-outs that the gateway reported. Audit: ``optout.gateway``, in the same transaction."""
        if not told:
            return
        with plainly(self._ledger.url), self._ledger.writing() as connection:
            told_optouts.keep_from_answers(connection, told, now)
        self._ledger.note_entry()

    async def write_late(self, settled: list[Settled], opted_out: Sequence[int]) -> int:
        """Record outcomes and opt-outs learnt after another process took the run over; return how many outcomes were
        recorded."""

        def work() -> int:
            now = self._clock()
            self._suppress(opted_out, now)
            return self._ledger.attempts.settle_late(self._run, settled, now)

        return await self._on_thread(work)

    async def keep(self, work: Callable[[], None]) -> None:
        """Run another write on the ledger's thread, between two transactions of the sender."""
        await self._on_thread(work)

    async def renew(self) -> None:
        """Record in the ledger that this process is still alive."""
        await self._on_thread(lambda: self._ledger.attempts.renew(self._run))

    async def rescue(self) -> Problem | None:
        """Return what happened to a ledger whose file is gone; see ``Ledger.rescue``."""
        return await self._on_thread(lambda: self._ledger.rescue(self._run))

    def last_words(self) -> None:
        """Let the last writes succeed even if the ledger's file was moved from its path."""
        self._ledger.last_words()

    async def end(self, state: str, reason: str | None) -> tuple[str, bool]:
        """Set the run's state unless other senders continue it. Return the names of those senders, and whether the
        state was set."""
        now = self._clock()  # one time for all tries
        return await self._patiently(lambda: self._ledger.attempts.end(self._run, state, reason, now))

    def _count(self) -> Totals | None:
        """Count the run if it is due and others send it too. Returns None if counting fails, because the claims made
        just before must still reach the sender."""
        began = steady()
        if began < self._counts_from:
            return None
        totals = None
        with suppress(LedgerError):
            if self._ledger.attempts.has_other_senders(self._run):
                totals = self._ledger.runs.totals(self._run)
        self._counts_from = steady() + max(COUNTS_EVERY, COUNTS_FOR_LESS_THAN * (steady() - began))
        return totals

    async def expire(self) -> int:
        """Expire all planned messages; return how many."""
        return await self._patiently(lambda: self._ledger.runs.expire(self._run, self._clock()))

    async def waiting(self) -> list[Waiting]:
        """Return how many messages wait, for what and until when, as of the last claim."""
        return await self._patiently(lambda: self._ledger.runs.waiting(self._run, self.asked_at))

    async def falling_due(self, now: int, most: int) -> list[Due]:
        """Return at most ``most`` attempts that are due to be followed by another channel at ``now`` (UTC ms)."""
        return await self._on_thread(lambda: self._ledger.attempts.falling_due(self._run, now, most))

    async def falling(self) -> tuple[int, int | None]:
        """Return how many attempts may still be followed by another channel, and when the first (UTC ms)."""
        return await self._on_thread(lambda: self._ledger.attempts.falling(self._run))

    async def ids_to_revoke(self, gateway: str, due: Sequence[Due]) -> dict[int, list[str] | None]:
        """Return the ids by which a gateway can revoke these attempts; see ``Inbox.ids_to_revoke``."""
        return await self._on_thread(lambda: self._ledger.receipts.ids_to_revoke(gateway, due))

    async def fall_back(self, due: Sequence[Due], revoked: Revocations) -> FallenBack:
        """Plan the next attempt for those that have ended; durable when it returns."""
        attempts = self._ledger.attempts
        return await self._on_thread(lambda: attempts.fall_back(self._run, due, revoked, self._clock()))

    async def reload(self) -> Run:
        """Return the run as it is in the ledger now."""
        return await self._patiently(lambda: self._ledger.runs.get(self._run.id))

    def close(self) -> None:
        """Wait for a transaction under way, then end the thread."""
        self._thread.shutdown()
        if self._journal is not None:
            self._journal.close()

    async def _patiently(self, work: Callable[[], T]) -> T:
        """Like ``_on_thread``, but retries while the ledger cannot be reached; see ``timing.patiently``."""
        return await self._on_thread(lambda: timing.patiently(work, lambda: self._stop.hard_stop))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, work)
        # Shielded: a cancelled sender still has to know whether a transaction under way succeeded.
        return await asyncio.shield(future)
