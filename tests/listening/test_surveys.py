"""Surveys as people, providers and marketers see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from answerkit import ANN, BEN, ENVIRON, SHOP, Kannel, kannel, says, wait
from clikit import Project
from listenkit import Listener, listener, query

CARL, DORA = "+447911123458", "+447911123459"
REPLIES = "replies: {texts: keep}\n"
SURVEY = """\
title: Your visit
thanks: "Thank you{{ ' ' + first_name if first_name is defined }}!"
questions:
  score:
    ask: "From 0 to 10, how likely are you to recommend us?"
    kind: scale
    from: 0
    to: 10
    go_to: {0-6: why, other: again}
  why:
    ask: "Sorry that it was only {{ answer_score }}. What went wrong?"
    kind: text
    go_to: end
  again:
    ask: "Will you come again? YES or NO"
    kind: choice
    options: {yes: [y, sure], no: [n, nope]}
    retry: "Just YES or NO, please."
"""
CAMPAIGN = """\
name: visit-survey
objective: Ask how the visit was
purpose: transactional
contacts: people.csv
gateway: kannel
sender: "12345"
survey: visit
"""
KEYS = {**ENVIRON}


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def set_up(project: Project, survey: str = SURVEY) -> None:
    (project.folder / "surveys").mkdir()
    project.write("surveys/visit.yaml", survey)
    project.write("visit.yaml", CAMPAIGN)
    people = f"phone,first_name\n{ANN},Ann\n{BEN},Ben\n{CARL},Carl\n{DORA},Dora\n"
    project.write("people.csv", people)


@contextmanager
def asked(project: Project, survey: str = SURVEY, more: str = "") -> Iterator[tuple[Kannel, Listener]]:
    """Four people got the first question, and a listener runs."""
    set_up(project, survey)
    with kannel() as provider:
        project.write("a2pcli.yaml", provider.settings(REPLIES + more))
        ran = project.run("send", "visit.yaml", "--yes")
        assert ran.status == 0, ran.err
        with listener(project.folder, settings=None) as heard:
            yield provider, heard


def texts(provider: Kannel, who: str) -> list[str]:
    return [text for _, to, text in provider.got if to == who]


def test_a_campaign_asks_and_each_answer_leads_to_the_next_question(project: Project) -> None:
    with asked(project) as (provider, heard):
        assert says(heard, ANN, "3/10") == 200
        provider.until(5)
        assert says(heard, ANN, "=Slow, and cold") == 200
        assert says(heard, BEN, "ten") == 200
        provider.until(7)
        assert says(heard, BEN, "maybe") == 200
        provider.until(8)
        assert says(heard, BEN, "Sure!") == 200
        provider.until(9)
        assert says(heard, CARL, "great") == 200
        provider.until(10)
        assert says(heard, CARL, "very great") == 200
        assert ANN[3:] not in heard.said()
    first = "From 0 to 10, how likely are you to recommend us?"
    assert texts(provider, ANN) == [
        first,
        "Sorry that it was only 3. What went wrong?",
        "Thank you Ann!",
    ]
    assert texts(provider, BEN) == [
        first,
        "Will you come again? YES or NO",
        "Just YES or NO, please.",
        "Thank you Ben!",
    ]
    assert texts(provider, CARL) == [
        first,
        "Sorry, we did not understand that. Please reply with a whole number from 0 to 10.",
    ]
    assert {sender for sender, _, _ in provider.got} == {SHOP}
    (talk,) = project.run("inbox", "list", "--json").json["conversations"]
    assert talk["why"] == "no rule matches it"

    found = project.run("survey", "results", "visit", "--json").json
    assert (found["asked"], found["answered"]) == (4, 2)
    assert found["states"] == {"finished": 2, "unclear": 1}
    score, why, again = found["questions"]
    assert score["nps"] == {"score": 0, "promoters": 1, "passives": 0, "detractors": 1}
    assert (score["mean"], score["distribution"]["10"], score["distribution"]["5"]) == (6.5, 1, 0)
    assert (why["answers"], again["distribution"]) == (1, {"yes": 1, "no": 0})
    lines = project.run("survey", "results", "visit").out.splitlines()
    assert "4 asked, 2 answered (50%)" in lines
    assert "finished 2, unclear (not understood) 1" in lines
    assert "  NPS 0: promoters (9-10) 1, passives (7-8) 0, detractors (0-6) 1" in lines
    table = project.run("survey", "results", "visit", "--csv", "-", "--addresses").out.splitlines()
    assert table[0] == "session,person,score,why,again,answered_at,late"
    assert re.match(rf"1,\{ANN},3,\"'=Slow, and cold\",,", table[1]), table
    listed = project.run("survey", "list", "--json").json["surveys"]
    assert listed == [
        {"name": "visit", "title": "Your visit", "questions": 3, "asked": 4, "answered": 2, "finished": 2}
    ]
    assert project.run("ledger", "check").status == 0


def test_stop_always_wins_and_yes_is_an_answer_only_while_a_question_is_open(project: Project) -> None:
    with asked(project) as (provider, heard):
        says(heard, ANN, "9")
        provider.until(5)
        says(heard, ANN, "STOP")
        provider.until(6)
        says(heard, ANN, "yes")  # from one who opted out, with no question open: a START
        provider.until(7)
        says(heard, BEN, "stop")
        provider.until(8)
        says(heard, CARL, "8")
        provider.until(9)
        says(heard, CARL, "HELP")
        says(heard, CARL, "Yes")
        provider.until(10)
    assert "again" in texts(provider, ANN)[1]
    assert ["unsubscribed" in text for text in texts(provider, ANN)] == [False, False, True, False]
    assert len(texts(provider, ANN)) == 4
    assert len(texts(provider, BEN)) == 2
    assert texts(provider, CARL)[-1] == "Thank you Carl!"
    states = query(project, "SELECT address, state FROM survey_sessions")
    assert {one["address"]: one["state"] for one in states} == {
        ANN: "stopped", BEN: "stopped", CARL: "finished"
    }  # fmt: skip


def test_a_late_answer_counts_or_its_sender_is_told(project: Project) -> None:
    late = SURVEY.replace("title:", "within: 1 min\nlate: tell\ntitle:")
    with asked(project, late) as (provider, heard):
        for who in (ANN, BEN):
            says(heard, who, "9")
        provider.until(6)
        ledger_says(project, "UPDATE survey_sessions SET until_at = until_at - 3600000")
        says(heard, ANN, "yes")
        provider.until(7)
        says(heard, ANN, "yes")
        says(heard, BEN, "what is this?")
        ledger_says(project, "UPDATE attempts SET claimed_at = claimed_at - 3600000")
        says(heard, CARL, "5")
        provider.until(8)
    assert texts(provider, ANN)[2:] == ["Thank you, but this survey is over."]
    assert len(texts(provider, BEN)) == 2
    assert texts(provider, CARL)[1:] == ["Thank you, but this survey is over."]
    found = project.run("survey", "results", "visit", "--json").json
    assert found["states"] == {"late": 2, "timed-out": 1}
    assert found["questions"][2]["answers"] == 0

    project.write("surveys/visit.yaml", late.replace("late: tell", "late: accept"))
    with kannel() as provider, listener(project.folder, settings=provider.settings(REPLIES)) as heard:
        says(heard, BEN, "no")
        provider.until(1)
        assert texts(provider, BEN) == ["Thank you Ben!"]
    found = project.run("survey", "results", "visit", "--json").json
    assert (found["questions"][2]["late"], found["states"]) == (1, {"finished": 1, "late": 2})


def ledger_says(project: Project, statement: str) -> None:
    """Change the ledger as time would."""
    from a2pcli.ledger.store import Ledger

    with (
        Ledger.open(str(project.folder / ".a2pcli/ledger.db")) as ledger,
        ledger.engine.begin() as connection,
    ):
        connection.exec_driver_sql(statement)


def test_one_person_is_asked_by_hand_once_and_one_question_at_a_time(project: Project) -> None:
    set_up(project)
    with kannel() as provider:
        project.write("a2pcli.yaml", provider.settings(REPLIES + "gateway: kannel\n"))
        project.run("ledger", "create")
        ran = project.run("survey", "start", "visit", ANN, "--sender", SHOP)
        assert ran.status == 0, ran.err
        assert re.fullmatch(r"\+4479…56: question 'score' was sent; it is open until .*\n", ran.out), ran.out
        again = project.run("survey", "start", "visit", ANN, "--sender", SHOP, "--again")
        assert (again.status, "one question at a time" in again.err) == (6, True)
        project.run("optout", "add", BEN)
        assert project.run("survey", "start", "visit", BEN).status == 6
        assert project.run("survey", "start", "visits", CARL).status == 2
        assert project.run("survey", "start", "visit", "nobody").status == 2
        unknown = project.run("survey", "start", "visit", CARL, "--gateway", "nope")
        assert (unknown.status, "no gateway 'nope'" in unknown.err) == (3, True)
        with listener(project.folder, settings=None) as heard:
            says(heard, ANN, "10")
            provider.until(2)
            says(heard, ANN, "no")
            provider.until(3)
        assert len(provider.got) == 3
        asked_before = project.run("survey", "start", "visit", ANN, "--sender", SHOP)
        assert (asked_before.status, "--again" in asked_before.err) == (6, True)
    assert query(project, "SELECT state FROM survey_sessions") == [{"state": "finished"}]


def test_a_reply_written_before_a_question_left_is_no_answer_to_it(project: Project) -> None:
    """Somebody who sends the same answer twice has not answered the question that follows."""
    past = str(int(datetime.now(UTC).timestamp()) - 30 * 86_400)
    with asked(project, SURVEY.replace("text\n", "text\n    longest: 20\n")) as (provider, heard):
        says(heard, ANN, "2")
        provider.until(5)
        says(heard, ANN, "2", at=past)
        says(heard, ANN, "x" * 30)
        provider.until(6)
    (row,) = query(project, "SELECT value FROM survey_answers WHERE question = 'why'")
    assert row["value"] == "x" * 20


def test_what_may_be_an_opt_out_ends_the_survey_and_goes_to_a_person(project: Project) -> None:
    longer = SURVEY.replace("    go_to: end\n", "")
    with asked(project, longer) as (provider, heard):
        says(heard, ANN, "1")
        provider.until(5)
        says(heard, ANN, "we have got to stop this terrible bill")
        says(heard, BEN, "9")
        provider.until(6)
    assert len(texts(provider, ANN)) == 2
    (talk,) = project.run("inbox", "list", "--json").json["conversations"]
    assert "may be an opt-out" in talk["why"]
    assert {one["state"] for one in query(project, "SELECT state FROM survey_sessions")} == {
        "unclear",
        "open",
    }


def test_yes_is_no_answer_from_somebody_who_opted_out_another_way(project: Project) -> None:
    with asked(project) as (provider, heard):
        says(heard, ANN, "9")
        provider.until(5)
        assert project.run("optout", "reply", ANN, "STOP").status == 0
        says(heard, ANN, "yes")
        says(heard, BEN, "9")
        provider.until(7)
    assert "again" in texts(provider, ANN)[-1].lower()
    assert query(project, "SELECT value FROM survey_answers WHERE question = 'again'") == []


BAD = """\
titel: x
within: soon
questions:
  one:
    ask: "Hello {{ name | nothing }}"
    kind: choice
    options: {stop: [], yes: [y], maybe: [Y]}
    go_to: {yes: tree, no: end}
  two:
    ask: "How many?"
    kind: scale
    from: 5
    to: 1
    go_to: one
  three:
    ask: "?"
    kind: text
    options: [a, b]
"""
FAULTS = [
    ((1, 1), "titel"), ((2, 9), "soon"), ((8, 18), "'tree'"), ((8, 24), "'no' is no option"), ((13, 9), "above 5"),
    ((14, 12), "does not come after"), ((18, 5), "no meaning for a text"),
]  # fmt: skip


def test_every_problem_of_a_survey_is_told_with_its_place(project: Project) -> None:
    set_up(project, BAD)
    project.write("a2pcli.yaml", "region: GB\n")
    for call in (("survey", "check"), ("check", "visit.yaml")):
        ran = project.run(*call, "--json")
        assert ran.status == 3
        problems = [one for one in ran.json["problems"] if (one["path"] or "").endswith("surveys/visit.yaml")]
        found = {(one["line"], one["column"]): one["message"] for one in problems}
        for place, words in FAULTS:
            assert words in found.get(place, ""), (place, words, found)
        (span,) = (one["hint"] for one in problems if one["line"] == 2)
        assert "such as '30 min', '2 h' or '1 day'" in span
    fixed = (
        BAD.replace("titel: x\nwithin: soon\n", "").replace("tree, no: end", "two").replace("to: 1\n", "to: 9\n")
        .replace("go_to: one", "go_to: three").replace("    options: [a, b]\n", "")
    )  # fmt: skip
    project.write("surveys/visit.yaml", fixed)
    found = {one["line"]: one["message"] for one in project.run("survey", "check", "--json").json["problems"]}
    assert set(found) == {3, 5}, found
    project.write("surveys/visit.yaml", fixed.replace(" | nothing", ""))
    told = [one["message"] for one in project.run("survey", "check", "--json").json["problems"]]
    assert told == [
        "'stop' is STOP, so it never answers a question", "'y' means both 'yes' and 'maybe'",
    ]  # fmt: skip
    project.write("visit.yaml", CAMPAIGN.replace("survey: visit", "survey: visits"))
    problems = project.run("check", "visit.yaml", "--json").json["problems"]
    (told_of,) = [one for one in problems if "there is no survey" in one["message"]]
    assert (told_of["line"], told_of["hint"]) == (7, "did you mean 'visit'?")


def test_the_first_question_is_checked_like_any_message(project: Project) -> None:
    set_up(project, SURVEY.replace("how likely", "{{ nickname }}, how likely"))
    project.write("a2pcli.yaml", "region: GB\ngateways:\n  kannel: {type: console}\n")
    problems = project.run("check", "visit.yaml", "--json").json["problems"]
    (unknown,) = [one for one in problems if "nickname" in one["message"]]
    assert unknown["path"].endswith("surveys/visit.yaml")
    assert (unknown["line"], unknown["column"]) == (5, 28)


def test_a_person_s_answers_are_exported_erased_and_pruned(project: Project) -> None:
    with asked(project) as (provider, heard):
        says(heard, ANN, "3")
        says(heard, BEN, "4")
        provider.until(6)
    held = project.run("people", "export", ANN).json
    assert [one["value"] for one in held["survey_answers"]] == ["3"]
    assert held["survey_sessions"][0]["survey"] == "visit"
    erased = project.run("people", "erase", ANN, "--yes")
    assert "1 answer to surveys removed" in erased.out + erased.err
    assert [one["value"] for one in query(project, "SELECT value FROM survey_answers")] == ["4"]
    assert project.run("ledger", "check").status == 0
    with (project.folder / "a2pcli.yaml").open("a") as settings:
        settings.write("retention: {default: 1 day}\n")
    for column in ("asked_at", "until_at", "started_at"):
        ledger_says(project, f"UPDATE survey_sessions SET {column} = {column} - 400000000")
    told = project.run("prune", "--dry-run", "--json").json
    assert (told["survey_sessions"], told["survey_answers"]) == (1, 1)
    assert project.run("prune", "--yes").status == 0
    assert (
        query(project, "SELECT * FROM survey_answers")
        == query(project, "SELECT * FROM survey_sessions")
        == []
    )


def test_the_page_s_examples_work_as_they_stand_there(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs/surveys.md").read_text()
    survey, campaign = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.M | re.S)
    set_up(project, survey)
    project.write("visit.yaml", campaign)
    project.write("a2pcli.yaml", "region: GB\n")
    assert project.run("survey", "check").out == "surveys/visit.yaml: 3 questions\n"
    ran = project.run("check", "visit.yaml", "surveys/visit.yaml")
    assert "1 campaign and 1 survey checked: 0 errors" in ran.err, ran.err
    assert project.run("send", "visit.yaml", "--yes").status == 0
    shown = project.run("survey", "results", "visit").out
    assert shown.startswith("visit: Your visit\n4 asked, 0 answered (0%)\n")
    for line in re.findall(r"^a2pcli (survey .*)$", page, flags=re.M):
        assert project.run(*line.split()).status == 0, line


def test_a_listener_that_is_killed_asks_no_question_twice(project: Project) -> None:
    with asked(project) as (provider, heard):
        says(heard, ANN, "9", id="r1")
        heard.process.kill()
        heard.process.wait()
        with listener(project.folder, settings=None) as again:
            says(again, ANN, "9", id="r1")  # the provider is not sure that it was heard
            says(again, BEN, "9")
            assert wait(lambda: "Will you come again? YES or NO" in texts(provider, BEN))
    assert texts(provider, ANN).count("Will you come again? YES or NO") <= 1
    answered = query(project, "SELECT address FROM survey_answers WHERE question = 'score'")
    assert sorted(one["address"] for one in answered) == [ANN, BEN]
