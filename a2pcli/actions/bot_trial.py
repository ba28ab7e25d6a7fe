"""What would be done with a reply that a bot is to answer, for ``a2pcli replies test``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from a2pcli.actions.bot_asking import ask, pseudonym
from a2pcli.actions.bot_protocol import Message, Question, shown_url
from a2pcli.actions.bot_questions import (
    BotError,
    Ready,
    instructions,
    reserved,
    secret_for,
    usable,
    used_by,
    without_address,
)
from a2pcli.actions.chat_desk import OPTED_OUT
from a2pcli.actions.reply_trial import Trial
from a2pcli.addresses.any_address import any_address
from a2pcli.channels import DEFAULT
from a2pcli.rules.keywords import Meaning

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.actions.reply_trial import Tried
    from a2pcli.config.load import LoadedSettings


def by_bot(
    project: Project, settings: LoadedSettings, rules: ReplyRules, name: str, tried: Tried, *, asks: bool
) -> Trial:
    """Return what would be done. With ``asks`` the bot is asked, without earlier turns; nothing is sent."""
    reply, match = tried.reply, tried.match
    agent = rules.bots[name].hand_over.agent or rules.unmatched_agent
    agents = tuple(rules.agents_for(agent)) if agent else ()
    notes: list[str] = []
    answer, why = None, _why_not(rules, name, tried)
    is_for_a_person = why is not None and reply.meaning not in (Meaning.START, Meaning.HELP)
    if why is None and not asks:
        why = f"the bot would be asked (--ask asks it): {shown_url(rules.bots[name])}"
    elif why is None:
        notes.append("asked without earlier turns; what it used counts in its budget")
        try:
            answer = _asked(project, settings, rules, name, tried, notes)
        except BotError as error:
            why, is_for_a_person = f"bot {name}: {error}", True
    return Trial(
        str(reply.meaning), reply.flagged, reply.why, match.name if match else None, answer, why, None,
        agents if is_for_a_person else (), to_inbox=is_for_a_person, notes=tuple(notes), bot=name,
    )  # fmt: skip


def _why_not(rules: ReplyRules, name: str, tried: Tried) -> str | None:
    if tried.reply.meaning in (Meaning.START, Meaning.HELP):
        return f"{tried.reply.meaning.upper()} never reaches a bot"
    if tried.person.is_out_here:
        return OPTED_OUT
    if tried.person.is_with_a_person:
        return "a conversation with this person is open in the inbox, so the bot is silent"
    if word := rules.asking_for_a_person(name).mentioned(tried.text):
        return f"the person asks for somebody ('{word}')"
    if topic := rules.forbidden(name).mentioned(tried.text):
        return f"'{topic}' is a forbidden topic"
    return None


def _asked(
    project: Project, settings: LoadedSettings, rules: ReplyRules, name: str, tried: Tried, notes: list[str]
) -> str:
    """What the bot answers, as it would be sent. Raises ``BotError``."""
    bot, person = rules.bots[name], tried.person
    secret = secret_for(settings, bot)
    data = without_address(person.data, person.address)
    question = Question(
        "test", instructions(rules, name, data, DEFAULT), [Message("user", tried.text)],
        pseudonym(secret, name, person.address), DEFAULT, bot.answer.tokens,
    )  # fmt: skip
    country = any_address(person.address, None).country
    with project.existing_ledger(to_write=True) as ledger:
        if ledger is None:
            notes[-1] = "asked without earlier turns; there is no ledger here that counts it in its budget"
            done = asyncio.run(ask(bot, secret, question))
            return usable(rules, settings, name, done.said, DEFAULT, country, notes.append)
        ready = Ready(question, secret, reserved(ledger, name, bot, question, "test"))
        done = asyncio.run(ask(bot, secret, question))
        ledger.bot_usage.settle(
            ready.reservation, used_by(bot, ready, done), answered=done.said.text is not None
        )
        return usable(rules, settings, name, done.said, DEFAULT, country, notes.append)
