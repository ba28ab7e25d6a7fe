"""Takes what people answer to surveys: stores it, and asks the next question. Called in the transaction that keeps the
reply; the texts are made and sent afterwards.

At most one question is open for a person and a sender: the newest. A reply answers it only if it was written after the
question had left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from a2pcli.actions.answers import NewAnswer
from a2pcli.actions.incoming import Incoming
from a2pcli.actions.surveys import (
    HOUR,
    KIND,
    LATE_TEXT,
    RETRY,
    THANKS,
    UNCLEAR_TEXT,
    ReadySurvey,
    load_surveys,
)
from a2pcli.dataclass import dataclass
from a2pcli.ledger.conversations import Heard
from a2pcli.ledger.surveys import FINISHED, LATE, STOPPED, UNCLEAR, NewSession, SentQuestion, Session
from a2pcli.messages import State
from a2pcli.rules.keywords import Meaning
from a2pcli.rules.survey_answers import following, understood

if TYPE_CHECKING:
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger

CLOCKS_DIFFER = 2_000
"""Milliseconds by which a provider's clock may be behind: it often tells whole seconds."""
_HAVE_IT = (State.SUBMITTING, State.ACCEPTED, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Open:
    """The question that is open for a person: of a session, or a campaign's message. Times are UTC milliseconds."""

    survey: ReadySurvey
    question: str
    asked_at: int
    until_at: int
    session: Session | None
    sent: SentQuestion | None


class SurveyDesk:
    """The open questions of surveys; see ``AsksPeople``."""

    def __init__(self, ledger: Ledger, surveys: Mapping[str, ReadySurvey]) -> None:
        self._ledger, self._surveys = ledger, surveys
        self._looked: tuple[tuple[str, str, str | None, int, int], SentQuestion | None] | None = None
        self._longest = max((one.within + one.late_for for one in surveys.values()), default=0)

    def is_open(self, address: str, gateway: str, to: str | None, now: int, *, late: bool = True) -> bool:
        """Whether a question waits for this person's answer to this sender; ``late``: or for a late one."""
        found = self._current(address, gateway, to, now)
        return found is not None and now < found.until_at + (found.survey.late_for if late else 0)

    def stop(self, incoming: Incoming) -> None:
        """End every survey of a person who opted out, by whatever sender; of a programme that they named, only its
        own."""
        store, only = self._ledger.surveys, incoming.done.reply.programme
        for session in store.open_sessions(incoming.address):
            if only in (None, session.programme):
                store.end(session, STOPPED, incoming.now)
        found = self._sent(incoming.address, incoming.gateway, incoming.to, incoming.now)
        if found is not None and (found.sent is None or only in (None, found.sent.programme)):
            store.end(self._begun(found, incoming), STOPPED, incoming.now)

    def take(self, incoming: Incoming) -> bool:
        """Take a reply as the answer to the open question; False if it is none."""
        reply = incoming.done.reply
        if not incoming.text.strip() or (reply.meaning is Meaning.NONE and reply.why):
            return False  # a reaction that quotes a message
        found = self._current(incoming.address, incoming.gateway, incoming.to, incoming.now)
        written = incoming.now if incoming.at is None else min(incoming.at, incoming.now)
        if found is None or written + CLOCKS_DIFFER < found.asked_at:
            return False
        question = found.survey.survey.questions[found.question]
        value = understood(question, incoming.text)
        if written >= found.until_at:
            return self._take_late(incoming, found, value, written)
        if value is None:
            return not reply.flagged and self._ask_again(incoming, found)
        return self._answered(incoming, found, value, late=False)

    def _take_late(self, incoming: Incoming, found: _Open, value: str | None, written: int) -> bool:
        if value is None or written >= found.until_at + found.survey.late_for:
            return False
        if found.survey.survey.late == "accept":
            return self._answered(incoming, found, value, late=True)
        session = self._begun(found, incoming)
        self._say(incoming, found.survey, session, LATE_TEXT)
        self._ledger.surveys.end(session, LATE, incoming.now)
        if found.survey.survey.questions[found.question].kind == "text" and not incoming.done.reply.flagged:
            self._to_inbox(incoming, "it came after the time of a survey's question")
        return True

    def _ask_again(self, incoming: Incoming, found: _Open) -> bool:
        """Ask once more; a person reads what cannot be understood after that."""
        session, store = self._begun(found, incoming), self._ledger.surveys
        if not session.retried:
            store.retry(session, incoming.now + found.survey.within)
            self._say(incoming, found.survey, session, f"{RETRY} {found.question}")
            return True
        store.end(session, UNCLEAR, incoming.now)
        if not found.survey.has(UNCLEAR_TEXT):
            return False
        self._say(incoming, found.survey, session, UNCLEAR_TEXT)
        self._to_inbox(incoming, "no answer to a survey's question could be understood")
        return True

    def _answered(self, incoming: Incoming, found: _Open, value: str, *, late: bool) -> bool:
        session, store = self._begun(found, incoming), self._ledger.surveys
        kind = found.survey.survey.questions[found.question].kind
        store.answer(session, kind, value, incoming.now, late=late)
        if (
            incoming.done.reply.flagged
        ):  # it may be an opt-out: nothing more is sent before a person has read it
            store.end(session, UNCLEAR, incoming.now)
            return True
        name = following(found.survey.loaded, found.question, value)
        if name is None:
            store.end(session, FINISHED, incoming.now)
            if found.survey.has(THANKS):
                self._say(incoming, found.survey, session, THANKS)
        else:
            session = store.ask(session, name, incoming.now + found.survey.within, incoming.now)
            self._say(incoming, found.survey, session, f"ask {name}", name)
        return True

    def _say(
        self, incoming: Incoming, survey: ReadySurvey, session: Session, what: str, key: str | None = None
    ) -> None:
        """Store a message of the survey, by the way that the reply came."""
        compose = {"survey": survey.name, "session": session.number, "text": what}
        key = session.key(key or what)
        self._ledger.answers.add(
            incoming.answer(KIND, None, incoming.now + HOUR, key=key, compose=compose), now=incoming.now
        )

    def _to_inbox(self, incoming: Incoming, why: str) -> None:
        heard = Heard(
            incoming.address, incoming.channel, incoming.gateway, incoming.to or "", incoming.programme, why
        )
        self._ledger.conversations.hear(heard, incoming.now)

    def _begun(self, found: _Open, incoming: Incoming) -> Session:
        """The session of a question; a campaign's message becomes one."""
        if found.session is not None:
            return found.session
        sent = found.sent
        assert sent is not None
        new = NewSession(
            sent.survey, sent.address, sent.channel, sent.gateway, sent.sender or incoming.to or "", sent.programme,
            sent.run, found.question, sent.at, found.until_at,
        )  # fmt: skip
        self._looked = None
        return self._ledger.surveys.begin(new, incoming.now)

    def _current(self, address: str, gateway: str, to: str | None, now: int) -> _Open | None:
        """The newest question to a person by this sender, if they may have it, in time or not."""
        session = self._ledger.surveys.open_of(address, gateway, to)
        # Only what was sent after the open question can be newer: runs that ended before need not be searched.
        sent = self._sent(address, gateway, to, now, 0 if session is None else session.asked_at)
        if sent is not None and (session is None or sent.asked_at > session.asked_at):
            found: _Open | None = sent
        else:
            found = None if session is None else self._of_session(session)
        return None if found is None or self._is_out(found, address, now) else found

    def _is_out(self, found: _Open, address: str, now: int) -> bool:
        """Whether the person opted out by another way than a reply: the next question would not be sent."""
        of = found.session or found.sent
        assert of is not None
        question = NewAnswer(
            key="", kind=KIND, address=address, channel=of.channel, gateway=of.gateway, body=None, until_at=now,
            source="", sender=of.sender or None, programme=of.programme,
        )  # fmt: skip
        return self._ledger.answers.would_be_kept_from(question, now)

    def _sent(self, address: str, gateway: str, to: str | None, now: int, since: int = 0) -> _Open | None:
        since = max(since, now - self._longest)
        whose = (address, gateway, to, now, since)
        if self._looked is None or self._looked[0] != whose:  # asked for several times with one reply
            found = self._ledger.surveys.sent_question(address, gateway, to, since)
            self._looked = (whose, found)
        sent = self._looked[1]
        survey = None if sent is None else self._surveys.get(sent.survey)
        if sent is None or survey is None:
            return None
        return _Open(survey, survey.loaded.first, sent.at, sent.at + survey.within, None, sent)

    def _of_session(self, session: Session) -> _Open | None:
        survey = self._surveys.get(session.survey)
        if survey is None or session.question not in survey.survey.questions:
            return None
        asked_at = session.asked_at
        message = self._ledger.answers.by_key(session.key(session.question))
        if message is not None:
            if message.state not in _HAVE_IT:
                return None
            asked_at = message.settled_at or message.created_at
        elif session.run is None:
            return None  # its text is gone by retention, and so is the question
        return _Open(survey, session.question, asked_at, session.until_at, session, None)


def survey_desks(ledger: Ledger, settings: LoadedSettings) -> list[SurveyDesk]:
    """What asks people in a project: nothing if it has no surveys. Raises ``InvalidInput`` for a file that is wrong."""
    found = load_surveys(settings)
    return [SurveyDesk(ledger, found)] if found else []
