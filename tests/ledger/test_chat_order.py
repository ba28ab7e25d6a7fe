"""Answers by bots, on both databases: one person's in order, none once a person has the conversation, none lost."""

from __future__ import annotations

import pytest
from ledgerkit import number

from a2pcli.ledger.answers import Answer, NewAnswer
from a2pcli.ledger.conversations import Heard
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Outcome, State, Verdict

HOUR = 3_600_000


def asked(ledger: Ledger, event: str, person: int = 1, bot: str = "b") -> Answer:
    """An answer by a bot that waits for its text."""
    until = now_ms() + HOUR
    compose = {"bot": bot, "reply": "hi", "event": event, "until_at": until}
    new = NewAnswer(
        f"chat:{bot}:{event}", "chat", number(person), "sms", "gw", None, until, "t", "123", compose=compose
    )
    found = ledger.answers.by_number(ledger.answers.add(new) or 0)
    assert found is not None
    return found


def due(ledger: Ledger) -> list[str]:
    return sorted(one.key for one in ledger.answers.due())


def whys(ledger: Ledger) -> list[str]:
    return [one.why for one in ledger.conversations.all()]


def test_the_next_answer_of_a_person_is_made_once_the_one_before_has_left(ledger: Ledger) -> None:
    first, second, _other = asked(ledger, "1"), asked(ledger, "2"), asked(ledger, "3", 2)
    assert due(ledger) == ["chat:b:1", "chat:b:3"]
    assert not ledger.answers.lease(second, now_ms() + HOUR), "by no other process either"
    ledger.answers.write(first, "One", until_at=now_ms() + HOUR)
    assert due(ledger) == ["chat:b:1", "chat:b:3"]
    claimed = ledger.answers.claim(first.number)
    assert claimed is not None
    assert due(ledger) == ["chat:b:3"]
    later = now_ms() + 2 * 60_000
    assert "chat:b:2" in [one.key for one in ledger.answers.due(now=later)], (
        "not after that of a killed process"
    )
    ledger.answers.settle(claimed, State.ACCEPTED, Outcome(Verdict.ACCEPTED))
    assert due(ledger) == ["chat:b:2", "chat:b:3"]
    assert ledger.answers.lease(second, now_ms() + HOUR)


def test_an_answer_that_waits_for_its_gateway_is_not_sent_once_a_person_has_the_conversation(
    ledger: Ledger,
) -> None:
    answer = asked(ledger, "1")
    ledger.answers.write(answer, "One", until_at=now_ms() + HOUR)
    ledger.conversations.hear(Heard(number(1), "sms", "gw", "123", None, "asks for somebody"))
    assert ledger.answers.claim(answer.number) is None
    found = ledger.answers.by_number(answer.number)
    assert found is not None
    assert (found.state, found.reason) == (State.SKIPPED, "handed-over")


def test_a_process_that_was_late_does_not_drop_the_text_that_another_made(ledger: Ledger) -> None:
    answer = asked(ledger, "1")
    ledger.answers.write(answer, "One", until_at=now_ms() + HOUR)
    assert not ledger.answers.drop(answer, "no-text", only_unwritten=True)
    assert ledger.answers.claim(answer.number) is not None


@pytest.mark.parametrize("is_made", [True, False])
def test_the_reply_of_an_answer_that_could_not_be_sent_in_time_goes_to_the_inbox(
    ledger: Ledger, is_made: bool
) -> None:
    answer, gone = asked(ledger, "1"), asked(ledger, "2", 2)
    if is_made:
        ledger.answers.write(answer, "One", until_at=now_ms() + HOUR)
    ledger.optouts.add(number(2), source="test")
    assert ledger.answers.give_up(now=gone.until_at + HOUR) == {State.EXPIRED: 2}
    assert whys(ledger) == ["bot b: its answer could not be sent in time"], "not that of who opted out"
    assert all(one.content is None for one in ledger.answers.of(number(1))), (
        "what they wrote is not kept here"
    )


def test_the_reply_of_an_answer_that_a_gateway_rejects_goes_to_the_inbox(ledger: Ledger) -> None:
    for person, cause in ((1, Cause.CONTENT), (2, Cause.OPTED_OUT)):
        answer = asked(ledger, str(person), person)
        ledger.answers.write(answer, "One", until_at=now_ms() + HOUR)
        claimed = ledger.answers.claim(answer.number)
        assert claimed is not None
        ledger.answers.settle(claimed, State.REJECTED, Outcome(Verdict.REJECTED, cause=cause))
    assert whys(ledger) == ["bot b: its answer was rejected by the gateway"]


def test_each_bot_counts_its_own_answers_to_a_person(ledger: Ledger) -> None:
    for event, bot in enumerate(["b", "b", "bb", "b_"]):
        asked(ledger, str(event), bot=bot)
    counts = [ledger.chat_turns.count_since(bot, number(1), 0) for bot in ("b", "bb", "b_", "x")]
    assert counts == [2, 1, 1, 0]
