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
from a2pcli.ledger.falling import Due
from a2pcli.ledger.falling_back import FallenBack, Revocations
from a2pcli.ledger.faults import plainly
from a2pcli.ledger.in_flight import InFlightJournal
from a2pcli.ledger.processes import steady
from a2pcli.ledger.records import Exchange, Run, Settled, Totals, Waiting
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Message, State
from a2pcli.sending import timing
from a2pcli.sending.options import SendOptions
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.tally import Tally

T = TypeVar("T")

COUNTS_EVERY = 2.0
"""Seconds after which a sender asks again how far the run is, while others send it as well."""

COUNTS_FOR_LESS_THAN = 30
"""A large run takes a moment to count: this many times as long passes between two counts."""


@dataclass(slots=True)
class WriteBatch:
    """What happened since the last transaction. Writing it twice does no harm."""

    release: list[int] = field(default_factory=list)
    """Claimed messages that never left."""
    settled: list[Settled] = field(default_factory=list)
    suppress: list[tuple[str, str | None]] = field(default_factory=list)
    """Addresses that opted out according to the gateway, each with the sender they opted out from."""
    refuse: set[str] = field(default_factory=set)
    """Countries the gateway's account may not send to."""

    @property
    def is_urgent(self) -> bool:
        """Whether it contains something that should be written without waiting for more."""
        return bool(self.release or self.suppress or self.refuse)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.settled or self.is_urgent)

    @property
    def gives_back(self) -> bool:
        """Whether messages become planned again by it."""
        return bool(self.release) or any(one.state is State.PLANNED for one in self.settled)

    def then(self, later: WriteBatch) -> WriteBatch:
        """This one, which could not be written, and what came after it."""
        return WriteBatch(
            self.release + later.release,
            self.settled + later.settled,
            self.suppress + later.suppress,
            self.refuse | later.refuse,
        )


class LedgerWriter:
    """The ledger as the sender uses it: one call at a time, on a thread of its own."""

    def __init__(
        self, ledger: Ledger, run: Run, gateway: str, clock: Callable[[], int], stop: StopRequest
    ) -> None:
        self._stop = stop
        self._ledger, self._run, self._gateway, self._clock = ledger, run, gateway, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self.asked_at = 0
        """UTC ms: the moment of the last write, by which its claim was made."""
        self.has_hours = False
        """Whether the run is bound to people's hours; known from ``start`` on."""
        self._journal: InFlightJournal | None = None
        self.heard: Totals | None = None
        """The run counted right after the last write, now and then while others send it as well."""
        self._counts_from = 0.0

    async def verify(self) -> None:
        """Raise ``LedgerError`` where the run would not send what was planned."""
        await self._patiently(lambda: self._ledger.plans.verify(self._run))

    async def start(self, options: SendOptions) -> Tally:
        """Begin or resume the run, at the paces and within the budget that are shared; the counts so far."""

        def work() -> Tally:
            attempts = self._ledger.attempts
            attempts.share_paces(self._run, options.shared)
            attempts.keep_budget(self._run, options.max_cost)
            attempts.start(self._run, self._clock())
            attempts.share_quotas(self._run, options.quotas, self._clock())
            self.has_hours = attempts.has_hours(self._run)
            self._journal = attempts.begin_journal(self._run)
            return Tally.of(self._ledger.runs.totals(self._run))

        return await self._patiently(work)

    async def totals(self, before: Tally) -> Tally:
        """The counts as the ledger has them in the end, with what only the sender knows."""

        def work() -> Tally:
            return Tally.of(self._ledger.runs.totals(self._run), before)

        return await self._patiently(work)

    async def write(self, writes: WriteBatch, want: int, known: frozenset[int] | None = None) -> Exchange:
        """Record the writes and claim up to ``want``; durable when it returns.

        After a failure, ``known`` are all messages in the sender's hands; see ``Attempts.exchange``.

        What is released goes first, so that refusing a country finds it; suppressions before the outcomes
        that brought them, so that a kill in between forgets none.
        """

        def work() -> Exchange:
            ledger, run, now = self._ledger, self._run, self._clock()
            self.asked_at = now
            if writes.release:
                ledger.attempts.release(run, writes.release)
            self._suppress(writes.suppress, now)
            exchange = ledger.attempts.exchange(run, writes.settled, 0 if writes.refuse else want, now, known)
            for country in sorted(writes.refuse):
                ledger.runs.refuse_country(run, country, now)
            if writes.refuse:
                exchange = ledger.attempts.exchange(run, [], want, now)
            self.heard = self._count()
            return exchange

        exchange = await self._on_thread(work)
        if self._journal is not None:
            again = {one.message_id for one in writes.settled if one.state is State.PLANNED}
            self._journal.settled([one.message_id for one in writes.settled], again=again)
        return exchange

    @property
    def keeps_journal(self) -> bool:
        """Whether it will be known after a kill what never left."""
        return self._journal is not None

    def leaving(self, batch: Sequence[Message]) -> None:
        """These messages leave now: noted for whoever takes the run over, should this process be killed."""
        if self._journal is not None:
            self._journal.note([message.id for message in batch])

    def _suppress(self, told: Sequence[tuple[str, str | None]], now: int) -> None:
        """Keep what the gateway told of opt-outs. Audit: ``optout.gateway``, in the same transaction."""
        if not told:
            return
        with plainly(self._ledger.url), self._ledger.writing() as connection:
            told_optouts.keep(connection, told, gateway=self._gateway, run=self._run.id, now=now)
        self._ledger.note_entry()

    async def write_late(self, settled: list[Settled]) -> int:
        """Record what was learnt after another process took the run over; how many messages take it."""
        return await self._on_thread(
            lambda: self._ledger.attempts.settle_late(self._run, settled, self._clock())
        )

    async def keep(self, work: Callable[[], None]) -> None:
        """Let something else be written, between two transactions of the sender."""
        await self._on_thread(work)

    async def renew(self) -> None:
        """Record in the ledger that this process is still alive."""
        await self._on_thread(lambda: self._ledger.attempts.renew(self._run))

    async def rescue(self) -> Problem | None:
        """What became of a ledger whose file is gone; see ``Ledger.rescue``."""
        return await self._on_thread(lambda: self._ledger.rescue(self._run))

    def last_words(self) -> None:
        """What follows is written even where the ledger's file is not at its path any more."""
        self._ledger.last_words()

    async def end(self, state: str, reason: str | None) -> tuple[str, bool]:
        """Set the run's state, unless other senders go on with it; gives who does, and whether it was set."""
        now = self._clock()  # of all tries
        return await self._patiently(lambda: self._ledger.attempts.end(self._run, state, reason, now))

    def _count(self) -> Totals | None:
        """The run counted, if it is time to, and others send it. None where it cannot be counted: what was claimed just
        before must get to the sender in any case."""
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
        """What is planned expires; how many."""
        return await self._patiently(lambda: self._ledger.runs.expire(self._run, self._clock()))

    async def waiting(self) -> list[Waiting]:
        """What waited for its hours at the moment of the last claim, and until when."""
        return await self._patiently(lambda: self._ledger.runs.waiting(self._run, self.asked_at))

    async def falling_due(self, now: int, most: int) -> list[Due]:
        """Attempts whose moment has come to be followed by another channel."""
        return await self._on_thread(lambda: self._ledger.attempts.falling_due(self._run, now, most))

    async def falling(self) -> tuple[int, int | None]:
        """How many attempts may be followed by another channel yet, and the first moment."""
        return await self._on_thread(lambda: self._ledger.attempts.falling(self._run))

    async def fall_back(self, due: Sequence[Due], revoked: Revocations) -> FallenBack:
        """Follow those that have ended; durable when it returns."""
        attempts = self._ledger.attempts
        return await self._on_thread(lambda: attempts.fall_back(self._run, due, revoked, self._clock()))

    async def reload(self) -> Run:
        """The run as it is in the ledger now."""
        return await self._patiently(lambda: self._ledger.runs.get(self._run.id))

    def close(self) -> None:
        """End the thread; waits for a transaction under way."""
        self._thread.shutdown()
        if self._journal is not None:
            self._journal.close()

    async def _patiently(self, work: Callable[[], T]) -> T:
        """As ``_on_thread``, and again while the ledger cannot be reached; see ``timing.patiently``."""
        return await self._on_thread(lambda: timing.patiently(work, lambda: self._stop.hard_stop))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, work)
        # Shielded: a cancelled sender still needs to know whether a transaction under way went through.
        return await asyncio.shield(future)
