"""What agents write back to a notice: it goes to the person of the conversation whose code it begins with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from a2pcli.actions.agents import agent_answer, answered
from a2pcli.actions.answers import NewAnswer
from a2pcli.actions.incoming import Incoming
from a2pcli.addresses.any_address import any_address
from a2pcli.errors import A2PError
from a2pcli.rules.keywords import Meaning, classify
from a2pcli.sending.answering import NOTICE

if TYPE_CHECKING:
    from a2pcli.actions.reply_rules import ReplyRules
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

HOUR = 3_600_000
MOST_HINTS = 3
"""Times in an hour that an address of agents is told how to answer: more is a machine."""
_CODED = re.compile(r"\W*(c[a-hj-km-np-z2-9]{7})\b[\s:,.\-–—\])]*", re.IGNORECASE)
_HINT = "notice:hint:"
_KEYWORDS = (Meaning.STOP, Meaning.START, Meaning.HELP)


class AgentDesk:
    """Takes what comes from the addresses of agents; called in the transaction that keeps the reply."""

    def __init__(self, ledger: Ledger, settings: LoadedSettings, rules: ReplyRules | None) -> None:
        self._ledger, self._settings = ledger, settings
        self._names: dict[tuple[str, str], str] = {}
        """The agents by gateway and address."""
        for name, agents in rules.agents.items() if rules is not None else ():
            for way in (agents.email, agents.chat):
                if way is not None:
                    address = any_address(way.to, settings.settings.region).address or way.to
                    self._names.setdefault((way.gateway, address), name)

    def is_for(self, incoming: Incoming) -> bool:
        """Whether an agent wrote this as an agent. A keyword counts as anybody's; so does what has no code, once the
        agents were told often enough that it needs one."""
        if (incoming.gateway, incoming.address) not in self._names:
            return False
        if _CODED.match(incoming.text):
            return True
        if classify(incoming.text).meaning in _KEYWORDS or not incoming.text.strip():
            return False
        recent = self._ledger.answers.of(incoming.address, limit=50)
        told = sum(one.key.startswith(_HINT) and one.created_at > incoming.now - HOUR for one in recent)
        return told < MOST_HINTS

    def take(self, incoming: Incoming) -> str:
        """Send an agent's answer to the person, or tell the agent why not; return what kind of answer is stored."""
        by = self._names[incoming.gateway, incoming.address]
        coded = _CODED.match(incoming.text)
        if coded is None:
            self._tell(
                incoming, "Nobody got this: begin with the code of the conversation, then your answer."
            )
            return NOTICE
        code, text = coded[1].lower(), incoming.text[coded.end() :]
        try:
            new, conversation = agent_answer(self._ledger, self._settings, code, text, by, incoming.event)
        except A2PError as error:
            self._tell(incoming, f"Nobody got this: {error.problems[0].message}.")
            return NOTICE
        if self._ledger.answers.add(new, now=incoming.now) is not None:
            answered(self._ledger, conversation, by)
        return new.kind

    def _tell(self, incoming: Incoming, text: str) -> None:
        self._ledger.answers.add(
            NewAnswer(
                key=f"{_HINT}{incoming.event}", kind=NOTICE, address=incoming.address, channel=incoming.channel,
                gateway=incoming.gateway, body=text, until_at=incoming.now + HOUR,
                source=f"reply by {incoming.gateway}", sender=incoming.to or None, anyway=True,
            ),
            now=incoming.now,
        )  # fmt: skip
