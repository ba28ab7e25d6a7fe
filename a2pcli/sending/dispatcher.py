"""The path from claimed messages to the gateway: who may leave when, and what came back.

A few long-lived tasks submit; a plain function decides. No task, lock or queue is made for a message, and a
task that comes back from the gateway takes its next batch in the same step when pace and breaker allow it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Protocol

from a2pcli.dataclass import dataclass
from a2pcli.gateways.base import Gateway, TellsDeparture
from a2pcli.ledger.records import Claimed
from a2pcli.messages import Cause, Message, Outcome
from a2pcli.sending.answers import all_unknown, failed, no_answer, one_each
from a2pcli.sending.breaker import Breaker
from a2pcli.sending.pace import Pace, SenderPaces
from a2pcli.sending.run_policy import Departure

log = logging.getLogger(__name__)

BATCH_SPAN = 0.5
"""A batch holds at most this many seconds of the pace: at 20 per second, a batch of 500 would leave every 25 s."""

FEW = 12
"""Messages in flight for each one that may be noted in the journal before it leaves: a tenth of what a kill leaves
unknown may never have left."""

LET_GO = 2.0
"""Seconds a cancelled submit gets to end; after that it is abandoned and its messages are unknown."""


class DispatchPolicy(Protocol):
    """The run's decisions about each message, as the dispatcher calls them."""

    def departure(self, claimed: Claimed) -> Departure:
        """Return whether this message may be submitted now."""
        ...

    def is_late(self, claimed: Claimed) -> bool:
        """Return whether the permitted sending time of the message is over."""
        ...

    def give_back(self, ids: Sequence[int]) -> None:
        """Return claimed messages that were not submitted."""
        ...

    def departed(self, claimed: Claimed) -> None:
        """Called when a message is handed to the gateway."""
        ...

    def returned(self, batch: Sequence[Claimed], outcomes: Sequence[Outcome], epoch: int) -> Collection[str]:
        """Record the outcomes of a batch submitted in this epoch of the breaker; return the countries to refuse from
        now on."""
        ...

    def broke(self, error: BaseException) -> None:
        """Called when one of the dispatcher's tasks failed because of a bug."""
        ...


@dataclass(slots=True)
class _Submission:
    """A submitted batch without an answer yet. Times are loop time in seconds."""

    batch: list[Claimed]
    epoch: int
    since: float
    cancelled_at: float | None = None


class Dispatcher:
    """Submits claimed messages (their intent is durable) to the gateway in batches."""

    def __init__(
        self,
        gateway: Gateway,
        pace: Pace,
        breaker: Breaker,
        policy: DispatchPolicy,
        *,
        submits: int,
        deadline: float,
        senders: SenderPaces | None = None,
        leaving: Callable[[Sequence[Message]], None] = lambda _batch: None,
    ) -> None:
        self._gateway = gateway
        self._leaving: Callable[[Sequence[Message]], None] | None = leaving
        if isinstance(gateway, TellsDeparture):
            gateway.leaving, self._leaving = leaving, None
        self._pace = pace
        self._senders = senders or SenderPaces({})
        self._has_senders = bool(senders)
        self._breaker = breaker
        self._policy = policy
        self._submits = submits
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Claimed] = deque()
        self._slots: dict[int, float] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._submissions: dict[asyncio.Task[None], _Submission] = {}
        self._at_most: dict[
            int, int
        ] = {}  # largest batch for a message whose earlier batch was rejected as a whole
        self._idle: list[asyncio.Future[list[Claimed]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._dropping = self._ending = False
        self._home = asyncio.Event()
        self.batch = max(1, gateway.capabilities.batch)
        self.flying = 0
        self.left = 0
        """Number of messages ever handed to the gateway."""
        self.closed = False
        """True while nothing may be submitted: the run is ending, or the ledger cannot record outcomes."""

    @property
    def ready(self) -> int:
        """Number of claimed messages waiting to be submitted."""
        return len(self._ready)

    def offer(self, claimed: Sequence[Claimed], slots: Mapping[int, float] | None = None) -> None:
        """Add claimed messages and submit what may go now.

        ``slots`` gives, by message id, the loop time before which a message must not be submitted.
        """
        self._ready.extend(claimed)
        if slots:
            self._slots.update(slots)
        self.pump()

    def next_ids(self, most: int) -> list[int]:
        """Ids of up to ``most`` messages that leave next, and no more than one for each ``FEW`` in flight."""
        return [one.message.id for one in islice(self._ready, min(most, self.flying // FEW))]

    @property
    def ids(self) -> set[int]:
        """Ids of all messages that wait or are with the gateway."""
        batches = (submission.batch for submission in self._submissions.values())
        return {one.message.id for one in chain(self._ready, *batches)}

    def take_back_claims(self) -> list[Claimed]:
        """Remove and return all messages that were not submitted."""
        back, self._ready = list(self._ready), deque()
        return back

    def take_back(self, country: str | None = None) -> list[int]:
        """Remove the messages that were not submitted, of one country or all; return their ids."""
        return self._take_back(lambda one: country is None or one.message.country == country)

    def _take_back(self, which: Callable[[Claimed], bool]) -> list[int]:
        back = [one.message.id for one in self._ready if which(one)]
        self._ready = deque(one for one in self._ready if not which(one))
        for id in back:
            self._slots.pop(id, None)
        return back

    def pump(self) -> None:
        """Start as many submits as are allowed. Call it after any change that could allow more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._ready and (self._idle or len(self._workers) < self._submits):
            batch = self._next_batch()
            if not batch:
                return
            if self._idle:
                self._idle.pop().set_result(batch)
            else:
                worker = self._loop.create_task(self._work(batch))
                self._workers.add(worker)
                worker.add_done_callback(self._worker_done)

    def was_stopped(self, seconds: float) -> None:
        """Do not count ``seconds`` in which this process was suspended against the gateway's deadline."""
        for submission in self._submissions.values():
            submission.since += seconds
            if submission.cancelled_at is not None:
                submission.cancelled_at += seconds

    def cancel_overdue(self) -> None:
        """Cancel submits past their deadline, and abandon those that ignore the cancellation.

        Called a few times a second, so messages need no timers of their own.
        """
        now = self._loop.time()
        for worker, submission in list(self._submissions.items()):
            if submission.cancelled_at is None:
                if now - submission.since >= self._deadline:
                    self._cancel(worker, submission)
            elif now - submission.cancelled_at >= LET_GO:
                log.warning("gateway %s did not stop; ignored", self._gateway.name)
                self._workers.discard(worker)
                self._came_back(worker, submission, no_answer(len(submission.batch)))

    def drop(self) -> None:
        """Cancel all submits; their messages become unknown."""
        self.closed = True
        self._dropping = True
        for worker, submission in self._submissions.items():
            if submission.cancelled_at is None:
                self._cancel(worker, submission)

    async def end(self) -> None:
        """End all tasks. Messages with the gateway keep their state in the ledger."""
        self.closed = self._ending = True
        if self._timer is not None:
            self._timer.cancel()
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=LET_GO)

    async def wait_until_idle(self, seconds: float) -> None:
        """Wait at most ``seconds`` until nothing is with the gateway."""
        until = self._loop.time() + seconds
        while self.flying and self._loop.time() < until:
            self._home.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LET_GO / 10):
                    await self._home.wait()
            self.cancel_overdue()

    def _next_batch(self) -> list[Claimed]:
        """Return the messages to submit together now; empty if none may go."""
        if self.closed or not self._ready:
            return []
        now = self._loop.time()
        free = self._breaker.allowance(now) - self.flying
        if free <= 0:
            return []
        paced = self._pace.limited or self._has_senders or self._slots
        if self.batch == 1 and not paced and not self._pace.held(now):
            one = self._ready[0]
            if self._policy.departure(one) is Departure.NOW:  # the usual case
                del self._ready[0]
                self._policy.departed(one)
                self._pace.take(1, now)
                self.flying += 1
                self.left += 1
                return [one]
            batch = [self._ready.popleft()]
            weight = 1
        else:
            batch, weight = self._gather(free, now)
        for position, one in enumerate(batch):
            decision = self._policy.departure(one)
            if decision is not Departure.NOW:
                self._ready.extendleft(reversed(batch[position:]))
                batch = batch[:position]
                if decision is Departure.TOO_LATE:
                    self._policy.give_back(self._take_back(self._policy.is_late))
                break
            self._policy.departed(one)
        if not batch:
            return []
        self._pace.take(weight, now)
        for one in batch if self._slots else ():
            self._slots.pop(one.message.id, None)
        if self._has_senders:
            self._senders.left(batch, now)
        self.flying += len(batch)
        self.left += len(batch)
        return batch

    def _gather(self, free: int, now: float) -> tuple[list[Claimed], int]:
        """Return the largest batch that gateway, pace and breaker allow, and its weight; sets a timer if it must
        wait."""
        size = self.batch
        if self._pace.per_second is not None:
            size = min(size, max(1, int(self._pace.per_second * BATCH_SPAN)))
        if free < min(size, len(self._ready)) and self.flying:
            return [], 0  # wait for a fuller batch
        ready: Iterable[Claimed] = self._ready
        if self._senders:
            ready, wait = self._senders.free(ready, now, self._slots)
            if not ready:
                self._timer = self._loop.call_later(wait, self.pump)
                return [], 0
        size = min(size, free, len(self._ready))
        chosen: list[Claimed] = []
        weight = 0
        for one in ready:
            more = self._pace.weight(one.message.parts)
            size = min(size, self._at_most.get(one.message.id, size))
            if chosen and (len(chosen) >= size or (self._pace.limited and weight + more > size)):
                break
            chosen.append(one)
            weight += more
        delay = self._pace.delay(weight, now)
        for one in chosen if self._slots else ():
            delay = max(delay, self._slots.get(one.message.id, now) - now)
        if delay > 0:
            self._timer = self._loop.call_later(delay, self.pump)
            return [], 0
        if self._senders:
            ids = {one.message.id for one in chosen}
            self._ready = deque(one for one in self._ready if one.message.id not in ids)
        else:
            for _ in chosen:
                self._ready.popleft()
        return chosen, weight

    def _worker_done(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        error = None if worker.cancelled() else worker.exception()
        if error is not None:
            self._policy.broke(error)

    async def _work(self, batch: list[Claimed]) -> None:
        me = asyncio.current_task()
        assert me is not None
        while True:
            submission = self._submissions[me] = _Submission(batch, self._breaker.epoch, self._loop.time())
            outcomes = await self._submit(submission)
            if submission.cancelled_at is not None:
                me.uncancel()  # this task goes on; timeouts inside the gateway must not see the cancellation
            if self._submissions.get(me) is not submission:
                return  # abandoned: its answer is too late
            self._came_back(me, submission, outcomes)
            if self._dropping:
                return
            batch = self._next_batch()
            if not batch:
                waiting: asyncio.Future[list[Claimed]] = self._loop.create_future()
                self._idle.append(waiting)
                self.pump()
                batch = await waiting

    def _cancel(self, worker: asyncio.Task[None], submission: _Submission) -> None:
        submission.cancelled_at = self._loop.time()
        worker.cancel()

    def _came_back(
        self, worker: asyncio.Task[None], submission: _Submission, outcomes: Sequence[Outcome]
    ) -> None:
        del self._submissions[worker]
        batch = submission.batch
        self.flying -= len(batch)
        if not self.flying:
            self._home.set()
        if len(batch) > 1 or self._at_most or outcomes[0].cause is Cause.BATCH:
            for one, outcome in zip(batch, outcomes, strict=True):
                if outcome.cause is Cause.BATCH:
                    self._at_most[one.message.id] = max(1, len(batch) // 2)
                elif self._at_most:
                    self._at_most.pop(one.message.id, None)
        for country in self._policy.returned(batch, outcomes, submission.epoch):
            self._policy.give_back(self.take_back(country))

    async def _submit(self, submission: _Submission) -> Sequence[Outcome]:
        """Return the gateway's outcomes, one for each message; an invalid answer or an error counts as unknown."""
        count = len(submission.batch)
        try:
            batch = [one.message for one in submission.batch]
            if self._leaving is not None:
                self._leaving(batch)
            answers = await self._gateway.submit(batch)
        except asyncio.CancelledError:
            if self._ending:
                raise
            if submission.cancelled_at is None:
                return all_unknown(count, "CancelledError", "the gateway cancelled itself")
            if self._dropping:
                return all_unknown(count, "interrupted", "stopped while the gateway was processing it")
            return no_answer(count)
        except Exception as error:
            first = submission.batch[0].message.reference
            log.warning("gateway %s raised %s for %s", self._gateway.name, type(error).__name__, first)
            return failed(count, error)
        return one_each(count, answers)
