"""Reports a run's progress at intervals to whoever shows it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from a2pcli.sending.breaker import Breaker
from a2pcli.sending.dispatcher import Dispatcher
from a2pcli.sending.options import Progress, Rate
from a2pcli.sending.pace import Pace
from a2pcli.sending.run_policy import RunPolicy
from a2pcli.sending.timing import HORIZON

log = logging.getLogger(__name__)

SHOW_EVERY = 0.2
"""Seconds between two calls of ``on_progress``."""


class Display:
    """Calls ``on_progress``; one that fails must not end a run, and is not called again.

    ``rate`` is the pace that the run was given.
    """

    def __init__(
        self,
        on_progress: Callable[[Progress], None],
        policy: RunPolicy,
        dispatcher: Dispatcher,
        breaker: Breaker,
        pace: Pace,
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
        """Messages without a last word, those with the gateway included."""
        tally = self._policy.tally
        return tally.left + tally.back + self._dispatcher.flying + self._dispatcher.ready

    def look(self, now: float, waits_until: int | None) -> None:
        """Show where the run is, if it is time to. ``waits_until``: all that is left waits for that hour (UTC ms)."""
        if now - self._shown >= SHOW_EVERY:
            self._shown = now
            self.show(now, waits_until)

    def show(self, now: float, waits_until: int | None) -> None:
        """Show the progress of the run."""
        state = "sending"
        if self._policy.ended is not None:
            state = "stopping"
        elif self._breaker.open or self._breaker.half_open:
            state = "gateway-down"
        elif self._pace.held(now) > HORIZON:
            state = "holding"
        elif self._policy.stands_by and not (self._dispatcher.flying or self._dispatcher.ready):
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
        # What a pace allows says when the run is done only while the gateway takes what it is given.
        pace = self._pace.per_second if self._in_messages and not self._policy.is_stuck else None
        here = self._dispatcher.flying + self._dispatcher.ready
        found = self._policy.tally.progress(state, now, here, self._dispatcher.flying, pace)
        # How fast it went says little about the end where a quota may soon be used up; the plan tells it.
        return replace(found, eta=None) if self._has_quotas else found
