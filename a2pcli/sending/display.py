"""Reports the progress of a run at intervals."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from a2pcli.sending.lanes import AllBreakers, AllPaces, AnyBreaker, AnyDispatcher, AnyPace
from a2pcli.sending.options import Progress, Rate
from a2pcli.sending.run_policy import RunPolicy
from a2pcli.sending.timing import HORIZON

log = logging.getLogger(__name__)

SHOW_EVERY = 0.2
"""Seconds between two calls of ``on_progress``."""


class Display:
    """Calls ``on_progress``; if that fails, the run goes on without it.

    ``rate`` is the configured pace of the run.
    """

    def __init__(
        self,
        on_progress: Callable[[Progress], None],
        policy: RunPolicy,
        dispatcher: AnyDispatcher,
        breaker: AnyBreaker,
        pace: AnyPace,
        rate: Rate | None,
        now: float,
        *,
        has_quotas: bool = False,
    ) -> None:
        self._on_progress = on_progress
        self._has_quotas = has_quotas
        self._policy, self._dispatcher, self._breaker, self._pace = policy, dispatcher, breaker, pace
        self._in_messages = rate is not None and rate.unit == "messages"
        self._shown = now

    @property
    def left(self) -> int:
        """Number of messages without a final result, including those with the gateway."""
        tally = self._policy.tally
        return tally.left + tally.back + self._dispatcher.flying + self._dispatcher.ready

    @property
    def _is_idle(self) -> bool:
        return not (self._dispatcher.flying or self._dispatcher.ready)

    @property
    def _waits_for_one_of_several(self) -> bool:
        """Whether nothing is on its way although a gateway of several is tried again later."""
        return self._is_idle and isinstance(self._breaker, AllBreakers) and self._breaker.some_open

    def _is_held(self, now: float) -> bool:
        """Whether nothing is on its way because gateways asked to wait: all of them, or the one that has messages
        left."""
        if self._pace.held(now) > HORIZON:
            return True
        return self._is_idle and isinstance(self._pace, AllPaces) and self._pace.longest(now) > HORIZON

    def look(self, now: float, waits_until: int | None) -> None:
        """Show progress if it is time to. ``waits_until`` (UTC ms): when the next message may be sent, if all of them
        wait."""
        if now - self._shown >= SHOW_EVERY:
            self._shown = now
            self.show(now, waits_until)

    def show(self, now: float, waits_until: int | None) -> None:
        """Show the progress of the run now."""
        state = "sending"
        if self._policy.ended is not None:
            state = "stopping"
        elif self._breaker.open or self._breaker.half_open or self._waits_for_one_of_several:
            state = "gateway-down"
        elif self._is_held(now):
            state = "holding"
        elif self._policy.stands_by and self._is_idle:
            state = "standing-by"
        elif waits_until is not None:
            state = "waiting"
        progress = self._progress(state, now)
        try:
            self._on_progress(replace(progress, waits_until=waits_until) if state == "waiting" else progress)
        except Exception as error:
            log.warning("the progress display failed with %s; continuing without it", type(error).__name__)
            self._on_progress = lambda _progress: None

    def end(self, state: str, now: float) -> Progress:
        """Show the final progress and return it."""
        progress = self._progress(state, now)
        with suppress(Exception):
            self._on_progress(progress)
        return progress

    def _progress(self, state: str, now: float) -> Progress:
        # The pace predicts the end only while the gateway accepts messages.
        pace = self._pace.per_second if self._in_messages and not self._policy.is_stuck else None
        here = self._dispatcher.flying + self._dispatcher.ready
        found = self._policy.tally.progress(state, now, here, self._dispatcher.flying, pace)
        if (router := self._policy.router) is not None:
            found = replace(found, switches=tuple(self._policy.switches), down=tuple(router.down))
        # A quota may soon be used up, so the past rate says little about the end; the plan shows it. A run that stops
        # leaves the rest.
        return replace(found, eta=None) if self._has_quotas or self._policy.ended is not None else found
