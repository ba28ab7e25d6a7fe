"""Has bots answer replies: asks them outside of any transaction, and looks at what they answered before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from a2pcli.actions.bot_asking import Asked, ask, pseudonym
from a2pcli.actions.bot_protocol import Message, Question
from a2pcli.actions.bot_questions import (
    BotError,
    Ready,
    history,
    instructions,
    reserved,
    secret_for,
    usable,
    used_by,
    without_address,
)
from a2pcli.actions.chat_desk import ChatDesk
from a2pcli.actions.incoming import Incoming
from a2pcli.actions.optouts import EVERYTHING
from a2pcli.actions.replies import HandledReply
from a2pcli.addresses.any_address import any_address
from a2pcli.config.bots import Bot, span_ms
from a2pcli.ledger.chat_turns import HANDED_OVER
from a2pcli.ledger.records import now_ms
from a2pcli.messages import State
from a2pcli.reasons import Reason
from a2pcli.rules.keywords import Meaning, Reply

if TYPE_CHECKING:
    from a2pcli.actions.people_data import PeopleData
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.answers import Answer
    from a2pcli.ledger.store import Ledger


class Chatter:
    """Makes the texts of answers by bots."""

    def __init__(
        self, ledger: Ledger, settings: LoadedSettings, rules: ReplyRules | None, people: PeopleData,
        tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        """``rules`` is None if the file was removed: replies that wait for a bot go to the inbox then."""
        from a2pcli.actions.rule_desk import RuleDesk

        self._ledger, self._settings, self._rules = ledger, settings, rules
        self._people, self._tell = people, tell
        self._rule_desk = RuleDesk(ledger, settings, rules)
        self._desk = None if rules is None else ChatDesk(ledger, rules, self._rule_desk)

    async def text(self, answer: Answer, asked: Mapping[str, Any]) -> str | None:
        """Return what the bot answers; None if a person gets the reply, or nobody is to be answered any more."""
        name = str(asked["bot"])
        bot = None if self._rules is None else self._rules.bots.get(name)
        ready = await asyncio.to_thread(self._prepare, answer, asked, name, bot)
        if ready is None or bot is None:
            return None
        done = await ask(bot, ready.secret, ready.question)
        return await asyncio.to_thread(self._finish, answer, asked, name, bot, ready, done)

    def _prepare(self, answer: Answer, asked: Mapping[str, Any], name: str, bot: Bot | None) -> Ready | None:
        """What is to be asked, counted in the budget; None if nothing is."""
        data = self._people.of(answer.address, answer.created_at)
        with self._ledger.transaction():
            if not self._is_open(answer, asked):
                return None
            try:
                if bot is None or self._rules is None:
                    raise BotError("there is no such bot in replies.yaml any more")
                if int(asked["until_at"]) <= now_ms() + int(float(bot.timeout) * 1000):
                    raise BotError("it could not be asked within an hour")
                secret = secret_for(self._settings, bot)
                turns = self._ledger.chat_turns.before(answer, self._since(answer, bot), bot.history.messages)
                question = Question(
                    answer.reference,
                    instructions(self._rules, name, without_address(data, answer.address), answer.channel),
                    [*history(turns, bot), Message("user", str(asked["reply"]))],
                    pseudonym(secret, name, answer.address),
                    answer.channel,
                    bot.answer.tokens,
                )
                return Ready(question, secret, reserved(self._ledger, name, bot, question, "reply"))
            except BotError as error:
                self._give_to_a_person(answer, asked, str(error))
        return None

    def _since(self, answer: Answer, bot: Bot) -> int:
        """From when on turns are sent: not from before the person last opted out."""
        stopped = self._ledger.replies.stopped_at(answer.address) or 0
        return max(now_ms() - span_ms(bot.history.age), stopped)

    def _is_open(self, answer: Answer, asked: Mapping[str, Any]) -> bool:
        """Whether the answer still waits for its text, and its person for an answer by a machine."""
        found = self._ledger.answers.by_number(answer.number)
        if found is None or found.state is not State.PLANNED or found.body is not None:
            return False
        if self._ledger.answers.would_be_kept_from(answer, now_ms()):
            self._ledger.answers.drop(answer, str(Reason.OPTED_OUT))
            return False
        taken = self._ledger.conversations.of_person(answer.address, answer.gateway, answer.sender or "")
        if taken is None:
            return True
        if self._ledger.answers.drop(answer, HANDED_OVER):
            self._rule_desk.hand_over(incoming_of(answer, asked), taken.agents, taken.why)
        return False

    def _finish(
        self, answer: Answer, asked: Mapping[str, Any], name: str, bot: Bot, ready: Ready, done: Asked
    ) -> str | None:
        assert self._rules is not None
        text, why = None, done.said.why
        try:
            country = any_address(answer.address, None).country
            text = usable(self._rules, self._settings, name, done.said, answer.channel, country, self._tell)
        except BotError as error:
            why = str(error)
        with self._ledger.transaction():
            is_open = self._is_open(answer, asked)
            used = used_by(bot, ready, done)
            handed = is_open and text is None
            self._ledger.bot_usage.settle(
                ready.reservation, used, answered=is_open and text is not None, handed_over=handed
            )
            if handed:
                self._give_to_a_person(answer, asked, why, is_counted=True)
            return text if is_open else None

    def _give_to_a_person(
        self, answer: Answer, asked: Mapping[str, Any], why: str, *, is_counted: bool = False
    ) -> None:
        name, incoming = str(asked["bot"]), incoming_of(answer, asked)
        if not self._ledger.answers.drop(answer, HANDED_OVER):
            return
        if self._desk is not None and self._rules is not None and name in self._rules.bots:
            self._desk.hand_over(incoming, name, why, is_counted=is_counted)
        else:
            agents = None if self._rules is None else self._rules.unmatched_agent
            self._rule_desk.hand_over(incoming, agents, f"bot {name}: {why}")
        self._tell(f"bot {name}: a reply was given to a person: {why}")


def incoming_of(answer: Answer, asked: Mapping[str, Any]) -> Incoming:
    """The reply that an answer is for."""
    text = str(asked["reply"])
    return Incoming(
        answer.address, text, answer.channel, answer.gateway, answer.sender, answer.created_at, str(asked["event"]),
        now_ms(), HandledReply(answer.address, text, Reply(Meaning.NONE), ""), EVERYTHING, answer.programme,
    )  # fmt: skip
