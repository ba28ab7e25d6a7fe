"""Surveys: everybody who was asked is in a known state, and each answer belongs to somebody who was asked."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import exists, func, not_, or_, select

from a2pcli.ledger.integrity import CheckContext, Finding
from a2pcli.ledger.schema import survey_answers, survey_sessions
from a2pcli.ledger.surveys import OPEN, STATES

_s, _a = survey_sessions.c, survey_answers.c


def look_at(context: CheckContext) -> None:
    """Check the tables of surveys; adds a ``Finding`` for each problem."""
    context.take("the tables of surveys", lambda: _surveys(context))


def _surveys(context: CheckContext) -> Iterator[Finding]:
    rules = (
        (survey_sessions, "surveys of people have an invalid state", _s.state.not_in(STATES)),
        (
            survey_sessions,
            "surveys of people have ended without a time, or have an end without having ended",
            _s.ended_at.is_(None) != (_s.state == OPEN),
        ),
        (survey_sessions, "surveys of people have no address", _s.address == ""),
        (
            survey_answers,
            "answers to surveys are from nobody who was asked",
            or_(not_(exists().where(_s.number == _a.session)), _a.address == ""),
        ),
    )
    for table, words, wrong in rules:
        many = context.connection.execute(select(func.count()).select_from(table).where(wrong)).scalar_one()
        if many:
            yield Finding("survey", f"{words}: {many:,}")
