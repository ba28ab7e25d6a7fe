"""What people answered to a survey: counts, distributions, the net promoter score, and every answer."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from a2pcli.actions.surveys import ReadySurvey, read_surveys, survey_named
from a2pcli.addresses.kinds import masked
from a2pcli.config.surveys import FOLDER, Question, bounds, survey_files
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.surveys import OPEN, STATES

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.ledger.surveys import Session

TIMED_OUT = "timed-out"
"""Somebody whose question is still open, but whose time is over."""
PROMOTERS, DETRACTORS = 9, 6
"""Answers from 0 to 10 from which, and up to which, somebody is one (Reichheld, Harvard Business Review, 2003)."""


@dataclass(frozen=True, slots=True)
class Nps:
    """The net promoter score: the share of promoters less that of detractors, from -100 to 100."""

    promoters: int
    passives: int
    detractors: int

    @property
    def score(self) -> int:
        """The score, rounded to a whole number; a half away from zero."""
        asked = self.promoters + self.passives + self.detractors
        exact = 100 * (self.promoters - self.detractors) / asked
        return int(exact + (0.5 if exact >= 0 else -0.5))


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the answers to a number or a scale have in common."""

    least: float
    most: float
    mean: float
    median: float


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """The answers to a question. ``distribution`` is empty for a text, and for a number with many answers."""

    name: str
    kind: str
    ask: str
    answers: int
    late: int
    distribution: Mapping[str, int]
    numbers: Numbers | None = None
    nps: Nps | None = None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer, with the person's masked address, or the whole one if wanted."""

    session: int
    person: str
    question: str
    value: str
    at: int
    late: bool


@dataclass(frozen=True, slots=True)
class SurveyResults:
    """The results of a survey. ``asked`` people got the first question, ``states`` counts those who answered."""

    name: str
    title: str | None
    asked: int
    began: int
    states: Mapping[str, int]
    questions: Sequence[QuestionResult]
    rows: Sequence[AnswerRow]


@dataclass(frozen=True, slots=True)
class SurveyLine:
    """A survey in the list. ``questions`` is None if its file is gone or wrong."""

    name: str
    title: str | None
    questions: int | None
    asked: int
    began: int
    finished: int
    is_wrong: bool = False


def listed(project: Project) -> tuple[list[SurveyLine], list[Problem]]:
    """The surveys of the project and of its ledger, and what is wrong with their files."""
    surveys, wrong = read_surveys(project.settings())
    with project.existing_ledger() as ledger:
        names = sorted({*surveys, *wrong, *(ledger.surveys.names() if ledger is not None else ())})
        lines = []
        for name in names:
            sessions = ledger.surveys.of(name) if ledger is not None else []
            by_runs = ledger.surveys.asked_by_runs(name) if ledger is not None else 0
            began = {one[0] for one in ledger.surveys.all_answers(name)} if ledger is not None else set()
            found = surveys.get(name)
            lines.append(
                SurveyLine(
                    name,
                    found.survey.title if found else None,
                    len(found.survey.questions) if found else None,
                    by_runs + sum(one.run is None for one in sessions),
                    len(began),
                    sum(one.state == "finished" for one in sessions),
                    name in wrong,
                )
            )
        return lines, [problem for problems in wrong.values() for problem in problems]


def results(project: Project, name: str, *, whole: bool = False) -> SurveyResults:
    """The results of a survey so far. ``whole``: addresses as they are, not masked. Raises ``UsageError`` if there is
    no such survey, or its file is gone, and ``InvalidInput`` if its file is wrong."""
    settings = project.settings()
    with project.existing_ledger() as ledger:
        files = {path.stem for path in survey_files(settings.folder)}
        if ledger is not None and name in ledger.surveys.names() and name not in files:
            hint = f"restore {FOLDER}/{name}.yaml: it says what the questions are"
            raise UsageError(
                Problem(f"the file of the survey '{name}' is gone", hint=hint, code="unknown-survey")
            )
        found = survey_named(settings, name)
        if ledger is None:
            return _results(found, [], [], 0, whole)
        return _results(
            found, ledger.surveys.of(name), ledger.surveys.all_answers(name), ledger.surveys.asked_by_runs(name), whole
        )  # fmt: skip


def _results(
    found: ReadySurvey,
    sessions: Sequence[Session],
    answers: Sequence[tuple[int, str, str, int, bool]],
    by_runs: int,
    whole: bool,
) -> SurveyResults:
    now, people = now_ms(), {one.number: one for one in sessions}
    states = Counter(
        TIMED_OUT if one.state == OPEN and one.until_at <= now else one.state for one in sessions
    )
    rows = [
        AnswerRow(
            number, people[number].address if whole else masked(people[number].address), question, value, at, late
        )
        for number, question, value, at, late in answers
    ]  # fmt: skip
    return SurveyResults(
        found.name,
        found.survey.title,
        by_runs + sum(one.run is None for one in sessions),
        len({row.session for row in rows}),
        {state: states[state] for state in (*STATES, TIMED_OUT) if states[state]},
        list(_of_questions(found, rows)),
        rows,
    )


def _of_questions(found: ReadySurvey, rows: Sequence[AnswerRow]) -> Iterator[QuestionResult]:
    for name, question in found.survey.questions.items():
        mine = [row for row in rows if row.question == name]
        values = [row.value for row in mine]
        numbers = [float(value) for value in values if _is_number(value)] if _counts(question) else []
        told = (
            Numbers(min(numbers), max(numbers), statistics.fmean(numbers), statistics.median(numbers))
            if numbers
            else None
        )
        yield QuestionResult(
            name, question.kind, question.ask, len(mine), sum(row.late for row in mine),
            _distribution(question, values), told, _nps(question, numbers),
        )  # fmt: skip


def _counts(question: Question) -> bool:
    return question.kind in ("number", "scale")


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _distribution(question: Question, values: Sequence[str]) -> dict[str, int]:
    """How often each answer was given; options and steps that nobody chose are there with 0."""
    count = Counter(values)
    known: list[str] = []
    if question.kind == "choice":
        known = list(question.options)
    elif question.kind == "scale":
        least, most = bounds(question)
        assert least is not None
        assert most is not None
        known = [str(step) for step in range(int(least), int(most) + 1)]
    elif question.kind == "text" or len(count) > 20:
        return {}
    others = sorted(set(count) - set(known), key=lambda one: (float(one) if _is_number(one) else 0.0, one))
    return {value: count[value] for value in (*known, *others)}


def _nps(question: Question, numbers: Sequence[float]) -> Nps | None:
    if question.kind != "scale" or bounds(question) != (0, 10) or not numbers:
        return None
    promoters = sum(one >= PROMOTERS for one in numbers)
    detractors = sum(one <= DETRACTORS for one in numbers)
    return Nps(promoters, len(numbers) - promoters - detractors, detractors)
