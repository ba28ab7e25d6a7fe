"""How many messages of a plan can leave, against a sender that is played through message by message."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.ledger.clocks import RunClock
from a2pcli.planning.estimate import estimate
from a2pcli.rules.clock import Clock
from a2pcli.rules.windows import own_window

START = round(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
ZONES = ("Europe/London", "America/New_York", "Asia/Tokyo", "Pacific/Auckland")


def clock(zone: str, window: str) -> RunClock:
    own = own_window(window, None)
    assert own is not None
    return RunClock(Clock((zone,), (own,)))


def played(groups: list[tuple[RunClock | None, int]], ends: int, every: int) -> int:
    """One message each ``every`` milliseconds, of whoever may be messaged then and closes first."""
    left = [[one, count] for one, count in groups]
    gone, now = 0, START
    while now < ends:
        there = [pair for pair in left if pair[1] and (pair[0] is None or pair[0].clock.is_open(now))]
        if there:
            max(there, key=lambda pair: pair[1])[1] -= 1
            gone += 1
        now += every
    return gone


@settings(max_examples=25, deadline=None)
@given(
    groups=st.lists(
        st.tuples(
            st.one_of(
                st.none(),
                st.builds(
                    clock,
                    st.sampled_from(ZONES),
                    st.sampled_from(("09:00-17:00", "12:00-13:00", "20:00-21:00")),
                ),
            ),
            st.integers(0, 60),
        ),
        min_size=1,
        max_size=4,
    ),
    hours=st.integers(1, 72),
    every=st.sampled_from((600_000, HOUR)),
)
def test_as_many_are_promised_as_a_sender_at_that_pace_gets_through(
    groups: list[tuple[RunClock | None, int]], hours: int, every: int
):
    ends = START + hours * HOUR
    told = estimate(groups, start=START, ends=ends, per_second=1000 / every)
    total = sum(count for _, count in groups)
    assert told.going + told.late + told.expired + told.never + told.unknown_zone == total
    # Whom a sender takes first where several are open decides a few at the edges, as does the first message.
    slack = 2 + 3 * len(groups) + total // 8
    assert abs(told.going - played(groups, ends, every)) <= slack


def test_sixty_at_one_a_minute_with_ten_minutes_left_are_ten():
    told = estimate([(None, 60)], start=START, ends=START + 600_000, per_second=1 / 60)
    assert (told.going, told.late, told.expired) == (10, 50, 0)


def test_after_the_end_nobody_goes():
    told = estimate([(None, 60)], start=START, ends=START, per_second=None)
    assert (told.going, told.expired) == (0, 60)


def test_the_last_leaves_when_the_hours_that_open_last_have_let_the_pace_through():
    evening = clock("Europe/London", "20:00-21:00")
    told = estimate([(None, 10), (evening, 90)], start=START, ends=None, per_second=1 / 60)
    assert told.finishes_at == START + 32 * HOUR + 30 * 60_000  # 60 today, 30 tomorrow from 20:00


def test_without_a_pace_the_last_leaves_when_the_last_hours_open():
    evening = clock("Europe/London", "20:00-21:00")
    assert estimate([(evening, 90)], start=START, ends=None, per_second=None).finishes_at == START + 8 * HOUR
    assert estimate([(None, 90)], start=START, ends=None, per_second=None).finishes_at is None


def test_hours_that_never_meet_and_zones_that_are_unknown_are_no_promise():
    both = RunClock(
        Clock(("Europe/London",), (own_window("09:00-10:00", None), own_window("11:00-12:00", None)))
    )  # type: ignore[arg-type]
    lost = RunClock(Clock((), (own_window("09:00-10:00", None),)))  # type: ignore[arg-type]
    told = estimate([(both, 3), (lost, 2), (None, 1)], start=START, ends=None, per_second=1.0)
    assert (told.going, told.never, told.unknown_zone) == (1, 3, 2)
