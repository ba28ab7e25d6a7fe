"""How a reply is answered, in this order: STOP, START, HELP; the open question of a survey; the rules of
``replies.yaml``. What a person has to read goes to the inbox, and to agents.

``Responder.respond`` is called in the transaction that keeps the reply. It stores answers (``actions.answers``); the
listener sends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from a2pcli.actions.answers import FIVE_MINUTES
from a2pcli.actions.confirming import HELP, KINDS, START, STOP, ConfirmationTexts
from a2pcli.actions.incoming import AsksPeople, Incoming
from a2pcli.actions.rule_desk import RuleDesk
from a2pcli.addresses.any_address import any_address, kind_meant
from a2pcli.addresses.kinds import Kind
from a2pcli.rules.keywords import Meaning

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

HOUR, DAY = 3_600_000, 86_400_000
MOST_CONFIRMATIONS = 10
"""Confirmations and answers to HELP for one person in 24 hours: a machine that writes STOP and START in turn."""
MOST_HELP = 3
"""Answers to HELP for one person in an hour."""


class Responder:
    """Answers replies. ``asking`` are asked in their order for open questions."""

    def __init__(self, ledger: Ledger, settings: LoadedSettings, asking: Sequence[AsksPeople] = ()) -> None:
        self._ledger, self._asking = ledger, asking
        self._texts = ConfirmationTexts(settings)
        self._rules = RuleDesk(ledger, settings)

    def open_question(self, address: str, gateway: str, to: str | None, now: int) -> str | None:
        """The question of a rule that is open for a person."""
        return self._rules.open_question(address, gateway, to, now)

    def has_open_survey(self, address: str, gateway: str, to: str | None, now: int) -> bool:
        """Whether a YES answers a survey's question, and is no START."""
        return any(one.is_open(address, gateway, to, now) for one in self._asking)

    def answer_of_agent(self, incoming: Incoming) -> str | None:
        """Take what an agent wrote to the conversation that it names; None if it is a reply like others."""
        return self._rules.agents.take(incoming) if self._rules.agents.is_for(incoming) else None

    def respond(self, incoming: Incoming) -> str | None:
        """Store the answer to a reply, if there is one; return what kind it is."""
        meaning = incoming.done.reply.meaning
        if meaning is Meaning.STOP:
            for one in self._asking:
                one.stop(incoming)
        if not can_be_answered(incoming.address):
            return None
        if meaning is Meaning.STOP:
            if incoming.done.reply.flagged:
                self._rules.to_inbox(incoming, incoming.done.reply.why)
            return self._confirm_stop(incoming)
        if meaning is Meaning.START and incoming.done.changed:
            return self._confirm_start(incoming)
        if meaning is Meaning.HELP:
            return self._help(incoming)
        for one in self._asking:
            if one.is_open(incoming.address, incoming.gateway, incoming.to, incoming.now) and one.take(
                incoming
            ):
                if incoming.done.reply.flagged:
                    self._rules.to_inbox(incoming, incoming.done.reply.why)
                return "question"
        return self._rules.respond(incoming)

    def _confirm_stop(self, incoming: Incoming) -> str | None:
        done = incoming.done
        if not done.changed or done.was_out or incoming.reported:
            return None
        return self._confirm(incoming, STOP, anyway=True)

    def _confirm_start(self, incoming: Incoming) -> str | None:
        if any(one.holds(incoming.now) for one in self._ledger.optouts.of(incoming.address)):
            return None
        return self._confirm(incoming, START, anyway=False)

    def _help(self, incoming: Incoming) -> str | None:
        count = self._ledger.answers.count_since
        if count(incoming.address, incoming.now - HOUR, [HELP]) >= MOST_HELP:
            return None
        return self._confirm(incoming, HELP, anyway=True)

    def _confirm(self, incoming: Incoming, kind: str, *, anyway: bool) -> str | None:
        """Store a confirmation, to leave within five minutes or not at all (47 CFR 64.1200(a)(10), (12))."""
        if not self._texts.sends(incoming.gateway):
            return None
        since = incoming.now - DAY
        if self._ledger.answers.count_since(incoming.address, since, KINDS) >= MOST_CONFIRMATIONS:
            return None
        country = any_address(incoming.address, None).country
        text = self._texts.text(
            kind, country, programme=_programme(incoming), scope=incoming.scope.kind, sender=incoming.to
        )
        if text is None:
            return None
        answer = incoming.answer(kind, text, incoming.written_at + FIVE_MINUTES, anyway=anyway)
        return kind if self._ledger.answers.add(answer, now=incoming.now) is not None else None


def _programme(incoming: Incoming) -> str | None:
    """The programme that a confirmation names: the one that a STOP was for, else that of the newest message."""
    return incoming.scope.value if incoming.scope.kind == "programme" else incoming.programme


def can_be_answered(address: str) -> bool:
    """Whether a message can go there: not to a short code or a name."""
    return address.startswith("+") or kind_meant(address)[0] is not Kind.PHONE
