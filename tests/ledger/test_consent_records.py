"""Who agreed to what: records, withdrawals, and consent asked about again at the claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgerkit import NOW, Make, accepted, claim, number, row_of

from a2pcli.errors import InvalidInput
from a2pcli.ledger.consents import NEVER, ConsentRecord, NewConsents
from a2pcli.ledger.records import Imported, PlannedRows, Run
from a2pcli.ledger.store import Ledger

DAY = 86_400_000


def agree(ledger: Ledger, person: int = 1, *, now: int = NOW, **facts: Any) -> Imported:
    """One person agrees."""
    values: dict[str, Any] = {"given_at": now, "source": "web form"} | facts
    return ledger.consents.record(NewConsents([number(person)], **values), now)


def allowed(
    ledger: Ledger, person: int = 1, programme: str = "news", channel: str = "sms", now: int = NOW
) -> bool:
    """Whether a record allows a message, asked in both ways there are."""
    one = ledger.consents.allowing(number(person), programme, channel, now)
    standing = ledger.consents.standing(programme, channel, now)
    assert (int(number(person)) in standing.consented.tolist()) is (one is not None)
    return one is not None


def test_a_record_keeps_who_when_how_which_words_for_what_and_until_when(ledger: Ledger) -> None:
    new = NewConsents(
        [number(1)],
        given_at=NOW - DAY,
        source="web form",
        programme="news",
        channel="sms",
        basis="express",
        double_opt_in="confirmed",
        confirmed_at=NOW - 1,
        expires_at=NOW + DAY,
        wording="Yes, send me news",
    )
    assert ledger.consents.record(new, NOW) == Imported(1, 0)
    (record,) = ledger.consents.of(number(1))
    assert record == ConsentRecord(
        record.number, number(1), "news", "sms", "express", "confirmed", NOW - DAY, NOW - 1, NOW + DAY, "web form",
        "Yes, send me news", NOW, None, None,
    )  # fmt: skip
    assert ledger.consents.allowing(number(1), "news", "sms", NOW) == record


def test_the_same_fact_is_recorded_once_and_another_is_another(ledger: Ledger) -> None:
    assert agree(ledger) == Imported(1, 0)
    assert agree(ledger) == Imported(0, 1)
    assert agree(ledger, wording="v2") == Imported(1, 0)
    assert agree(ledger, wording="v2") == Imported(0, 1)
    assert ledger.consents.record(NewConsents([number(2)] * 3, NOW, "x"), NOW) == Imported(1, 2)
    assert ledger.consents.record(NewConsents([], [], "x"), NOW) == Imported(0, 0)


def test_many_facts_go_in_as_columns(ledger: Ledger) -> None:
    people = pa.array([number(person) for person in range(1500)])
    ends = [NOW + DAY if person % 2 else None for person in range(1500)]
    assert ledger.consents.record(NewConsents(people, NOW, "list", expires_at=ends), NOW) == Imported(1500, 0)
    assert ledger.consents.record(NewConsents(people, NOW, "list", expires_at=ends), NOW) == Imported(0, 1500)
    standing = ledger.consents.standing("news", "sms", NOW)
    assert sorted(standing.until.tolist()) == [NOW + DAY] * 750 + [NEVER] * 750
    assert len(ledger.consents.standing("news", "sms", NOW + DAY).consented) == 750
    assert {one.address for one in ledger.consents.all(chunk=400)} == {*people.to_pylist()}


def test_a_basis_that_does_not_exist_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidInput):
        agree(ledger, basis="hearsay")
    assert ledger.consents.of(number(1)) == []


@pytest.mark.parametrize(
    ("facts", "allows"),
    [
        ({}, True),
        ({"programme": "news"}, True),
        ({"programme": "alerts"}, False),
        ({"channel": "sms"}, True),
        ({"channel": "mms"}, False),
        ({"double_opt_in": "pending"}, False),
        ({"double_opt_in": "confirmed"}, True),
        ({"expires_at": NOW + 1}, True),
        ({"expires_at": NOW}, False),
        ({"given_at": NOW + 1}, False),
        ({"basis": "implied-purchase", "expires_at": NOW + DAY}, True),
    ],
)
def test_what_a_record_allows(ledger: Ledger, facts: dict[str, Any], allows: bool) -> None:
    agree(ledger, **facts)
    assert allowed(ledger) is allows


def test_consent_to_one_programme_is_none_to_a_campaign_without_any(ledger: Ledger) -> None:
    agree(ledger, programme="news")
    assert not allowed(ledger, programme="")


def test_of_several_records_the_one_that_lasts_longest_is_shown(ledger: Ledger) -> None:
    agree(ledger, expires_at=NOW + 2 * DAY, source="second")
    agree(ledger, expires_at=NOW + DAY, source="first")
    found = ledger.consents.allowing(number(1), "news", "sms", NOW)
    assert found is not None
    assert found.source == "second"


def revoke(ledger: Ledger, person: int = 1, now: int = NOW, **what: str) -> int:
    """One person takes consent back."""
    return ledger.consents.revoke(number(person), source="phone", by="ann", now=now, **what)


def test_a_withdrawal_ends_what_was_given_before_and_not_what_is_given_later(ledger: Ledger) -> None:
    agree(ledger, now=NOW)
    assert revoke(ledger, now=NOW + 1) == 1
    assert not allowed(ledger, now=NOW + 2)
    agree(ledger, now=NOW + 3)
    assert allowed(ledger, now=NOW + 3)
    assert [one.state(NOW + 3) for one in ledger.consents.of(number(1))] == [
        "revoked",
        "withdrawn",
        "in force",
    ]


def test_an_old_consent_that_is_found_later_does_not_undo_a_withdrawal(ledger: Ledger) -> None:
    revoke(ledger)
    agree(ledger, given_at=NOW - DAY, now=NOW + 1, source="an old paper")
    assert not allowed(ledger, now=NOW + 1)


def test_a_withdrawal_from_one_programme_leaves_the_others(ledger: Ledger) -> None:
    agree(ledger)
    assert revoke(ledger, now=NOW + 1, programme="news") == 0
    assert not allowed(ledger, programme="news", now=NOW + 1)
    assert allowed(ledger, programme="alerts", now=NOW + 1)


def test_a_withdrawal_is_told_even_of_one_who_has_no_record(ledger: Ledger) -> None:
    """A contacts file may still say yes of them."""
    revoke(ledger, programme="news")
    assert ledger.consents.standing("news", "sms", NOW).withdrawn.tolist() == [int(number(1))]
    assert list(ledger.consents.standing("news", "sms", NOW).withdrawn_at) == [NOW]
    assert ledger.consents.standing("alerts", "sms", NOW).withdrawn.tolist() == []


def test_the_counts_add_up_to_the_records(ledger: Ledger) -> None:
    agree(ledger, 1)
    agree(ledger, 2, double_opt_in="pending", programme="news")
    agree(ledger, 3, expires_at=NOW)
    revoke(ledger, 1, now=NOW + 1)
    assert ledger.consents.counts(NOW + 1) == [
        ("", "", "express", "expired", 1),
        ("", "", "express", "revoked", 1),
        ("", "", "withdrawn", "withdrawn", 1),
        ("news", "", "express", "pending", 1),
    ]


def planned(ledger: Ledger, make: Make, until: Sequence[int | None], **values: Any) -> Run:
    """A run that asked for consent at NOW; ``until`` is when each person's ends."""
    asked = {
        "sending": {"consent": {"required": True, "as_of": NOW}},
        "programme": "news",
        "purpose": "marketing",
    }
    run = make.begun(campaign=f"c{len(ledger.runs.all())}", **(asked | values))
    rows = accepted(range(1, len(until) + 1), consent_until=list(until))
    ledger.plans.add_rows(run, PlannedRows(rows))
    run = ledger.plans.finish(run, digest="d" * 64, rows_read=len(until), summary={})
    ledger.attempts.start(run, NOW)
    return run


def stopped(ledger: Ledger, run: Run, now: int) -> list[str]:
    """Who gets nothing at the claim."""
    gone = {one.message.to for one in ledger.attempts.exchange(run, [], 100, now).claimed}
    rows = [row for chunk in ledger.messages.rows(run) for row in chunk]
    skipped = [row for row in rows if row["address"] not in gone]
    assert all((row["reason"], row["rule"]) == ("no-consent", "consent") for row in skipped)
    return [row["address"] for row in skipped]


def test_consent_that_lapsed_after_the_plan_stops_the_message_at_that_moment(
    ledger: Ledger, make: Make
) -> None:
    assert stopped(ledger, planned(ledger, make, [NOW + 10, None]), NOW + 9) == []
    assert stopped(ledger, planned(ledger, make, [NOW + 10, None]), NOW + 10) == [number(1)]


def test_consent_given_again_after_the_plan_keeps_the_message_alive(ledger: Ledger, make: Make) -> None:
    agree(ledger, 1, now=NOW + 5)
    assert stopped(ledger, planned(ledger, make, [NOW + 10]), NOW + 20) == []


def test_a_withdrawal_after_the_plan_stops_the_message_and_one_before_it_was_judged_then(
    ledger: Ledger, make: Make
) -> None:
    """Whom the plan let in although they once withdrew, it let in by a later consent in the contacts file."""
    revoke(ledger, 1, now=NOW - 1)
    revoke(ledger, 2, now=NOW)
    revoke(ledger, 3, now=NOW + 5, programme="alerts")
    revoke(ledger, 4, now=NOW + 5, programme="news")
    agree(ledger, 5, now=NOW + 7)
    revoke(ledger, 5, now=NOW + 6)
    assert stopped(ledger, planned(ledger, make, [None] * 5), NOW + 10) == [number(2), number(4)]


def test_a_run_that_did_not_ask_for_consent_is_not_stopped_by_it(ledger: Ledger, make: Make) -> None:
    run = planned(ledger, make, [None], sending={}, purpose="transactional")
    revoke(ledger, 1, now=NOW + 5)
    assert stopped(ledger, run, NOW + 10) == []


facts = st.fixed_dictionaries(
    {
        "programme": st.sampled_from(["", "news", "other"]),
        "channel": st.sampled_from(["", "sms", "mms"]),
        "given": st.integers(-3, 8),
        "lasts": st.none() | st.integers(1, 8),
        "double": st.sampled_from([None, "pending", "confirmed"]),
    }
)
withdrawal = st.tuples(
    st.sampled_from(["", "news", "other"]), st.sampled_from(["", "sms", "mms"]), st.integers(0, 8)
)


def oracle(given: list[dict[str, Any]], gone: list[tuple[str, str, int]], at: int) -> bool:
    """The rule in plain words: a consent for this, begun, not over, not pending, given after each withdrawal."""
    withdrawals = [
        moment for programme, channel, moment in gone if programme in ("", "news") and channel in ("", "sms")
    ]
    for one in given:
        is_for_this = one["programme"] in ("", "news") and one["channel"] in ("", "sms")
        begun = one["given"] <= at
        over = one["lasts"] is not None and one["given"] + one["lasts"] <= at
        later = all(one["given"] > moment for moment in withdrawals)
        if is_for_this and begun and not over and one["double"] != "pending" and later:
            return True
    return False


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(facts, max_size=4), st.lists(withdrawal, max_size=2), st.integers(8, 14))
def test_who_is_allowed_is_what_the_rule_says_whatever_happened_in_which_order(
    ledger: Ledger, given: list[dict[str, Any]], gone: list[tuple[str, str, int]], at: int
) -> None:
    """At plan (``standing``) and for one person (``allowing``), against the rule written row by row."""
    person = 10 + sum(count[-1] for count in ledger.consents.counts(NOW))
    for one in given:
        end = None if one["lasts"] is None else NOW + one["given"] + one["lasts"]
        agree(
            ledger, person, given_at=NOW + one["given"], expires_at=end, programme=one["programme"],
            channel=one["channel"], double_opt_in=one["double"],
        )  # fmt: skip
    for programme, channel, moment in gone:
        revoke(ledger, person, now=NOW + moment, programme=programme, channel=channel)
    assert allowed(ledger, person, now=NOW + at) is oracle(given, gone, at)


def test_the_row_at_the_claim_says_why(ledger: Ledger, make: Make) -> None:
    run = planned(ledger, make, [NOW + 1])
    assert claim(ledger, run, now=NOW + 1) == []
    row = row_of(ledger, run, run.number * 2**32 + 1)
    assert (row["state"], row["detail"]) == ("skipped", "withdrawn or ended after the plan was made")
