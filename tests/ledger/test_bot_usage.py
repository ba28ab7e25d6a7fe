"""What bots use, on both databases: never over the budget, whoever asks at the same time; and who has an answer."""

from __future__ import annotations

import threading

from ledgerkit import number

from a2pcli.ledger.answers import NewAnswer
from a2pcli.ledger.bot_usage import DAY, Limits, Reservation, Used
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger

MOST = Used(80, 20, 1000)


def test_requests_at_once_never_use_more_than_the_budget(ledger: Ledger, url: str) -> None:
    given: list[Reservation | str] = []
    ready = threading.Barrier(6)

    def ask() -> None:
        with Ledger.open(url) as other:
            ready.wait()
            for _ in range(3):
                given.append(other.bot_usage.reserve("b", "USD", MOST, Limits(cost_per_day=7500), "reply"))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reserved = [one for one in given if isinstance(one, Reservation)]
    assert (len(given), len(reserved)) == (18, 7)
    (total,) = ledger.bot_usage.totals()
    assert (total.asked, total.cost) == (7, 7000)
    ledger.bot_usage.settle(reserved[0], Used(10, 5, 100), answered=True)
    ledger.bot_usage.settle(reserved[1], None, answered=False, handed_over=True)
    (total,) = ledger.bot_usage.totals()
    assert (total.cost, total.tokens_in, total.answered, total.handed_over) == (6100, 490, 1, 1)


def test_a_month_counts_its_days_and_a_new_one_begins_anew(ledger: Ledger) -> None:
    month = 31 * DAY * 12 * 57  # any day: the days of a month are those of the calendar
    limits = Limits(tokens_per_month=250)
    said = [
        ledger.bot_usage.reserve("b", "", MOST, limits, "reply", now=month + day * DAY) for day in range(62)
    ]
    taken = [isinstance(one, Reservation) for one in said]
    assert 4 <= sum(taken) <= 6, "two in each month that the days are of"
    assert "its budget of 250 tokens a month is used up" in said
    assert ledger.bot_usage.reserve("other", "", MOST, limits, "reply", now=month) not in said


def test_one_process_at_a_time_makes_the_text_of_an_answer(ledger: Ledger) -> None:
    compose = {"bot": "b", "reply": "hi", "event": "e", "until_at": now_ms() + DAY}
    new = NewAnswer("chat:b:e", "chat", number(1), "sms", "gw", None, now_ms() + DAY, "test", compose=compose)
    assert ledger.answers.add(new) is not None
    (answer,) = ledger.answers.due()
    assert ledger.answers.due(only_written=["chat"]) == []
    until = now_ms() + 60_000
    assert ledger.answers.lease(answer, until)
    assert not ledger.answers.lease(answer, until), "whoever saw it before the lease has lost"
    assert ledger.answers.due() == []
    ledger.answers.release(answer.number, until + 1)
    assert ledger.answers.due() == [], "only the lease that was taken is released"
    ledger.answers.release(answer.number, until)
    (answer,) = ledger.answers.due()
    ledger.answers.write(answer, "Hello", until_at=now_ms() + 1000)
    (written,) = ledger.answers.due(only_written=["chat"])
    assert (written.body, written.content) == ("Hello", None)
    assert not ledger.answers.lease(answer, until)
