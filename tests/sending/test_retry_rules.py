"""What becomes of a message after an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.messages import STOPS_THE_RUN, Cause, Outcome, State, Verdict
from a2pcli.sending.retry import Decision, RetryPolicy, decide

POLICY = RetryPolicy(base=1.0, longest=60.0)
NOT_NOW = (Cause.TEMPORARY, Cause.RATE, Cause.UNREACHABLE)


def after(
    verdict: Verdict, cause: Cause = Cause.NONE, attempts: int = 1, retry_after: float | None = None
) -> Decision:
    return decide(
        Outcome(verdict, cause=cause, code="503", retry_after=retry_after), attempts, POLICY, lambda: 0.5
    )


def test_an_accepted_message_is_accepted() -> None:
    assert after(Verdict.ACCEPTED).state is State.ACCEPTED


@given(st.sampled_from(list(Cause)), st.integers(1, 100))
def test_an_unknown_outcome_is_never_tried_again_whatever_its_cause(cause: Cause, attempts: int) -> None:
    assert after(Verdict.UNKNOWN, cause, attempts).state is State.UNKNOWN


@given(
    st.sampled_from([cause for cause in Cause if cause not in {*STOPS_THE_RUN, *NOT_NOW, Cause.BATCH}]),
    st.integers(1, 100),
)
def test_a_rejection_is_never_tried_again(cause: Cause, attempts: int) -> None:
    assert after(Verdict.REJECTED, cause, attempts).state is State.REJECTED


@pytest.mark.parametrize("cause", [Cause.PERMANENT, Cause.CONTENT, Cause.OPTED_OUT, Cause.COUNTRY])
def test_a_final_cause_is_final_even_where_the_gateway_says_not_sent(cause: Cause) -> None:
    assert after(Verdict.NOT_SENT, cause).state is State.REJECTED


@pytest.mark.parametrize("cause", sorted(STOPS_THE_RUN))
@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.NOT_SENT])
def test_what_stops_the_run_leaves_its_message_planned_and_the_try_uncounted(
    verdict: Verdict, cause: Cause
) -> None:
    decision = after(verdict, cause, attempts=99)
    assert decision.state is State.PLANNED
    assert not decision.counted


@given(
    st.sampled_from([Verdict.NOT_SENT, Verdict.REJECTED]), st.sampled_from(NOT_NOW), st.integers(1, 32_767)
)
def test_not_now_is_never_a_rejection_however_often_it_is_said(
    verdict: Verdict, cause: Cause, tries: int
) -> None:
    decision = after(verdict, cause, tries)
    assert decision.state is State.PLANNED
    assert decision.counted == (cause is Cause.TEMPORARY)


@pytest.mark.parametrize("cause", [Cause.RATE, Cause.UNREACHABLE])
def test_rate_limits_and_an_unreachable_gateway_never_use_up_a_messages_attempts(cause: Cause) -> None:
    decision = after(Verdict.NOT_SENT, cause, attempts=50)
    assert decision.state is State.PLANNED
    assert not decision.counted


def test_retry_after_is_a_lower_bound_of_the_backoff() -> None:
    assert after(Verdict.NOT_SENT, Cause.TEMPORARY, retry_after=40).due_in == 40
    assert after(Verdict.NOT_SENT, Cause.TEMPORARY, retry_after=0.001).due_in == pytest.approx(0.75)


@given(st.integers(1, 10_000), st.floats(0, 0.999999))
def test_the_backoff_doubles_up_to_the_longest_and_is_never_immediate(attempts: int, chance: float) -> None:
    full = min(60.0, 2.0 ** min(attempts - 1, 60))
    assert full / 2 <= POLICY.backoff(attempts, chance) <= full
