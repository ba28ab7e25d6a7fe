"""Opt-outs from a programme, a sender or a channel, until a date, and from lists; at the claim too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgerkit import NOW, Make, accepted, claim, number, row_of

from a2pcli.errors import InvalidInput, UsageError
from a2pcli.ledger.records import PlannedRows
from a2pcli.ledger.store import Ledger

DAY = 86_400_000


def holding(ledger: Ledger, now: int = NOW) -> list[tuple[str, str, int | None]]:
    """What holds now: source, scope with its value, until."""
    return [
        (one.source, f"{one.scope} {one.scope_value}".strip(), one.until_at)
        for one in ledger.optouts.all(now=now)
    ]


def left_out(ledger: Ledger, make: Make, now: int = NOW, **run: Any) -> list[str]:
    """Who of three people is left out at the claim, of a run of the programme news by ACME."""
    values = {"programme": "news", "sender": "ACME", "purpose": "marketing"} | run
    made = make.sending([1, 2, 3], campaign=f"c{now}-{len(ledger.runs.all())}", **values)
    claim(ledger, made, now=now)
    rows = [row for chunk in ledger.messages.rows(made) for row in chunk]
    assert all(
        (row["reason"], row["rule"]) == ("opted-out", "optout") for row in rows if row["state"] == "skipped"
    )
    return [row["address"] for row in rows if row["state"] == "skipped"]


@pytest.mark.parametrize(
    ("scope", "value", "is_left_out"),
    [
        ("everything", "", True),
        ("programme", "news", True),
        ("programme", "alerts", False),
        ("sender", "ACME", True),
        ("sender", "Other", False),
        ("channel", "sms", True),
        ("channel", "mms", False),
    ],
)
def test_an_opt_out_keeps_away_what_it_is_about(
    ledger: Ledger, make: Make, scope: str, value: str, is_left_out: bool
) -> None:
    ledger.optouts.add(number(2), scope=scope, scope_value=value, source="reply", now=NOW)
    assert left_out(ledger, make) == ([number(2)] if is_left_out else [])


@pytest.mark.parametrize(
    ("purpose", "binds"), [("transactional", True), ("otp", False), ("emergency", False)]
)
def test_opt_outs_bind_transactional_messages_but_no_codes_and_emergencies(
    ledger: Ledger, make: Make, purpose: str, binds: bool
) -> None:
    ledger.optouts.add(number(2), scope="programme", scope_value="news", source="reply", now=NOW)
    assert bool(left_out(ledger, make, purpose=purpose)) is binds


def test_a_run_without_a_programme_is_not_what_an_opt_out_from_a_programme_is_about(
    ledger: Ledger, make: Make
) -> None:
    ledger.optouts.add(number(2), scope="programme", scope_value="news", source="reply", now=NOW)
    assert left_out(ledger, make, programme=None) == []


def test_a_row_with_a_sender_of_its_own_is_asked_about_that_sender(ledger: Ledger, make: Make) -> None:
    ledger.optouts.add(number(1), scope="sender", scope_value="ACME", source="gateway", now=NOW)
    ledger.optouts.add(number(2), scope="sender", scope_value="+15550100", source="gateway", now=NOW)
    run = make.begun(sender="ACME", purpose="marketing")
    rows = accepted([1, 2, 3], sender=["+15550100", "+15550100", None])
    ledger.plans.add_rows(run, PlannedRows(rows))
    run = ledger.plans.finish(run, digest="d" * 64, rows_read=3, summary={})
    ledger.attempts.start(run, NOW)
    gone = {one.message.to: one.message.sender for one in ledger.attempts.exchange(run, [], 10, NOW).claimed}
    assert gone == {number(1): "+15550100", number(3): "ACME"}


def test_an_opt_out_with_an_end_holds_up_to_that_moment_and_not_at_it(ledger: Ledger, make: Make) -> None:
    ledger.optouts.add(number(2), source="reply", until_at=NOW + DAY, now=NOW)
    assert left_out(ledger, make, now=NOW + DAY - 1) == [number(2)]
    assert left_out(ledger, make, now=NOW + DAY) == []
    assert ledger.optouts.count(NOW + DAY - 1) == 1
    assert ledger.optouts.count(NOW + DAY) == 0
    assert ledger.optouts.people(NOW + DAY)["everything", ""].tolist() == []


def test_an_entry_whose_date_has_passed_makes_room_for_a_new_one_and_stays_as_history(ledger: Ledger) -> None:
    ledger.optouts.add(number(1), source="first", until_at=NOW + DAY, now=NOW)
    assert ledger.optouts.add(number(1), source="second", now=NOW + 2 * DAY)
    first, second = ledger.optouts.of(number(1))
    assert (first.source, first.lifted_at, first.lifted_by) == ("first", NOW + DAY, "its end date passed")
    assert (second.source, second.lifted_at) == ("second", None)


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [
        (None, 1, ("first", None)),
        (1, None, ("second", None)),
        (1, 2, ("second", 2)),
        (2, 1, ("first", 2)),
        (1, 1, ("first", 1)),
        (None, None, ("first", None)),
    ],
)
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_of_two_entries_in_a_scope_the_longer_holds(
    ledger: Ledger, first: int | None, second: int | None, held: tuple[str, int | None], many: bool
) -> None:
    """The same for one address and for a list of more than are looked up one by one."""
    people = [number(person) for person in range(700 if many else 1)]
    for source, days in (("first", first), ("second", second)):
        until = None if days is None else NOW + days * DAY
        ledger.optouts.add_all(people, source=source, until_at=until, now=NOW)
    expected = None if held[1] is None else NOW + held[1] * DAY
    assert holding(ledger) == [(held[0], "everything", expected)] * len(people)


def test_scopes_do_not_stand_in_each_others_way(ledger: Ledger) -> None:
    for scope, value in [("everything", ""), ("programme", "a"), ("programme", "b"), ("channel", "sms")]:
        assert ledger.optouts.add(number(1), scope=scope, scope_value=value, source="reply", now=NOW)
    assert ledger.optouts.lift(number(1), scope="programme", scope_value="a", by="ann", now=NOW) == 1
    assert [scope for _, scope, _ in holding(ledger)] == ["everything", "programme b", "channel sms"]


def test_a_suppression_that_is_over_before_it_begins_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidInput):
        ledger.optouts.add(number(1), source="reply", until_at=NOW, now=NOW)


def test_lifting_counts_only_what_still_held(ledger: Ledger) -> None:
    ledger.optouts.add(number(1), source="reply", until_at=NOW + 1, now=NOW)
    assert ledger.optouts.lift(number(1), by="ann", now=NOW + DAY) == 0
    (entry,) = ledger.optouts.of(number(1))
    assert (entry.lifted_at, entry.lifted_by) == (NOW + 1, "its end date passed")


def imported(ledger: Ledger, people: list[int], day: int) -> int:
    """A state of the list dnc; gives how many it does not name any more."""
    ledger.optouts.begin_list("dnc", day * DAY)
    ledger.optouts.add_all(
        [number(person) for person in people], source="dnc.csv", list_name="dnc", as_of=day * DAY, now=NOW
    )
    return ledger.optouts.end_list("dnc", day * DAY, now=NOW)


def test_who_is_missing_from_a_newer_state_of_a_list_is_counted_and_stays_suppressed(ledger: Ledger) -> None:
    assert imported(ledger, [1, 2, 3], day=100) == 0
    assert imported(ledger, [2, 3, 4], day=110) == 1
    assert {(one.address, one.as_of) for one in ledger.optouts.all(now=NOW)} == {
        (number(1), 100 * DAY),
        *((number(person), 110 * DAY) for person in (2, 3, 4)),
    }
    assert [(one.name, one.as_of) for one in ledger.optouts.lists()] == [("dnc", 110 * DAY)]


def test_an_older_state_of_a_list_is_refused_even_where_the_newer_one_added_nobody(ledger: Ledger) -> None:
    imported(ledger, [1], day=100)
    imported(ledger, [1], day=110)
    with pytest.raises(UsageError, match="already imported as of 1970-04-21"):
        ledger.optouts.begin_list("dnc", 109 * DAY)
    ledger.optouts.begin_list("dnc", 110 * DAY)
    ledger.optouts.begin_list("another", 1 * DAY)


def test_a_list_says_nothing_of_entries_that_came_from_elsewhere(ledger: Ledger) -> None:
    ledger.optouts.add(number(1), source="reply", now=NOW)
    imported(ledger, [1], day=100)
    (entry,) = ledger.optouts.all(now=NOW)
    assert (entry.source, entry.list_name, entry.as_of) == ("reply", None, None)


SCOPES = [
    ("everything", ""),
    ("programme", "news"),
    ("programme", "other"),
    ("sender", "ACME"),
    ("channel", "sms"),
]
steps = st.lists(
    st.tuples(st.sampled_from(["add", "lift"]), st.sampled_from(SCOPES), st.none() | st.integers(1, 6)),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(0, 12))
def test_whatever_was_added_and_lifted_a_person_is_left_out_exactly_while_an_entry_holds(
    ledger: Ledger, make: Make, what: list[tuple[str, tuple[str, str], int | None]], later: int
) -> None:
    """Against the rule in plain words: of each scope the latest end counts, from the last lift on."""
    person = len(ledger.runs.all()) + 10
    ends: dict[tuple[str, str], float] = {}
    for moment, (action, scope, days) in enumerate(what):
        if action == "lift":
            ledger.optouts.lift(
                number(person), scope=scope[0], scope_value=scope[1], by="ann", now=NOW + moment
            )
            ends.pop(scope, None)
            continue
        until = None if days is None else NOW + moment + days
        ledger.optouts.add(
            number(person), scope=scope[0], scope_value=scope[1], source="x", until_at=until, now=NOW + moment
        )
        ends[scope] = max(ends.get(scope, 0), float("inf") if until is None else until)
    at = NOW + len(what) + later
    held = any(end > at for scope, end in ends.items() if scope != ("programme", "other"))
    run = make.sending(
        [person], campaign=f"law-{person}", programme="news", sender="ACME", purpose="marketing"
    )
    claimed = claim(ledger, run, now=at)
    assert bool(claimed) is not held
    if held:
        assert row_of(ledger, run, run.number * 2**32 + 1)["reason"] == "opted-out"
