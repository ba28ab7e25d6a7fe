"""Uses the ledger from an event loop: what waits is done in one transaction, so that it waits for the disk once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from a2pcli.dataclass import dataclass
from a2pcli.ledger.store import Ledger

MOST = 64
"""Functions in one transaction, so that other processes wait only briefly for it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """What a function returned, or raised."""

    value: Any = None
    error: Exception | None = None


class Together:
    """Calls functions on a thread of its own, in the order in which they came. Each result is there only once its
    transaction is durable. If one of several fails, or their transaction does, each is called again by itself."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._waiting: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def call(self, do: Callable[[], T]) -> Awaitable[T]:
        """Return what the function returns; raises what that raises. It may be called twice: what the first call wrote
        is undone then."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((do, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return future

    def close(self) -> None:
        """Wait for what is running."""
        self._thread.shutdown()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            try:
                found = await loop.run_in_executor(self._thread, self._done, [do for do, _ in some])
            except RuntimeError as closed:  # the thread has ended
                found = [Found(error=closed) for _ in some]
            for (_, future), one in zip(some, found, strict=True):
                if future.done():  # nobody waits for it any more
                    continue
                if one.error is None:
                    future.set_result(one.value)
                else:
                    future.set_exception(one.error)

    def _done(self, some: Sequence[Callable[[], Any]]) -> list[Found]:
        if len(some) > 1:
            with suppress(Exception):  # each says by itself what is wrong
                return self._in_one_transaction(some)
        return [_by_itself(do) for do in some]

    def _in_one_transaction(self, some: Sequence[Callable[[], Any]]) -> list[Found]:
        with self._ledger.transaction():
            return [Found(do()) for do in some]


def _by_itself(do: Callable[[], Any]) -> Found:
    try:
        return Found(do())
    except Exception as error:
        return Found(error=error)
