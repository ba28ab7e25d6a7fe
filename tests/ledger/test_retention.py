"""Retention: what is old enough goes, what is counted stays, and nobody is messaged twice for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ledgerkit import ACCEPTED, NOW, UNKNOWN, Make, accepted, claim, number, settle, states
from sqlalchemy import insert, text

from a2pcli.config.retention import DAY_MS, Retention, parse_age
from a2pcli.errors import InvalidInput, LedgerError
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.records import ExcludedRows, PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import contacted
from a2pcli.messages import Outcome, State, Verdict

RULES = Retention(default="100 days", otp="1 day", bodies="10 days", plans="30 days", contacted="50 days")
EXCLUDED = ExcludedRows(row=[11, 12], line=[12, 13], reason="invalid-number", cell=["Annabelle", "x"])


def days(count: float) -> int:
    return NOW + int(count * DAY_MS)


def sent(ledger: Ledger, make: Make, campaign: str = "spring", **values: Any) -> Run:
    """A finished run of ten, nine accepted and one unknown."""
    run = make.plan(10, excluded=EXCLUDED, campaign=campaign, **values)
    ledger.attempts.start(run, NOW)
    ids = claim(ledger, run)
    settle(
        ledger,
        run,
        ids[:9],
        Outcome(Verdict.ACCEPTED, gateway_id="SM1", code="201", detail=f"thanks from {number(3)}"),
    )
    settle(ledger, run, ids[9:], UNKNOWN)
    ledger.runs.set_state(run, "finished", now=NOW)
    return ledger.runs.get(run.id)


def rows(ledger: Ledger, run: Run) -> list[dict[str, Any]]:
    return [row for chunk in ledger.messages.rows(run) for row in chunk]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("400 days", 400 * DAY_MS), ("1 day", DAY_MS), ("12h", DAY_MS // 2), ("2 years", 730 * DAY_MS),
     ("3 months", 90 * DAY_MS), ("2 weeks", 14 * DAY_MS), ("Forever", None)],
)  # fmt: skip
def test_ages_are_typed_as_people_say_them(typed: str, meant: int | None) -> None:
    assert parse_age(typed) == meant


@pytest.mark.parametrize("typed", ["", "400", "days", "-1 day", "1.5 days", "soon", "1 minute"])
def test_what_is_no_age_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="is not a period"):
        parse_age(typed)


def test_texts_go_before_people_and_a_purpose_has_its_own_age() -> None:
    assert RULES.texts("marketing") == 10 * DAY_MS
    assert RULES.people("marketing") == 100 * DAY_MS
    assert RULES.texts("otp") == RULES.people("otp") == DAY_MS
    assert Retention(default="forever", bodies="forever").texts("marketing") is None


def test_nothing_goes_before_its_age(ledger: Ledger, make: Make) -> None:
    sent(ledger, make)
    assert ledger.people.prune(RULES, now=days(9.9)).nothing


def test_texts_go_at_their_age_and_everything_else_stays(ledger: Ledger, make: Make) -> None:
    run = sent(ledger, make)
    before = ledger.runs.totals(run)
    (step,) = ledger.people.prune(RULES, now=days(11)).steps
    assert (step.what, step.rows) == ("texts", 9)
    bodies = [row["body"] for row in rows(ledger, run) if row["state"] != "skipped"]
    assert bodies == [None] * 9 + ["Hello 9"], "the unknown one may turn out never to have been sent"
    assert len(ledger.messages.history(number(3))) == 1
    assert ledger.runs.totals(run) == before


def test_people_go_at_their_age_and_the_totals_stay(ledger: Ledger, make: Make) -> None:
    run = sent(ledger, make)
    before = ledger.runs.totals(run)
    (step,) = ledger.people.prune(RULES, now=days(101)).steps
    assert (step.what, step.rows) == ("people", 12)
    after = ledger.runs.totals(ledger.runs.get(run.id))
    assert (after.states, after.by_code, after.countries) == (before.states, before.by_code, before.countries)
    assert after.code_sentences == {}, "what the gateway said names a number"
    left = rows(ledger, run)
    assert {
        name for row in left for name in ("address", "cell", "body", "detail", "gateway_id") if row[name]
    } == set()
    assert ledger.messages.history(number(3)) == []


def test_pruning_twice_does_nothing_more(ledger: Ledger, make: Make) -> None:
    sent(ledger, make)
    ledger.people.prune(RULES, now=days(11))
    assert ledger.people.prune(RULES, now=days(12)).nothing
    ledger.people.prune(RULES, now=days(101))
    assert ledger.people.prune(RULES, now=days(500)).nothing


def test_totals_hold_even_when_the_run_changes_after_it(ledger: Ledger, make: Make) -> None:
    run = sent(ledger, make)
    before = ledger.runs.totals(run).states
    ledger.people.prune(RULES, now=days(101))
    ledger.attempts.settle_unknown(run, None, State.ACCEPTED, "by hand", days(102))
    assert ledger.runs.totals(ledger.runs.get(run.id)).states == before


def test_nobody_gets_a_campaign_twice_because_its_people_were_pruned(ledger: Ledger, make: Make) -> None:
    """Sent once for all: the key of each person stays, so a plan years later leaves them out."""
    run = sent(ledger, make)
    ledger.people.prune(RULES, now=days(101))
    assert list(ledger.messages.reached(run.occasion)) == list(range(10))
    again = make.plan(12)
    ledger.attempts.start(again, days(102))
    done = ledger.attempts.exchange(again, [], 100, days(102))
    assert [one.message.to for one in done.claimed] == [number(10), number(11)]


def test_an_older_occurrence_loses_its_rows_and_is_not_planned_again(ledger: Ledger, make: Make) -> None:
    occasion = ledger.plans.occasion("daily", "2026-01-01")
    run = _daily(ledger, make, "2026-01-01")
    _daily(ledger, make, "2026-01-02")
    ledger.people.prune(RULES, now=days(101))
    assert rows(ledger, run) == []
    assert ledger.runs.totals(ledger.runs.get(run.id)).by_state == {"accepted": 5}
    with pytest.raises(LedgerError, match="--occurrence"):
        make.begun("daily", "2026-01-01")
    assert make.begun("daily", "2026-01-03").occasion != occasion


def _daily(ledger: Ledger, make: Make, occurrence: str) -> Run:
    run = make.begun("daily", occurrence)
    ledger.plans.add_rows(run, PlannedRows(accepted(range(5))))
    run = ledger.plans.finish(run, digest="d" * 64, rows_read=5, summary={})
    ledger.attempts.start(run, NOW)
    settle(ledger, run, claim(ledger, run), ACCEPTED)
    ledger.runs.set_state(run, "finished", now=NOW)
    return run


def test_a_campaign_that_leaves_out_the_people_of_a_pruned_run_is_refused(ledger: Ledger, make: Make) -> None:
    """They would get the next message too: nobody knows any more who they were."""
    run = sent(ledger, make)
    ledger.people.prune(RULES, now=days(101))
    for name in (run.id, "spring"):
        with pytest.raises(InvalidInput, match="no longer known who got"):
            ledger.messages.recipients([name])


@pytest.mark.parametrize("state", ["paused", "sending"])
def test_a_run_that_can_still_send_is_never_touched(ledger: Ledger, make: Make, state: str) -> None:
    run = make.sending(5)
    claim(ledger, run, want=2)
    ledger.runs.set_state(run, state, now=NOW)
    done = ledger.people.prune(RULES, now=days(5000))
    assert (done.steps, done.busy) == ((), ())
    assert all(row["body"] for row in rows(ledger, run))


def test_a_run_that_another_process_holds_is_left_alone_and_told(ledger: Ledger, make: Make) -> None:
    run = sent(ledger, make)
    with sender_lock(ledger, run):
        done = ledger.people.prune(RULES, now=days(101))
    assert (done.steps, done.busy) == ((), (run.id,))
    assert len(rows(ledger, run)) == 12


def test_plans_that_were_never_sent_go_with_their_rows_and_samples(ledger: Ledger, make: Make) -> None:
    run = make.plan(5)
    with ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE runs SET summary = :s"), {"s": json.dumps({"samples": [{"number": number(1)}]})}
        )
        connection.execute(text("UPDATE runs SET planned_at = :now"), {"now": NOW})
    assert ledger.people.prune(RULES, now=days(29)).nothing
    (step,) = ledger.people.prune(RULES, now=days(31)).steps
    assert (step.what, step.rows) == ("plan", 5)
    after = ledger.runs.get(run.id)
    assert (after.state, after.summary["samples"], rows(ledger, run)) == ("discarded", [], [])


def test_what_caps_count_has_an_age_of_its_own(ledger: Ledger, make: Make) -> None:
    with ledger.engine.begin() as connection:
        for message, at in ((1, NOW), (2, days(20))):
            connection.execute(
                insert(contacted).values(message=message, address=number(1), at=at, campaign="x")
            )
    assert ledger.people.prune(RULES, now=days(51)).contacted == 1
    assert ledger.people.prune(RULES, now=days(51)).nothing


def test_opt_outs_consents_and_the_audit_trail_stay(ledger: Ledger, make: Make) -> None:
    sent(ledger, make)
    ledger.optouts.add(number(3), source="by hand", now=NOW)
    head = ledger.audit.add("import", now=NOW).hash
    ledger.people.prune(RULES, now=days(5000))
    assert len(ledger.optouts.of(number(3))) == 1
    assert ledger.audit.verify(head).sound


def test_a_dry_run_says_the_same_and_changes_nothing(ledger: Ledger, make: Make) -> None:
    run = sent(ledger, make)
    said = ledger.people.prune(RULES, dry_run=True, now=days(101))
    assert len(rows(ledger, run)) == 12
    done = ledger.people.prune(RULES, now=days(101))
    assert [(step.what, step.rows) for step in said.steps] == [(step.what, step.rows) for step in done.steps]


def test_no_byte_of_pruned_people_is_left_in_a_sqlite_ledger(tmp_path: Path) -> None:
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        sent(ledger, Make(ledger))
        ledger.people.prune(RULES, now=days(101))
        ledger.rewrite()
        held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for needle in (b"7700900003", b"Hello 3", b"Annabelle", b"thanks"):
        assert needle not in held


# -- one-time codes ------------------------------------------------------------------------------------------


def test_the_text_of_a_one_time_code_goes_once_it_is_settled(ledger: Ledger, make: Make) -> None:
    run = make.sending(4, purpose="otp")
    ids = claim(ledger, run, want=3)
    settle(ledger, run, ids[:1], ACCEPTED)
    settle(ledger, run, ids[1:2], UNKNOWN)
    settle(ledger, run, ids[2:], Outcome(Verdict.NOT_SENT), due_at=NOW)
    bodies = {row["state"]: row["body"] for row in rows(ledger, run)}
    assert bodies == {"accepted": None, "unknown": None, "planned": "Hello 3"}
    assert [row["body"] for row in rows(ledger, run)][2] == "Hello 2", "what is tried again keeps it"


def test_a_one_time_code_that_nobody_knows_the_fate_of_is_never_sent_again(
    ledger: Ledger, make: Make
) -> None:
    run = make.sending(1, purpose="otp")
    settle(ledger, run, claim(ledger, run), UNKNOWN)
    ledger.attempts.settle_unknown(run, None, State.PLANNED, "not sent", NOW)
    assert states(ledger, run) == {"unknown": 1}


def test_what_never_left_of_an_otp_run_loses_its_text_at_its_end(ledger: Ledger, make: Make) -> None:
    run = make.sending(3, purpose="otp")
    ledger.runs.cancel(run, NOW)
    assert [row["body"] for row in rows(ledger, run)] == [None] * 3


def test_the_texts_of_other_purposes_stay_until_their_age(ledger: Ledger, make: Make) -> None:
    run = make.sending(1, purpose="transactional")
    settle(ledger, run, claim(ledger, run))
    assert [row["body"] for row in rows(ledger, run)] == ["Hello 0"]
