"""Acts on replies as they are heard, on a gateway's own connection or by a callback: each once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import is_own, own_numbers
from a2pcli.actions.incoming import Incoming
from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.actions.replies import (
    HandledReply,
    handle_reply,
    keep_reply,
    keeps_texts,
    programmes_of,
    stop_keywords,
)
from a2pcli.actions.responding import Responder, can_be_answered
from a2pcli.actions.survey_desk import survey_desks
from a2pcli.addresses.any_address import any_address, kind_meant
from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.any_number import any_number
from a2pcli.channels import channel_of
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, LedgerError
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.replies import KeptReply
from a2pcli.ledger.sender_names import sender_scope
from a2pcli.rules.keywords import Meaning, Reply, classify, means_everything

if TYPE_CHECKING:
    from a2pcli.actions.incoming import AsksPeople
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger


log = logging.getLogger(__name__)


LONGEST_TEXT, LONGEST_NAME = 10_000, 200
"""Characters of a reply, and of a sender, that are looked at and kept; no message of any channel has more."""


@dataclass(frozen=True, slots=True)
class HeardReply:
    """A reply as a gateway told it. ``id`` is the gateway's own, ``at`` when it was written (UTC milliseconds), None
    if unknown. ``is_opt_out``: the provider reports an opt-out, whatever the text is."""

    sender: str
    to: str | None
    text: str
    at: int | None = None
    id: str | None = None
    is_opt_out: bool = False

    def storable(self) -> HeardReply:
        """Return it without what no database stores, and cut off where it is longer than any message."""
        return replace(
            self,
            sender=_storable(self.sender)[:LONGEST_NAME],
            to=None if self.to is None else _storable(self.to)[:LONGEST_NAME],
            text=_storable(self.text)[:LONGEST_TEXT],
            id=None if self.id is None else _storable(self.id),
        )


@dataclass(frozen=True, slots=True)
class TakenReply:
    """What became of a reply. ``handled`` is None where nobody was suppressed or lifted: ``is_unreadable`` if its
    sender has no address (``is_unreadable_stop``: an opt-out of such a sender), ``is_duplicate`` if it had come before,
    otherwise one of our own numbers wrote it. ``is_unconfirmed_stop``: nobody can be told that it counts, as it came
    from a short code or a name, to which nothing can be sent."""

    handled: HandledReply | None = None
    is_unreadable: bool = False
    is_unreadable_stop: bool = False
    is_unconfirmed_stop: bool = False
    is_duplicate: bool = False
    answered: str | None = None
    """The kind of the answer that is to be sent."""


class ReplyDesk:
    """Acts on heard replies, keeps and answers them. ``take`` belongs into a transaction. Raises ``InvalidInput`` if
    texts or rules of answers are wrong; with ``must_answer`` off, nothing is answered then, and opt-outs count all the
    same. ``asking`` may have open questions for people, beside surveys."""

    def __init__(
        self,
        ledger: Ledger,
        settings: LoadedSettings,
        asking: Sequence[AsksPeople] = (),
        *,
        must_answer: bool = True,
    ) -> None:
        self._ledger, self._settings = ledger, settings
        self._programmes = programmes_of(settings, ledger)
        self._asking = asking
        self._responder: Responder | None = None
        try:
            self._responder = self.responder()
        except InvalidInput:
            if must_answer:
                raise

    def responder(self) -> Responder:
        """Return what answers, by the rules and surveys as they are now. Raises ``InvalidInput``."""
        surveys = survey_desks(self._ledger, self._settings)
        return Responder(self._ledger, self._settings, [*surveys, *self._asking])

    def use(self, responder: Responder) -> None:
        """Answer by this from now on; not while a reply is taken."""
        self._responder = responder

    @cached_property
    def _keywords(self) -> frozenset[str]:
        return stop_keywords(self._settings)

    @cached_property
    def _own(self) -> frozenset[str]:
        return own_numbers(self._settings, campaigns=True)

    def take(
        self, one: HeardReply, *, channel: str, gateway: str, source: str, run: str | None = None
    ) -> TakenReply:
        """Act on a reply that came by a channel and gateway, unless it had come before, and keep it."""
        now, one = now_ms(), one.storable()
        address = self._address_of(one.sender, channel)
        if address is not None and is_own(address, self._own):
            return TakenReply()
        at = now if one.at is None and one.id is None else one.at
        meaning = classify(one.text, keywords=self._keywords, programmes=self._programmes).meaning
        kept = KeptReply(address or one.sender, one.text, str(meaning), one.to, at, gateway, one.id)
        if self._ledger.replies.has(kept):
            return TakenReply(is_duplicate=True)
        texts = keeps_texts(self._settings)
        if address is None:
            self._ledger.replies.add([kept], source, keep_texts=texts, now=now)
            is_stop = one.is_opt_out or meaning is Meaning.STOP
            return TakenReply(is_unreadable=True, is_unreadable_stop=is_stop)
        if (agents := self._of_agent(one, kept, channel, now)) is not None:
            self._ledger.replies.add(
                [replace(kept, kind=str(Meaning.NONE))], source, keep_texts=texts, now=now
            )
            return TakenReply(answered=agents)
        programme = self._ledger.replies.programme_of(
            address, now if at is None else at, gateway=gateway, to=one.to
        )
        scope = scope_of_stop(self._settings, one.text, programme, one.to, gateway)
        to = [Scope("sender", sender_scope(name, gateway)) for name in (one.to, None)]
        to += [Scope("channel", channel)] + ([Scope("programme", programme)] if programme else [])
        programme = programme or self._settings.settings.programme
        question, is_asked = self._asked(address, gateway, one.to, now)
        done = handle_reply(
            self._ledger, address, one.text, scope,
            keywords=self._keywords, now=now, written_at=one.at, is_opt_out=one.is_opt_out,
            survey_open=is_asked, programmes=self._programmes, to=to,
        )  # fmt: skip
        scope = done.scope
        mine = done.kept(one.to, at, gateway, one.id)
        keep_reply(self._ledger, done, mine, scope, source, keep_texts=texts, now=now, run=run)
        answered = self._respond(
            Incoming(
                address, one.text, channel, gateway, one.to, one.at, mine.event, now, done, scope,
                programme, one.is_opt_out, question,
            )
        )  # fmt: skip
        is_mute = done.reply.meaning is Meaning.STOP and not can_be_answered(address)
        return TakenReply(done, is_unconfirmed_stop=is_mute, answered=answered)

    def _of_agent(self, one: HeardReply, kept: KeptReply, channel: str, now: int) -> str | None:
        """Take an agent's answer to a person; None if the reply is none."""
        if self._responder is None:
            return None
        done = HandledReply(kept.address, one.text, Reply(Meaning.NONE), "an agent's")
        incoming = Incoming(
            kept.address, one.text, channel, kept.gateway, one.to, one.at, kept.event, now, done, EVERYTHING
        )
        try:
            return self._responder.answer_of_agent(incoming)
        except LedgerError:
            raise
        except Exception as error:
            log.warning("what an agent may have written was taken for a reply: %s", type(error).__name__)
            return None

    def _asked(self, address: str, gateway: str, to: str | None, now: int) -> tuple[str | None, bool]:
        """The open question of a rule, and whether any question is open."""
        if self._responder is None:
            return None, False
        question = self._responder.open_question(address, gateway, to, now)
        return question, question is not None or self._responder.has_open_survey(address, gateway, to, now)

    def _respond(self, incoming: Incoming) -> str | None:
        """Answer a reply. A defect in that must not keep an opt-out from being stored."""
        if self._responder is None:
            return None
        try:
            return self._responder.respond(incoming)
        except LedgerError:
            raise
        except Exception as error:
            log.warning("a reply was stored and not answered: %s", type(error).__name__)
            return None

    def _address_of(self, sender: str, channel: str) -> str | None:
        """Return the address of whoever wrote, of the kind that the channel has or that it looks like.

        Any number that can write has one, also if no message would be planned for it: its STOP counts."""
        region, of = self._settings.settings.region, channel_of(channel)
        if of.kind is Kind.PHONE and kind_meant(sender)[0] is Kind.PHONE:
            return any_number(sender, region).number
        return any_address(sender, region, of.network).address


def scope_of_stop(
    settings: LoadedSettings, text: str, programme: str | None, to: str | None, gateway: str
) -> Scope:
    """What a STOP is for, as the settings say; everything if it says so, or if it cannot be told. ``programme`` is that
    of the message that it is to."""
    wanted = settings.settings.replies.scope
    if means_everything(text):
        return EVERYTHING
    if wanted == "programme" and programme:
        return Scope("programme", programme)
    if wanted == "sender" and to:
        return Scope("sender", sender_scope(to, gateway))
    return EVERYTHING


def is_stop(taken: TakenReply) -> bool:
    """Whether the reply put somebody on the suppression list."""
    done = taken.handled
    return done is not None and done.changed and done.reply.meaning is Meaning.STOP


def _storable(text: str) -> str:
    """Return the text without NUL and halves of characters."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
