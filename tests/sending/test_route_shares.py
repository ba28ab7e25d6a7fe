"""The share of a gateway: it falls at once, comes back with time, and is never more than all nor less than a little."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a2pcli.sending.route_share import BACK, LEAST, Share
from a2pcli.sending.route_speed import Speed, too_slow

steps = st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["lose", "lose all", "wait"])), max_size=30)


@given(steps)
def test_a_share_falls_with_each_failure_and_grows_only_with_time(done: list[tuple[float, str]]) -> None:
    share, now = Share(), 0.0
    for seconds, what in done:
        before = share.now(now)
        now += seconds
        grown = share.now(now)
        assert LEAST <= before <= grown <= 1.0
        if what != "wait":
            share.lose(now) if what == "lose" else share.lose_all(now)
            assert share.now(now) <= max(LEAST, grown / 2)
    assert share.now(now + BACK) == 1.0


@given(st.lists(st.floats(0.01, 60), min_size=1, max_size=4))
def test_the_fastest_of_several_is_never_too_slow(seconds: list[float]) -> None:
    speeds = {}
    for number, took in enumerate(seconds):
        one = speeds[f"g{number}"] = Speed()
        one.left(1, 0.0)
        one.came_back(1, took)
    slow = too_slow(speeds, 60.0)
    assert f"g{seconds.index(min(seconds))}" not in slow
    assert all(took > 3.0 for took in slow.values())


def test_an_answer_that_does_not_come_counts_while_it_is_waited_for() -> None:
    quick, stuck = Speed(), Speed()
    quick.left(1, 0.0)
    quick.came_back(1, 0.1)
    stuck.left(2, 0.0)
    assert too_slow({"quick": quick, "stuck": stuck}, 1.0) == {}
    assert too_slow({"quick": quick, "stuck": stuck}, 5.0) == {"stuck": 5.0}
