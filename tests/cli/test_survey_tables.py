"""The table of a survey's answers has each of them in a column of its own, whatever the questions are called."""

from __future__ import annotations

from a2pcli.actions.survey_results import AnswerRow, QuestionResult, SurveyResults
from a2pcli.cli.screens.surveys import as_csv


def test_a_question_may_have_the_name_of_another_column() -> None:
    names = ("person", "late", "answer_late", "why")
    questions = [QuestionResult(name, "text", "?", 1, 0, {}) for name in names]
    rows = [AnswerRow(1, "+4479…56", name, f"my {name}", 0, False) for name in names]
    table = as_csv(SurveyResults("visit", None, 1, 1, {}, questions, rows)).splitlines()
    assert table == [
        "session,person,answer_person,answer_answer_late,answer_late,why,answered_at,late",
        "1,+4479…56,my person,my late,my answer_late,my why,1970-01-01T00:00:00.000Z,no",
    ]
