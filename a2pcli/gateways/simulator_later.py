"""What a simulated provider does after it took a message: it delivers it some time later, unless it is taken back or
its time is over, and tells of it on the connection.

Some races it loses, as real ones do: it confirms that a message is revoked, or lets its time pass, and delivers it all
the same.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from a2pcli.dataclass import dataclass
from a2pcli.delivery import Delivery
from a2pcli.gateways.base import Keep

if TYPE_CHECKING:
    from a2pcli.contacts.receipt_file import Receipt

TOGETHER = 0.05
"""Receipts that are due within this many seconds are sent together."""

AGAIN = 1.0
"""Seconds until receipts that were not stored are sent again."""

log = logging.getLogger(__name__)

Written: TypeAlias = Callable[[str, str, datetime], None]
"""Called with a reference, the message's final state, and the time."""


@dataclass(slots=True)
class _Fate:
    """The future of a message: ``state`` at ``due`` (loop time). ``told``: a receipt reports it."""

    due: float
    reference: str
    gateway_id: str
    state: str
    told: bool
    over: bool = False


class Later:
    """The messages that a simulated provider has accepted and not delivered yet.

    ``happened`` has the final state of each by reference: ``delivered``, ``undelivered``, ``expired`` or
    ``cancelled``, whether a receipt reports it or not.
    """

    def __init__(self, write: Written) -> None:
        self.keep: Keep | None = None
        self.happened: dict[str, str] = {}
        self._write = write
        self._fates: dict[str, _Fate] = {}
        self._heap: list[tuple[float, int, _Fate]] = []
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self._sooner = asyncio.Event()
        self._untold: list[_Fate] = []

    def open(self) -> None:
        """Start delivering."""
        self._task = asyncio.get_running_loop().create_task(self._deliver())

    async def close(self) -> None:
        """Stop. Future receipts are written now, with their own time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        now, at = self._now(), datetime.now(UTC)
        for due, _, fate in sorted(self._heap, key=lambda one: one[:2]):
            if fate.told and not fate.over:
                self._write(fate.reference, fate.state, at + timedelta(seconds=max(0.0, due - now)))
        self._heap.clear()

    async def linger(self, seconds: float) -> None:
        """Wait until all receipts are sent, at most ``seconds``."""
        until = self._now() + seconds
        while self._heap and (left := until - self._now()) > 0:  # noqa: ASYNC110 - of what is due, not of an event
            await asyncio.sleep(min(left, max(TOGETHER, self._heap[0][0] - self._now())))

    def take(self, reference: str, gateway_id: str, state: str, seconds: float, *, told: bool) -> None:
        """Give a message this final state after ``seconds``."""
        fate = _Fate(self._now() + seconds, reference, gateway_id, state, told)
        self._fates[reference] = fate
        self._number += 1
        if not self._heap or fate.due < self._heap[0][0]:
            self._sooner.set()
        heapq.heappush(self._heap, (fate.due, self._number, fate))

    def revoke(self, reference: str, *, lost: bool) -> bool:
        """Revoke a message; False if it is too late. ``lost``: it is delivered although this confirms the opposite."""
        fate = self._fates.get(reference)
        if reference in self.happened:
            return self.happened[reference] in ("cancelled", "undelivered", "expired")
        if fate is None:
            return False
        if not lost:
            fate.over = True
            self.happened[reference] = "cancelled"
        return True

    async def _deliver(self) -> None:
        while True:
            now = self._now()
            due: list[_Fate] = []
            while self._heap and self._heap[0][0] <= now:
                fate = heapq.heappop(self._heap)[2]
                if not fate.over:
                    self.happened[fate.reference] = fate.state
                    if fate.told:
                        due.append(fate)
                self._fates.pop(fate.reference, None)
            self._untold += due
            if self._untold:
                try:
                    await self._tell(self._untold)
                    self._untold = []
                except Exception as error:  # not acknowledged, so it is sent again
                    log.warning("receipts were not kept: %s", type(error).__name__)
                    await asyncio.sleep(AGAIN)
                    continue
            self._sooner.clear()
            wait = max(TOGETHER, self._heap[0][0] - self._now()) if self._heap else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._sooner.wait()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _tell(self, due: Sequence[_Fate]) -> None:
        at = datetime.now(UTC)
        for fate in due:
            self._write(fate.reference, fate.state, at)
        if self.keep is not None:
            await self.keep([_receipt(fate, at) for fate in due], ())


def _receipt(fate: _Fate, at: datetime) -> Receipt:
    from a2pcli.contacts.receipt_file import Receipt

    code = None if fate.state == "delivered" else f"sim-{fate.state}"
    moment = int(at.timestamp() * 1000)
    return Receipt(0, fate.gateway_id, fate.reference, fate.state, Delivery(fate.state), code, moment)
