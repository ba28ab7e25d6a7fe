"""Every claim looks at the person's clock: who is held and until when, who goes on, whose time is up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from ledgerkit import ACCEPTED, NOT_SENT, Make, accepted, number, row_of, settle, states

from a2pcli.config.hours import parse_spans
from a2pcli.ledger import clocks as run_clocks
from a2pcli.ledger.clocks import RunClock
from a2pcli.ledger.records import FAR, Exchange, PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.rules.clock import Clock
from a2pcli.rules.windows import Window

HOUR = 3_600_000


def at(text: str) -> int:
    """A moment in UTC as the ledger has it."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = at("2027-06-15 12:00")  # a Tuesday; 08:00 in New York, 05:00 in Los Angeles, 13:00 in London


def clock(*zones: str, hours: str = "08:00-21:00", **more: Any) -> RunClock:
    return RunClock(Clock(zones, (Window("test-hours", (parse_spans(hours),) * 7),), **more))


NEW_YORK, LOS_ANGELES, LONDON = (
    clock(zone) for zone in ("America/New_York", "America/Los_Angeles", "Europe/London")
)
NOWHERE = clock()


def planned(ledger: Ledger, numbers: Sequence[int | None], clocks: dict[int, RunClock], **values: Any) -> Run:
    """A run whose rows are bound by these clocks, in this order."""
    run = Make(ledger).begun(purpose="marketing", **values)
    rows = accepted(range(len(numbers)), clock=list(numbers))
    ledger.plans.add_rows(run, PlannedRows(rows))
    run = ledger.plans.finish(run, digest="d" * 64, rows_read=len(numbers), summary={}, clocks=clocks)
    ledger.attempts.start(run, NOON)
    return run


def people(exchange: Exchange) -> list[str]:
    return [claimed.message.to for claimed in exchange.claimed]


def test_whose_clock_is_open_goes_and_the_others_are_held_until_it_opens(ledger: Ledger) -> None:
    run = planned(ledger, [1, 2, 3, None], {1: NEW_YORK, 2: LOS_ANGELES, 3: NOWHERE})
    exchange = ledger.attempts.exchange(run, [], 10, NOON)
    assert people(exchange) == [number(0), number(3)]
    assert (exchange.left, exchange.next_due) == (2, at("2027-06-15 15:00"))
    held, lost = (
        row_of(ledger, run, exchange.claimed[0].message.id + 1, NOON),
        row_of(ledger, run, exchange.claimed[0].message.id + 2, NOON),
    )
    assert (held["state"], held["reason"], held["rule"]) == ("planned", "quiet-hours", "test-hours")
    assert held["due_at"] == at("2027-06-15 15:00")
    assert (lost["state"], lost["reason"], lost["rule"]) == ("planned", "unknown-zone", "unknown-zone")
    assert lost["due_at"] == FAR


def test_a_held_message_goes_when_its_hour_comes_and_nothing_of_the_hold_stays(ledger: Ledger) -> None:
    run = planned(ledger, [1, 1], {1: LOS_ANGELES})
    assert people(ledger.attempts.exchange(run, [], 10, NOON)) == []
    opening = at("2027-06-15 15:00")
    assert people(ledger.attempts.exchange(run, [], 10, opening - 1)) == []
    exchange = ledger.attempts.exchange(run, [], 10, opening)
    assert people(exchange) == [number(0), number(1)]
    row = row_of(ledger, run, exchange.claimed[0].message.id)
    assert (row["state"], row["reason"], row["rule"], row["due_at"]) == ("submitting", None, None, None)


def test_a_run_that_lasts_past_closing_stops_for_that_person_and_goes_on_for_others(ledger: Ledger) -> None:
    run = planned(ledger, [1, 2] * 3, {1: NEW_YORK, 2: LOS_ANGELES})
    nine_in_new_york = at("2027-06-16 01:00")
    before = ledger.attempts.exchange(run, [], 2, nine_in_new_york - 1000)
    assert people(before) == [number(0), number(1)]
    after = ledger.attempts.exchange(run, [], 10, nine_in_new_york)
    assert people(after) == [number(3), number(5)]
    assert after.next_due == at("2027-06-16 12:00")


def test_a_claimed_message_knows_when_its_clock_closes(ledger: Ledger) -> None:
    run = planned(ledger, [1, None], {1: NEW_YORK})
    late, unbound = ledger.attempts.exchange(run, [], 10, NOON).claimed
    assert late.until == at("2027-06-16 01:00")
    assert unbound.until is None


def test_a_retry_that_falls_due_in_quiet_hours_is_held_again(ledger: Ledger) -> None:
    run = planned(ledger, [1], {1: NEW_YORK})
    (claimed,) = ledger.attempts.exchange(run, [], 10, NOON).claimed
    settle(ledger, run, [claimed.message.id], NOT_SENT, due_at=at("2027-06-16 02:00"))
    assert people(ledger.attempts.exchange(run, [], 10, at("2027-06-16 02:00"))) == []
    row = row_of(ledger, run, claimed.message.id)
    assert (row["reason"], row["due_at"]) == ("quiet-hours", at("2027-06-16 12:00"))


def test_what_would_expire_before_it_may_go_expires_at_once_with_its_rule(ledger: Ledger) -> None:
    tomorrow = datetime(2027, 6, 15, 21)
    run = planned(ledger, [1, 2], {1: clock("Asia/Tokyo", expires=tomorrow), 2: NEW_YORK})
    exchange = ledger.attempts.exchange(run, [], 10, NOON)  # 21:00 in Tokyo
    assert (people(exchange), exchange.skipped, exchange.left) == ([number(1)], 1, 0)
    row = row_of(ledger, run, exchange.claimed[0].message.id - 1)
    assert (row["state"], row["reason"]) == ("expired", "expired")
    assert states(ledger, run) == {"expired": 1, "submitting": 1}


def test_a_run_that_expires_before_the_next_opening_lets_nobody_wait_for_it(ledger: Ledger) -> None:
    run = planned(ledger, [1], {1: LOS_ANGELES}, expires_at=at("2027-06-15 15:00"))
    assert ledger.attempts.exchange(run, [], 10, NOON).skipped == 1
    assert states(ledger, run) == {"expired": 1}


def test_an_expiry_in_each_persons_time_ends_one_before_the_other(ledger: Ledger) -> None:
    nine = datetime(2027, 6, 15, 9)
    both = {1: clock("America/New_York", expires=nine), 2: clock("America/Chicago", expires=nine)}
    run = planned(ledger, [1, 2], both)
    exchange = ledger.attempts.exchange(run, [], 10, at("2027-06-15 13:00"))
    assert people(exchange) == [number(1)]


@pytest.mark.parametrize(
    ("moment", "goes"),
    [
        ("2027-03-14 11:59:59", False),  # 07:59:59, an hour after the clocks went forward
        ("2027-03-14 12:00:00", True),
        ("2027-11-07 12:59:59", False),  # back again: 07:59:59
        ("2027-11-07 13:00:00", True),
        ("2027-11-08 01:59:59", True),
        ("2027-11-08 02:00:00", False),
    ],
)
def test_the_hours_follow_the_clocks_when_they_change(ledger: Ledger, moment: str, goes: bool) -> None:
    run = planned(ledger, [1], {1: NEW_YORK})
    assert bool(ledger.attempts.exchange(run, [], 10, at(moment)).claimed) is goes


def test_open_rows_behind_many_closed_ones_are_found_in_the_same_claim(ledger: Ledger) -> None:
    run = planned(ledger, [*[2] * 3000, 1, *[2] * 500, 1], {1: NEW_YORK, 2: LOS_ANGELES})
    assert people(ledger.attempts.exchange(run, [], 2, NOON)) == [number(3000), number(3501)]


def test_so_many_rows_are_held_in_pieces_and_nobody_is_forgotten(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_clocks, "PIECE", 50)
    order = [2 if row % 7 else 1 for row in range(1, 700)]
    run = planned(ledger, order, {1: NEW_YORK, 2: LOS_ANGELES})
    got: list[str] = []
    rounds = 0
    while True:
        exchange = ledger.attempts.exchange(run, [], 10, NOON)
        got += people(exchange)
        rounds += 1
        if not exchange.claimed and not exchange.more:
            break
    assert got == [number(row) for row, bound in enumerate(order) if bound == 1]
    assert exchange.next_due == at("2027-06-15 15:00")
    assert ledger.runs.totals(run, NOON).held == {"quiet-hours": order.count(2)}
    # Hours later they are all due, and all closed again: held once more, in pieces.
    night = at("2027-06-16 05:00")
    while (exchange := ledger.attempts.exchange(run, [], 10, night)).more:
        assert not exchange.claimed
    assert exchange.next_due == at("2027-06-16 15:00")


def test_what_waits_is_told_by_opening_with_its_zones_and_rules(ledger: Ledger) -> None:
    run = planned(ledger, [1, 2, 2, 3], {1: NEW_YORK, 2: LOS_ANGELES, 3: NOWHERE})
    ledger.attempts.exchange(run, [], 10, NOON)
    first, last = ledger.runs.waiting(run, NOON)
    assert (first.until, first.messages, first.reason) == (at("2027-06-15 15:00"), 2, "quiet-hours")
    assert (first.zones, first.rules) == (("America/Los_Angeles",), ("test-hours",))
    assert (last.until, last.messages, last.reason) == (FAR, 1, "unknown-zone")
    totals = ledger.runs.totals(run, NOON)
    assert totals.held == {"quiet-hours": 2, "unknown-zone": 1}
    assert totals.by_reason == {}
    assert totals.rows == sum(totals.by_state.values()) == 4


def test_held_messages_end_with_a_cancelled_run_without_the_rule_that_held_them(ledger: Ledger) -> None:
    run = planned(ledger, [1], {1: LOS_ANGELES})
    ledger.attempts.exchange(run, [], 10, NOON)
    assert ledger.runs.cancel(run, NOON) == 1
    (row,) = next(iter(ledger.messages.rows(run)))
    assert (row["state"], row["reason"], row["rule"]) == ("cancelled", "cancelled", None)


def test_a_sender_that_starts_anew_has_the_clocks_of_the_plan(ledger: Ledger) -> None:
    run = planned(ledger, [1, 2], {1: NEW_YORK, 2: LOS_ANGELES})
    first = ledger.attempts.exchange(run, [], 10, NOON)
    settle(ledger, run, [one.message.id for one in first.claimed], ACCEPTED)
    with Ledger.open(ledger.url.render_as_string(hide_password=False)) as other:
        other.attempts.start(run, NOON + HOUR)
        assert people(other.attempts.exchange(run, [], 10, NOON + HOUR)) == []
        assert people(other.attempts.exchange(run, [], 10, at("2027-06-15 15:00"))) == [number(1)]


def test_the_clocks_of_a_plan_that_is_discarded_are_gone(ledger: Ledger) -> None:
    run = Make(ledger).begun()
    ledger.plans.add_rows(run, PlannedRows(accepted([1], clock=1)))
    run = ledger.plans.finish(run, digest="d", rows_read=1, summary={}, clocks={1: NEW_YORK})
    assert ledger.runs.clocks(run) == {1: NEW_YORK}
    ledger.plans.discard(run)
    assert ledger.runs.clocks(run) == {}


def test_a_zone_that_is_assumed_later_opens_the_clocks_that_had_none(ledger: Ledger) -> None:
    run = planned(ledger, [1, 2, 1], {1: NOWHERE, 2: LOS_ANGELES})
    assert people(ledger.attempts.exchange(run, [], 10, NOON)) == []
    assert ledger.runs.assume_zone(run, "Europe/London", NOON) == 2
    ledger.attempts.start(run, NOON)
    assert people(ledger.attempts.exchange(run, [], 10, NOON)) == [number(0), number(2)]
    assert ledger.runs.assume_zone(run, "Europe/London", NOON) == 0
