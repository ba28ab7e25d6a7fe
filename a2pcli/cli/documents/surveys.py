"""What the commands about surveys print with ``--json``."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from a2pcli.cli.documents.shapes import Moment, says


class SurveyFile(TypedDict):
    """A survey's file."""

    name: str
    path: str


class SurveysChecked(TypedDict):
    """``a2pcli survey check``."""

    surveys: list[SurveyFile]


class SurveyStarted(TypedDict):
    """``a2pcli survey start``."""

    survey: str
    person: Annotated[str, says("the masked number or address")]
    question: str
    state: str | None
    open_until: Moment
    code: str | None
    detail: str | None


class SurveyListed(TypedDict):
    """A survey of the list."""

    name: str
    title: str | None
    questions: Annotated[int | None, says("null if its file is gone or wrong")]
    asked: int
    answered: Annotated[int, says("people with at least one answer")]
    finished: int


class SurveyList(TypedDict):
    """``a2pcli survey list``."""

    surveys: list[SurveyListed]


class NetPromoterScore(TypedDict):
    """The net promoter score of a scale from 0 to 10."""

    score: Annotated[int, says("from -100 to 100")]
    promoters: Annotated[int, says("answers 9 and 10")]
    passives: Annotated[int, says("answers 7 and 8")]
    detractors: Annotated[int, says("answers from 0 to 6")]


class QuestionAnswers(TypedDict):
    """The answers to a question."""

    name: str
    kind: str
    ask: str
    answers: int
    late: int
    distribution: dict[str, int]
    mean: float | None
    median: float | None
    least: float | None
    most: float | None
    nps: NetPromoterScore | None


class SurveyAnswer(TypedDict):
    """An answer."""

    session: Annotated[int, says("one for each person and survey")]
    person: Annotated[str, says("masked, unless --addresses is given")]
    question: str
    answer: str
    at: Moment
    late: bool


class SurveyResult(TypedDict):
    """``a2pcli survey results``."""

    name: str
    title: str | None
    asked: int
    answered: int
    states: dict[str, int]
    questions: list[QuestionAnswers]
    answers: list[SurveyAnswer]
