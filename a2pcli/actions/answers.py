"""Single messages outside of campaign runs: the one way by which anything but a campaign sends a message.

Whatever answers people (confirmations, keywords, agents, codes, surveys) makes a ``NewAnswer`` and hands it over:

* ``ledger.answers.add(new)`` inside a transaction, together with what caused it (a reply, an event). It is sent by the
  process that runs an ``AnswerSender``: ``a2pcli listen`` looks for answers all the time, and at once when woken.
* ``await sender.send(new)`` on an event loop, or ``send_now(ledger, settings, new)`` in a command: stored, claimed and
  handed to the gateway at once. Only this can send a text that must not be stored (``keeps_text=False``: a code).

Either way it leaves once: the ``key`` of an answer (``f"stop:{event}"``, ``f"otp:{id}"``) is used once, the claim is
durable before the gateway gets it, and what may have left is never sent again. It leaves through the gateway, channel
and sender that it names, before ``until_at`` or not at all; not to people who opted out, unless ``anyway``; and counts
in the quotas of account and sender. Audit: ``answer.add`` and ``answer.send``. Erasure, export and retention know it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from a2pcli.actions.capacity import quotas_of_test
from a2pcli.actions.gateways import configured_gateway
from a2pcli.actions.replies import keeps_texts
from a2pcli.channels import channel_of
from a2pcli.errors import InvalidInput, Problem
from a2pcli.ledger.answers import Answer as Answer
from a2pcli.ledger.answers import NewAnswer as NewAnswer
from a2pcli.messages import Outcome
from a2pcli.sending.answering import AnswerSender

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.gateways.base import Gateway
    from a2pcli.ledger.store import Ledger
    from a2pcli.sending.hearing import KeepNow

FIVE_MINUTES = 5 * 60_000


def answer_sender(
    ledger: Ledger,
    settings: LoadedSettings,
    *,
    tell: Callable[[str], None],
    keep: KeepNow | None = None,
    compose: Callable[[Answer], Awaitable[str | None]] | None = None,
    others: Callable[[str], Gateway | None] = lambda name: None,
    opened: Sequence[Gateway] = (),
) -> AnswerSender:
    """Return the sender of the ledger's answers, with the gateways of these settings. ``tell`` gets sentences for the
    log; ``keep`` stores receipts and replies that come by the connections of gateways meanwhile; ``compose`` makes
    texts; ``others`` returns a gateway that is not in the settings; ``opened``: only by these, which are open."""
    from a2pcli.actions.event_following import EventFollower

    return AnswerSender(
        ledger,
        lambda name: others(name) or configured_gateway(settings, name),
        lambda name, message: quotas_of_test(settings, name, message),
        keeps_texts=keeps_texts(settings),
        keep=keep,
        compose=compose,
        follow=EventFollower(ledger, settings, tell),
        opened=opened,
        tell=tell,
    )


def answers_while_sending(
    ledger: Ledger, settings: LoadedSettings, tell: Callable[[str], None]
) -> Callable[[Sequence[Gateway]], AnswerSender]:
    """Return what makes the sender of answers to replies that the gateways of a run hear while it is sent. Rules that
    are wrong answer nothing: the listener says why."""

    def make(gateways: Sequence[Gateway]) -> AnswerSender:
        from a2pcli.actions.composing import Composer
        from a2pcli.actions.reply_rules import load_rules

        try:
            compose = Composer(ledger, settings, load_rules(settings), tell).text
        except InvalidInput:
            return answer_sender(ledger, settings, tell=tell, opened=gateways)
        return answer_sender(ledger, settings, tell=tell, compose=compose, opened=gateways)

    return make


def send_now(
    ledger: Ledger, settings: LoadedSettings, new: NewAnswer, *, tell: Callable[[str], None] = lambda _: None
) -> tuple[Answer | None, Outcome | None]:
    """Send an answer now, from a command; see ``AnswerSender.send``. What did not leave stays planned until its time
    is over: ``a2pcli listen`` tries it again."""

    async def send() -> tuple[Answer | None, Outcome | None]:
        sender = answer_sender(ledger, settings, tell=tell)
        try:
            return await sender.send(new)
        finally:
            await sender.close()

    return asyncio.run(send())


def send_stored(
    ledger: Ledger, settings: LoadedSettings, number: int, *, tell: Callable[[str], None] = lambda _: None
) -> Outcome | None:
    """Send an answer that is stored, from a command; see ``AnswerSender.send_stored``."""

    async def send() -> Outcome | None:
        sender = answer_sender(ledger, settings, tell=tell)
        try:
            return await sender.send_stored(number)
        finally:
            await sender.close()

    return asyncio.run(send())


def sendable_text(settings: LoadedSettings, channel: str, text: str) -> str:
    """Return a text as it is sent: normalised, with plain typography where that saves parts of an SMS.

    Raises ``InvalidInput`` if it is empty, cannot be sent or stored, or has more parts than the settings allow.
    """
    from a2pcli.content.encoding import InvalidText, measure, prepare
    from a2pcli.content.typography import plain

    body = prepare(text).strip()
    if "\0" in body:
        raise InvalidInput(Problem("the text cannot be sent: it has the character NUL", code="text"))
    try:
        body.encode()
    except UnicodeEncodeError as error:
        message = f"the text cannot be sent: it has half a character at position {error.start + 1}"
        raise InvalidInput(Problem(message, code="text")) from None
    if not channel_of(channel).parts:
        if not body:
            raise InvalidInput(Problem("the text is empty", code="text"))
        return body
    body = plain(body, use_smart=settings.settings.smart).text
    most = settings.settings.parts.refuse
    try:
        parts = measure(body).parts
    except InvalidText as error:
        raise InvalidInput(Problem(f"the text cannot be sent: {error}", code="text")) from None
    if parts > most:
        message = f"the text has {parts} SMS parts; the settings allow {most}"
        raise InvalidInput(Problem(message, hint="shorten it, or raise `parts: refuse`", code="text"))
    return body
