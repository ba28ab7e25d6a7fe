"""``send_run``: one run, from its first claim to its last outcome.

One thread talks to the ledger, one event loop to the gateway. The loop below runs whenever there is
something to write: it hands the thread all outcomes since the last write, and takes the next claims from the
same durable transaction. While a transaction is under way outcomes gather for the next, so the group grows
with the load by itself. Claims are made late and few. What is handed to the gateway is noted in a journal
(``ledger.in_flight``): after a kill that is ``unknown``, and what was claimed without leaving goes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from a2pcli.errors import GatewayUnusable, InvalidInput, LedgerUnavailable, Problem
from a2pcli.gateways.base import Gateway
from a2pcli.ledger.alternatives import gateways_of
from a2pcli.ledger.falling_back import FallenBack
from a2pcli.ledger.holds import DROPS_AFTER, RENEWS_AFTER, Hold
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Claimed, Exchange, Run, RunState
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State
from a2pcli.sending import endings, timing
from a2pcli.sending.answering_heard import HeardAnswers, MakeSender
from a2pcli.sending.display import Display
from a2pcli.sending.end_of_run import EndOfRun
from a2pcli.sending.fallback_rule import FallbackRule
from a2pcli.sending.fleet import Fleet
from a2pcli.sending.following import Follower
from a2pcli.sending.hearing import KeepNow, let_keep, linger
from a2pcli.sending.insisting import InsistentWriter
from a2pcli.sending.lane import lanes_of
from a2pcli.sending.lanes import Lanes
from a2pcli.sending.ledger_writer import LedgerWriter, WriteBatch
from a2pcli.sending.options import Ended, Progress, SendOptions, SendResult
from a2pcli.sending.run_policy import RunPolicy
from a2pcli.sending.saving import in_hand, save_what_can_be_saved
from a2pcli.sending.stop import StopRequest
from a2pcli.sending.timing import CATCHING_UP, IDLE, LINGER, TICK

log = logging.getLogger(__name__)


async def send_run(
    ledger: Ledger,
    run: Run,
    gateway: Gateway,
    options: SendOptions,
    *,
    stop: StopRequest,
    on_progress: Callable[[Progress], None],
    clock: Callable[[], int] | None = None,
    keep: KeepNow | None = None,
    answers: MakeSender | None = None,
) -> SendResult:
    """Send what the run still has planned, and return how it ended.

    Opens and closes the gateway, and holds the run's lock meanwhile. A gateway that cannot be used is a result: the
    run is ``paused`` and everything not accepted stays ``planned``. ``clock`` returns UTC milliseconds (default: a
    ``timing.SteadyClock``). ``keep`` stores receipts and replies that arrive meanwhile, on the ledger's thread;
    ``answers`` returns what sends the answers to them by the gateways of the run.

    Raises ``RunBusy`` if another process holds the lock, ``InvalidInput`` if the gateway cannot do what the run
    needs, ``LedgerError`` if the ledger stops accepting results (messages in flight are ``unknown`` at the next
    start).
    """
    for channel in gateways_of(run):
        if channel not in gateway.capabilities.channels:
            raise InvalidInput(endings.wrong_channel(gateway.name, channel, gateway.capabilities.channels))
    clock = clock or timing.SteadyClock()
    with sender_lock(ledger, run, shared=True) as hold:
        writer = LedgerWriter(ledger, run, clock, stop)
        answering = HeardAnswers(gateway, answers)
        let_keep(gateway, writer, keep, answering.heard)
        try:
            sending = _Sending(run, writer, gateway, options, stop, on_progress, clock, hold)
            sending.before_close = answering.end
            return await sending.whole()
        finally:
            writer.close()


async def _nothing() -> None:
    """Nothing is to be ended before the gateway is closed."""


class _Sending:
    """State of one call of ``send_run``."""

    def __init__(
        self,
        run: Run,
        writer: LedgerWriter,
        gateway: Gateway,
        options: SendOptions,
        stop: StopRequest,
        on_progress: Callable[[Progress], None],
        clock: Callable[[], int],
        hold: Hold,
    ) -> None:
        self._run, self._writer, self._gateway, self._options = run, writer, gateway, options
        self._stop, self._clock, self._hold = stop, clock, hold
        self._gateways, self._rule = gateways_of(run), FallbackRule(run, gateway)
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._started = self._time()
        lanes, self._kick = lanes_of(gateway, options), asyncio.Event()
        self._policy = RunPolicy(
            run,
            lanes,
            options,
            hold=hold,
            group=max(1, sum(one.at_once for one in lanes) // 2),
            time=self._time,
            clock=clock,
            wake=self._kick.set,
            rule=self._rule,
        )
        self._following = Follower(
            run,
            gateway,
            writer,
            is_on=self._rule.is_on,
            time=self._time,
            clock=clock,
            fell_back=self._fell_back,
        )
        self._fleet = Fleet.of(run, lanes, self._policy, options, leaving=writer.leaving, clock=clock)
        self._dispatcher, self._claiming = self._fleet.dispatcher, self._fleet.claiming
        writer.next_to_leave, writer.gone = self._dispatcher.next_ids, self._hold_everything
        inside = self._policy, self._dispatcher, self._fleet.breaker, self._fleet.pace
        self._display = Display(
            on_progress, *inside, options.rate, self._started, has_quotas=bool(options.quotas)
        )
        self._writing = InsistentWriter(writer, self._dispatcher, self._policy, stop)
        self._over = EndOfRun(
            run,
            options,
            writer,
            self._policy,
            self._dispatcher,
            self._claiming,
            self._following,
            self._display,
            clock,
        )
        self.before_close: Callable[[], Awaitable[None]] = _nothing
        self._dropped = self._jumped = False
        self._is_in_doubt = False  # whether the ledger's file seemed to be gone
        self._looked_after, self._round_at = 0.0, self._started

    async def whole(self) -> SendResult:
        if self._is_expired():
            return await self._result(Ended.EXPIRED, endings.expired(self._run))
        if self._too_early:
            self._claiming.next_due = self._run.not_before or 0
            if not self._options.wait:
                return await self._result(
                    Ended.WAITING, endings.waits_until(self._run, self._claiming.next_due)
                )
            with self._stop.heard_by(self._wake_from_anywhere):
                await self._wait_for_start()
            if jump := timing.jump_of(self._clock):
                return await self._result(Ended.PAUSED, endings.clock_was_set(self._run, jump))
            if self._too_early:
                return await self._result(Ended.INTERRUPTED, endings.interrupted(self._run, hard=False))
        await self._writer.verify()
        unusable: GatewayUnusable | None = None
        try:
            await self._fleet.open(self._gateway, self._policy)
        except GatewayUnusable as error:
            unusable = error
        try:
            self._policy.tally = await self._writer.start(self._options, self._fleet.router)
            self._claiming.looks_far = self._writer.keeps_journal
            if unusable is not None:
                return await self._result(Ended.PAUSED, unusable.problems[0])
            with self._stop.heard_by(self._wake_from_anywhere):
                more = True
                while more:
                    await self._rounds()
                    await linger(self._gateway, self._stop, self._hold, self._writer)
                    more = self._policy.ended is None and await self._following.has_more()
        except BaseException as error:
            patience = 0.0 if self._stop.hard_stop else self._options.drain_deadline
            await save_what_can_be_saved(
                error,
                self._writer,
                self._dispatcher,
                self._policy,
                writing=self._writing.under_way,
                patience=patience,
                clock=self._clock,
            )
            raise
        finally:
            await self._following.end()
            await self._dispatcher.end()
            with suppress(Exception):
                await self.before_close()
            with suppress(Exception):
                await self._gateway.close()
        return await self._result(self._policy.ended or Ended.FINISHED, self._policy.reason)

    @property
    def _too_early(self) -> bool:
        return self._run.not_before is not None and self._clock() < self._run.not_before

    async def _wait_for_start(self) -> None:
        self._policy.tally = await self._writer.totals(self._policy.tally)
        while self._too_early and not (self._stop.draining or timing.jump_of(self._clock)):
            self._display.show(self._time(), self._claiming.next_due)
            if self._hold.age > RENEWS_AFTER:
                with suppress(LedgerUnavailable):  # nothing is in flight: the next write tries again
                    await self._writer.renew()
            left = ((self._run.not_before or 0) - self._clock()) / 1000
            await self._sleep(max(0.001, min(left, IDLE)))

    async def _rounds(self) -> None:
        while True:
            await self._catch_up()
            self._watch()
            wait = self._wait_before_writing()
            if wait <= 0:
                await self._write()
            elif await self._over.is_over():
                return
            else:
                await self._sleep(min(wait, IDLE if self._claiming.waits else TICK))

    async def _catch_up(self) -> None:
        """After a suspension of the process, let answers that arrived meanwhile be read before anything counts as
        late."""
        if (stood_still := self._time() - self._round_at - IDLE) > 0:
            self._dispatcher.was_stopped(stood_still)
            await asyncio.sleep(CATCHING_UP)
        self._round_at = self._time()

    def _watch(self) -> None:
        """Check everything that can end, stop or continue the run without an answer from the gateway."""
        policy, dispatcher, now = self._policy, self._dispatcher, self._time()
        if policy.defect is not None:
            raise policy.defect
        if self._stop.draining:
            policy.end(Ended.INTERRUPTED, endings.interrupted(self._run, hard=False))
        if self._is_expired():
            policy.end(Ended.EXPIRED, endings.expired(self._run))
        self._fleet.stop_what_gave_up(self._run, policy, self._display.left)
        if policy.ended is not None:
            dispatcher.closed = True
            self._drop_what_takes_too_long(now)
        policy.writes.release += self._fleet.take_back(now, all_of_them=policy.ended is not None)
        if now - self._looked_after >= TICK:
            self._looked_after = now
            self._look_at_the_clock()
            if self._hold.age > DROPS_AFTER and dispatcher.flying:
                dispatcher.drop()  # other processes will soon take this one for dead
            dispatcher.cancel_overdue()
            self._fleet.look_at_route(policy, now)
        dispatcher.pump()
        self._following.pump(ended=policy.ended is not None)
        self._display.look(now, self._claiming.waits_until)

    def _look_at_the_clock(self) -> None:
        """Pause the run if the machine's clock was set and permitted hours depend on it; otherwise log it once."""
        jump = timing.jump_of(self._clock)
        if jump and (self._writer.has_hours or self._run.expires_at is not None):
            self._policy.end(Ended.PAUSED, endings.clock_was_set(self._run, jump))
        elif jump and not self._jumped:
            self._jumped = True
            log.warning("%s; this run continues with the real elapsed time", endings.clock_text(jump))

    def _drop_what_takes_too_long(self, now: float) -> None:
        too_long = now - self._policy.ended_at > self._options.drain_deadline
        if (too_long or self._stop.hard_stop) and not self._dropped:
            self._dropped = True
            if self._policy.ended is Ended.INTERRUPTED and self._dispatcher.flying:
                self._policy.reason = endings.interrupted(self._run, hard=True)
            self._dispatcher.drop()

    def _wait_before_writing(self) -> float:
        """Return the seconds until the next transaction should start; 0 for now."""
        writes = self._policy.writes
        if writes.is_urgent or self._is_in_doubt or self._hold.age > RENEWS_AFTER:
            return 0.0
        want = self._claiming.want(self._time())
        if writes.settled:
            now = self._time()
            patience = 0.0 if self._policy.ended is not None else self._claiming.patience(want, now)
            return min(patience, LINGER - (now - self._policy.round_since))
        return self._claiming.wait(want)

    async def _write(self) -> None:
        """Run one ledger transaction and apply its result."""
        policy = self._policy
        writes, policy.writes = policy.writes, WriteBatch()
        self._is_in_doubt = False
        began = self._time()
        want = self._claiming.want(began)
        told = policy.tally.snapshot()
        try:
            exchange = await self._writing.write(writes, want, self._claiming.rooms)
        except BaseException:
            policy.writes = writes.then(policy.writes)
            raise
        if self._rule.is_on and any(one.falls for one in writes.settled):
            self._following.ask()
        if writes.gives_back or writes.refuse:
            self._claiming.gave_back()
        self._claiming.took(exchange, want, self._time() - began, self._writer.asked_at)
        policy.tally.took(exchange, sum(one.state is State.PLANNED for one in writes.settled))
        if self._writer.heard is not None:
            mine = len(in_hand(self._dispatcher, policy.writes)) + len(exchange.claimed)
            policy.tally.heard(self._writer.heard, told, mine)
        self._writer.look()  # the transaction looked before its commit
        self._let_go(exchange)

    def _let_go(self, exchange: Exchange) -> None:
        """Hand claimed messages to the dispatcher, except those that may no longer be sent."""
        claimed, now = exchange.claimed, self._time()
        # Measured from now, not from the request: slightly late is safer than before the slot.
        waits = zip(claimed, exchange.waits, strict=False)
        slots = {one.message.id: now + wait for one, wait in waits if wait > 0}
        if self._policy.ended is not None:
            self._policy.writes.release += [one.message.id for one in claimed]
            return
        has_own = isinstance(
            self._dispatcher, Lanes
        )  # else only a message that names a gateway may have another
        if others := [one for one in claimed if (has_own or one.gateway is not None) and not self._goes(one)]:
            self._policy.give_back([one.message.id for one in others])
            self._policy.end(Ended.PAUSED, endings.other_gateway(self._run, others[0].gateway or ""))
            claimed = [one for one in claimed if self._goes(one)]
        refused = self._policy.refused
        if back := [one for one in claimed if one.message.country in refused]:
            self._policy.give_back([one.message.id for one in back])
            self._policy.writes.refuse |= {one.message.country or "" for one in back}
            claimed = [one for one in claimed if one.message.country not in refused]
        claimed = self._policy.without_refused(claimed)
        if self._rule.is_on:
            claimed = [self._rule.with_validity(one) for one in claimed]
        self._dispatcher.offer(claimed, slots)
        if exchange.short_of and not (self._dispatcher.flying or self._dispatcher.ready):
            self._policy.end_by_budget(exchange.short_of)

    def _fell_back(self, done: FallenBack) -> None:
        """Messages wait to be claimed on another channel."""
        if done.made:
            self._policy.fell_back(done)
            self._claiming.gave_back()

    def _goes(self, one: Claimed) -> bool:
        """Whether the planned gateway of the message is the one its channel uses in this run."""
        if isinstance(self._dispatcher, Lanes):
            return self._dispatcher.takes(one)
        return one.gateway is None or self._gateways.get(one.message.channel) == one.gateway

    async def _sleep(self, seconds: float) -> None:
        """Wait until something happens or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._kick.wait()
        self._kick.clear()

    def _hold_everything(self) -> None:
        """Hand over nothing until a transaction succeeds, and try one at once."""
        self._dispatcher.closed = self._is_in_doubt = True
        self._kick.set()

    def _wake_from_anywhere(self) -> None:
        self._loop.call_soon_threadsafe(self._kick.set)

    def _is_expired(self) -> bool:
        return self._run.expires_at is not None and self._clock() >= self._run.expires_at

    # -- coming to an end --------------------------------------------------------------------------------

    async def _result(self, ended: Ended, reason: Problem | None) -> SendResult:
        """Set the run's final state in the ledger and return the result."""
        is_last = True
        if ended is Ended.EXPIRED:
            await self._writer.expire()
        if reason is None or reason.code != endings.CHANGED_ELSEWHERE:
            is_done = ended in (Ended.FINISHED, Ended.EXPIRED)
            state = RunState.FINISHED if is_done else RunState.PAUSED
            others, is_last = await self._writer.end(state, reason.message if reason else None)
            reason = endings.others_go_on(reason, self._run, others)
            if ended is Ended.FINISHED and (await self._writer.reload()).state == RunState.PAUSED:
                ended, reason = Ended.PAUSED, endings.came_late(self._run)
        self._policy.tally = await self._writer.totals(self._policy.tally)
        progress = self._display.end(str(ended), self._time())
        return SendResult(ended, reason, progress, self._time() - self._started, is_last)
