"""Messages outside of campaigns and conversations, on both databases."""

from __future__ import annotations

from ledgerkit import NOW

from a2pcli.config.retention import Retention
from a2pcli.ledger.answers import LOST_AFTER, NewAnswer
from a2pcli.ledger.conversations import CLOSED, Heard
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Outcome, State, Verdict

ANN, DAY = "+447400123456", 86_400_000


def new(key: str, **more: object) -> NewAnswer:
    return NewAnswer(key, "stop", ANN, "sms", "gw", "Bye", NOW + 300_000, "gw", **more)  # type: ignore[arg-type]


def test_an_answer_is_claimed_once_and_lost_ones_become_unknown(ledger: Ledger) -> None:
    number = ledger.answers.add(new("a"), now=NOW)
    assert number is not None
    assert ledger.answers.add(new("a"), now=NOW) is None
    assert [one.number for one in ledger.answers.due(now=NOW)] == [number]
    claimed = ledger.answers.claim(number, now=NOW)
    assert claimed is not None
    assert claimed.state is State.SUBMITTING
    assert ledger.answers.claim(number, now=NOW) is None
    assert ledger.answers.give_up(now=NOW + LOST_AFTER + 1) == {State.UNKNOWN: 1}
    ledger.answers.settle(claimed, State.ACCEPTED, Outcome(Verdict.ACCEPTED, "id"), now=NOW + LOST_AFTER + 2)
    found = ledger.answers.by_key("a")
    assert found is not None
    assert (found.state, found.gateway_id) == (State.ACCEPTED, "id"), "a late outcome counts"
    assert ledger.check().findings == []


def test_a_late_answer_expires_and_one_without_a_text_waits_for_it(ledger: Ledger) -> None:
    late = ledger.answers.add(new("a"), now=NOW)
    assert late is not None
    assert ledger.answers.claim(late, now=NOW + 300_000) is None
    composed = NewAnswer("b", "keyword", ANN, "sms", "gw", None, NOW + 1000, "gw", compose={"rule": "x"})
    assert ledger.answers.add(composed, now=NOW)
    (waits,) = ledger.answers.due(now=NOW)
    assert (waits.body, waits.content) == (None, {"compose": {"rule": "x"}})
    ledger.answers.write(waits, "Hello")
    (ready,) = ledger.answers.due(now=NOW)
    assert (ready.body, ready.content) == ("Hello", None)
    assert ledger.answers.count_since(ANN, NOW - 1) == 1, "the expired one does not count"


def test_a_person_has_one_open_conversation_with_a_sender(ledger: Ledger) -> None:
    first = ledger.conversations.hear(Heard(ANN, "sms", "gw", "12345", None, "unclear"), NOW)
    again = ledger.conversations.hear(Heard(ANN, "sms", "gw", "12345", None, "no rule", "sales"), NOW + 5)
    other = ledger.conversations.hear(Heard(ANN, "sms", "gw", "67890", None, "no rule"), NOW + 6)
    assert first.code == again.code != other.code
    assert [one.code for one in ledger.conversations.all()] == [other.code, first.code]
    assert again.waits
    ledger.conversations.change(again, "inbox.close", "me", state=CLOSED, closed_at=NOW)
    third = ledger.conversations.hear(Heard(ANN, "sms", "gw", "12345", None, "no rule"), NOW + 7)
    assert third.code != first.code
    assert ledger.check().findings == []


def test_retention_deletes_texts_first_then_answers_and_closed_conversations(ledger: Ledger) -> None:
    number = ledger.answers.add(new("a"), now=NOW)
    assert number is not None
    claimed = ledger.answers.claim(number, now=NOW)
    assert claimed is not None
    ledger.answers.settle(claimed, State.ACCEPTED, Outcome(Verdict.ACCEPTED), now=NOW)
    talk = ledger.conversations.hear(Heard(ANN, "sms", "gw", "", None, "unclear"), NOW)
    ledger.conversations.change(talk, "inbox.close", "me", state=CLOSED, closed_at=NOW)
    rules = Retention(default="10 days", bodies="2 days")
    done = ledger.people.prune(rules, now=NOW + 3 * DAY)
    assert (done.answer_texts, done.answers, done.conversations) == (1, 0, 0)
    assert ledger.answers.of(ANN)[0].body is None
    done = ledger.people.prune(rules, now=NOW + 11 * DAY)
    assert (done.answer_texts, done.answers, done.conversations) == (0, 1, 1)
    assert ledger.people.prune(rules, now=NOW + 11 * DAY).nothing
