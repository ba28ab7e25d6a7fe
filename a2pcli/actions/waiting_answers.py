"""Everything that is needed to send answers of every kind: texts by rules, webhooks of agents, gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from a2pcli.actions.agents import webhooks
from a2pcli.actions.answers import answer_sender
from a2pcli.actions.composing import Composer
from a2pcli.actions.reply_rules import load_rules

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.sending.answering import AnswerSender
    from a2pcli.sending.hearing import KeepNow

SECONDS = 60.0
"""How long a command waits for answers that wait; the next one, or ``a2pcli listen``, sends the others."""


def whole_sender(
    ledger: Ledger,
    settings: LoadedSettings,
    *,
    tell: Callable[[str], None],
    wake: Callable[[], None] = lambda: None,
    keep: KeepNow | None = None,
) -> AnswerSender:
    """Return the sender of all answers. ``wake`` is called when a webhook has answered. Raises ``InvalidInput`` for
    rules that are wrong."""
    rules = load_rules(settings)
    compose = Composer(ledger, settings, rules, tell).text
    others = webhooks(ledger, settings, rules, wake)
    return answer_sender(ledger, settings, tell=tell, keep=keep, compose=compose, others=others)


def send_waiting(ledger: Ledger, settings: LoadedSettings, tell: Callable[[str], None]) -> None:
    """Send the answers that wait, as a command without a listener does: each leaves once, whoever sends it."""

    async def send() -> None:
        sender = whole_sender(ledger, settings, tell=tell)
        try:
            await sender.drain(SECONDS)
        finally:
            await sender.close()

    asyncio.run(send())
