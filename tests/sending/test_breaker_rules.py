"""The breaker, on a clock of the test's own."""

from __future__ import annotations

import pytest

from a2pcli.messages import Cause, Outcome, Verdict
from a2pcli.sending.breaker import Breaker, BreakerEvent, event_of
from a2pcli.sending.options import BreakerOptions

OPTIONS = BreakerOptions(unreachable=5, failing=10, window=20, share=0.5, waits=(1.0, 2.0, 4.0))


def feed(breaker: Breaker, *signs: BreakerEvent, now: float = 0.0) -> None:
    for sign in signs:
        breaker.record(sign, breaker.epoch, now)


def test_the_first_message_goes_alone_and_each_clear_answer_lets_one_more_fly() -> None:
    breaker = Breaker(OPTIONS, 100)
    assert breaker.allowance(0.0) == 1
    feed(breaker, BreakerEvent.CLEAR)
    assert breaker.allowance(0.0) == 2
    feed(breaker, *[BreakerEvent.CLEAR] * 200)
    assert breaker.allowance(0.0) == 100


def test_a_gateway_down_from_the_start_costs_five_messages() -> None:
    breaker = Breaker(OPTIONS, 100)
    for _ in range(5):
        assert breaker.allowance(0.0) == 1
        feed(breaker, BreakerEvent.UNREACHABLE)
    assert breaker.open
    assert breaker.allowance(0.0) == 0


def test_one_clear_answer_in_between_starts_the_count_again() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.CLEAR] * 50)
    for _ in range(20):
        feed(breaker, *[BreakerEvent.UNREACHABLE] * 4, *[BreakerEvent.CLEAR] * 8)
    assert not breaker.open


def test_half_unclear_answers_in_the_window_open_it_though_never_ten_in_a_row() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.CLEAR, BreakerEvent.FAILING] * 9)
    assert not breaker.open
    feed(breaker, BreakerEvent.CLEAR, BreakerEvent.FAILING)
    assert breaker.open


def test_a_tenth_of_unclear_answers_never_opens_it() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *([BreakerEvent.CLEAR] * 9 + [BreakerEvent.FAILING]) * 100)
    assert not breaker.open


def test_after_the_wait_one_message_tries_and_its_success_closes_it_slowly() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.UNREACHABLE] * 5, now=10.0)
    assert breaker.allowance(10.9) == 0
    assert breaker.reopens_in(10.9) == pytest.approx(0.1)
    assert breaker.allowance(11.0) == 1
    assert breaker.half_open
    feed(breaker, BreakerEvent.CLEAR, now=11.1)
    assert not breaker.half_open
    assert breaker.allowance(11.1) == 1


def test_each_failed_try_waits_longer_and_after_the_last_it_gives_up() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.UNREACHABLE] * 5, now=0.0)
    now = 0.0
    for wait in OPTIONS.waits:
        assert not breaker.gave_up
        assert breaker.reopens_in(now) == wait
        now += wait
        assert breaker.allowance(now) == 1
        feed(breaker, BreakerEvent.UNREACHABLE, now=now)
    assert breaker.gave_up
    assert breaker.allowance(now + 1e6) == 0


def test_stragglers_of_a_failed_second_do_not_decide_about_the_try_after_it() -> None:
    breaker = Breaker(OPTIONS, 100)
    before = breaker.epoch
    feed(breaker, *[BreakerEvent.UNREACHABLE] * 5)
    assert breaker.allowance(1.0) == 1
    breaker.record(BreakerEvent.FAILING, before, 1.0)
    breaker.record(BreakerEvent.CLEAR, before, 1.0)
    assert breaker.half_open


def test_a_rate_answer_to_the_try_shows_that_the_gateway_is_back() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.UNREACHABLE] * 5)
    breaker.allowance(1.0)
    feed(breaker, BreakerEvent.QUIET, now=1.0)
    assert not breaker.open
    assert not breaker.half_open


def test_messages_that_fail_again_and_again_do_not_open_it_while_others_get_through() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *([BreakerEvent.CLEAR] + [BreakerEvent.AGAIN] * 3) * 100)
    assert not breaker.open


def test_messages_that_fail_again_and_again_open_it_where_nothing_else_gets_through() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.CLEAR] * 50, *[BreakerEvent.AGAIN] * 10)
    assert breaker.open


def test_a_message_that_fails_again_does_not_show_that_the_gateway_is_back() -> None:
    breaker = Breaker(OPTIONS, 100)
    feed(breaker, *[BreakerEvent.FAILING] * 10)
    assert breaker.allowance(1.0) == 1
    feed(breaker, BreakerEvent.AGAIN, now=1.0)
    assert breaker.open
    assert breaker.reopens_in(1.0) == OPTIONS.waits[1]


@pytest.mark.parametrize(
    ("outcome", "again", "sign"),
    [
        (Outcome(Verdict.ACCEPTED), False, BreakerEvent.CLEAR),
        (Outcome(Verdict.REJECTED, cause=Cause.PERMANENT), False, BreakerEvent.CLEAR),
        (Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS), False, BreakerEvent.FAILING),
        (Outcome(Verdict.UNKNOWN, cause=Cause.AMBIGUOUS), True, BreakerEvent.FAILING),
        (Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY), False, BreakerEvent.FAILING),
        (Outcome(Verdict.NOT_SENT, cause=Cause.TEMPORARY), True, BreakerEvent.AGAIN),
        (Outcome(Verdict.REJECTED, cause=Cause.TEMPORARY), True, BreakerEvent.AGAIN),
        (Outcome(Verdict.NOT_SENT, cause=Cause.RATE), False, BreakerEvent.QUIET),
        (Outcome(Verdict.NOT_SENT, cause=Cause.UNREACHABLE), True, BreakerEvent.UNREACHABLE),
    ],
)
def test_what_an_outcome_says_about_the_gateway(outcome: Outcome, again: bool, sign: BreakerEvent) -> None:
    assert event_of(outcome, again=again) is sign
