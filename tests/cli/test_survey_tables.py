"""The table of a survey's answers has each of them in a column of its own, whatever the questions are called."""

from __future__ import annotations

from clikit import Project

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


def test_results_of_a_survey_whose_file_is_gone_say_what_to_restore(project: Project) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    (project.folder / "surveys").mkdir()
    project.write("surveys/visit.yaml", 'questions: {why: {ask: "Why?", kind: text}}\n')
    project.run("ledger", "create")
    assert project.run("survey", "start", "visit", "07911123456").status == 0
    (project.folder / "surveys/visit.yaml").unlink()
    ran = project.run("survey", "results", "visit")
    assert (ran.status, ran.err.strip()) == (
        2,
        "the file of the survey 'visit' is gone (restore surveys/visit.yaml: it says what the questions are)",
    )


def test_a_wrong_survey_leaves_the_others_their_results_and_is_told(project: Project) -> None:
    project.write("a2pcli.yaml", "region: GB\n")
    (project.folder / "surveys").mkdir()
    for name in ("visit", "broken"):
        project.write(f"surveys/{name}.yaml", 'questions: {why: {ask: "Why?", kind: text}}\n')
    project.run("ledger", "create")
    assert project.run("survey", "start", "visit", "07911123456").status == 0
    project.write("surveys/broken.yaml", "questions: {why: {kind: text}}\n")
    assert project.run("survey", "results", "visit").out.startswith("visit\n1 asked, 0 answered")
    wrong = project.run("survey", "results", "broken")
    assert (wrong.status, wrong.err.startswith("surveys/broken.yaml:1:")) == (3, True)
    listed = project.run("survey", "list")
    assert (listed.status, listed.err) == (3, wrong.err)
    assert [line.split()[:3] for line in listed.out.splitlines()[1:]] == [
        ["broken", "(wrong)", "0"],
        ["visit", "1", "1"],
    ]
    assert project.run("survey", "check").err == wrong.err
