"""What callbacks hold waits here until one thread has stored it, many at once; requests are answered after that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from a2pcli.errors import LedgerError, LedgerUnavailable


class Weighs(Protocol):
    """What can be stored; ``weight`` is how many rows it is."""

    @property
    def weight(self) -> int:
        """How many rows it is."""
        ...


One = TypeVar("One", bound=Weighs)

MOST_WAITING = 20_000
"""Receipts and replies that may wait; with more, requests are answered with 503."""

TOGETHER = 2_000
"""Receipts and replies in one transaction, so that a sender waits only briefly for it."""

PAUSE = 0.01
"""Seconds between two transactions: others can write, and more gathers for the next."""

PATIENCE = 25.0
"""Seconds that a request waits until its content is stored; what is stored later is a duplicate when it comes again."""


class TooMuch(Exception):
    """More waits than may wait; nothing of the request was taken."""


class Storing(Generic[One]):
    """Stores what it is given on a thread of its own."""

    def __init__(
        self,
        keep: Callable[[Sequence[One]], None],
        failed: Callable[[BaseException], None] = lambda _error: None,
        most: int = MOST_WAITING,
    ) -> None:
        self._keep, self._failed, self._most = keep, failed, most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._waiting: deque[tuple[One, asyncio.Future[None]]] = deque()
        self._pending: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._weight = 0
        self._more = asyncio.Event()
        self._is_closing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to store; also again, after ``close``."""
        if self._is_closing:
            self._is_closing = False
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._expire())]

    def store(self, heard: One) -> asyncio.Future[None]:
        """Return a future that is done once this is stored; it raises ``TimeoutError`` if that takes long, and the
        ledger's error if it could not be stored. Raises ``TooMuch`` if nothing more can be taken."""
        if self._weight >= self._most or self._is_closing:
            raise TooMuch
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append((heard, future))
        self._pending.append((loop.time() + PATIENCE, future))
        self._weight += heard.weight
        self._more.set()
        return future

    async def close(self) -> None:
        """Store what waits, then end the thread."""
        self._is_closing = True
        self._more.set()
        if self._tasks:
            work, expire = self._tasks
            await work
            expire.cancel()
        self._thread.shutdown()

    async def _expire(self) -> None:
        """Let requests go that have waited for long."""
        while True:
            await asyncio.sleep(1)
            now = asyncio.get_running_loop().time()
            while self._pending and (self._pending[0][1].done() or self._pending[0][0] < now):
                _, future = self._pending.popleft()
                if not future.done():
                    future.set_exception(TimeoutError())

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            if not self._waiting:
                if self._is_closing:
                    return
                self._more.clear()
                continue
            if not self._is_closing:
                await asyncio.sleep(PAUSE)
            await self._store(self._next())

    def _next(self) -> list[tuple[One, asyncio.Future[None]]]:
        """Take what waited longest, as much as one transaction may hold, but at least one."""
        batch: list[tuple[One, asyncio.Future[None]]] = []
        weight = 0
        while self._waiting and (not batch or weight + self._waiting[0][0].weight <= TOGETHER):
            batch.append(self._waiting.popleft())
            weight += batch[-1][0].weight
        return batch

    async def _store(self, batch: list[tuple[One, asyncio.Future[None]]]) -> None:
        error = await self._try([heard for heard, _ in batch])
        if error is not None and len(batch) > 1 and _may_be_of_one(error):
            # What the ledger refuses of one request must not keep the others from being stored.
            for one in batch:
                await self._store([one])
            return
        if error is not None:
            self._failed(error)
        for heard, future in batch:
            self._weight -= heard.weight
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                with suppress(Exception):
                    future.exception()  # nobody may wait for it any more

    async def _try(self, some: Sequence[One]) -> Exception | None:
        """Store these, and return why they could not be."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._keep, some)
        except Exception as error:  # whatever it is, it is told, and the next requests are stored
            return error
        return None


def _may_be_of_one(error: Exception) -> bool:
    """Whether a single request may be the cause. What a ledger says of itself (gone, read-only, full) is true for all
    requests; to try each of them would hold up the stop of the listener."""
    if not isinstance(error, LedgerError):
        return True
    return not isinstance(error, LedgerUnavailable) and error.problems[0].code in ("invalid", "ledger")
