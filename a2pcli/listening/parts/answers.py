"""Sends the answers that replies, events and agents make, and takes those of agents: ``POST /agents/CONVERSATION``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Route

from a2pcli.actions.agents import WEBHOOK
from a2pcli.actions.bot_protocol import shown_url
from a2pcli.actions.inbox import post_answer
from a2pcli.actions.reply_rules import load_rules, rules_path
from a2pcli.actions.surveys import load_surveys
from a2pcli.actions.waiting_answers import AnswerTexts, whole_sender
from a2pcli.config.surveys import survey_files
from a2pcli.listening.api import Answer, Asked, Endpoint
from a2pcli.listening.documents import AgentAnswer, AgentAnswered, Gives
from a2pcli.listening.fresh import Reread
from a2pcli.listening.listener import Part

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.listening.listener import Listener

TAKEN = {200: Gives("the answer was taken, now or before", AgentAnswered)}

STOPS_WITHIN = 10.0
"""Seconds in which answers that wait are still sent when the listener stops; the next one sends the others."""


def part(listener: Listener) -> Part:
    """The sender, which runs as long as the listener, and the route of agents."""
    ledger, settings, tell = listener.store.ledger, listener.settings, listener.notices.note
    texts = AnswerTexts(ledger, settings, tell, lambda: listener.store.on_answers())
    changed: list[Callable[[], None]] = []

    def reread() -> str:
        """Use the rules and surveys as they are now; what is wrong with one of both keeps both as they were."""
        load_surveys(settings)
        rules = load_rules(settings)
        listener.store.reread()
        texts.reread()
        for tell_sender in changed:
            tell_sender()
        surveys = len(survey_files(settings.folder))
        many = "no replies.yaml" if rules is None else f"rules {len(rules.rules)}"
        return f"{many}, surveys {surveys}"

    def files() -> list[Path]:
        return [rules_path(settings), *survey_files(settings.folder)]

    listener.rereads.append(Reread("the rules for replies and the surveys", files, reread))

    async def send() -> None:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(sender.wake)

        def forget() -> None:
            asyncio.run_coroutine_threadsafe(sender.forget(_is_webhook), loop)

        sender = whole_sender(ledger, settings, tell=tell, keep=listener.store.keep_heard, texts=texts)
        changed[:] = [forget]
        listener.store.on_answers = wake
        listener.store.hearing.append(sender.hearing)
        try:
            await sender.run()
        finally:
            changed.clear()
            listener.store.on_answers = lambda: None
            listener.store.hearing.remove(sender.hearing)
            await sender.drain(STOPS_WITHIN)
            await sender.close()

    def take(asked: Asked) -> Answer:
        """Take an agent's answer to a conversation and send it."""
        found = post_answer(
            ledger, settings, asked.parameters["conversation"], asked.json(), asked.token.name, asked.signed_key
        )  # fmt: skip
        listener.store.on_answers()
        return AgentAnswered(
            conversation=found["conversation"], accepted=found["accepted"], duplicate=found["duplicate"]
        )

    endpoint = Endpoint(listener, "inbox", take, takes=AgentAnswer, answers=TAKEN)
    routes = [Route("/agents/{conversation}", endpoint)]
    return Part(routes, lines=[*_lines(settings)], background=(send,))


def _is_webhook(name: str) -> bool:
    return name.startswith(WEBHOOK)


def _lines(settings: LoadedSettings) -> Iterator[str]:
    """What is answered, beside confirmations."""
    rules = load_rules(settings)
    if rules is not None:
        yield f"rules for replies: {rules.path} ({len(rules.rules)})"
        for name, bot in rules.bots.items():
            yield f"bot {name}: {shown_url(bot)}"
    if settings.settings.replies.texts == "drop":
        yield "texts of replies are not kept, so the inbox has none (setting `replies: {texts: keep}`)"
