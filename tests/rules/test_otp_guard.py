"""SMS pumping costs little and real people get their codes: a simulated day with a replayed attack, with figures."""

from __future__ import annotations

import heapq
import random
from bisect import bisect_right, insort
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from a2pcli.rules.otp_guard import DAY, HOUR, LEVELS, YOUNG, RangeCounts, blocked, next_resend, ranges_of


class Day:
    """Codes by range, counted as the ledger counts them."""

    def __init__(self) -> None:
        self.unverified: dict[str, list[int]] = defaultdict(list)
        self.verified: dict[str, list[int]] = defaultdict(list)
        self.young: dict[str, list[int]] = defaultdict(list)
        self.known: set[str] = set()

    def asks(self, number: str, now: int) -> bool:
        """Whether a code goes to this number now."""
        if number not in self.known:
            counts = {name: self._counts(name, now) for name, _level in ranges_of(number, "GB")}
            if blocked(number, "GB", counts) is not None:
                return False
        for name, _level in ranges_of(number, "GB"):
            self.young[name].append(now)
            self.unverified[name].append(now)
        return True

    def enters(self, number: str, sent: int, now: int) -> None:
        self.known.add(number)
        for name, _level in ranges_of(number, "GB"):
            self.unverified[name].remove(sent)
            insort(self.verified[name], now)

    def _counts(self, name: str, now: int) -> RangeCounts:
        def between(times: list[int], first: int, last: int) -> int:
            return bisect_right(times, last) - bisect_right(times, first)

        return RangeCounts(
            between(self.young[name], now - YOUNG, now),
            between(self.unverified[name], now - HOUR, now - YOUNG),
            between(self.verified[name], now - DAY, now),
        )


def simulated(people: int, attacks: int, seed: int) -> tuple[int, int, int, int]:
    """A day: real people with ordinary patience, and an hour of pumping. Return how many people asked and how many of
    them got no code, and the codes that the attack asked for and got."""
    draw, day = random.Random(seed), Day()
    operators = ["+4477", "+4478", "+4479", "+4475", "+4474"]
    events: list[tuple[int, int, str, str, int]] = []

    def at(moment: int, what: str, number: str, more: int = 0) -> None:
        heapq.heappush(events, (moment, draw.getrandbits(32), what, number, more))

    for _ in range(people):
        busy = DAY * draw.betavariate(3, 2.5)  # nobody at night, most in the afternoon
        at(int(busy), "asks", f"{draw.choice(operators)}{draw.randrange(10**8):08}")
    ranges = [f"+4479{draw.randrange(10**4):04}" for _ in range(30)]
    for _ in range(attacks):
        at(int(14 * HOUR + draw.random() * HOUR), "pumps", f"{draw.choice(ranges)}{draw.randrange(10**4):04}")
    refused, pumped = 0, 0
    while events:
        now, _tie, what, number, more = heapq.heappop(events)
        match what:
            case "asks":
                if not day.asks(number, now):
                    refused += not more
                elif draw.random() < 0.9:
                    at(now + int(draw.lognormvariate(3, 0.6) * 1000), "enters", number, now)
                elif more < 2:
                    at(now + 45_000, "asks", number, more + 1)
            case "enters":
                day.enters(number, more, now)
            case "pumps":
                pumped += day.asks(number, now)
    return people, refused, attacks, pumped


def test_an_hour_of_pumping_gets_few_codes_and_hardly_any_real_person_is_blocked() -> None:
    people, refused, attacks, pumped = simulated(people=12_000, attacks=20_000, seed=7)
    assert pumped <= 0.02 * attacks, f"{pumped} of {attacks} codes went to the attack"
    assert refused < 0.001 * people, f"{refused} of {people} real people got no code"


def test_a_new_service_is_not_blocked_by_its_own_first_users() -> None:
    people, refused, _attacks, _pumped = simulated(people=3_000, attacks=0, seed=3)
    assert refused == 0, f"of {people}"


@given(st.integers(0, 10), st.integers(0, 10), st.integers(0, 400), st.integers(1, 5))
def test_more_verified_codes_never_block_and_more_unverified_never_open(
    young: int, unverified: int, right: int, slack: int
) -> None:
    number = "+447911123456"

    def judged(young: int, unverified: int, right: int) -> bool:
        counts = {"+44791112": RangeCounts(young, unverified, right)}
        return blocked(number, "GB", counts, slack) is not None

    is_blocked = judged(young, unverified, right)
    assert not (judged(young, unverified, right + 50) and not is_blocked)
    assert not (is_blocked and not judged(young + 1, unverified + 1, right))


def test_ranges_go_from_narrow_to_wide_and_keep_at_least_a_country_code() -> None:
    assert [name for name, _ in ranges_of("+447911123456", "GB")] == [
        "+44791112", "+4479111", "+447911", "+44791", "GB",
    ]  # fmt: skip
    assert [name for name, _ in ranges_of("+6831234", None)] == ["+683"]
    assert [level.cut for level in LEVELS] == [4, 5, 6, 7, 0]


def test_the_wait_doubles_up_to_an_hour() -> None:
    assert [next_resend(30, sent) for sent in (1, 2, 3, 8, 60)] == [30, 60, 120, 3600, 3600]
