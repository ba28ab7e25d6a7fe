"""What the rules of ``replies.yaml`` do with a reply: an answer, agents, the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a2pcli.actions.agent_desk import AgentDesk
from a2pcli.actions.agents import notices
from a2pcli.actions.answers import NewAnswer
from a2pcli.actions.chat_desk import A_MACHINE, HOUR, KEYWORD, OPTED_OUT, ChatDesk, is_out, may_talk
from a2pcli.actions.incoming import Incoming
from a2pcli.actions.reply_rules import UNMATCHED, Match, ReplyRules, Where, load_rules
from a2pcli.ledger.conversations import Conversation, Heard
from a2pcli.ledger.sender_names import sender_key
from a2pcli.messages import State
from a2pcli.rules.keywords import Meaning
from a2pcli.rules.reply_text import visible
from a2pcli.sending.answering import NOTICE

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.answers import Answer
    from a2pcli.ledger.store import Ledger

NO_TEXT = "it has no text: a picture or the like"
SAME, SAME_WITHIN = 3, 10 * 60_000
"""So often a person gets the answer of one rule in this time (milliseconds): more is a machine."""
_GONE = (State.REJECTED, State.EXPIRED, State.SKIPPED)


class RuleDesk:
    """Answers by rules; called in the transaction that keeps the reply. Raises ``InvalidInput`` for a file that is
    wrong. Without a file, what nobody understands goes to the inbox."""

    def __init__(self, ledger: Ledger, settings: LoadedSettings, rules: ReplyRules | None = None) -> None:
        """``rules`` are those that are loaded already."""
        self._ledger, self._settings = ledger, settings
        self._rules: ReplyRules | None = rules or load_rules(settings)
        self.agents = AgentDesk(ledger, settings, self._rules)
        """Takes what agents write."""
        self._chats = None if self._rules is None else ChatDesk(ledger, self._rules, self)

    def open_question(self, address: str, gateway: str, to: str | None, now: int) -> str | None:
        """The question of a rule that waits for this person's answer to this sender."""
        if self._rules is None or not any(rule.asks for rule in self._rules.rules.values()):
            return None
        found = [
            one
            for one in self._ledger.answers.of(address, limit=20)
            if (one.gateway, sender_key(one.sender or "")) == (gateway, sender_key(to or ""))
            and one.kind == KEYWORD
            and one.state not in _GONE
        ]
        if not found:
            return None
        name = _rule_of(found[-1])
        rule = self._rules.rules.get(name)
        if rule is None or found[-1].created_at + self._rules.open_for(name) <= now:
            return None
        if self._ledger.replies.wrote_since(address, gateway, found[-1].created_at):
            return None
        return rule.asks

    def respond(self, incoming: Incoming) -> str | None:
        """Store the answer of the rule that the reply is for, and hand it to agents; return what kind was done."""
        reply = incoming.done.reply
        if reply.meaning is Meaning.NONE and reply.why:
            return None  # a reaction that quotes a message
        if not visible(incoming.text):
            return self._without_text(incoming)
        match = None
        if self._rules is not None:
            where = Where(incoming.gateway, incoming.to, incoming.programme, incoming.question)
            match = self._rules.match(incoming.text, where)
        if match is None:
            return self._unmatched(incoming)
        if match.rule.chat is not None:
            return self._unmatched(incoming, match.rule.chat)
        if reply.flagged:
            self.to_inbox(incoming, reply.why)
        done = None
        if match.rule.agent is not None:
            self._to_agents(incoming, match.rule.agent, f"rule {match.name}")
            done = "agent"
        if match.rule.answer is not None and self._may_answer(incoming, match.name):
            self._ledger.answers.add(self._answer(incoming, match), now=incoming.now)
            done = KEYWORD
        return done

    def to_inbox(self, incoming: Incoming, why: str, agents: str | None = None) -> Conversation:
        """Put a reply into the inbox."""
        heard = Heard(
            incoming.address, incoming.channel, incoming.gateway, incoming.to or "", incoming.programme, why, agents
        )  # fmt: skip
        return self._ledger.conversations.hear(heard, incoming.now)

    def hand_over(
        self, incoming: Incoming, agents: str | None, why: str, told: tuple[str, str] | None = None
    ) -> None:
        """Give a reply to a person: to agents, or into the inbox. ``told`` names the text that tells the person who
        wrote, unless the agents' own says that nobody is there."""
        is_told = False
        if agents is None:
            self.to_inbox(incoming, why)
        else:
            is_told = self._to_agents(incoming, agents, why)
        if told is None or is_told or self._rules is None or self._rules.template(*told) is None:
            return
        if self._is_allowed(incoming, told[0]):
            self._ledger.answers.add(self._text(incoming, *told), now=incoming.now)

    def _without_text(self, incoming: Incoming) -> str | None:
        """Give a picture or the like to a person: no rule and no bot can read it."""
        agents = self._rules.unmatched_agent if self._rules else None
        self.hand_over(incoming, agents, NO_TEXT)
        return None if agents is None else "agent"

    def _unmatched(self, incoming: Incoming, bot: str | None = None) -> str | None:
        """What no rule answers with a text. ``bot`` is the one that a rule names."""
        reply = incoming.done.reply
        if reply.meaning in (Meaning.START, Meaning.HELP) and not reply.flagged:
            return None
        with_person = self._ledger.conversations.of_person(
            incoming.address, incoming.gateway, incoming.to or ""
        )
        why = reply.why if reply.flagged else "no rule matches it"
        if self._chats is not None and not reply.flagged:
            bot = bot or self._chats.bot_for(incoming)
            if bot is not None and with_person is None:
                return self._chats.take(incoming, bot)
            why = with_person.why if bot is not None and with_person is not None else why
        agents = (with_person.agents if with_person else None) or (
            self._rules.unmatched_agent if self._rules else None
        )
        self.hand_over(incoming, agents if self._rules else None, why)
        done = "agent" if self._rules is not None and agents is not None else None
        has_answer = self._rules is not None and self._rules.template(UNMATCHED, "answer") is not None
        if has_answer and not reply.flagged and self._may_answer(incoming, UNMATCHED):
            self._ledger.answers.add(self._text(incoming, UNMATCHED, "answer"), now=incoming.now)
            done = KEYWORD
        return done

    def _to_agents(self, incoming: Incoming, named: str, why: str) -> bool:
        """Give a reply to the agents that are there now, else to the first; those who are not there say so. Return
        whether they did."""
        assert self._rules is not None
        some = self._rules.agents_for(named)
        if not some:
            self.to_inbox(incoming, why)
            return False
        there = [name for name in some if self._rules.are_open(name, incoming.now)]
        name = (there or some)[0]
        conversation = self.to_inbox(incoming, why, name)
        for one in notices(self._rules.agents[name], name, incoming, conversation, self._settings):
            self._ledger.answers.add(one, now=incoming.now)
        closed = f"agents {name}"
        if not there and self._rules.template(closed, "closed") and self._may_answer(incoming, closed):
            self._ledger.answers.add(self._text(incoming, closed, "closed"), now=incoming.now)
            return True
        return False

    def _answer(self, incoming: Incoming, match: Match) -> NewAnswer:
        return self._text(incoming, match.name, "answer", dict(match.groups))

    def _text(
        self, incoming: Incoming, rule: str, key: str, groups: dict[str, str] | None = None
    ) -> NewAnswer:
        compose = {"rule": rule, "key": key, "reply": incoming.text[:1000], "groups": groups or {}}
        return incoming.answer(
            KEYWORD,
            None,
            incoming.written_at + HOUR,
            key=f"{KEYWORD}:{rule}:{incoming.event}",
            compose=compose,
        )

    def _may_answer(self, incoming: Incoming, rule: str) -> bool:
        """Whether one more automatic answer is allowed; if not, a person has to look: the person has opted out, or two
        machines may talk."""
        if is_out(self._ledger, incoming):
            self.to_inbox(incoming, OPTED_OUT)
            return False
        if self._is_allowed(incoming, rule):
            return True
        self.to_inbox(incoming, A_MACHINE)
        return False

    def _is_allowed(self, incoming: Incoming, rule: str) -> bool:
        assert self._rules is not None
        recent = self._ledger.answers.of(incoming.address, limit=50)
        same = sum(
            _rule_of(one) == rule and one.created_at >= incoming.now - SAME_WITHIN
            for one in recent
            if one.kind != NOTICE
        )
        return same < SAME and may_talk(self._ledger, self._rules, incoming)


def _rule_of(answer: Answer) -> str:
    """The rule that an answer is by; "" for others."""
    kind, _, rest = answer.key.partition(":")
    return rest.rpartition(":")[0] if kind == KEYWORD else ""
