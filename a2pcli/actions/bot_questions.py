"""What bots are asked, what that may cost, and which of their answers can be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from a2pcli.actions.answers import sendable_text
from a2pcli.actions.bot_protocol import HAND_OVER, Message, Question, Said, most_tokens
from a2pcli.actions.chat_desk import currency_of
from a2pcli.actions.composing import secret_of
from a2pcli.addresses.any_address import any_address
from a2pcli.channels import channel_of
from a2pcli.config.values import parse_budget
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput
from a2pcli.ledger.bot_usage import Limits, Reservation, Used
from a2pcli.ledger.records import MONEY_UNITS
from a2pcli.rules.topics import NO_MORE_MESSAGES, Topics

if TYPE_CHECKING:
    from a2pcli.actions.bot_asking import Asked
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.bots import Bot
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.chat_turns import Turn
    from a2pcli.ledger.store import Ledger

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
        f" {bot.answer.characters} characters, in the language of the person. If you are not sure, if the person asks"
        f" for a human being or wants no more messages, or if something is to be done that you cannot do, answer only"
        f" {HAND_OVER}."
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
    channel: str,
    country: str | None,
    tell: Callable[[str], None],
) -> str:
    """Return what a bot said as it can be sent. Raises ``BotError`` if it cannot."""
    from a2pcli.content.encoding import measure

    if said.text is None:
        raise BotError(said.why)
    bot = rules.bots[name]
    if topic := rules.forbidden(name).mentioned(said.text):
        raise BotError(f"its answer mentions '{topic}', a forbidden topic")
    if word := Topics.of(NO_MORE_MESSAGES).mentioned(said.text):
        raise BotError(f"its answer speaks of an opt-out ('{word}'), which it cannot make")
    if len(said.text) > bot.answer.characters:
        raise BotError(
            f"its answer has {len(said.text):,} characters, and {bot.answer.characters:,} are allowed"
        )
    try:
        text = sendable_text(settings, channel, said.text)
    except InvalidInput as error:
        raise BotError(f"its answer cannot be sent: {error.problems[0].message}") from None
    parts = measure(text).parts if channel_of(channel).parts else 1
    if parts > bot.answer.parts:
        raise BotError(f"its answer has {parts} parts, and {bot.answer.parts} are allowed")
    _look_at_wording(settings, name, text, country, tell)
    return text


def _look_at_wording(
    settings: LoadedSettings, name: str, text: str, country: str | None, tell: Callable[[str], None]
) -> None:
    """Apply the copy rules that are about any text, as strictly as the settings say."""
    from a2pcli.errors import Severity
    from a2pcli.planning.lint import RULES, Strictness, lint
    from a2pcli.rules.copy import Copy

    strictness = Strictness({str(rule): str(how) for rule, how in settings.settings.rules.items()})
    copy = Copy(text, marketing=False, law={country: ()} if country else {})
    for finding in lint(copy, [rule for rule in RULES if rule.name in COPY_RULES]):
        severity = strictness.of(finding)
        if severity is Severity.ERROR:
            raise BotError(f"its answer breaks the copy rule {finding.code}: {finding.message}")
        if severity is Severity.WARNING:
            tell(f"bot {name}: an answer is against the copy rule {finding.code}, and is sent")
