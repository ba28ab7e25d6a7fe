"""A count of a run is right at every moment, whether it is made now or was kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reportkit import OUTCOMES, new_ledger, number, plan, send
from sqlalchemy import select, update

from a2pcli.ledger import counting
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import Run, Settled, Totals
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import runs
from a2pcli.messages import State
from a2pcli.reporting.runs import run_lines
from a2pcli.reporting.totals import rates, totals_document

LEFT_OUT = {
    21: ("invalid-number", None, "07 12"),
    22: ("duplicate", number(3), None),
    23: ("holdout", number(900), None),
}


def counted_now(ledger: Ledger, run: Run) -> Totals:
    with ledger.engine.connect() as connection:
        return counting.count(connection, run)


def is_kept(ledger: Ledger, run: Run) -> bool:
    with ledger.engine.connect() as connection:
        return (
            connection.execute(select(runs.c.totals).where(runs.c.number == run.number)).scalar() is not None
        )


ALL = [*OUTCOMES, "lost"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.sampled_from(ALL), min_size=1, max_size=6)),
        st.tuples(st.sampled_from(["finished", "paused", "sending"]), st.none()),
        st.tuples(
            st.sampled_from(["accept", "reject", "again", "cancel", "expire", "IE", "late"]), st.none()
        ),
    ),
    max_size=8,
)


def take(ledger: Ledger, run: Run, step: str, outcomes: list[str] | None, now: int) -> None:
    """One thing that may happen to a run."""
    if step == "send" and outcomes:
        if ledger.runs.get(run.id).state != "cancelled":
            send(ledger, run, outcomes, now=now, end=None)
    elif step in ("finished", "paused", "sending"):
        ledger.runs.set_state(run, step, None, now)
    elif step == "cancel":
        ledger.runs.cancel(run, now)
    elif step == "expire":
        ledger.runs.expire(run, now)
    elif step == "IE":
        ledger.runs.refuse_country(run, "IE", now)
    elif step == "late":
        # An outcome that comes after the run was ended by somebody else.
        lost = [row for rows in ledger.messages.rows(run, states=[State.SUBMITTING]) for row in rows]
        ledger.attempts.exchange(run, [Settled(row["id"], *OUTCOMES["accepted"]) for row in lost[:1]], 0, now)
    else:
        state = {"accept": State.ACCEPTED, "reject": State.REJECTED, "again": State.PLANNED}[step]
        ledger.attempts.settle_unknown(run, None, state, "told", now)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_a_kept_count_is_the_count(tmp_path_factory, steps) -> None:
    """Whatever happens to a run, what the ledger tells is what its rows add up to; and they add up to the rows."""
    with new_ledger(tmp_path_factory.mktemp("kept")) as ledger:
        run = plan(ledger, recipients=20, excluded=LEFT_OUT, expires_at=5_000_000)
        ledger.runs.totals(run)
        for place, (step, outcomes) in enumerate(steps):
            take(ledger, run, step, outcomes, 2_000_000 + 500_000 * place)
            told = ledger.runs.totals(run)
            assert told == counted_now(ledger, run)
            assert told.rows == 23 == sum(told.by_state.values())


def test_a_count_is_kept_by_whoever_ends_the_run(ledger: Ledger) -> None:
    run = plan(ledger)
    assert is_kept(ledger, run)
    send(ledger, run, ["accepted"] * 4, end=None)
    assert not is_kept(ledger, run)
    ledger.runs.set_state(run, "paused")
    assert is_kept(ledger, run)
    assert ledger.runs.totals(run) == counted_now(ledger, run)


def test_who_asks_for_a_count_writes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    run = plan(ledger)
    send(ledger, run, ["accepted"] * 4)
    with ledger.engine.begin() as connection:
        connection.execute(update(runs).values(totals=None))
    ledger.runs.totals(run)
    run_lines(ledger)
    assert not is_kept(ledger, run)


def test_no_count_is_kept_while_the_run_is_sent(ledger: Ledger) -> None:
    run = plan(ledger)
    send(ledger, run, ["accepted"] * 4, end=None)
    ledger.runs.totals(run)
    assert not is_kept(ledger, run)


def test_a_count_that_was_kept_goes_with_the_next_change(ledger: Ledger) -> None:
    run = plan(ledger)
    send(ledger, run, ["unknown"] * 4)
    assert ledger.runs.totals(run).count("unknown") == 4
    ledger.attempts.settle_unknown(run, None, State.ACCEPTED, "told")
    assert is_kept(ledger, run)
    assert ledger.runs.totals(run).count("accepted") == 4


def test_an_outcome_that_comes_after_the_run_ended_is_counted(ledger: Ledger) -> None:
    """A run that was cancelled meanwhile still hears what became of the messages in flight."""
    run = plan(ledger)
    ledger.attempts.start(run, 2_000_000)
    [one] = ledger.attempts.exchange(run, [], 1, 2_000_000).claimed
    ledger.runs.cancel(run, 2_000_001)
    assert ledger.runs.totals(run).count("submitting") == 1
    ledger.attempts.exchange(run, [Settled(one.message.id, *OUTCOMES["accepted"])], 0, 2_000_002)
    assert ledger.runs.totals(run).by_state == {"accepted": 1, "cancelled": 9}


def test_a_claim_that_is_given_back_after_the_run_ended_is_counted(ledger: Ledger) -> None:
    run = plan(ledger)
    ledger.attempts.start(run, 2_000_000)
    claimed = ledger.attempts.exchange(run, [], 3, 2_000_000).claimed
    ledger.runs.set_state(run, "paused")
    assert ledger.runs.totals(run).count("submitting") == 3
    ledger.attempts.release(run, [one.message.id for one in claimed])
    assert ledger.runs.totals(run).by_state == {"planned": 10}


def test_a_discarded_plan_has_no_rows_in_its_count(ledger: Ledger) -> None:
    run = plan(ledger)
    assert ledger.runs.totals(run).rows == 10
    ledger.plans.discard(run)
    assert ledger.runs.totals(run).rows == 0


def test_a_count_of_another_shape_is_counted_again(ledger: Ledger) -> None:
    run = plan(ledger)
    before = ledger.runs.totals(run)
    with ledger.engine.begin() as connection:
        connection.execute(update(runs).values(totals='{"shape": 0, "rows": 7}'))
    assert ledger.runs.totals(run) == before


def test_a_ledger_that_another_program_holds_can_be_counted(ledger: Ledger, tmp_path: Path) -> None:
    run = plan(ledger)
    holder = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert ledger.runs.totals(run).rows == 10
    finally:
        holder.rollback()
        holder.close()


def test_parts_cost_and_unpriced_are_told_by_state_and_country(ledger: Ledger) -> None:
    """Rows 5 and 10 have no price; every third number is Irish."""
    run = plan(ledger, recipients=10, excluded={11: ("holdout", number(900), None)})
    run = send(ledger, run, ["accepted"] * 6 + ["rejected", "unknown"])
    document = totals_document(ledger.runs.totals(run))
    assert document["states"] == {"accepted": 6, "planned": 2, "rejected": 1, "skipped": 1, "unknown": 1}
    assert document["cost"] == {"GBP": "0.20"}
    assert document["unpriced_by_state"] == {"accepted": 1, "planned": 1}
    assert document["countries"]["IE"]["states"] == {"accepted": 2, "planned": 1}
    assert document["countries"]["IE"]["cost_by_state"]["accepted"] == {"GBP": "0.08"}
    assert sum(sum(of["states"].values()) for of in document["countries"].values()) == 10
    assert document["codes"] == {"rejected": {"21211": 1}, "unknown": {"timeout": 1}}
    assert document["code_sentences"]["21211"] == "the number is not valid"


def test_rates_show_their_denominators_and_divide_by_nothing(ledger: Ledger) -> None:
    run = plan(ledger, recipients=10, excluded={11: ("holdout", number(900), None)})
    assert rates(ledger.runs.totals(run))[0].share is None
    run = send(ledger, run, ["accepted"] * 6 + ["rejected", "unknown"])
    told = totals_document(ledger.runs.totals(run))["rates"]
    assert told["accepted_of_answered"] == {"share": round(6 / 7, 6), "count": 6, "of": 7}
    assert told["accepted_of_handed_over"] == {"share": 0.75, "count": 6, "of": 8}
    assert told["accepted_of_rows"] == {"share": round(6 / 11, 6), "count": 6, "of": 11}


def test_the_list_of_runs_counts_no_plan(ledger: Ledger) -> None:
    """A plan is told from its summary: its rows are not read."""
    run = plan(ledger, recipients=10)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM plan_chunks")
        connection.exec_driver_sql("DELETE FROM attempts")
    [line] = run_lines(ledger)
    assert (line.run.id, line.recipients, line.left, line.unpriced) == (run.id, 10, 10, 2)


def test_the_list_of_runs_tells_ended_runs_from_the_kept_count(ledger: Ledger) -> None:
    run = plan(ledger, recipients=10)
    send(ledger, run, ["accepted"] * 6 + ["rejected"] * 2 + ["unknown"] * 2)
    first = run_lines(ledger)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM plan_chunks")
        connection.exec_driver_sql("DELETE FROM attempts")
    [line] = run_lines(ledger)
    assert [line] == first
    assert (line.accepted, line.rejected, line.unknown, line.left) == (6, 2, 2, 0)
    assert line.cost == {"GBP": 6 * 40_000_000}


def test_plans_whose_rows_are_gone_are_listed_only_when_asked(ledger: Ledger) -> None:
    discarded = plan(ledger)
    ledger.plans.discard(discarded)
    kept = plan(ledger)
    assert [line.run.id for line in run_lines(ledger)] == [kept.id]
    assert [line.run.id for line in run_lines(ledger, everything=True)] == [kept.id, discarded.id]


def test_what_a_running_sender_has_with_the_gateway_is_in_flight_and_unknown_once_it_is_gone(ledger) -> None:
    run = plan(ledger, recipients=5)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, 2_000_000)
        ledger.attempts.exchange(run, [], 2, 2_000_000)
        (line,) = run_lines(ledger)
        assert (line.in_flight, line.unknown, line.left) == (2, 0, 3)
    (line,) = run_lines(ledger)
    assert (line.in_flight, line.unknown, line.left) == (0, 2, 3)
