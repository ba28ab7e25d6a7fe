"""How a reply is answered, in this order: STOP, START, HELP; the open question of a survey; keywords.

``Responder.respond`` is called in the transaction that keeps the reply. It stores answers (``actions.answers``); the
listener sends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from a2pcli.actions.answers import FIVE_MINUTES, NewAnswer
from a2pcli.actions.confirming import HELP, KINDS, START, STOP, ConfirmationTexts
from a2pcli.addresses.any_address import any_address, kind_meant
from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass
from a2pcli.rules.keywords import Meaning

if TYPE_CHECKING:
    from a2pcli.actions.optouts import Scope
    from a2pcli.actions.replies import HandledReply
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

HOUR, DAY = 3_600_000, 86_400_000
MOST_CONFIRMATIONS = 10
"""Confirmations and answers to HELP for one person in 24 hours: a machine that writes STOP and START in turn."""
MOST_HELP = 3
"""Answers to HELP for one person in an hour."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A reply that was kept. ``event`` identifies it, ``at`` is when it was written (UTC ms), None if unknown.
    ``reported``: the provider reports an opt-out, and deals with it."""

    address: str
    text: str
    channel: str
    gateway: str
    to: str | None
    at: int | None
    event: str
    now: int
    done: HandledReply
    scope: Scope
    programme: str | None = None
    reported: bool = False

    def answer(self, kind: str, body: str, until_at: int, *, anyway: bool = False) -> NewAnswer:
        """An answer by the way that the reply came: its gateway, and the sender that it was written to."""
        of = channel_of(self.channel)
        return NewAnswer(
            key=f"{kind}:{self.event}",
            kind=kind,
            address=self.address,
            channel=self.channel,
            gateway=self.gateway,
            body=body,
            until_at=until_at,
            source=f"reply by {self.gateway}",
            sender=self.to or None,
            content={"subject": "Re: your message"} if of.kind is Kind.EMAIL else None,
            programme=self.programme,
            anyway=anyway,
        )


class AsksPeople(Protocol):
    """Something with a question that may be open for a person, such as a survey. Both are called in the transaction
    that keeps the reply."""

    def is_open(self, address: str, gateway: str, to: str | None, now: int) -> bool:
        """Whether a question waits for this person's answer to this sender."""
        ...

    def take(self, incoming: Incoming) -> bool:
        """Take a reply as the answer to the question; False if it is none after all."""
        ...


class Responder:
    """Answers replies. ``asking`` are asked in their order for open questions."""

    def __init__(self, ledger: Ledger, settings: LoadedSettings, asking: Sequence[AsksPeople] = ()) -> None:
        self._ledger, self._asking = ledger, asking
        self._texts = ConfirmationTexts(settings)

    def has_open_question(self, address: str, gateway: str, to: str | None, now: int) -> bool:
        """Whether a YES answers a question, and is no START."""
        return any(one.is_open(address, gateway, to, now) for one in self._asking)

    def respond(self, incoming: Incoming) -> str | None:
        """Store the answer to a reply, if there is one; return what kind it is."""
        meaning = incoming.done.reply.meaning
        if not _can_be_answered(incoming.address):
            return None
        if meaning is Meaning.STOP:
            return self._confirm_stop(incoming)
        if meaning is Meaning.START and incoming.done.changed:
            return self._confirm_start(incoming)
        if meaning is Meaning.HELP:
            return self._help(incoming)
        for one in self._asking:
            if one.is_open(incoming.address, incoming.gateway, incoming.to, incoming.now) and one.take(
                incoming
            ):
                return "question"
        return None

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
        """Store a confirmation, to leave within five minutes of the reply or not at all (47 CFR 64.1200(a)(12))."""
        if not self._texts.sends(incoming.gateway):
            return None
        since = incoming.now - DAY
        if self._ledger.answers.count_since(incoming.address, since, KINDS) >= MOST_CONFIRMATIONS:
            return None
        country = any_address(incoming.address, None).country
        text = self._texts.text(
            kind, country, programme=incoming.programme, scope=incoming.scope.kind, sender=incoming.to
        )
        if text is None:
            return None
        written = incoming.now if incoming.at is None else min(incoming.at, incoming.now)
        answer = incoming.answer(kind, text, written + FIVE_MINUTES, anyway=anyway)
        return kind if self._ledger.answers.add(answer, now=incoming.now) is not None else None


def _can_be_answered(address: str) -> bool:
    """Whether a message can go there: not to a short code or a name."""
    return address.startswith("+") or kind_meant(address)[0] is not Kind.PHONE
