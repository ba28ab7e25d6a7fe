"""``/readyz``: whether what arrives can be stored, and why not. The log says when that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from a2pcli.actions.readiness import NotReady
from a2pcli.listening.bodies import AGAIN, said

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from starlette.types import Receive, Scope, Send

READY_FOR = 1.0
"""Seconds for which an answer is repeated."""

WITHIN = 10.0
"""Seconds that the ledger may take for one small change."""

LOOKS_AGAIN = 2.0
"""Seconds between two looks while nothing can be stored."""

SLOW = NotReady(
    "the ledger is slow or locked", f"the ledger did not take a small change within {WITHIN:.0f} s"
)


class Ready:
    """Answers ``/readyz``. ``why_not`` is called on a thread of ``threads``."""

    def __init__(
        self,
        why_not: Callable[[], NotReady | None],
        tell: Callable[[str], None] = lambda _sentence: None,
        threads: Executor | None = None,
    ) -> None:
        self._why_not, self._tell, self._threads = why_not, tell, threads
        self._known: tuple[float, NotReady | None] = (-READY_FOR, None)
        self._asking: asyncio.Future[NotReady | None] | None = None
        self._since: float | None = None
        self._told: str | None = None
        self._trouble = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        at, found = self._known
        if time.monotonic() - at >= READY_FOR:
            found = await self.look()
        response = said(200, "ready") if found is None else said(503, found.public, AGAIN)
        await response(scope, receive, send)

    def failed(self, *, was_told: bool = False) -> None:
        """Something could not be stored: look whether that goes on, and say when it works again. ``was_told``: the log
        says so already. To be called on the event loop."""
        self._known = (-READY_FOR, None)
        if was_told and self._since is None:
            self._since = time.monotonic()
        self._trouble.set()

    async def watch(self) -> None:
        """While nothing can be stored, look whether that is over; runs until cancelled."""
        while True:
            await self._trouble.wait()
            if await self.look() is None:
                self._trouble.clear()
            else:
                await asyncio.sleep(LOOKS_AGAIN)

    async def look(self) -> NotReady | None:
        """Return why nothing can be stored now; the log is told of a change."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().run_in_executor(self._threads, self._why_not)
            self._asking.add_done_callback(self._answered)
        try:
            found = await asyncio.wait_for(asyncio.shield(self._asking), WITHIN)
        except TimeoutError:
            found = SLOW
        self._known = (time.monotonic(), found)
        self._note(found)
        return found

    def _answered(self, _future: object) -> None:
        self._asking = None

    def _note(self, found: NotReady | None) -> None:
        if found is None:
            if self._since is not None:
                seconds = max(1, round(time.monotonic() - self._since))
                self._tell(f"ready again after {seconds:,} s: what arrives is stored")
            self._since = self._told = None
            return
        if self._since is None:
            self._since = time.monotonic()
        if found.public != self._told:
            self._told = found.public
            self._tell(f"not ready, requests are answered with 503: {found.detail}")
        self._trouble.set()
