"""The pace, on a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.sending.options import Rate
from a2pcli.sending.pace import CATCH_UP, Pace


def leave_times(pace: Pace, weights: list[int], *, start: float = 0.0, late: float = 0.0) -> list[float]:
    """When messages leave that all want to at once, if the loop wakes ``late`` seconds after it should."""
    now, times = start, []
    for weight in weights:
        delay = pace.delay(weight, now)
        if delay > 0:
            now += delay + late
        while (more := pace.delay(weight, now)) > 1e-9:
            now += more
        pace.take(weight, now)
        times.append(now)
    return times


def test_the_first_second_sends_no_more_than_the_rate() -> None:
    times = leave_times(Pace(Rate(20, "messages")), [1] * 100, start=1000.0)
    assert sum(time < 1001.0 - 1e-6 for time in times) == 20
    assert times[0] == 1000.0


def test_after_an_outage_that_refused_everything_the_pace_is_back_within_seconds() -> None:
    """Forty seconds of refusals push it to one in two seconds; then the provider takes what it is given."""
    pace, now = Pace(None), 0.0
    for _ in range(60):
        pace.take(1, now)
    for _ in range(60):
        pace.refused(now, None)
    while now < 40.0:
        now += max(pace.delay(1, now), 0.01)
        pace.take(1, now)
        pace.refused(now, None)
    assert (pace.per_second or 9) < 1
    now += pace.delay(1, now)  # the wait before the next try
    begun = now
    for _ in range(200):
        pace.take(1, now)
        pace.answered()
        now += pace.delay(1, now)
    assert now - begun < 30


def test_refusals_that_go_on_among_what_is_taken_do_not_let_the_pace_rise_fast() -> None:
    """A provider that takes five a second is never asked for more than a little above it for long."""
    pace, now, asked, taken = Pace(Rate(100, "messages")), 0.0, 0, 0
    window: list[float] = []
    while now < 120.0:
        now += max(pace.delay(1, now), 0.001)
        pace.take(1, now)
        asked += 1
        window = [one for one in window if one > now - 1.0]
        if len(window) < 5:
            window.append(now)
            taken += 1
            pace.answered()
        else:
            pace.refused(now, None)
    assert asked - taken < 0.35 * asked
    assert taken > 0.5 * 5 * 120


def test_no_burst_is_saved_up_while_nothing_leaves() -> None:
    pace = Pace(Rate(10, "messages"))
    leave_times(pace, [1] * 5)
    after_a_rest = leave_times(pace, [1] * 30, start=60.0)
    assert sum(time < 61.0 - 1e-6 for time in after_a_rest) <= 10 * (1 + CATCH_UP) + 1


@given(
    rate=st.floats(0.2, 500),
    late=st.floats(0, 0.1),
    weights=st.lists(st.integers(1, 6), min_size=1, max_size=200),
)
def test_no_second_ever_holds_more_parts_than_the_rate_and_one_message(
    rate: float, late: float, weights: list[int]
) -> None:
    """Over any window, whatever the parts and however late the loop wakes."""
    times = leave_times(Pace(Rate(rate, "parts")), weights, late=late)
    most = rate * (1 + CATCH_UP) + max(weights) + 1
    for first in range(len(times)):
        inside = [
            weight
            for time, weight in zip(times, weights, strict=True)
            if times[first] <= time < times[first] + 1
        ]
        assert sum(inside) <= most


def test_a_pace_in_parts_lets_a_message_of_three_parts_leave_at_its_third_slot() -> None:
    pace = Pace(Rate(10, "parts"))
    times = leave_times(pace, [pace.weight(3), pace.weight(1), pace.weight(3)])
    assert times == pytest.approx([0.2, 0.3, 0.6])


def test_a_pace_in_messages_does_not_look_at_parts() -> None:
    assert Pace(Rate(10, "messages")).weight(6) == 1


def test_the_average_reaches_the_rate_when_the_loop_wakes_a_little_late() -> None:
    times = leave_times(Pace(Rate(200, "messages")), [1] * 2001, late=0.002)
    assert 2000 / (times[-1] - times[0]) == pytest.approx(200, rel=0.02)


def test_without_a_rate_everything_may_leave_at_once() -> None:
    pace = Pace(None)
    assert leave_times(pace, [1] * 50) == [0.0] * 50
    assert pace.within(0.5, 0.0) == float("inf")


def test_a_hold_stops_everybody_until_its_moment() -> None:
    pace = Pace(None)
    pace.hold(30.0)
    assert pace.delay(1, 10.0) == 20.0
    assert pace.within(0.5, 10.0) == 0
    assert pace.delay(1, 30.0) == 0.0


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    pace = Pace(None)
    pace.hold(30.0)
    pace.hold(20.0)
    assert pace.held(10.0) == 20.0


def test_retry_after_of_a_rate_answer_is_obeyed_and_the_pace_is_lowered() -> None:
    pace = Pace(Rate(100, "messages"))
    leave_times(pace, [1] * 50)
    assert pace.refused(0.5, 3.0) == 3.0
    times = leave_times(pace, [1] * 100, start=0.5)
    assert times[0] == 3.5
    assert sum(time < 4.5 - 1e-6 for time in times) <= 90


def test_one_rate_answer_among_many_taken_takes_a_tenth_and_many_at_once_half() -> None:
    for answers, left in ((1, 90), (5, 83), (100, 50)):
        pace = Pace(Rate(100, "messages"))
        leave_times(pace, [1] * 50)
        for _ in range(answers):
            pace.refused(0.5, 1.0)
        assert pace.per_second == pytest.approx(left, abs=1)


def test_a_slow_pace_feels_each_answer_more() -> None:
    pace = Pace(Rate(4, "messages"))
    leave_times(pace, [1] * 3)
    pace.refused(0.6, 1.0)
    assert pace.per_second == pytest.approx(4 * (1 - 1 / 3))


def test_rate_answers_without_retry_after_wait_longer_each_time_and_at_most_a_minute() -> None:
    pace, now, waits = Pace(Rate(100, "messages")), 0.0, []
    for _ in range(12):
        waits.append(pace.refused(now, None))
        now += waits[-1] + 1.5
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(waits) == 60.0


def test_a_slowed_pace_creeps_back_to_its_limit_and_not_above() -> None:
    pace = Pace(Rate(100, "messages"))
    for _ in range(100):
        pace.refused(0.0, 1.0)
    assert pace.per_second == 50
    speeds = []
    for second in range(1, 20):
        pace.delay(1, second + 0.01)
        speeds.append(pace.per_second)
    assert speeds == sorted(speeds)  # type: ignore[type-var]
    assert speeds[5] < 100
    assert speeds[-1] == 100


def test_without_a_rate_the_gateways_rate_answers_find_one_and_it_goes_again_when_not_needed() -> None:
    pace = Pace(None)
    for tick in range(100):
        pace.take(1, tick / 100)  # a hundred in the first second
    pace.refused(1.0, None)
    assert pace.per_second == pytest.approx(90, abs=11)
    for second in range(2, 60):  # much slower than the pace allows: it is not the pace that holds
        if pace.delay(1, second) == 0:
            pace.take(1, second)
    assert pace.per_second is None


def test_only_the_slots_of_the_next_moments_are_claimed_ahead() -> None:
    slow = Pace(Rate(1, "messages"))
    assert int(slow.within(0.5, 0.0)) == 1
    leave_times(slow, [1])
    assert int(slow.within(0.5, 0.1)) == 0  # the next leaves in 0.9 s: too early to claim it
    assert int(slow.within(0.5, 0.6)) == 1
    assert int(Pace(Rate(100, "messages")).within(0.5, 0.0)) in (50, 51)
