"""Which replies a bot answers, and which a person: decided in the transaction that keeps the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from a2pcli.actions.incoming import Incoming
from a2pcli.config.bots import span_ms
from a2pcli.ledger.chat_turns import CHAT, chat_key
from a2pcli.rules.keywords import Meaning
from a2pcli.rules.reply_text import plain, visible
from a2pcli.sending.answering import NOTICE

if TYPE_CHECKING:
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.bots import Bot
    from a2pcli.config.reply_rules import Quota
    from a2pcli.ledger.store import Ledger

KEYWORD = "keyword"
"""The kind of an answer by a rule."""
DESK = "desk"
"""The kind of what a webhook of agents answers at once."""
AUTOMATIC = (KEYWORD, CHAT, DESK)
"""The kinds of answers that nobody may have written: two machines must not talk for ever."""
HOUR, DAY = 3_600_000, 86_400_000
LONGEST = 4_000
"""Characters of a reply that a bot gets; a longer one is for a person."""
KEPT = 7 * DAY
"""How long a reply waits for a listener that asks its bot; one that is not asked within the hour is for a person."""
OPTED_OUT = "the person has opted out, so nothing is sent to them"
A_MACHINE = "too many automatic answers: a machine may be writing"
NEVER = (Meaning.STOP, Meaning.START, Meaning.HELP, Meaning.UNCLEAR)
"""What a reply means that no bot gets to read."""


class HandsOver(Protocol):
    """What gives replies to people."""

    def hand_over(
        self, incoming: Incoming, agents: str | None, why: str, told: tuple[str, str] | None = None
    ) -> None:
        """Give a reply to agents, or into the inbox."""
        ...


class ChatDesk:
    """Gives replies to bots, or to a person instead."""

    def __init__(self, ledger: Ledger, rules: ReplyRules, people: HandsOver) -> None:
        self._ledger, self._rules, self._people = ledger, rules, people

    def bot_for(self, incoming: Incoming) -> str | None:
        """The bot that gets a reply that no rule matches: the one that the person talks with, or the usual one."""
        if not self._rules.bots:
            return None
        newest = self._ledger.chat_turns.newest(incoming.address, incoming.gateway, incoming.to)
        if newest is not None and newest[0] in self._rules.bots:
            name, at = newest
            stopped = self._ledger.replies.stopped_at(incoming.address) or 0
            if max(stopped, incoming.now - span_ms(self._rules.bots[name].within)) < at:
                return name
        return self._rules.unmatched_bot

    def take(self, incoming: Incoming, name: str) -> str | None:
        """Store a reply for its bot, or give it to a person; return what kind was done."""
        reply = incoming.done.reply
        if reply.meaning in NEVER or reply.flagged:
            return None
        why = self._why_not(incoming, name, self._rules.bots[name])
        if why is not None:
            self.hand_over(incoming, name, why)
            return "agent"
        until_at = incoming.written_at + HOUR
        asked = {"bot": name, "reply": incoming.text, "event": incoming.event, "until_at": until_at}
        new = incoming.answer(
            CHAT, None, incoming.now + KEPT, key=chat_key(name, incoming.event), compose=asked
        )
        self._ledger.answers.add(new, now=incoming.now)
        return CHAT

    def hand_over(self, incoming: Incoming, name: str, why: str, *, is_counted: bool = False) -> None:
        """Give a reply to a person instead of the bot, and say so to who wrote it, if there is a text for that.
        ``is_counted``: it is counted already."""
        bot = self._rules.bots[name]
        agents = bot.hand_over.agent or self._rules.unmatched_agent
        told = None if why == OPTED_OUT else (f"bot {name}", "handed_over")
        self._people.hand_over(incoming, agents, f"bot {name}: {why}", told)
        if not is_counted:
            self._ledger.bot_usage.handed_over(name, currency_of(bot), now=incoming.now)

    def _why_not(self, incoming: Incoming, name: str, bot: Bot) -> str | None:
        """Why a person should answer and not the bot; None if the bot should."""
        if word := self._rules.asking_for_a_person(name).mentioned(incoming.text):
            return f"the person asks for somebody ('{word}')"
        if topic := self._rules.forbidden(name).mentioned(incoming.text):
            return f"'{topic}' is a forbidden topic"
        if len(incoming.text) > LONGEST:
            return f"the reply has more than {LONGEST:,} characters"
        if incoming.written_at + HOUR <= incoming.now:
            return "the reply was written more than an hour ago"
        if is_out(self._ledger, incoming):
            return OPTED_OUT
        if not may_talk(self._ledger, self._rules, incoming):
            return A_MACHINE
        count = self._ledger.chat_turns.count_since(name, incoming.address, incoming.now - DAY)
        if count >= bot.budget.person:
            return f"it has answered this person {count:,} times in 24 hours"
        return None


def is_out(ledger: Ledger, incoming: Incoming) -> bool:
    """Whether the suppression list keeps answers from who wrote a reply."""
    return ledger.answers.would_be_kept_from(incoming.answer(CHAT, None, incoming.now), incoming.now)


def may_talk(ledger: Ledger, rules: ReplyRules, incoming: Incoming) -> bool:
    """Whether a person may get one more automatic answer: two machines must not talk for ever."""
    now = incoming.now
    said = plain(visible(incoming.text))
    is_echo = any(
        one.body and plain(visible(one.body)) == said and one.created_at >= now - DAY
        for one in ledger.answers.of(incoming.address, limit=50)
        if one.kind != NOTICE
    )
    return not is_echo and is_within_quota(ledger, rules.quota, incoming.address, now)


def is_within_quota(ledger: Ledger, quota: Quota, address: str, now: int) -> bool:
    """Whether fewer automatic answers than the quota were made for a person."""
    count = ledger.answers.count_since
    return (
        count(address, now - HOUR, AUTOMATIC) < quota.hour
        and count(address, now - DAY, AUTOMATIC) < quota.day
    )


def currency_of(bot: Bot) -> str:
    """The currency of a bot's prices; "" without."""
    from a2pcli.config.values import parse_budget

    prices = bot.prices
    for typed in (prices.input, prices.output, prices.request) if prices else ():
        if typed is not None:
            return parse_budget(typed).currency
    return ""
