"""Who was asked the questions of a survey, and what they answered.

A campaign's first question is its message: who got it has a row of ``survey_sessions`` from their first answer on
(``sent_question``). Later questions are messages outside of runs (``answers``), with a key for each session and
question, so each is asked once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Table, and_, false, func, insert, or_, select, update
from sqlalchemy.engine import Connection, RowMapping

from a2pcli.addresses.kinds import forms_of
from a2pcli.config.retention import Retention, parse_age
from a2pcli.dataclass import dataclass
from a2pcli.ledger import audit
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.plans import run_from_row
from a2pcli.ledger.records import Run, now_ms
from a2pcli.ledger.schema import survey_answers, survey_sessions
from a2pcli.ledger.sender_names import sender_key
from a2pcli.ledger.tables import attempts, runs
from a2pcli.messages import State

OPEN, FINISHED, STOPPED, UNCLEAR, REPLACED, LATE = (
    "open",
    "finished",
    "stopped",
    "unclear",
    "replaced",
    "late",
)
STATES = (OPEN, FINISHED, STOPPED, UNCLEAR, REPLACED, LATE)
LEFT = (str(State.SUBMITTING), str(State.ACCEPTED), str(State.UNKNOWN))
"""States of a message that the person may have."""
_s, _a = survey_sessions.c, survey_answers.c


@dataclass(frozen=True, slots=True)
class NewSession:
    """Somebody who is asked the first question. Times are UTC milliseconds."""

    survey: str
    address: str
    channel: str
    gateway: str
    sender: str
    programme: str | None
    run: int | None
    question: str
    asked_at: int
    until_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is asked the questions of a survey; see the table."""

    number: int
    survey: str
    address: str
    channel: str
    gateway: str
    sender: str
    programme: str | None
    run: int | None
    state: str
    question: str
    asked_at: int
    until_at: int
    retried: int
    started_at: int
    ended_at: int | None

    def key(self, what: str) -> str:
        """The key of the message with this question, or with another of the survey's texts."""
        return f"survey:{self.number}:{what}"


@dataclass(frozen=True, slots=True)
class SentQuestion:
    """A campaign's message to a person that is the first question of a survey."""

    survey: str
    run: int
    address: str
    channel: str
    gateway: str
    sender: str
    programme: str | None
    at: int
    line: int | None = None


class SurveySessions(SubStore):
    """The people asked in an open ledger. ``to`` is the sender of ours that they write to, None if unknown."""

    def open_of(self, address: str, gateway: str, to: str | None) -> Session | None:
        """Return whose question is open for a person with a sender of ours: the newest."""
        theirs = and_(_s.address.in_(forms_of(address)), _s.gateway == gateway, _s.state == OPEN)
        query = select(survey_sessions).where(theirs).order_by(_s.asked_at.desc(), _s.number.desc())
        with self._ledger.reading() as connection:
            found = [_of(row) for row in connection.execute(query).mappings()]
        return next((one for one in found if _is_same(one.sender, to)), None)

    def open_sessions(self, address: str) -> list[Session]:
        """Return all open sessions of a person."""
        theirs = and_(_s.address.in_(forms_of(address)), _s.state == OPEN)
        with self._ledger.reading() as connection:
            return [_of(row) for row in connection.execute(select(survey_sessions).where(theirs)).mappings()]

    def by_number(self, number: int) -> Session | None:
        """Return a session."""
        with self._ledger.reading() as connection:
            query = select(survey_sessions).where(_s.number == number)
            found = connection.execute(query).mappings().first()
        return None if found is None else _of(found)

    def sent_question(self, address: str, gateway: str, to: str | None, since: int) -> SentQuestion | None:
        """Return the newest first question that a campaign sent to a person since a time (UTC ms), by this gateway and
        sender, if it is not a session yet."""
        with self._ledger.reading() as connection:
            c = runs.c
            recent = or_(c.finished_at.is_(None), c.finished_at >= since)
            query = select(runs).where(c.survey.is_not(None), c.started_at.is_not(None), recent)
            found = [
                one
                for row in connection.execute(query).mappings().all()
                for one in _questions(connection, run_from_row(row), address)
                if one.at >= since and one.gateway == gateway and _is_same(one.sender, to)
            ]
            if not found:
                return None
            newest = max(found, key=lambda one: one.at)
            begun = and_(_s.run == newest.run, _s.address.in_(forms_of(address)))
            is_begun = connection.execute(select(_s.number).where(begun).limit(1)).first() is not None
        return None if is_begun else newest

    def row_of(self, session: Session) -> tuple[Run, int] | None:
        """Return the run that asked the first question, and the line of the person in its contacts file."""
        with self._ledger.reading() as connection:
            row = connection.execute(select(runs).where(runs.c.number == session.run)).mappings().first()
            run = None if row is None else run_from_row(row)
            lines = [] if run is None else [one.line for one in _questions(connection, run, session.address)]
        return None if run is None or not lines or lines[0] is None else (run, lines[0])

    def begin(self, new: NewSession, now: int | None = None) -> Session:
        """Open a session; another that is open for the person and sender ends, ``replaced``. Audit:
        ``survey.begin``."""
        moment = now_ms() if now is None else now
        with self._ledger.transaction():
            with self._ledger.writing() as connection:
                # Whoever begins one writes an audit entry, and holds this lock until the commit.
                audit.lock(connection)
            while (old := self.open_of(new.address, new.gateway, new.sender or None)) is not None:
                self.end(old, REPLACED, moment)
            with self._ledger.writing() as connection:
                values = {name: getattr(new, name) for name in NewSession.__dataclass_fields__}
                values |= {"state": OPEN, "started_at": new.asked_at}
                added = insert(survey_sessions).values(values).returning(_s.number)
                number = connection.execute(added).scalar_one()
                audit.record(connection, "survey.begin", new.survey, {"run": new.run}, [new.address], moment)
                found = (
                    connection.execute(select(survey_sessions).where(_s.number == number)).mappings().one()
                )
        self._ledger.note_entry()
        return _of(found)

    def answer(self, session: Session, kind: str, value: str, at: int, *, late: bool) -> None:
        """Store the answer to the session's question. Audit: ``survey.answer``, without it."""
        with self._ledger.writing() as connection:
            connection.execute(
                insert(survey_answers).values(
                    session=session.number, question=session.question, address=session.address, kind=kind,
                    value=value, at=at, late=int(late),
                )
            )  # fmt: skip
            detail = {"question": session.question, "late": late}
            audit.record(connection, "survey.answer", session.survey, detail, [session.address], at)
        self._ledger.note_entry()

    def ask(self, session: Session, question: str, until_at: int, now: int) -> Session:
        """Note that the next question is asked. Audit: that of the answer before."""
        values = {"question": question, "asked_at": now, "until_at": until_at, "retried": 0}
        return self._change(session, values)

    def retry(self, session: Session, until_at: int) -> Session:
        """Note that the person is asked again. Audit: that of the message."""
        return self._change(session, {"retried": 1, "until_at": until_at})

    def end(self, session: Session, state: str, now: int) -> Session:
        """End a session; a question that has not left yet is not sent any more if it is ``stopped`` or ``replaced``.
        Audit: ``survey.end``."""
        found = self._change(session, {"state": state, "ended_at": now})
        if state in (STOPPED, REPLACED):
            for key in (session.key(session.question), session.key(f"retry {session.question}")):
                waiting = self._ledger.answers.by_key(key)
                if waiting is not None:
                    self._ledger.answers.drop(waiting, "survey-over", now=now)
        with self._ledger.writing() as connection:
            audit.record(connection, "survey.end", session.survey, {"state": state}, [session.address], now)
        self._ledger.note_entry()
        return found

    def _change(self, session: Session, values: Mapping[str, Any]) -> Session:
        with self._ledger.writing() as connection:
            connection.execute(update(survey_sessions).where(_s.number == session.number).values(values))
        return replace(session, **values)

    def has_done(self, survey: str, address: str) -> bool:
        """Return whether a person was asked this survey before."""
        theirs = and_(_s.survey == survey, _s.address.in_(forms_of(address)))
        with self._ledger.reading() as connection:
            return connection.execute(select(_s.number).where(theirs).limit(1)).first() is not None

    def of(self, survey: str) -> list[Session]:
        """Return everybody who was asked this survey and has a session, oldest first."""
        query = select(survey_sessions).where(_s.survey == survey).order_by(_s.number)
        with self._ledger.reading() as connection:
            return [_of(row) for row in connection.execute(query).mappings()]

    def answers_of(self, session: Session) -> dict[str, str]:
        """Return what somebody answered, by question."""
        query = select(_a.question, _a.value).where(_a.session == session.number)
        with self._ledger.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def all_answers(self, survey: str) -> list[tuple[int, str, str, int, bool]]:
        """Return (session, question, value, time, late) of every answer to a survey, in the order they came."""
        query = (
            select(_a.session, _a.question, _a.value, _a.at, _a.late)
            .join(survey_sessions, _s.number == _a.session)
            .where(_s.survey == survey)
            .order_by(_a.at, _a.session)
        )
        with self._ledger.reading() as connection:
            return [
                (session, question, value, at, bool(late))
                for session, question, value, at, late in connection.execute(query)
            ]

    def asked_by_runs(self, survey: str) -> int:
        """Return how many messages of campaigns that ask this survey were sent."""
        sent = and_(
            attempts.c.run.in_(select(runs.c.number).where(runs.c.survey == survey)),
            attempts.c.state.in_(["accepted", "unknown"]),
            attempts.c.followed_at.is_(None),
        )
        with self._ledger.reading() as connection:
            return int(
                connection.execute(select(func.count()).select_from(attempts).where(sent)).scalar_one()
            )

    def names(self) -> list[str]:
        """Return the names of the surveys that the ledger knows."""
        with self._ledger.reading() as connection:
            found = {*connection.execute(select(_s.survey).distinct()).scalars()}
            asked = select(runs.c.survey).where(runs.c.survey.is_not(None)).distinct()
            return sorted(found | {one for one in connection.execute(asked).scalars() if one})


def old_surveys(rules: Retention, now: int) -> dict[str, tuple[Table, Any]]:
    """Return the conditions for people asked in surveys, and for their answers, older than people are kept."""
    age = parse_age(rules.default)
    if age is None:
        return {"survey_answers": (survey_answers, false()), "survey_sessions": (survey_sessions, false())}
    sessions = and_(_s.until_at < now - age, _s.asked_at < now - age)
    of_old = _a.session.in_(select(_s.number).where(sessions))
    return {
        "survey_answers": (survey_answers, or_(of_old, _a.at < now - age)),
        "survey_sessions": (survey_sessions, sessions),
    }


def _questions(connection: Connection, run: Run, address: str) -> Iterator[SentQuestion]:
    """Yield the messages of a run to a person that left, or may have."""
    from a2pcli.ledger.erasure import Person
    from a2pcli.ledger.history import of_person

    for row in of_person(connection, Person(address).searched(), run, now_ms(), by_filter=True):
        if row["state"] in LEFT and row["claimed_at"] is not None and run.survey is not None:
            yield SentQuestion(
                run.survey, run.number, address, row["channel"] or run.channel, row["gateway"] or run.gateway,
                row["sender"] or run.sender or "", run.programme, row["claimed_at"], row["line"],
            )  # fmt: skip


def _is_same(sender: str, to: str | None) -> bool:
    """Whether two senders may be the same: one that is not known may be any."""
    return not sender or not to or sender_key(sender) == sender_key(to)


def _of(row: RowMapping) -> Session:
    return Session(**{name: row[name] for name in Session.__dataclass_fields__})
