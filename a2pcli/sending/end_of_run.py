"""Whether a run is over: nothing is under way, and nothing will come for which this sender stays."""

from __future__ import annotations

from collections.abc import Callable

from a2pcli.ledger.records import FAR, Run, RunState
from a2pcli.reasons import Reason
from a2pcli.sending import endings
from a2pcli.sending.claiming import Claiming
from a2pcli.sending.display import Display
from a2pcli.sending.following import Follower
from a2pcli.sending.lanes import AnyDispatcher
from a2pcli.sending.ledger_writer import LedgerWriter
from a2pcli.sending.options import Ended, SendOptions
from a2pcli.sending.run_policy import RunPolicy


class EndOfRun:
    """Decides whether a run is over."""

    def __init__(
        self,
        run: Run,
        options: SendOptions,
        writer: LedgerWriter,
        policy: RunPolicy,
        dispatcher: AnyDispatcher,
        claiming: Claiming,
        following: Follower,
        display: Display,
        clock: Callable[[], int],
    ) -> None:
        self._display, self._clock = display, clock
        self._run, self._options, self._writer = run, options, writer
        self._policy, self._dispatcher = policy, dispatcher
        self._claiming, self._following = claiming, following
        self._waited_for = 0  # UTC ms: the due time that --wait is waiting for

    async def is_over(self) -> bool:
        """Return True if nothing is under way and nothing more will come. Ends the run if messages wait and the
        sender does not."""
        if self._dispatcher.flying or self._dispatcher.ready or not self._policy.writes.is_empty:
            return False
        if self._following.is_busy:
            return False
        if self._policy.ended is not None:
            return True
        if not self._claiming.is_empty:
            if self._claiming.has_opened:  # asked again as soon as the pace allows
                return False
            if self._claiming.next_due > max(self._policy.hope_until, self._waited_for):
                if self._claiming.asks_once_more():
                    return False
                await self._end_or_wait()
            return self._policy.ended is not None
        if (stopped := self._policy.why_some_stopped(self._display.left)) is not None and not (
            self._options.wait and self._following.left
        ):
            self._policy.end(Ended.PAUSED, stopped)
            return True
        if self._following.left:
            if not self._options.wait:
                falls = endings.falls_back(self._run, self._following.left, self._following.first)
                self._policy.end(Ended.WAITING, falls)
            return self._policy.ended is not None
        state = (await self._writer.reload()).state
        if state not in (
            RunState.SENDING,
            RunState.FINISHED,
        ):  # another sender of the run may have finished it
            self._policy.end(Ended.INTERRUPTED, endings.changed_elsewhere(self._run.id, state))
        return True

    async def _end_or_wait(self) -> None:
        """The remaining messages wait for permitted hours or a quota, or the gateway would not take them: wait only
        with ``--wait``, or if the quota has room soon."""
        if (quota := self._claiming.quota) is not None:
            if self._options.wait or quota.until - self._clock() <= self._options.longest_hold * 1000:
                self._waited_for = self._claiming.next_due
            else:
                self._policy.end(Ended.WAITING, endings.quota_used_up(self._run, quota, self._display.left))
            return
        waiting = await self._writer.waiting()
        stopped = self._policy.why_some_stopped(self._display.left)
        soon = self._clock() + int(self._options.longest_hold * 1000)
        has_room_soon = any(one.reason == Reason.QUOTA and one.until <= soon for one in waiting)
        if has_room_soon or (self._options.wait and any(one.until < FAR for one in waiting)):
            self._waited_for = self._claiming.stays_until = self._claiming.next_due
            return
        not_taken = self._policy.tally.planned - sum(one.messages for one in waiting)
        if stopped is not None:
            self._policy.end(Ended.PAUSED, stopped)
        elif not_taken > 0:
            self._policy.end(
                Ended.PAUSED, endings.not_taken(self._run, not_taken, self._policy.last_failure, waiting)
            )
        else:
            self._policy.end(Ended.WAITING, endings.waits(self._run, waiting, self._claiming.next_due))
