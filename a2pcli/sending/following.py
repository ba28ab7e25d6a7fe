"""Falling back while a run is sent: attempts whose moment has come are taken back where they may still arrive, and
followed by the next channel."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping

from a2pcli.errors import LedgerUnavailable
from a2pcli.gateways.base import Gateway, Revokes, RevokesById, Submitted
from a2pcli.gateways.by_channel import parts_of
from a2pcli.ledger.alternatives import gateway_of
from a2pcli.ledger.falling import Due
from a2pcli.ledger.falling_back import AT_ONCE, FallenBack, Revocations, to_revoke
from a2pcli.ledger.records import Run
from a2pcli.sending.ledger_writer import LedgerWriter

log = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds a gateway gets to revoke a message."""

AT_A_TIME = 20
"""Number of revocations in flight at once."""

LOOKS_EVERY = 5.0
"""Seconds between looks at the ledger, because another process may have imported receipts."""


class Follower:
    """Finds attempts to be followed by another channel, in a task beside the sending.

    ``fell_back`` is called with the result of each look; ``time`` is loop time, ``clock`` returns UTC milliseconds.
    """

    def __init__(
        self,
        run: Run,
        gateway: Gateway,
        writer: LedgerWriter,
        *,
        is_on: bool,
        time: Callable[[], float],
        clock: Callable[[], int],
        fell_back: Callable[[FallenBack], None],
    ) -> None:
        self._run, self._writer, self._time, self._clock = run, writer, time, clock
        self._fell_back = fell_back
        self._revoking: dict[str, Revokes | RevokesById] = {
            one.name: one
            for one in parts_of(gateway)
            if one.capabilities.revokes and isinstance(one, Revokes | RevokesById)
        }
        self._is_on = is_on
        self._task: asyncio.Task[FallenBack] | None = None
        self._look_at = 0.0
        self._asked = is_on
        self.left, self.first = 0, 0
        """How many messages may still fall back, and when the first (UTC ms), as of the last look."""

    @property
    def is_busy(self) -> bool:
        """Whether a look is running or needed before the run can be over."""
        return self._is_on and (self._task is not None or self._asked)

    async def has_more(self) -> bool:
        """Return whether receipts that arrived at the very end leave fallbacks to decide."""
        if self._is_on:
            self.left, first = await self._writer.falling()
            self.first, self._asked = first or 0, self.left > 0
        return self._is_on and self.left > 0

    def ask(self) -> None:
        """Request a look: an outcome may need a fallback at once."""
        self._asked = self._is_on

    def pump(self, *, ended: bool) -> None:
        """Collect the result of a finished look and start the next one when due; none is started once the run is
        ending."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            try:
                done = task.result()
            except LedgerUnavailable as error:  # the sender's own transactions retry, or give up
                log.warning("the ledger failed while falling back, retrying: %s", error)
                return
            self.left, self.first = done.left, done.first or 0
            self._asked = self._asked or done.more
            self._fell_back(done)
        if self._task is not None or not self._is_on:
            return
        if ended:
            self._asked = False
            return
        if self._asked or self._time() >= self._look_at or 0 < self.first <= self._clock():
            self._asked, self._look_at = False, self._time() + LOOKS_EVERY
            self._task = asyncio.ensure_future(self._look())

    async def end(self) -> None:
        """Wait for a look that is under way, so that its result is kept."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> FallenBack:
        now = self._clock()
        due = await self._writer.falling_due(now, AT_ONCE)
        asked = to_revoke(due, now, self._revoking, self._run)
        revoked = await self._revoke(asked) if asked else Revocations()
        return await self._writer.fall_back(due, revoked)

    async def _revoke(self, asked: list[Due]) -> Revocations:
        by_gateway: dict[str, list[Due]] = defaultdict(list)
        for one in asked:
            by_gateway[one.gateway or gateway_of(self._run, one.channel)].append(one)
        told: dict[int, bool] = {}
        for name, mine in by_gateway.items():
            room, ids = asyncio.Semaphore(AT_A_TIME), {}
            if isinstance(self._revoking[name], RevokesById):
                ids = await self._writer.ids_to_revoke(name, mine)
            answers = await asyncio.gather(*(self._ask(name, one, ids, room) for one in mine))
            pairs = zip(mine, answers, strict=True)
            told |= {one.attempt: answer for one, answer in pairs if answer is not None}
        return Revocations(
            frozenset(one.attempt for one in asked),
            frozenset(id for id, is_done in told.items() if is_done),
            frozenset(id for id, is_done in told.items() if not is_done),
        )

    async def _ask(
        self, name: str, one: Due, ids: Mapping[int, list[str] | None], room: asyncio.Semaphore
    ) -> bool | None:
        """Ask the gateway to revoke one message. Return its answer, or None if it fails, so that it is asked again."""
        async with room:
            try:
                async with asyncio.timeout(PATIENCE):
                    gateway = self._revoking[name]
                    if isinstance(gateway, Revokes):
                        return await gateway.revoke(one.address or "", one.reference)
                    mine = ids.get(one.attempt, [])
                    if mine is None:
                        return False
                    asked = [Submitted(one.reference, id, one.sender) for id in mine]
                    return await gateway.revoke_by_id(one.address or "", asked) if asked else None
            except Exception as error:
                kind = type(error).__name__
                log.warning("gateway %s could not take %s back: %s", name, one.reference, kind)
                return None
