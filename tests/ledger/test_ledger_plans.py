"""Making plans."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from ledgerkit import NOW, Make, accepted, claim, number, settle, states

from a2pcli.errors import LedgerError, UsageError
from a2pcli.ledger.records import ExcludedRows, PlannedRows, RunState
from a2pcli.ledger.store import Ledger


def test_an_occasion_has_one_number_for_ever(ledger: Ledger) -> None:
    first = ledger.plans.occasion("spring", "once")
    assert ledger.plans.occasion("spring", "once") == first
    assert ledger.plans.occasion("spring", "2026-03-01") != first
    assert ledger.plans.occasion("winter", "once") != first


def test_a_run_remembers_everything_it_was_begun_with(make: Make, ledger: Ledger) -> None:
    run = make.begun(
        sender="ACME",
        channel="mms",
        purpose="marketing",
        campaign_file="spring.yaml",
        contacts_file="people.csv",
        contacts_fingerprint="f" * 64,
        not_before=NOW,
        expires_at=NOW + 1,
        sending={"media": ["https://acme.example/a.jpg"], "pace": "20/s"},
        created_at=NOW,
    )
    again = ledger.runs.get(run.id)
    assert again == run
    assert (again.state, again.channel, again.sender) == (RunState.PLANNING, "mms", "ACME")
    assert again.media == ("https://acme.example/a.jpg",)


def test_run_ids_are_easy_to_read_out(make: Make) -> None:
    id = make.begun().id
    assert len(id) == 8
    assert id[0] == "r"
    assert not set(id[1:]) & set("aeiou01l")


def test_accepted_and_excluded_rows_come_back_in_the_files_order(make: Make, ledger: Ledger) -> None:
    run = make.begun()
    excluded = ExcludedRows(
        row=[2, 5], line=[3, 6], reason=["duplicate", "invalid-number"], cell=[None, "O7"]
    )
    ledger.plans.add_rows(run, PlannedRows(accepted([10, 11, 12], row=[1, 3, 4], line=[2, 4, 5]), excluded))
    ledger.plans.finish(run, digest="d", rows_read=5, summary={"accepted": 3})
    rows = [row for chunk in ledger.messages.rows(run, chunk=2) for row in chunk]
    assert [(row["line"], row["state"], row["reason"]) for row in rows] == [
        (2, "planned", None),
        (3, "skipped", "duplicate"),
        (4, "planned", None),
        (5, "planned", None),
        (6, "skipped", "invalid-number"),
    ]
    assert rows[4]["cell"] == "O7"
    assert rows[0]["address"] == number(10)


def test_a_large_chunk_loses_no_row(make: Make, ledger: Ledger) -> None:
    """More rows than one statement holds, and not a multiple of them."""
    run = make.plan(2345)
    rows = [row for chunk in ledger.messages.rows(run) for row in chunk]
    assert [row["person"] for row in rows] == list(range(2345))
    assert [row["body"] for row in rows] == [f"Hello {person}" for person in range(2345)]


@pytest.mark.parametrize("form", ["numpy", "nan", "arrow", "constant", "none"])
def test_a_column_may_come_in_any_form(make: Make, ledger: Ledger, form: str) -> None:
    costs = {
        "numpy": np.array([5, 6, 7]),
        "arrow": pa.array([5, None, 7]),
        "nan": np.array([5.0, np.nan, 7.0]),
        "constant": 5,
        "none": None,
    }
    texts = {"numpy": np.array(["a", "b", "c"], dtype=object), "arrow": pa.array(["a", "b", "c"])}
    expected = {"numpy": [5, 6, 7], "constant": [5] * 3, "none": [None] * 3}
    columns = {"cost": costs[form], "body": texts.get(form, ["a", "b", "c"])}
    run = make.plan(3, columns=columns)
    rows = [row for chunk in ledger.messages.rows(run) for row in chunk]
    assert [row["cost"] for row in rows] == expected.get(form, [5, None, 7])
    assert [row["body"] for row in rows] == ["a", "b", "c"]


def test_text_is_kept_to_the_letter(make: Make, ledger: Ledger) -> None:
    bodies = ['it\'s "50%" off; --', "щётка 👩‍👩‍👧‍👦", "a\nb\tc\\N", "", "x" * 100_000]
    run = make.plan(5, columns={"body": bodies, "country": "G'B", "variant": "a\0b"})
    rows = [row for chunk in ledger.messages.rows(run) for row in chunk]
    assert [row["body"] for row in rows] == bodies
    assert {row["country"] for row in rows} == {"G'B"}


def test_columns_of_different_lengths_are_a_mistake_and_leave_nothing(make: Make, ledger: Ledger) -> None:
    run = make.begun()
    with pytest.raises(ValueError, match="different lengths"):
        ledger.plans.add_rows(run, PlannedRows(accepted([1, 2, 3], body=["a"])))
    assert states(ledger, run) == {}


def test_an_empty_chunk_is_nothing(make: Make, ledger: Ledger) -> None:
    run = make.begun()
    ledger.plans.add_rows(run, PlannedRows(accepted([]), ExcludedRows(row=[], line=[], reason=[])))
    ledger.plans.add_rows(run, PlannedRows())
    assert ledger.plans.finish(run, digest="d", rows_read=0, summary={}).state == RunState.PLANNED


def test_a_plan_that_was_shown_is_there_when_the_ledger_is_opened_again(url: str) -> None:
    with Ledger.open(url) as ledger:
        run = Make(ledger).plan(7)
    with Ledger.open(url, create=False) as ledger:
        again = ledger.runs.get(run.id)
        assert (again.state, again.digest, again.rows_read) == (RunState.PLANNED, "d" * 64, 7)
        assert states(ledger, again) == {"planned": 7}


def test_a_half_made_plan_is_never_sendable(make: Make, ledger: Ledger) -> None:
    run = make.begun()
    ledger.plans.add_rows(run, PlannedRows(accepted([1, 2])))
    with pytest.raises(LedgerError, match="it is planning"):
        ledger.attempts.start(run, NOW)
    assert claim(ledger, run) == []
    assert ledger.runs.unfinished(run.occasion) is None


def test_a_half_made_plan_of_a_dead_planner_goes_with_the_next_plan(url: str) -> None:
    """The planner's lock ends with its ledger here, as it does with a killed process."""
    with Ledger.open(url) as ledger:
        dead = Make(ledger).begun()
        ledger.plans.add_rows(dead, PlannedRows(accepted([1, 2])))
    with Ledger.open(url) as ledger:
        Make(ledger).begun(occurrence="another occasion")
        assert states(ledger, dead) == {"planned": 2}
        Make(ledger).begun()
        assert states(ledger, dead) == {}
        assert ledger.runs.get(dead.id).state == RunState.DISCARDED


def test_a_plan_in_the_making_is_left_alone_by_another_planner(url: str) -> None:
    with Ledger.open(url) as ledger, Ledger.open(url) as other:
        alive = Make(ledger).begun()
        ledger.plans.add_rows(alive, PlannedRows(accepted([1, 2])))
        Make(other).begun()
        ledger.plans.add_rows(alive, PlannedRows(accepted([3], row=[3])))
        run = ledger.plans.finish(alive, digest="d", rows_read=3, summary={})
        assert states(ledger, run) == {"planned": 3}


def test_a_declined_plan_leaves_its_run_but_no_rows(make: Make, ledger: Ledger) -> None:
    run = make.plan(3)
    ledger.plans.discard(run)
    assert states(ledger, run) == {}
    assert ledger.runs.get(run.id).state == RunState.DISCARDED


def test_a_run_that_was_sent_cannot_be_discarded(make: Make, ledger: Ledger) -> None:
    run = make.sending(3)
    settle(ledger, run, claim(ledger, run, 1))
    ledger.plans.discard(run)
    assert states(ledger, run) == {"accepted": 1, "planned": 2}


def test_the_newest_three_unsent_plans_of_an_occasion_stay_approvable(make: Make, ledger: Ledger) -> None:
    plans = [make.plan(2) for _ in range(5)]
    elsewhere = make.plan(2, campaign="winter")
    assert [ledger.runs.get(run.id).state for run in plans] == ["superseded"] * 2 + ["planned"] * 3
    assert [states(ledger, run) for run in plans] == [{}, {}] + [{"planned": 2}] * 3
    assert ledger.runs.get(elsewhere.id).state == RunState.PLANNED
    with pytest.raises(LedgerError, match="it is superseded"):
        ledger.attempts.start(plans[0], NOW)
    assert ledger.attempts.start(plans[2], NOW) == 0


def test_runs_that_were_sent_are_never_superseded(make: Make, ledger: Ledger) -> None:
    sent = make.sending(2)
    for _ in range(4):
        make.plan(2)
    assert states(ledger, sent) == {"planned": 2}


def test_reached_are_those_who_have_or_may_have_the_message(make: Make, ledger: Ledger) -> None:
    from ledgerkit import NOT_SENT, REJECTED, UNKNOWN

    run = make.sending([50, 40, 30, 20, 10, 2**62])
    ids = claim(ledger, run, 5)
    for id, outcome in zip(ids[:4], [REJECTED, UNKNOWN, NOT_SENT, None], strict=True):
        settle(ledger, run, [id], outcome) if outcome else settle(ledger, run, [id])
    found = ledger.messages.reached(run.occasion)
    assert found.dtype == np.int64
    assert found.tolist() == [10, 20, 40, 50]
    assert ledger.messages.reached(run.occasion + 1).tolist() == []


def test_recipients_of_a_run_or_a_campaign(make: Make, ledger: Ledger) -> None:
    first = make.sending([1, 2, 3])
    settle(ledger, first, claim(ledger, first, 2))
    second = make.sending([2, 4], occurrence="again")
    settle(ledger, second, claim(ledger, second))
    assert sorted(ledger.messages.recipients([first.id]).to_pylist()) == [number(1), number(2)]
    assert sorted(ledger.messages.recipients(["spring"]).to_pylist()) == [number(1), number(2), number(4)]


def test_recipients_of_a_name_nobody_knows_is_an_error_with_a_hint(make: Make, ledger: Ledger) -> None:
    from a2pcli.errors import InvalidInput

    make.plan(1)
    with pytest.raises(InvalidInput, match="did you mean spring"):
        ledger.messages.recipients(["sprin"])


def test_an_unknown_run_is_a_usage_error_with_the_nearest_id(make: Make, ledger: Ledger) -> None:
    run = make.plan(1)
    mistyped = run.id[:-1] + ("2" if run.id[-1] != "2" else "3")
    with pytest.raises(UsageError, match=f"did you mean {run.id}"):
        ledger.runs.get(mistyped)
    with pytest.raises(UsageError, match="no run 'zzz'"):
        ledger.runs.get("zzz")


def test_runs_come_newest_first(make: Make, ledger: Ledger) -> None:
    runs = [make.plan(1), make.plan(1, campaign="winter"), make.plan(1)]
    assert [run.id for run in ledger.runs.all()] == [run.id for run in reversed(runs)]
    assert [run.id for run in ledger.runs.all(limit=1)] == [runs[2].id]
    assert [run.id for run in ledger.runs.all(campaign="winter")] == [runs[1].id]


def test_the_open_run_is_the_newest_that_was_interrupted(make: Make, ledger: Ledger) -> None:
    occasion = make.plan(1).occasion
    assert ledger.runs.unfinished(occasion) is None
    first, second = make.sending(1), make.sending(1)
    assert ledger.runs.unfinished(occasion) == ledger.runs.get(second.id)
    ledger.runs.set_state(second, "finished")
    ledger.runs.set_state(first, "paused", "Ctrl-C")
    found = ledger.runs.unfinished(occasion)
    assert found is not None
    assert (found.id, found.state_reason) == (first.id, "Ctrl-C")
