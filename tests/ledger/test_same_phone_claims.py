"""Who said no in one spelling of their number gets nothing under any other: at the claim, whatever the spelling."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgerkit import NOW, Make, claim

from a2pcli.addresses.phone.same_phone import Forms, same_phone_forms, table
from a2pcli.ledger.consents import NewConsents
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger

MOBILE, FIXED = "+5491166773399", "+541166773399"
OTHER = "+5491166773400"


@st.composite
def phones(draw: st.DrawFn) -> str:
    forms: Forms = draw(st.sampled_from(table()))
    return "+" + draw(
        st.from_regex(re.compile(draw(st.sampled_from(forms.patterns)).pattern, re.ASCII), fullmatch=True)
    )


def run_to(make: Make, addresses: list[str], **values: object) -> Run:
    people = list(range(1, len(addresses) + 1))
    campaign = f"c{len(make.ledger.runs.all())}"
    given = {"programme": "news", "sender": "ACME", "purpose": "marketing"} | values
    return make.sending(people, campaign=campaign, columns={"address": addresses}, **given)


def reasons(ledger: Ledger, run: Run) -> dict[str, str]:
    return {
        row["address"]: row["reason"] for chunk in ledger.messages.rows(run) for row in chunk if row["reason"]
    }


@given(st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spelling_of_a_suppressed_phone_is_ever_claimed(
    ledger: Ledger, make: Make, data: st.DataObject
) -> None:
    people = data.draw(st.lists(phones(), min_size=1, max_size=5))
    addresses = sorted({form for one in people for form in same_phone_forms(one)})
    run = run_to(make, [*addresses, "+447911123456"])
    for one in people:
        ledger.optouts.add(
            data.draw(st.sampled_from(same_phone_forms(one))), source="after the plan", now=NOW
        )
    assert len(claim(ledger, run)) == 1
    assert reasons(ledger, run) == dict.fromkeys(addresses, "opted-out")
    for one in people:
        assert ledger.optouts.lift(one, by="test", now=NOW + 1) >= 0
        assert not [entry for entry in ledger.optouts.of(one) if entry.holds(NOW + 1)]


def test_a_phone_is_listed_once_and_lifted_in_any_spelling(ledger: Ledger) -> None:
    assert ledger.optouts.add(FIXED, source="phone", now=NOW)
    assert not ledger.optouts.add(MOBILE, source="phone", now=NOW)
    assert [one.address for one in ledger.optouts.of(MOBILE)] == [FIXED]
    assert ledger.optouts.lift(MOBILE, by="Ann", now=NOW) == 1
    assert ledger.optouts.count(NOW) == 0


def test_a_longer_opt_out_in_another_spelling_is_kept(ledger: Ledger) -> None:
    ledger.optouts.add(FIXED, source="a month", until_at=NOW + 10, now=NOW)
    assert ledger.optouts.add(MOBILE, source="for good", now=NOW)
    assert [one.source for one in ledger.optouts.of(FIXED) if one.holds(NOW + 20)] == ["for good"]


def test_a_list_that_names_the_phone_in_another_spelling_still_names_it(ledger: Ledger) -> None:
    ledger.optouts.add_all([FIXED, OTHER], source="dnc", list_name="dnc", as_of=NOW, now=NOW)
    ledger.optouts.end_list("dnc", NOW, NOW)
    later = NOW + 1000
    ledger.optouts.add_all([MOBILE], source="dnc", list_name="dnc", as_of=later, now=later)
    assert ledger.optouts.end_list("dnc", later, later) == 1  # the other person alone is not named any more


@pytest.mark.parametrize(("given_as", "taken_back_as"), [(FIXED, MOBILE), (MOBILE, FIXED), (MOBILE, MOBILE)])
def test_consent_taken_back_in_another_spelling_is_taken_back(
    ledger: Ledger, make: Make, given_as: str, taken_back_as: str
) -> None:
    ledger.consents.record(NewConsents([given_as, OTHER], NOW - 100, "form"), NOW - 50)
    run = run_to(make, [MOBILE, OTHER], sending={"consent": {"as_of": NOW - 10, "required": True}})
    ledger.consents.revoke(taken_back_as, source="phone", by="Ann", now=NOW)
    assert len(claim(ledger, run)) == 1
    assert reasons(ledger, run) == {MOBILE: "no-consent"}
    assert ledger.consents.allowing(given_as, "", "sms", NOW + 1) is None
    standing = ledger.consents.standing("", "sms", NOW + 1)
    assert standing.consented.tolist() == [int(OTHER)]


def test_consent_given_anew_in_another_spelling_counts(ledger: Ledger, make: Make) -> None:
    ledger.consents.revoke(FIXED, source="phone", by="Ann", now=NOW - 20)
    ledger.consents.record(NewConsents([MOBILE], NOW - 10, "form"), NOW - 10)
    run = run_to(make, [MOBILE], sending={"consent": {"as_of": NOW - 30, "required": True}})
    assert len(claim(ledger, run)) == 1


SPELLINGS = [("ACME", "Acme"), ("ACME", "ＡＣＭＥ"), ("Acme Club", "ACME  club"), ("+14155550100", "14155550100"),
             ("+14155550100", "whatsapp:+14155550100"), ("+14155550100", "+1 (415) 555-0100")]  # fmt: skip


@pytest.mark.parametrize(("sender", "spelt"), SPELLINGS)
def test_an_opt_out_binds_a_sender_however_it_is_spelt(
    ledger: Ledger, make: Make, sender: str, spelt: str
) -> None:
    run = run_to(make, [MOBILE, OTHER], sender=sender)
    ledger.optouts.add(FIXED, scope="sender", scope_value=spelt, source="gateway x", now=NOW)
    ledger.optouts.add(OTHER, scope="sender", scope_value="Somebody", source="gateway x", now=NOW)
    assert len(claim(ledger, run)) == 1
    assert reasons(ledger, run) == {MOBILE: "opted-out"}
    assert ledger.optouts.lift(MOBILE, scope="sender", scope_value=sender, by="Ann", now=NOW) == 1


def test_a_row_with_a_sender_of_its_own_is_compared_by_that_one(ledger: Ledger, make: Make) -> None:
    columns = {"address": [MOBILE, OTHER], "sender": ["acme", None]}
    run = make.sending([1, 2], columns=columns, sender="Other", purpose="marketing")
    for address in (MOBILE, OTHER):
        ledger.optouts.add(address, scope="sender", scope_value="ACME", source="reply", now=NOW)
    assert len(claim(ledger, run)) == 1
    assert reasons(ledger, run) == {MOBILE: "opted-out"}


def test_codes_and_emergencies_go_whatever_the_spelling(ledger: Ledger, make: Make) -> None:
    run = run_to(make, [MOBILE], purpose="otp")
    ledger.optouts.add(FIXED, source="reply", now=NOW)
    assert len(claim(ledger, run)) == 1
