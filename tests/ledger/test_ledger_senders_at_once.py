"""Opt-outs, occasions and several senders: nobody is claimed twice."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from ledgerkit import ACCEPTED, NOT_SENT, NOW, UNKNOWN, Make, claim, number, row_of, settle, states

from a2pcli.errors import LedgerError
from a2pcli.ledger.records import RunState, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import State


def test_who_opted_out_meanwhile_is_skipped_and_the_batch_is_still_full(make: Make, ledger: Ledger) -> None:
    run = make.sending(10, sender="ACME")
    ledger.optouts.add(number(1), source="reply")
    ledger.optouts.add(number(2), scope="sender", scope_value="ACME", source="gateway")
    ledger.optouts.add(number(3), scope="sender", scope_value="Other", source="gateway")
    ledger.optouts.add(number(4), source="mistake")
    ledger.optouts.lift(number(4), by="ann")
    found = ledger.attempts.exchange(run, [], 4, NOW)
    assert [claimed.message.to for claimed in found.claimed] == [number(person) for person in (0, 3, 4, 5)]
    assert (found.skipped, found.left) == (2, 4)
    row = next(entry.row for entry in ledger.messages.history(number(1)))
    assert (row["state"], row["reason"]) == ("skipped", "opted-out")
    assert [event.code for event in ledger.messages.history(number(1))[0].events] == ["opted-out"]


@pytest.mark.parametrize(
    ("purpose", "bound"),
    [("marketing", True), ("transactional", True), (None, True), ("otp", False), ("emergency", False)],
)
def test_an_opt_out_binds_marketing_and_transactional_messages(
    make: Make, ledger: Ledger, purpose: str | None, bound: bool
) -> None:
    run = make.sending([1], purpose=purpose)
    ledger.optouts.add(number(1), source="reply")
    assert ledger.attempts.exchange(run, [], 1, NOW).skipped == (1 if bound else 0)


def test_nobody_is_messaged_by_two_runs_of_an_occasion(make: Make, ledger: Ledger) -> None:
    first, second = make.plan([1, 2, 3, 4]), make.plan([1, 2, 3, 4, 5])
    ledger.attempts.start(first, NOW)
    ids = claim(ledger, first, 3)
    settle(ledger, first, ids[:1])
    settle(ledger, first, ids[2:], NOT_SENT, due_at=NOW)  # put back: free for the other run
    ledger.attempts.start(second, NOW)
    found = ledger.attempts.exchange(second, [], 10, NOW)
    assert [claimed.message.to for claimed in found.claimed] == [number(3), number(4), number(5)]
    assert found.skipped == 2
    assert ledger.runs.totals(second).by_reason == {"already-sent": 2}
    rest = ledger.attempts.exchange(first, [], 10, NOW)
    assert (rest.claimed, rest.skipped, rest.left) == ([], 2, 0)


def test_another_occasion_is_another_matter(make: Make, ledger: Ledger) -> None:
    first, second = make.sending([1, 2]), make.sending([1, 2], occurrence="2026-03")
    assert len(claim(ledger, first)) == len(claim(ledger, second)) == 2


def test_the_index_stops_a_person_who_stands_twice_in_one_plan(make: Make, ledger: Ledger) -> None:
    """Planning leaves duplicates out; should it ever fail to, the ledger does not crash and sends one."""
    run = make.sending([1, 2, 1, 3, 2])
    found = ledger.attempts.exchange(run, [], 10, NOW)
    assert [claimed.message.to for claimed in found.claimed] == [number(1), number(2), number(3)]
    assert (found.skipped, found.left) == (2, 0)
    assert ledger.runs.totals(run).by_reason == {"already-sent": 2}


def test_two_senders_of_two_runs_of_an_occasion_message_everybody_once(url: str) -> None:
    """At the same time, from two connections, in opposite orders: conflicts and deadlocks as they come."""
    people = list(range(300))
    with Ledger.open(url) as ledger:
        make = Make(ledger)
        runs = [make.plan(people), make.plan(people[::-1])]
        for run in runs:
            ledger.attempts.start(run, NOW)
    reached: list[list[str]] = [[], []]
    errors: list[BaseException] = []

    def send(which: int) -> None:
        try:
            with Ledger.open(url) as own:
                settled: list[Settled] = []
                while True:
                    found = own.attempts.exchange(runs[which], settled, 7, NOW)
                    if not found.claimed and not found.left:
                        return
                    reached[which].extend(claimed.message.to for claimed in found.claimed)
                    settled = [
                        Settled(claimed.message.id, ACCEPTED, State.ACCEPTED) for claimed in found.claimed
                    ]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(reached[0] + reached[1]) == [number(person) for person in people]


def test_two_senders_of_one_run_on_postgresql_share_it_without_overlap(postgres_url: str) -> None:
    """FOR UPDATE SKIP LOCKED: neither waits for the other, and no row goes to both."""
    with Ledger.open(postgres_url) as ledger:
        run = Make(ledger).sending(400)
    taken: list[list[int]] = [[], []]

    def send(which: int) -> None:
        with Ledger.open(postgres_url) as own:
            while ids := claim(own, run, 9):
                taken[which].extend(ids)

    threads = [threading.Thread(target=send, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken[0] + taken[1]) == [run.number * 2**32 + row for row in range(1, 401)]


def test_the_ledger_may_be_used_from_several_threads_at_once(make: Make, ledger: Ledger) -> None:
    run = make.sending(200)
    seen: list[int] = []
    errors: list[BaseException] = []

    def work(kind: int) -> None:
        try:
            for turn in range(20):
                if kind == 0:
                    ids = claim(ledger, run, 5)
                    seen.extend(ids)
                    settle(ledger, run, ids)
                elif kind == 1:
                    ledger.runs.totals(run)
                else:
                    ledger.optouts.add(number(1000 + turn), source="test")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(kind % 3,)) for kind in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(seen) == len(set(seen)) == 200
    assert states(ledger, run) == {"accepted": 200}


def test_a_run_that_is_not_being_sent_gives_out_nothing_but_takes_outcomes(
    make: Make, ledger: Ledger
) -> None:
    run = make.sending(5)
    ids = claim(ledger, run, 2)
    ledger.runs.set_state(run, RunState.PAUSED, "the gateway is down")
    assert claim(ledger, run) == []
    settle(ledger, run, ids)
    assert states(ledger, run) == {"accepted": 2, "planned": 3}
    assert ledger.attempts.start(run, NOW) == 0
    assert ledger.runs.get(run.id).state_reason is None
    assert len(claim(ledger, run)) == 3


def test_when_an_exchange_fails_nothing_of_it_happened_and_it_can_be_made_again(
    make: Make, ledger: Ledger
) -> None:
    run = make.sending(6)
    ids = claim(ledger, run, 2)
    settled = [Settled(id, ACCEPTED, State.ACCEPTED) for id in ids]
    broken = [*settled, Settled("not a number", ACCEPTED, State.ACCEPTED)]  # type: ignore[arg-type]
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE events RENAME TO elsewhere"))
    with pytest.raises(LedgerError):
        ledger.attempts.exchange(run, broken, 2, NOW)
    assert states(ledger, run) == {"submitting": 2, "planned": 4}
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO events"))
    again = ledger.attempts.exchange(run, settled, 2, NOW)
    assert (len(again.claimed), again.left) == (2, 2)
    assert states(ledger, run) == {"accepted": 2, "submitting": 2, "planned": 2}


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REJECTED])
def test_unknown_messages_are_settled_by_decision_and_it_is_recorded(
    make: Make, ledger: Ledger, state: State
) -> None:
    run = make.sending(4)
    ids = claim(ledger, run)
    settle(ledger, run, ids[:3], UNKNOWN)
    settle(ledger, run, ids[3:])
    assert ledger.attempts.settle_unknown(run, ids[1:], state, "ann said so", NOW) == 2
    assert states(ledger, run)["unknown"] == 1
    row = row_of(ledger, run, ids[1])
    assert (row["state"], row["detail"]) == (str(state), "ann said so")
    event = ledger.messages.history(row["address"])[0].events[-1]
    assert (event.kind, event.code, event.detail) == ("reconciled", str(state), "ann said so")
    assert ledger.attempts.settle_unknown(run, None, state, "the rest", NOW) == 1
    assert "unknown" not in states(ledger, run)
