"""Surveys in the ledger, on both databases: one question open at a time, each answered once, whoever asks."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from ledgerkit import NOW, Make, claim, number, settle
from sqlalchemy import text

from a2pcli.errors import LedgerError
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.surveys import FINISHED, OPEN, REPLACED, NewSession
from a2pcli.messages import Outcome, Verdict

ANN = number(1)


def new(survey: str = "visit", sender: str = "Shop", at: int = NOW) -> NewSession:
    return NewSession(survey, ANN, "sms", "gw", sender, None, None, "score", at, at + 1000)


def test_a_newer_survey_of_the_same_sender_replaces_the_open_one(ledger: Ledger) -> None:
    ledger.surveys.begin(new(), NOW)
    other = ledger.surveys.begin(new(sender="Bank"), NOW)
    second = ledger.surveys.begin(new("poll", at=NOW + 1), NOW + 1)
    assert [one.state for one in ledger.surveys.of("visit")] == [REPLACED, OPEN]
    assert ledger.surveys.open_of(ANN, "gw", "SHOP") == second
    assert ledger.surveys.open_of(ANN, "gw", "Bank") == other
    assert ledger.surveys.open_of(ANN, "other", "Shop") is None
    ledger.surveys.end(second, FINISHED, NOW + 2)
    assert ledger.surveys.open_of(ANN, "gw", "Shop") is None
    assert ledger.surveys.names() == ["poll", "visit"]


def test_a_campaign_s_message_is_the_question_of_whoever_has_it(ledger: Ledger, make: Make) -> None:
    run = make.plan(3, campaign="ask")
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE runs SET survey = 'visit'"))
    ledger.attempts.start(run, NOW)
    address = number(1)
    assert ledger.surveys.sent_question(address, run.gateway, None, NOW - 1) is None
    settle(ledger, run, claim(ledger, run), Outcome(Verdict.ACCEPTED, gateway_id="SM1"))
    found = ledger.surveys.sent_question(address, run.gateway, None, 0)
    assert found is not None
    assert (found.survey, found.run) == ("visit", run.number)
    assert ledger.surveys.sent_question(address, "other", None, 0) is None
    assert ledger.surveys.sent_question(number(9), run.gateway, None, 0) is None
    assert ledger.surveys.asked_by_runs("visit") == 3
    ledger.surveys.begin(
        NewSession("visit", address, "sms", run.gateway, "", None, run.number, "score", NOW, NOW + 1), NOW
    )
    assert ledger.surveys.sent_question(address, run.gateway, None, 0) is None


def test_two_processes_that_hear_an_answer_at_once_store_it_once(ledger: Ledger, url: str) -> None:
    session = ledger.surveys.begin(new(), NOW)
    failed: list[str] = []
    ready = threading.Barrier(2)

    def hear(value: str) -> None:
        with Ledger.open(url) as mine:
            ready.wait()
            try:
                with mine.transaction():
                    mine.surveys.answer(session, "scale", value, NOW, late=False)
                    mine.surveys.ask(session, "why", NOW + 5000, NOW)
            except LedgerError:
                failed.append(value)

    both = [threading.Thread(target=hear, args=(value,)) for value in ("3", "4")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(failed) == 1
    (stored,) = ledger.surveys.all_answers("visit")
    assert {stored[2], *failed} == {"3", "4"}


def test_two_processes_that_begin_at_once_leave_one_open(ledger: Ledger, url: str) -> None:
    ready = threading.Barrier(2)

    def begin(name: str) -> None:
        with Ledger.open(url) as mine:
            ready.wait()
            with suppress(LedgerError):
                mine.surveys.begin(new(name), NOW)

    both = [threading.Thread(target=begin, args=(name,)) for name in ("a", "b")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    states = [one.state for name in ("a", "b") for one in ledger.surveys.of(name)]
    assert states.count(OPEN) == 1


@pytest.mark.parametrize("wrong", ["state = 'asleep'", "ended_at = 5", "address = ''"])
def test_a_check_finds_what_cannot_be(ledger: Ledger, wrong: str) -> None:
    from a2pcli.ledger import integrity

    ledger.surveys.begin(new(), NOW)
    assert not [one for one in findings(ledger) if one == "survey"]
    with ledger.engine.begin() as connection:
        connection.execute(text(f"UPDATE survey_sessions SET {wrong}"))
    assert "survey" in findings(ledger)
    assert "survey" in integrity.ADVICE


def findings(ledger: Ledger) -> list[str]:
    from a2pcli.ledger.integrity import check

    return [one.code for one in check(ledger.engine).findings]
