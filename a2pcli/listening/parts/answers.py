"""Sends the answers that replies, events and agents make: confirmations, keywords, messages of agents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from a2pcli.actions.answers import answer_sender
from a2pcli.listening.listener import Part

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener

STOPS_WITHIN = 10.0
"""Seconds in which answers that wait are still sent when the listener stops; the next one sends the others."""


def part(listener: Listener) -> Part:
    """The sender, which runs as long as the listener."""

    async def send() -> None:
        loop = asyncio.get_running_loop()
        sender = answer_sender(listener.store.ledger, listener.settings, tell=listener.notices.note)

        def wake() -> None:
            loop.call_soon_threadsafe(sender.wake)

        listener.store.on_answers = wake
        try:
            await sender.run()
        finally:
            listener.store.on_answers = lambda: None
            await sender.drain(STOPS_WITHIN)
            await sender.close()

    return Part((), background=(send,))
