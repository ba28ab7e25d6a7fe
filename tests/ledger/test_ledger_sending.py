"""The sending path: intents before, outcomes after, nobody twice."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make, claim, number, row_of, settle, states

from a2pcli.errors import LedgerError
from a2pcli.ledger.records import RunState, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts
from a2pcli.messages import Message, Outcome, State


def test_a_claim_holds_everything_a_gateway_needs(make: Make, ledger: Ledger) -> None:
    run = make.sending([7], sender="ACME", channel="mms", sending={"media": ["https://acme.example/a.jpg"]})
    (claimed,) = ledger.exchange(run, [], 10, NOW).claimed
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
    first = ledger.exchange(run, [], 2, NOW)
    assert (first.left, first.next_due, first.skipped) == (1, None, 0)
    ledger.exchange(run, [], 2, NOW)
    last = ledger.exchange(run, [], 2, NOW)
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
    (entry,) = ledger.history(number(7))
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
    assert [event.kind for event in ledger.history(number(7))[0].events] == ["accepted", "rejected"]


def test_a_retry_waits_for_its_moment_and_counts_its_attempts(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    ids = claim(ledger, run, 2)
    settle(ledger, run, ids, NOT_SENT, due_at=NOW + 1000)
    assert claim(ledger, run) == [run.number * 2**32 + 3]
    waiting = ledger.exchange(run, [], 10, NOW + 999)
    assert (waiting.claimed, waiting.left, waiting.next_due) == ([], 2, NOW + 1000)
    again = ledger.exchange(run, [], 10, NOW + 1000)
    assert [claimed.attempts for claimed in again.claimed] == [2, 2]
    assert sorted(claimed.message.id for claimed in again.claimed) == sorted(ids)
    assert again.claimed[0].message.reference == f"{run.id}-000001"


def test_a_try_that_is_not_counted_is_not_counted(make: Make, ledger: Ledger) -> None:
    run = make.sending(1)
    ids = claim(ledger, run)
    ledger.exchange(run, [Settled(ids[0], NOT_SENT, State.PLANNED, NOW, counted=False)], 0, NOW)
    assert ledger.exchange(run, [], 1, NOW).claimed[0].attempts == 1


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
    assert ledger.exchange(run, [], 1, NOW).next_due == NOW + 5
    assert claim(ledger, run, now=NOW + 5) == [first + 2]


def test_a_released_claim_is_as_if_it_had_not_been(make: Make, ledger: Ledger) -> None:
    run = make.sending(4)
    ids = claim(ledger, run)
    settle(ledger, run, ids[:1])
    ledger.release(run, ids)  # the first one is settled: it stays
    assert states(ledger, run) == {"accepted": 1, "planned": 3}
    again = ledger.exchange(run, [], 10, NOW + 1)
    assert sorted(claimed.message.id for claimed in again.claimed) == ids[1:]
    assert {claimed.attempts for claimed in again.claimed} == {1}
    assert again.left == 0


def test_intents_of_a_crash_become_unknown_and_are_not_sent_again(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).sending(5)
        settle(ledger, run, claim(ledger, run, 1))
        lost = claim(ledger, run, 2)
    with Ledger.open(url) as ledger:
        assert ledger.start_sending(run, NOW + 1) == 2
        assert states(ledger, run) == {"accepted": 1, "unknown": 2, "planned": 2}
        row = row_of(ledger, run, lost[0])
        assert "between the intent and the outcome" in row["detail"]
        assert [event.kind for event in ledger.history(row["address"])[0].events] == ["unknown"]
        assert len(claim(ledger, run)) == 2
        assert states(ledger, run)["unknown"] == 2


def test_resuming_goes_on_with_rows_that_wait_and_rows_that_never_waited(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).sending(5)
        ids = claim(ledger, run, 3)
        settle(ledger, run, ids[:2])
        settle(ledger, run, ids[2:], NOT_SENT, due_at=NOW + 10)
    with Ledger.open(url) as ledger:
        assert ledger.start_sending(run, NOW + 20) == 0
        found = ledger.exchange(run, [], 10, NOW + 20)
        assert [claimed.message.id % 2**32 for claimed in found.claimed] == [3, 4, 5]
        assert found.left == 0


def test_an_exchange_without_a_start_still_knows_what_is_left(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).sending(5)
        claim(ledger, run, 2)
    with Ledger.open(url) as ledger:
        assert ledger.exchange(run, [], 1, NOW).left == 2


def test_who_opted_out_meanwhile_is_skipped_and_the_batch_is_still_full(make: Make, ledger: Ledger) -> None:
    run = make.sending(10, sender="ACME")
    ledger.suppress(number(1), source="reply")
    ledger.suppress(number(2), scope="sender", scope_value="ACME", source="gateway")
    ledger.suppress(number(3), scope="sender", scope_value="Other", source="gateway")
    ledger.suppress(number(4), source="mistake")
    ledger.lift(number(4), by="ann")
    found = ledger.exchange(run, [], 4, NOW)
    assert [claimed.message.to for claimed in found.claimed] == [number(person) for person in (0, 3, 4, 5)]
    assert (found.skipped, found.left) == (2, 4)
    row = next(entry.row for entry in ledger.history(number(1)))
    assert (row["state"], row["reason"]) == ("skipped", "opted-out")
    assert [event.code for event in ledger.history(number(1))[0].events] == ["opted-out"]


@pytest.mark.parametrize(
    ("purpose", "bound"),
    [("marketing", True), ("transactional", True), (None, True), ("otp", False), ("emergency", False)],
)
def test_an_opt_out_binds_marketing_and_transactional_messages(
    make: Make, ledger: Ledger, purpose: str | None, bound: bool
) -> None:
    run = make.sending([1], purpose=purpose)
    ledger.suppress(number(1), source="reply")
    assert ledger.exchange(run, [], 1, NOW).skipped == (1 if bound else 0)


def test_nobody_is_messaged_by_two_runs_of_an_occasion(make: Make, ledger: Ledger) -> None:
    first, second = make.plan([1, 2, 3, 4]), make.plan([1, 2, 3, 4, 5])
    ledger.start_sending(first, NOW)
    ids = claim(ledger, first, 3)
    settle(ledger, first, ids[:1])
    settle(ledger, first, ids[2:], NOT_SENT, due_at=NOW)  # put back: free for the other run
    ledger.start_sending(second, NOW)
    found = ledger.exchange(second, [], 10, NOW)
    assert [claimed.message.to for claimed in found.claimed] == [number(3), number(4), number(5)]
    assert found.skipped == 2
    assert ledger.totals(second).by_reason == {"already-sent": 2}
    rest = ledger.exchange(first, [], 10, NOW)
    assert (rest.claimed, rest.skipped, rest.left) == ([], 2, 0)


def test_another_occasion_is_another_matter(make: Make, ledger: Ledger) -> None:
    first, second = make.sending([1, 2]), make.sending([1, 2], occurrence="2026-03")
    assert len(claim(ledger, first)) == len(claim(ledger, second)) == 2


def test_the_index_stops_a_person_who_stands_twice_in_one_plan(make: Make, ledger: Ledger) -> None:
    """Planning leaves duplicates out; should it ever fail to, the ledger does not crash and sends one."""
    run = make.sending([1, 2, 1, 3, 2])
    found = ledger.exchange(run, [], 10, NOW)
    assert [claimed.message.to for claimed in found.claimed] == [number(1), number(2), number(3)]
    assert (found.skipped, found.left) == (2, 0)
    assert ledger.totals(run).by_reason == {"already-sent": 2}


def test_two_senders_of_two_runs_of_an_occasion_message_everybody_once(url: str) -> None:
    """At the same time, from two connections, in opposite orders: conflicts and deadlocks as they come."""
    people = list(range(300))
    with Ledger.open(url) as ledger:
        make = Make(ledger)
        runs = [make.plan(people), make.plan(people[::-1])]
        for run in runs:
            ledger.start_sending(run, NOW)
    reached: list[list[str]] = [[], []]
    errors: list[BaseException] = []

    def send(which: int) -> None:
        try:
            with Ledger.open(url) as own:
                settled: list[Settled] = []
                while True:
                    found = own.exchange(runs[which], settled, 7, NOW)
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
                    ledger.totals(run)
                else:
                    ledger.suppress(number(1000 + turn), source="test")
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
    ledger.set_state(run, RunState.PAUSED, "the gateway is down")
    assert claim(ledger, run) == []
    settle(ledger, run, ids)
    assert states(ledger, run) == {"accepted": 2, "planned": 3}
    assert ledger.start_sending(run, NOW) == 0
    assert ledger.run(run.id).state_reason is None
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
        ledger.exchange(run, broken, 2, NOW)
    assert states(ledger, run) == {"submitting": 2, "planned": 4}
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO events"))
    again = ledger.exchange(run, settled, 2, NOW)
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
    assert ledger.settle_unknown(run, ids[1:], state, "ann said so", NOW) == 2
    assert states(ledger, run)["unknown"] == 1
    row = row_of(ledger, run, ids[1])
    assert (row["state"], row["detail"]) == (str(state), "ann said so")
    event = ledger.history(row["address"])[0].events[-1]
    assert (event.kind, event.code, event.detail) == ("reconciled", str(state), "ann said so")
    assert ledger.settle_unknown(run, None, state, "the rest", NOW) == 1
    assert "unknown" not in states(ledger, run)


def test_unknown_settled_as_not_sent_is_sent_by_the_next_send(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    ids = claim(ledger, run)
    settle(ledger, run, ids, UNKNOWN)
    ledger.set_state(run, RunState.FINISHED)
    assert ledger.open_run(run.occasion) is None
    assert ledger.settle_unknown(run, ids[:1], State.PLANNED, "not in the provider's list", NOW) == 1
    found = ledger.open_run(run.occasion)
    assert found is not None
    assert found.id == run.id
    assert ledger.reached(run.occasion).tolist() == [1, 2]
    ledger.start_sending(run, NOW + 1)
    again = ledger.exchange(run, [], 10, NOW + 1)
    assert [claimed.message.id for claimed in again.claimed] == ids[:1]
    assert again.claimed[0].attempts == 2


def test_unknown_cannot_become_anything_else(make: Make, ledger: Ledger) -> None:
    run = make.sending(1)
    with pytest.raises(ValueError, match="cannot become"):
        ledger.settle_unknown(run, None, State.SUBMITTING, "no", NOW)


def test_what_has_not_left_by_the_end_never_leaves(make: Make, ledger: Ledger) -> None:
    run = make.sending(4, expires_at=NOW + 10)
    settle(ledger, run, claim(ledger, run, 1))
    settle(ledger, run, claim(ledger, run, 1), NOT_SENT, due_at=NOW + 50)
    assert ledger.expire(run, NOW + 9) == 0
    assert ledger.expire(run, NOW + 10) == 3
    assert states(ledger, run) == {"accepted": 1, "expired": 3}
    last = ledger.exchange(run, [], 10, NOW + 100)
    assert (last.claimed, last.left, last.next_due) == ([], 0, None)
    assert ledger.totals(run).by_reason == {"expired": 3}


def test_a_run_without_an_end_never_expires(make: Make, ledger: Ledger) -> None:
    run = make.sending(2)
    assert ledger.expire(run, 2**62) == 0


def test_a_refused_country_is_left_out_and_the_others_go_on(make: Make, ledger: Ledger) -> None:
    run = make.sending(4, columns={"country": ["GB", "FR", "GB", "FR"]})
    assert ledger.refuse_country(run, "FR", NOW) == 2
    found = ledger.exchange(run, [], 10, NOW)
    assert [claimed.message.country for claimed in found.claimed] == ["GB", "GB"]
    assert found.left == 0
    assert ledger.totals(run).by_reason == {"country-refused": 2}


def test_a_cancelled_run_sends_nothing_more(make: Make, ledger: Ledger, url: str) -> None:
    """By another process, while a sender is at work."""
    run = make.sending(4)
    ids = claim(ledger, run, 1)
    with Ledger.open(url) as other:
        assert other.cancel(other.run(run.id), NOW) == 3
    found = ledger.exchange(run, [Settled(ids[0], ACCEPTED, State.ACCEPTED)], 10, NOW)
    assert found.claimed == []
    assert states(ledger, run) == {"accepted": 1, "cancelled": 3}
    assert ledger.run(run.id).state == RunState.CANCELLED
    with pytest.raises(LedgerError, match="it is cancelled"):
        ledger.start_sending(run, NOW)


def test_the_states_of_a_run_and_their_moments_are_kept(make: Make, ledger: Ledger) -> None:
    run = make.plan(1)
    ledger.start_sending(run, NOW)
    ledger.set_state(run, RunState.PAUSED, "Ctrl-C", NOW + 1)
    ledger.start_sending(run, NOW + 2)
    ledger.set_state(run, RunState.FINISHED, None, NOW + 3)
    again = ledger.run(run.id)
    assert (again.started_at, again.finished_at) == (NOW, NOW + 3)
    assert [(event.at, event.code, event.detail) for event in ledger.run_events(run)] == [
        (NOW, "sending", None),
        (NOW + 1, "paused", "Ctrl-C"),
        (NOW + 2, "sending", None),
        (NOW + 3, "finished", None),
    ]


def test_a_test_message_is_an_event_and_counts_nowhere(make: Make, ledger: Ledger) -> None:
    run = make.plan(2)
    before = ledger.totals(run)
    ledger.record_test(run, "+447700900123", ACCEPTED, NOW)
    ledger.record_test(None, "+447700900123", REJECTED, NOW)
    assert ledger.totals(run) == before
    assert ledger.reached(run.occasion).tolist() == []
    (event,) = ledger.run_events(run)
    assert (event.kind, event.detail) == ("test", "accepted to …0123")
    with ledger.engine.connect() as connection:
        assert "7700900" not in str(connection.execute(sa.text("SELECT * FROM events")).all())


def test_a_row_is_marked_as_claimed_in_the_claimed_states_and_no_other(make: Make, ledger: Ledger) -> None:
    """The table itself refuses a row that says otherwise: the once-only index hangs on it."""
    run = make.sending(1)
    settle(ledger, run, claim(ledger, run), NOT_SENT)
    with pytest.raises(sa.exc.IntegrityError), ledger.engine.begin() as connection:
        connection.execute(sa.update(attempts).where(attempts.c.run == run.number).values(state="accepted"))
    with pytest.raises(sa.exc.IntegrityError), ledger.engine.begin() as connection:
        connection.execute(sa.update(attempts).where(attempts.c.run == run.number).values(claimed_at=1))


def test_an_exchange_never_searches_the_whole_ledger(tmp_path: Path) -> None:
    """Every statement of an exchange is answered by an index or a range of the primary key."""
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = Make(ledger).sending(9)
        settle(ledger, run, claim(ledger, run, 3), NOT_SENT, due_at=NOW)
        ledger.suppress(number(4), source="test")
        asked: list[tuple[str, object]] = []

        @sa.event.listens_for(ledger.engine, "before_cursor_execute")
        def _note(_1: object, _2: object, sql: str, values: object, _3: object, many: bool) -> None:
            asked.append((sql, values[0] if many else values))  # type: ignore[index]

        ids = claim(ledger, run, 5)
        settled = [Settled(id, NOT_SENT, State.PLANNED, NOW + 5) for id in ids]
        settled[0] = Settled(ids[0], ACCEPTED, State.ACCEPTED)
        ledger.exchange(run, settled, 100, NOW)
        ledger.release(run, ids)
        sa.event.remove(ledger.engine, "before_cursor_execute", _note)
        asked = [(sql, values) for sql, values in asked if not sql.startswith("BEGIN")]
        with ledger.engine.connect() as connection:
            plans = {
                sql: [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
                for sql, values in asked
            }
    assert len(plans) >= 9
    assert [sql for sql, steps in plans.items() if any(step.startswith("SCAN") for step in steps)] == []
