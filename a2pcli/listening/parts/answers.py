"""Sends the answers that replies, events and agents make, and takes those of agents: ``POST /agents/CONVERSATION``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.routing import Route

from a2pcli.actions.bot_protocol import url_of
from a2pcli.actions.inbox import post_answer
from a2pcli.actions.reply_rules import load_rules
from a2pcli.actions.waiting_answers import whole_sender
from a2pcli.listening.api import Answer, Asked, Endpoint
from a2pcli.listening.documents import AgentAnswer, AgentAnswered, Gives
from a2pcli.listening.listener import Part

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.listening.listener import Listener

TAKEN = {200: Gives("the answer was taken, now or before", AgentAnswered)}

STOPS_WITHIN = 10.0
"""Seconds in which answers that wait are still sent when the listener stops; the next one sends the others."""


def part(listener: Listener) -> Part:
    """The sender, which runs as long as the listener, and the route of agents."""
    ledger, settings = listener.store.ledger, listener.settings

    async def send() -> None:
        loop = asyncio.get_running_loop()
        tell = listener.notices.note

        def wake() -> None:
            loop.call_soon_threadsafe(sender.wake)

        sender = whole_sender(ledger, settings, tell=tell, wake=wake, keep=listener.store.keep_heard)
        listener.store.on_answers, listener.store.hearing = wake, sender.hearing
        try:
            await sender.run()
        finally:
            listener.store.on_answers, listener.store.hearing = (lambda: None), dict
            await sender.drain(STOPS_WITHIN)
            await sender.close()

    def take(asked: Asked) -> Answer:
        """Take an agent's answer to a conversation and send it."""
        found = post_answer(
            ledger, settings, asked.parameters["conversation"], asked.json(), asked.token.name
        )  # fmt: skip
        listener.store.on_answers()
        return AgentAnswered(
            conversation=found["conversation"], accepted=found["accepted"], duplicate=found["duplicate"]
        )

    endpoint = Endpoint(listener, "inbox", take, takes=AgentAnswer, answers=TAKEN)
    routes = [Route("/agents/{conversation}", endpoint)]
    return Part(routes, lines=[*_lines(settings)], background=(send,))


def _lines(settings: LoadedSettings) -> Iterator[str]:
    """What is answered, beside confirmations."""
    rules = load_rules(settings)
    if rules is not None:
        yield f"rules for replies: {rules.path} ({len(rules.rules)})"
        for name, bot in rules.bots.items():
            yield f"bot {name}: {url_of(bot)}"
    if settings.settings.replies.texts == "drop":
        yield "texts of replies are not kept, so the inbox has none (setting `replies: {texts: keep}`)"
