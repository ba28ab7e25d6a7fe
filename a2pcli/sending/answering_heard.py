"""Answers to replies that a run's gateways hear on the connections that it sends on: they leave by the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from a2pcli.gateways.base import Gateway, HearsBack
from a2pcli.gateways.by_channel import parts_of
from a2pcli.sending.answering import AnswerSender

MakeSender: TypeAlias = "Callable[[Sequence[Gateway]], AnswerSender]"
"""Returns the sender of answers by these gateways, which are open."""

ENDS_WITHIN = 5.0
"""Seconds in which answers still leave at the end of a run; ``a2pcli listen`` sends the others."""


class HeardAnswers:
    """Sends the answers, from the first reply on until the run ends."""

    def __init__(self, gateway: Gateway, make: MakeSender | None) -> None:
        self._hearing = [one for one in parts_of(gateway) if isinstance(one, HearsBack)]
        self._make = make
        self._sender: AnswerSender | None = None
        self._task: asyncio.Task[None] | None = None

    def heard(self) -> None:
        """Replies were stored: look for answers. Called on the event loop."""
        if self._make is None or not self._hearing:
            return
        if self._sender is None:
            self._sender = self._make([one for one in self._hearing if isinstance(one, Gateway)])
            self._task = asyncio.get_running_loop().create_task(self._sender.run())
        self._sender.wake()

    async def end(self) -> None:
        """Send what waits, then stop; the gateways are still open."""
        if self._sender is None or self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._sender.drain(ENDS_WITHIN)
        await self._sender.close()
        self._sender = self._make = None
