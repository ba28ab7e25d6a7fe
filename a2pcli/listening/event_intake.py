"""Stores events, many in one transaction, and makes their messages when they are due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.actions.event_following import EventFollower
from a2pcli.actions.event_planning import Lookups
from a2pcli.actions.event_rules import EventRules, events_path, needed_event_rules
from a2pcli.actions.event_sources import secrets_of
from a2pcli.actions.events import now_ms, store, warm, work
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, LedgerError
from a2pcli.listening.storing import Storing

if TYPE_CHECKING:
    from a2pcli.actions.events import Added, NewTrigger
    from a2pcli.listening.listener import Listener

LOOKS_EVERY = 2.0
"""Seconds after which the ledger is asked again: another process may have stored an event, or a time has come."""

NOTES_EVERY = 1.0
"""Seconds after which the project's record of its ledger is written anew, while events come all the time."""

GATHERS = 0.02
"""Seconds in which events that come together are planned together."""


@dataclass(slots=True)
class Kept:
    """An event to be stored; ``added`` once it is."""

    new: NewTrigger
    added: list[Added] = field(default_factory=list)
    weight: int = 1


class Intake:
    """Stores events, many at once, and makes their messages."""

    def __init__(self, listener: Listener, rules: EventRules) -> None:
        self.listener = listener
        self._use(rules)
        self._ledger, self._settings = listener.store.ledger, listener.settings
        notices = listener.notices
        self._storing = Storing(
            self._keep, lambda error: notices.note(f"events are not stored: {_why(error)}")
        )
        self._wake = asyncio.Event()
        self._follower = EventFollower(self._ledger, self._settings, notices.note)
        self._lookups = Lookups(self._ledger)
        self._warmed: EventRules | None = None
        self._notes_at = 0.0
        self._due_at: int | None = None
        self._stuck = dict[str, float]()
        """Events whose campaign cannot be planned, and until when they are left alone (monotonic)."""

    def _use(self, rules: EventRules) -> None:
        """Take these events from now on. Raises ``A2PError``, and the others remain in use, if something is missing for
        them."""
        secrets = secrets_of(rules, self.listener.settings)
        topics = None
        if rules.mqtt is not None:
            from a2pcli.listening.mqtt import Topics

            topics = Topics(self.listener, self, rules)
        self.secrets, self.rules, self.topics = secrets, rules, topics

    def reread(self) -> str:
        """Read ``events.yaml`` and its campaigns again; return what it has."""
        rules = needed_event_rules(self.listener.settings)
        self._use(rules)
        return ", ".join(rules.rules)

    def files(self) -> list[Path]:
        """Return the files that the events are read from."""
        return [events_path(self.listener.settings), *(one.loaded.path for one in self.rules.rules.values())]

    async def listen(self) -> None:
        """Take events from the topics of devices, by the rules as they are, until cancelled."""
        while True:
            topics = self.topics
            if topics is None:
                await asyncio.sleep(LOOKS_EVERY)
                continue
            task = asyncio.create_task(topics.run())
            try:
                while self.topics is topics and not task.done():
                    await asyncio.wait([task], timeout=LOOKS_EVERY)
            finally:
                task.cancel()
                (ended,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(ended, Exception):
                raise ended

    def _keep(self, some: Sequence[Kept]) -> None:
        is_noted = time.monotonic() >= self._notes_at
        for one, added in zip(
            some, store(self._ledger, [one.new for one in some], is_noted=is_noted), strict=True
        ):
            one.added[:] = [added]
        if is_noted:
            self._notes_at = time.monotonic() + NOTES_EVERY

    async def take(self, news: Sequence[NewTrigger]) -> list[Added]:
        """Return events as they are stored. Raises ``TooMuch``, ``TimeoutError`` and ``LedgerError``."""
        kept = [Kept(one) for one in news]
        if len(kept) == 1:
            await self._storing.store(kept[0])
        else:
            await asyncio.gather(*[self._storing.store(one) for one in kept])
        for one in kept:
            self._is_due(one.added[0].trigger.due_at)
        return [one.added[0] for one in kept]

    async def run(self) -> None:
        """Make the messages of events that are due, until cancelled."""
        self._storing.start()
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="events")
        try:
            while True:
                self._wake.clear()
                self._due_at = None
                try:
                    self._is_due(await loop.run_in_executor(thread, self._work))
                except LedgerError as error:
                    self.listener.notices.note(f"events wait: {error.problems[0].message}")
                except Exception as error:
                    self.listener.notices.note(f"events wait: {type(error).__name__}")
                await self._until_due()
        finally:
            await self._storing.close()
            thread.shutdown()

    def _is_due(self, at: int | None) -> None:
        """An event is due then (UTC ms)."""
        if at is not None and (self._due_at is None or at < self._due_at):
            self._due_at = at
            self._wake.set()

    async def _until_due(self) -> None:
        """Wait until an event is due, at most ``LOOKS_EVERY``."""
        end = time.monotonic() + LOOKS_EVERY
        while (wait := end - time.monotonic()) > 0:
            if self._due_at is not None:
                wait = min(wait, (self._due_at - now_ms()) / 1000)
            if wait <= 0:
                break
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
        await asyncio.sleep(GATHERS)

    def _work(self) -> int | None:
        """Make messages; return when the next event is due (UTC ms)."""
        ledger, now = self._ledger, time.monotonic()
        self._stuck = {name: until for name, until in self._stuck.items() if until > now}
        if self._warmed is not self.rules:
            self._warmed = self.rules
            warm(ledger, self._settings, self.rules, self._lookups, self.listener.notices.note)
        found = work(
            ledger, self._settings, self.rules, tell=self.listener.notices.note,
            lookups=self._lookups, without=list(self._stuck),
            stuck=lambda name: self._stuck.update({name: now + LOOKS_EVERY}),
        )  # fmt: skip
        if self._follower.look() or any(one.answer is not None for one in found):
            self.listener.store.on_answers()
        return ledger.triggers.next_due(without=list(self._stuck))


def _why(error: BaseException) -> str:
    return str(error.problems[0]) if isinstance(error, A2PError) else type(error).__name__
