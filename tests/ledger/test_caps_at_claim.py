"""Frequency caps are kept at the claim: across runs, campaigns and processes, counted on what was accepted."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
import readykit
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make, accepted, number, row_of, settle
from sqlalchemy import select

from a2pcli.ledger.caps import CAMPAIGN, PERSON, PROGRAMME, SUBJECT, Cap
from a2pcli.ledger.clocks import RunClock
from a2pcli.ledger.records import PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import contacted
from a2pcli.messages import Outcome, State
from a2pcli.rules.clock import Clock

HOUR = 3_600_000
DAY = 24 * HOUR


def cap(limit: int = 1, seconds: int = 86_400, scope: str = PERSON, rule: str = "cap-global") -> Cap:
    return Cap(rule, limit, seconds, scope)


def run_of(
    ledger: Ledger,
    campaign: str,
    caps: Sequence[Cap] = (),
    people: Sequence[int] = (1,),
    *,
    clocks: dict[int, RunClock] | None = None,
    columns: dict[str, Any] | None = None,
    purpose: str = "marketing",
    **values: Any,
) -> Run:
    """A run that is being sent, with caps, for these people."""
    sending = {"caps": [one.to_data() for one in caps]}
    run = Make(ledger).begun(campaign, purpose=purpose, sending=sending, **values)
    ledger.plans.add_rows(run, PlannedRows(accepted(people, **(columns or {}))))
    run = ledger.plans.finish(run, digest="d", rows_read=len(people), summary={}, clocks=clocks or {})
    ledger.attempts.start(run, NOW)
    return run


def send(ledger: Ledger, run: Run, now: int = NOW, outcome: Outcome = ACCEPTED) -> list[str]:
    """Claim all that may go, and settle it; gives to whom."""
    claimed = ledger.attempts.exchange(run, [], 100, now).claimed
    settle(ledger, run, [one.message.id for one in claimed], outcome)
    return [one.message.to for one in claimed]


def contacts(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        return list(connection.execute(select(contacted.c.address)).scalars())


def test_a_global_cap_counts_what_any_campaign_sent(ledger: Ledger) -> None:
    assert send(ledger, run_of(ledger, "first", people=[1, 2])) == [number(1), number(2)]
    second = run_of(ledger, "second", [cap()], people=[2, 3])
    assert send(ledger, second, NOW + HOUR) == [number(3)]
    row = next(row for chunk in ledger.messages.rows(second) for row in chunk if row["address"] == number(2))
    assert (row["state"], row["reason"], row["rule"]) == ("skipped", "capped", "cap-global")
    assert row["detail"] == "the cap is 1 per 1 day; the next message may be sent at 2027-01-16 08:00 UTC"


@pytest.mark.parametrize(("after", "goes"), [(DAY - 1, False), (DAY, True)])
def test_a_cap_frees_to_the_millisecond(ledger: Ledger, after: int, goes: bool) -> None:
    send(ledger, run_of(ledger, "first"))
    assert bool(send(ledger, run_of(ledger, "second", [cap()]), NOW + after)) is goes


def test_the_last_message_that_is_allowed_goes(ledger: Ledger) -> None:
    three = [cap(3, 7 * 86_400)]
    got = [send(ledger, run_of(ledger, f"week-{n}", three), NOW + n * HOUR) for n in range(5)]
    assert [bool(one) for one in got] == [True, True, True, False, False]


def test_a_campaigns_cap_counts_its_own_occurrences_alone(ledger: Ledger) -> None:
    own = [cap(scope=CAMPAIGN, rule="cap-campaign")]
    send(ledger, run_of(ledger, "other"))
    assert send(ledger, run_of(ledger, "daily", own, occurrence="a"))
    assert not send(ledger, run_of(ledger, "daily", own, occurrence="b"), NOW + HOUR)


def test_a_programmes_cap_counts_its_programme_alone(ledger: Ledger) -> None:
    own = [cap(scope=PROGRAMME, rule="cap-programme")]
    send(ledger, run_of(ledger, "a", programme="news"))
    assert send(ledger, run_of(ledger, "b", own, programme="offers"))
    assert not send(ledger, run_of(ledger, "c", own, programme="news"))


def test_a_message_without_a_subject_counts_for_every_subject(ledger: Ledger) -> None:
    own = [cap(scope=SUBJECT)]
    send(ledger, run_of(ledger, "a", subject="shoes", people=[1, 2]))
    assert send(ledger, run_of(ledger, "b", own, subject="hats", people=[1])) == [number(1)]
    assert send(ledger, run_of(ledger, "c", own, subject="shoes", people=[1, 2])) == []
    send(ledger, run_of(ledger, "d", people=[3]))
    assert send(ledger, run_of(ledger, "e", own, subject="hats", people=[3])) == []
    assert send(ledger, run_of(ledger, "f", own, people=[2])) == []


def test_a_cap_of_the_law_binds_only_those_whose_clock_has_it(ledger: Ledger) -> None:
    florida = RunClock(Clock(()), (cap(rule="us-fl-cap"),))
    send(ledger, run_of(ledger, "a", people=[1, 2]))
    run = run_of(ledger, "b", people=[1, 2], clocks={1: florida}, columns={"clock": [1, None]})
    assert send(ledger, run) == [number(2)]


def test_two_rows_of_one_person_in_one_claim_are_counted_together(ledger: Ledger) -> None:
    columns = {"address": number(1), "person": [11, 12, 13]}
    run = run_of(ledger, "appointments", [cap(2)], people=[1, 2, 3], columns=columns)
    assert send(ledger, run) == [number(1)] * 2


@pytest.mark.parametrize(
    ("outcome", "counts"), [(ACCEPTED, True), (UNKNOWN, True), (REJECTED, False), (NOT_SENT, False)]
)
def test_what_was_not_taken_does_not_count(ledger: Ledger, outcome: Outcome, counts: bool) -> None:
    send(ledger, run_of(ledger, "a"), outcome=outcome)
    assert contacts(ledger) == ([number(1)] if counts else [])
    assert bool(send(ledger, run_of(ledger, "b", [cap()]))) is not counts


def test_what_was_claimed_and_released_does_not_count(ledger: Ledger) -> None:
    run = run_of(ledger, "a")
    (claimed,) = ledger.attempts.exchange(run, [], 10, NOW).claimed
    assert contacts(ledger) == [number(1)]
    ledger.attempts.release(run, [claimed.message.id])
    assert contacts(ledger) == []


@pytest.mark.parametrize(
    ("state", "counts"), [(State.ACCEPTED, True), (State.REJECTED, False), (State.PLANNED, False)]
)
def test_reconciling_settles_what_counts(ledger: Ledger, state: State, counts: bool) -> None:
    run = run_of(ledger, "a")
    send(ledger, run, outcome=UNKNOWN)
    ledger.attempts.settle_unknown(run, None, state, "the provider's list says so", NOW)
    assert contacts(ledger) == ([number(1)] if counts else [])


def test_a_message_that_a_crash_cut_off_counts(ledger: Ledger) -> None:
    run = run_of(ledger, "a")
    ledger.attempts.exchange(run, [], 10, NOW)
    ledger.attempts.start(run, NOW + HOUR)  # what was in flight is unknown now
    assert not send(ledger, run_of(ledger, "b", [cap()]), NOW + HOUR)


def test_a_retry_counts_once_and_is_capped_if_another_came_first(ledger: Ledger) -> None:
    run = run_of(ledger, "a", [cap()])
    (claimed,) = ledger.attempts.exchange(run, [], 10, NOW).claimed
    settle(ledger, run, [claimed.message.id], NOT_SENT, due_at=NOW + HOUR)
    assert send(ledger, run_of(ledger, "b", [cap()]), NOW + 1) == [number(1)]
    assert send(ledger, run, NOW + HOUR) == []
    assert row_of(ledger, run, claimed.message.id)["reason"] == "capped"


def test_other_purposes_are_neither_bound_nor_counted(ledger: Ledger) -> None:
    assert send(ledger, run_of(ledger, "receipts", [cap()], purpose="transactional")) == [number(1)]
    assert send(ledger, run_of(ledger, "orders", [cap()], purpose="transactional")) == [number(1)]
    assert send(ledger, run_of(ledger, "a", [cap()])) == [number(1)]
    assert send(ledger, run_of(ledger, "codes", [cap()], purpose="otp")) == [number(1)]


def test_who_had_enough_is_told_with_the_moment_it_ends(ledger: Ledger) -> None:
    for hour in range(3):
        send(ledger, run_of(ledger, f"c{hour}", people=[1, 2] if hour else [1]), NOW + hour * HOUR)
    about = {"campaign": "new", "programme": "", "subject": "", "now": NOW + 3 * HOUR}
    assert ledger.messages.had_enough(cap(3), **about) == ([number(1)], [NOW + DAY])
    addresses, free = ledger.messages.had_enough(cap(2), **about)
    assert sorted(zip(addresses, free, strict=True)) == [
        (number(1), NOW + HOUR + DAY),
        (number(2), NOW + HOUR + DAY),
    ]
    assert ledger.messages.had_enough(cap(1, scope=CAMPAIGN), **about) == ([], [])


SENDER = """
import sys
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.records import Settled
from a2pcli.messages import Outcome, State, Verdict
with Ledger.open(sys.argv[1]) as ledger:
    run = ledger.runs.get(sys.argv[2])
    sys.stdin.readline()
    settled, sent = [], 0
    while True:
        exchange = ledger.attempts.exchange(run, settled, 7, int(sys.argv[3]))
        settled = [Settled(one.message.id, Outcome(Verdict.ACCEPTED), State.ACCEPTED) for one in exchange.claimed]
        sent += len(settled)
        if not settled:
            break
    print(sent)
"""


def test_runs_in_different_processes_never_exceed_a_cap_together(ledger: Ledger) -> None:
    """Four processes send four campaigns to the same people at once; two messages each are allowed."""
    people = list(range(60))
    runs = [run_of(ledger, f"campaign-{n}", [cap(2)], people) for n in range(4)]
    place = ledger.url.render_as_string(hide_password=False)
    processes = [
        readykit.Forked(
            ["ready:script", SENDER, place, run.id, str(NOW)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for run in runs
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    sent = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert sum(sent) == 2 * len(people)
    got = contacts(ledger)
    assert {got.count(number(person)) for person in people} == {2}
    assert sum(ledger.runs.totals(run).count("skipped") for run in runs) == 2 * len(people)
