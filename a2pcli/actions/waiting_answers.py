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
    from a2pcli.actions.answers import Answer
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.load import LoadedSettings
    from a2pcli.gateways.base import Gateway
    from a2pcli.ledger.store import Ledger
    from a2pcli.sending.answering import AnswerSender
    from a2pcli.sending.hearing import KeepNow

SECONDS = 60.0
"""How long a command waits for answers that wait; the next one, or ``a2pcli listen``, sends the others."""


class AnswerTexts:
    """The rules by which answers are made, and the webhooks of agents; they may be read again. ``wake`` is called when
    a webhook has answered. Raises ``InvalidInput`` for rules that are wrong."""

    def __init__(
        self,
        ledger: Ledger,
        settings: LoadedSettings,
        tell: Callable[[str], None],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger, self._settings, self._tell, self._wake = ledger, settings, tell, wake
        self.reread()

    def reread(self) -> ReplyRules | None:
        """Use the rules as they are now, and return them. Raises ``InvalidInput``, and the others remain in use."""
        rules = load_rules(self._settings)
        self._composer = Composer(self._ledger, self._settings, rules, self._tell)
        self._webhooks = webhooks(self._ledger, self._settings, rules, self._wake)
        return rules

    async def text(self, answer: Answer) -> str | None:
        """Return the text of an answer; see ``Composer.text``."""
        return await self._composer.text(answer)

    def webhook(self, name: str) -> Gateway | None:
        """Return what hands notices to the webhook of this name; None for another gateway."""
        return self._webhooks(name)


def whole_sender(
    ledger: Ledger,
    settings: LoadedSettings,
    *,
    tell: Callable[[str], None],
    keep: KeepNow | None = None,
    texts: AnswerTexts | None = None,
) -> AnswerSender:
    """Return the sender of all answers. Raises ``InvalidInput`` for rules that are wrong."""
    texts = texts or AnswerTexts(ledger, settings, tell)
    return answer_sender(ledger, settings, tell=tell, keep=keep, compose=texts.text, others=texts.webhook)


def send_waiting(ledger: Ledger, settings: LoadedSettings, tell: Callable[[str], None]) -> None:
    """Send the answers that wait, as a command without a listener does: each leaves once, whoever sends it."""

    async def send() -> None:
        sender = whole_sender(ledger, settings, tell=tell)
        try:
            await sender.drain(SECONDS)
        finally:
            await sender.close()

    asyncio.run(send())
