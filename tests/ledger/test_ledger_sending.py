"""Claims: what a sender is given, once each, and what becomes of what it gives back."""

from __future__ import annotations

import pytest
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make, claim, number, row_of, settle, states

from a2pcli.ledger.records import Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Cause, Message, Outcome, State, Verdict


def test_a_claim_holds_everything_a_gateway_needs(make: Make, ledger: Ledger) -> None:
    run = make.sending([7], sender="ACME", channel="mms", sending={"media": ["https://acme.example/a.jpg"]})
    (claimed,) = ledger.attempts.exchange(run, [], 10, NOW).claimed
    assert claimed.message == Message(
        id=run.number * 2**32 + 1,
        reference=f"{run.id}-000001",
        to=number(7),
        body="Hello 7",
        channel="mms",
        sender="ACME",
        country="GB",
        parts=1,
        media=("https://acme.example/a.jpg",),
    )
    assert (claimed.attempts, claimed.cost, claimed.currency) == (1, 40_000_000, "GBP")


def test_claims_come_in_the_files_order_and_each_row_once(make: Make, ledger: Ledger) -> None:
    run = make.sending(10)
    groups = [claim(ledger, run, 4) for _ in range(4)]
    assert [len(group) for group in groups] == [4, 4, 2, 0]
    together = [id for group in groups for id in group]
    assert together == [run.number * 2**32 + row for row in range(1, 11)]


def test_nothing_left_says_so(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    first = ledger.attempts.exchange(run, [], 2, NOW)
    assert (first.left, first.next_due, first.skipped) == (1, None, 0)
    ledger.attempts.exchange(run, [], 2, NOW)
    last = ledger.attempts.exchange(run, [], 2, NOW)
    assert (last.claimed, last.left, last.next_due) == ([], 0, None)


def test_an_intent_is_seen_by_others_as_soon_as_it_is_given_out(make: Make, ledger: Ledger, url: str) -> None:
    run = make.sending(3)
    ids = claim(ledger, run, 2)
    with Ledger.open(url) as other:
        assert states(other, run) == {"submitting": 2, "planned": 1}
        row = row_of(other, run, ids[0])
        assert (row["attempts"], row["claimed_at"]) == (1, NOW)


@pytest.mark.parametrize(
    ("outcome", "state"), [(ACCEPTED, "accepted"), (REJECTED, "rejected"), (UNKNOWN, "unknown")]
)
def test_an_outcome_is_kept_with_its_row_and_as_an_event(
    make: Make, ledger: Ledger, outcome: Outcome, state: str
) -> None:
    run = make.sending([7])
    ids = claim(ledger, run)
    settle(ledger, run, ids, outcome)
    row = row_of(ledger, run, ids[0])
    assert (row["state"], row["code"], row["detail"], row["gateway_id"], row["settled_at"]) == (
        state,
        outcome.code,
        outcome.detail,
        outcome.gateway_id,
        NOW,
    )
    (entry,) = ledger.messages.history(number(7))
    (event,) = entry.events
    assert (event.kind, event.code, event.gateway_id) == (
        str(outcome.verdict),
        outcome.code,
        outcome.gateway_id,
    )


def test_an_outcome_for_a_row_that_is_not_being_sent_changes_nothing_but_is_noted(
    make: Make, ledger: Ledger
) -> None:
    """A user settled it meanwhile, or a late answer comes for the second time."""
    run = make.sending([7])
    ids = claim(ledger, run)
    settle(ledger, run, ids, ACCEPTED)
    settle(ledger, run, ids, REJECTED)
    assert row_of(ledger, run, ids[0])["state"] == "accepted"
    assert [event.kind for event in ledger.messages.history(number(7))[0].events] == ["accepted", "rejected"]


def test_a_retry_waits_for_its_moment_and_counts_its_attempts(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    ids = claim(ledger, run, 2)
    settle(ledger, run, ids, NOT_SENT, due_at=NOW + 1000)
    assert claim(ledger, run) == [run.number * 2**32 + 3]
    waiting = ledger.attempts.exchange(run, [], 10, NOW + 999)
    assert (waiting.claimed, waiting.left, waiting.next_due) == ([], 2, NOW + 1000)
    again = ledger.attempts.exchange(run, [], 10, NOW + 1000)
    assert [claimed.attempts for claimed in again.claimed] == [2, 2]
    assert sorted(claimed.message.id for claimed in again.claimed) == sorted(ids)
    assert again.claimed[0].message.reference == f"{run.id}-000001"


def test_a_try_that_is_not_counted_is_not_counted(make: Make, ledger: Ledger) -> None:
    run = make.sending(1)
    ids = claim(ledger, run)
    ledger.attempts.exchange(run, [Settled(ids[0], NOT_SENT, State.PLANNED, NOW, counted=False)], 0, NOW)
    assert ledger.attempts.exchange(run, [], 1, NOW).claimed[0].attempts == 1


def test_a_retry_without_a_moment_is_due_at_once(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    ids = claim(ledger, run)
    settle(ledger, run, ids[1:2], NOT_SENT)
    assert claim(ledger, run) == ids[1:2]


def test_rows_put_back_for_an_hour_wait_for_it(make: Make, ledger: Ledger) -> None:
    run = make.sending(4)
    first = run.number * 2**32
    ids = claim(ledger, run, 3)
    settle(ledger, run, ids[1:2], NOT_SENT, due_at=NOW + 5)
    settle(ledger, run, [ids[0], ids[2]], NOT_SENT, due_at=NOW)
    assert sorted(claim(ledger, run)) == [first + 1, first + 3, first + 4]
    assert ledger.attempts.exchange(run, [], 1, NOW).next_due == NOW + 5
    assert claim(ledger, run, now=NOW + 5) == [first + 2]


def test_a_released_claim_is_as_if_it_had_not_been(make: Make, ledger: Ledger) -> None:
    run = make.sending(4)
    ids = claim(ledger, run)
    settle(ledger, run, ids[:1])
    ledger.attempts.release(run, ids)  # the first one is settled: it stays
    assert states(ledger, run) == {"accepted": 1, "planned": 3}
    again = ledger.attempts.exchange(run, [], 10, NOW + 1)
    assert sorted(claimed.message.id for claimed in again.claimed) == ids[1:]
    assert {claimed.attempts for claimed in again.claimed} == {1}
    assert again.left == 0


def test_intents_of_a_crash_become_unknown_and_are_not_sent_again(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).sending(5)
        settle(ledger, run, claim(ledger, run, 1))
        lost = claim(ledger, run, 2)
    with Ledger.open(url) as ledger:
        assert ledger.attempts.start(run, NOW + 1) == 2
        assert states(ledger, run) == {"accepted": 1, "unknown": 2, "planned": 2}
        row = row_of(ledger, run, lost[0])
        assert "before the result was recorded" in row["detail"]
        assert [event.kind for event in ledger.messages.history(row["address"])[0].events] == ["unknown"]
        assert len(claim(ledger, run)) == 2
        assert states(ledger, run)["unknown"] == 2


def test_resuming_goes_on_with_rows_that_wait_and_rows_that_never_waited(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).sending(5)
        ids = claim(ledger, run, 3)
        settle(ledger, run, ids[:2])
        settle(ledger, run, ids[2:], NOT_SENT, due_at=NOW + 10)
    with Ledger.open(url) as ledger:
        assert ledger.attempts.start(run, NOW + 20) == 0
        found = ledger.attempts.exchange(run, [], 10, NOW + 20)
        assert [claimed.message.id % 2**32 for claimed in found.claimed] == [3, 4, 5]
        assert found.left == 0


def test_an_exchange_without_a_start_still_knows_what_is_left(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).sending(5)
        claim(ledger, run, 2)
    with Ledger.open(url) as ledger:
        assert ledger.attempts.exchange(run, [], 1, NOW).left == 2


def test_each_of_many_messages_keeps_its_own_outcome(make: Make, ledger: Ledger) -> None:
    run = make.sending(87)
    ids = claim(ledger, run)
    outcomes = {
        id: Outcome(Verdict.ACCEPTED, gateway_id=f"g{place}", detail="it's " + "?" * (place % 3))
        if place % 4
        else Outcome(Verdict.REJECTED, code=f"c{place}", cause=Cause.PERMANENT)
        for place, id in enumerate(ids)
    }
    ledger.attempts.exchange(
        run,
        [Settled(id, one, State(str(one.verdict))) for id, one in outcomes.items()],
        0,
        NOW,
    )
    rows = {id: row_of(ledger, run, id) for id in ids}
    assert len(rows) == 87
    assert {
        id: (row["state"], row["code"], row["gateway_id"], row["detail"]) for id, row in rows.items()
    } == {id: (str(one.verdict), one.code, one.gateway_id, one.detail) for id, one in outcomes.items()}


def test_many_messages_given_back_are_all_claimed_again(make: Make, ledger: Ledger) -> None:
    run = make.sending(87)
    ids = claim(ledger, run)
    ledger.attempts.release(run, ids)
    assert sorted(claim(ledger, run)) == sorted(ids)
