"""Has bots answer replies: asks them outside of any transaction, and looks at what they answered before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from a2pcli.actions.answers import sendable_text
from a2pcli.actions.bot_asking import Asked, ask, pseudonym
from a2pcli.actions.bot_protocol import HAND_OVER, Message, Question, Said, most_tokens
from a2pcli.actions.chat_desk import ChatDesk, currency_of
from a2pcli.actions.composing import secret_of
from a2pcli.actions.incoming import Incoming
from a2pcli.actions.optouts import EVERYTHING
from a2pcli.actions.replies import HandledReply
from a2pcli.addresses.any_address import any_address
from a2pcli.channels import channel_of
from a2pcli.config.bots import Bot, span_ms
from a2pcli.config.values import parse_budget
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput
from a2pcli.ledger.bot_usage import Limits, Reservation, Used
from a2pcli.ledger.chat_turns import Turn
from a2pcli.ledger.records import MONEY_UNITS, now_ms
from a2pcli.messages import State
from a2pcli.reasons import Reason
from a2pcli.rules.keywords import Meaning, Reply

if TYPE_CHECKING:
    from a2pcli.actions.composing import PeopleData
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.answers import Answer
    from a2pcli.ledger.store import Ledger

HANDED_OVER = "handed-over"
"""The reason of an answer that was not made: a person gets the reply."""
USUAL = "You answer short messages that people write to a company."
COPY_RULES = ("shaft", "shortener", "plain-http", "foreign-placeholder")
"""The copy rules that are about any text."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A question that may be asked, and what was counted for it."""

    question: Question
    secret: str | None
    reservation: Reservation


class BotError(Exception):
    """A bot cannot be asked, or its answer not be used; its text says why, in words for the log and the inbox."""


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
                if int(asked["until_at"]) <= now_ms():
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
        self._rule_desk.hand_over(incoming_of(answer, asked), taken.agents, taken.why)
        self._ledger.answers.drop(answer, HANDED_OVER)
        return False

    def _finish(
        self, answer: Answer, asked: Mapping[str, Any], name: str, bot: Bot, ready: Ready, done: Asked
    ) -> str | None:
        assert self._rules is not None
        text, why = None, done.said.why
        try:
            text = usable(self._rules, self._settings, name, done.said, answer, self._tell)
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
        if self._desk is not None and self._rules is not None and name in self._rules.bots:
            self._desk.hand_over(incoming, name, why, is_counted=is_counted)
        else:
            agents = None if self._rules is None else self._rules.unmatched_agent
            self._rule_desk.hand_over(incoming, agents, f"bot {name}: {why}")
        self._ledger.answers.drop(answer, HANDED_OVER)
        self._tell(f"bot {name}: a reply was given to a person: {why}")


def incoming_of(answer: Answer, asked: Mapping[str, Any]) -> Incoming:
    """The reply that an answer is for."""
    text = str(asked["reply"])
    return Incoming(
        answer.address, text, answer.channel, answer.gateway, answer.sender, answer.created_at, str(asked["event"]),
        now_ms(), HandledReply(answer.address, text, Reply(Meaning.NONE), ""), EVERYTHING, answer.programme,
    )  # fmt: skip


def secret_for(settings: LoadedSettings, bot: Bot) -> str | None:
    """The key of a bot; None if it has none. Raises ``BotError`` if it is not set."""
    if bot.key is None:
        return None
    secret = secret_of(settings, bot.key)
    if secret is None:
        raise BotError("its key is not set")
    return secret


def without_address(data: Mapping[str, str], address: str) -> dict[str, str]:
    """What a contacts file says of a person, without the columns that hold their address."""
    country = any_address(address, None).country
    return {name: cell for name, cell in data.items() if any_address(cell, country).address != address}


def instructions(rules: ReplyRules, name: str, data: Mapping[str, str], channel: str) -> str:
    """The system prompt: that of the file, with the person's data that it uses, and how an answer has to be. Raises
    ``BotError`` if a value is missing."""
    from a2pcli.content.failures import RowFailure

    bot, template = rules.bots[name], rules.template(f"bot {name}", "instructions")
    try:
        own = USUAL if template is None else template.render(data).strip()
    except RowFailure:
        raise BotError("its instructions use a value that this person does not have") from None
    except A2PError as error:
        raise BotError(f"its instructions cannot be made: {error.problems[0].message}") from None
    return (
        f"{own}\n\nYour answer is sent by {channel}: plain text without Markdown, at most"
        f" {bot.answer.characters} characters, in the language of the person. If you are not sure, or if the person"
        f" asks for a human being, answer only {HAND_OVER}."
    )


def history(turns: Sequence[Turn], bot: Bot) -> list[Message]:
    """The newest turns that fit, oldest first."""
    found: list[Message] = []
    characters = 0
    for turn in reversed(turns):
        characters += len(turn.person) + len(turn.bot)
        if len(found) + 2 > bot.history.messages or characters > bot.history.characters:
            break
        found += [Message("assistant", turn.bot), Message("user", turn.person)]
    return found[::-1]


def reserved(ledger: Ledger, name: str, bot: Bot, question: Question, purpose: str) -> Reservation:
    """Count a request in the budget before it is made. Raises ``BotError`` if it could go over it."""
    read, made = most_tokens(bot, question)
    budget = bot.budget
    limits = Limits(budget.tokens_per_day, budget.tokens_per_month, _units(budget.day), _units(budget.month))
    most = Used(read, made, _cost(bot, read, made))
    found = ledger.bot_usage.reserve(name, currency_of(bot), most, limits, purpose)
    if isinstance(found, str):
        raise BotError(found)
    return found


def used_by(bot: Bot, ready: Ready, done: Asked) -> Used | None:
    """What a request used; None if that is unknown."""
    if done.is_free:
        return Used()
    read, made = done.said.tokens_in, done.said.tokens_out
    if read is None and made is None:
        return None
    most = ready.reservation.most
    read, made = most.tokens_in if read is None else read, most.tokens_out if made is None else made
    return Used(read, made, _cost(bot, read, made))


def _units(typed: str | None) -> int | None:
    return None if typed is None else int(parse_budget(typed).amount * MONEY_UNITS)


def _cost(bot: Bot, read: int, made: int) -> int:
    """In 1e-9 currency units, rounded up."""
    prices = bot.prices
    if prices is None:
        return 0
    each = [
        (prices.input, Decimal(read) / 1000), (prices.output, Decimal(made) / 1000), (prices.request, Decimal(1))
    ]  # fmt: skip
    total = sum((parse_budget(typed).amount * many for typed, many in each if typed is not None), Decimal(0))
    return int((total * MONEY_UNITS).to_integral_value(rounding="ROUND_CEILING"))


def usable(
    rules: ReplyRules,
    settings: LoadedSettings,
    name: str,
    said: Said,
    to: Answer,
    tell: Callable[[str], None],
) -> str:
    """Return what a bot said as it can be sent. Raises ``BotError`` if it cannot."""
    from a2pcli.content.encoding import measure

    if said.text is None:
        raise BotError(said.why)
    bot = rules.bots[name]
    if topic := rules.forbidden(name).mentioned(said.text):
        raise BotError(f"its answer mentions '{topic}', a forbidden topic")
    if len(said.text) > bot.answer.characters:
        raise BotError(
            f"its answer has {len(said.text):,} characters, and {bot.answer.characters:,} are allowed"
        )
    try:
        text = sendable_text(settings, to.channel, said.text)
    except InvalidInput as error:
        raise BotError(f"its answer cannot be sent: {error.problems[0].message}") from None
    parts = measure(text).parts if channel_of(to.channel).parts else 1
    if parts > bot.answer.parts:
        raise BotError(f"its answer has {parts} parts, and {bot.answer.parts} are allowed")
    _look_at_wording(settings, name, text, to, tell)
    return text


def _look_at_wording(
    settings: LoadedSettings, name: str, text: str, to: Answer, tell: Callable[[str], None]
) -> None:
    """Apply the copy rules that are about any text, as strictly as the settings say."""
    from a2pcli.errors import Severity
    from a2pcli.planning.lint import RULES, Strictness, lint
    from a2pcli.rules.copy import Copy

    strictness = Strictness({str(rule): str(how) for rule, how in settings.settings.rules.items()})
    country = any_address(to.address, None).country
    copy = Copy(text, marketing=False, law={country: ()} if country else {})
    for finding in lint(copy, [rule for rule in RULES if rule.name in COPY_RULES]):
        severity = strictness.of(finding)
        if severity is Severity.ERROR:
            raise BotError(f"its answer breaks the copy rule {finding.code}: {finding.message}")
        if severity is Severity.WARNING:
            tell(f"bot {name}: an answer is against the copy rule {finding.code}, and is sent")
