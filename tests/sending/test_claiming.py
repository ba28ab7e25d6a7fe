"""How far ahead of what is in flight messages are claimed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from a2pcli.sending.claiming import Claiming
from a2pcli.sending.pace import Pace


def claiming(window: int, *, speed: float, write: float, keeps_journal: bool = True) -> Claiming:
    """That of a sender with so many messages in flight, ``speed`` leaving a second, ``write`` seconds a transaction."""
    breaker: Any = SimpleNamespace(allowance=lambda _now: window, half_open=False)
    dispatcher: Any = SimpleNamespace(flying=window, ready=0, left=0, closed=False)
    policy: Any = SimpleNamespace(ended=None)
    one = Claiming(policy, dispatcher, breaker, Pace(None), senders=False, clock=lambda: 0)
    one.looks_far = keeps_journal
    one.took(cast(Any, SimpleNamespace(elsewhere=False)), 0, write, 0)
    one.want(1.0)  # the moment from which the speed is measured
    dispatcher.left = int(speed)
    one.want(2.0)
    return one


@pytest.mark.parametrize(
    ("window", "speed", "write", "claimed"),
    [
        (50, 10_000, 0.010, 350),
        (50, 10_000, 0.050, 400),
        (10, 10_000, 0.050, 80),
        (100, 10_000, 0.050, 800),
        (200, 20_000, 0.050, 800),
        (50, 100, 0.010, 100),
    ],
    ids=[
        "as far as the ledger takes",
        "eight windows of 50",
        "eight windows where that is fewer",
        "no more than 800 for 100 connections",
        "four windows where that is more",
        "a slow provider is claimed for twice only",
    ],
)
def test_claims_reach_as_far_as_the_ledger_takes_and_no_further_than_is_safe(
    window: int, speed: float, write: float, claimed: int
) -> None:
    one = claiming(window, speed=speed, write=write)
    assert one.want(2.0) == claimed - window


def test_without_a_journal_twice_the_window_is_the_most() -> None:
    """What was claimed and never left cannot be told from what did, after a crash."""
    one = claiming(50, speed=10_000, write=0.050, keeps_journal=False)
    assert one.want(2.0) == 50
