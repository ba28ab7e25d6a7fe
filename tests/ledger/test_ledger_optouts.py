"""The suppression list."""

from __future__ import annotations

import pyarrow as pa
import pytest
from ledgerkit import NOW, number

from a2pcli.errors import InvalidInput
from a2pcli.ledger.records import Imported
from a2pcli.ledger.store import Ledger


def test_an_entry_keeps_source_time_and_reason(ledger: Ledger) -> None:
    assert ledger.optouts.add(number(1), source="ann", reason="asked on the phone", now=NOW)
    (entry,) = ledger.optouts.all()
    assert (entry.address, entry.scope, entry.source, entry.reason, entry.added_at, entry.lifted_at) == (
        number(1),
        "everything",
        "ann",
        "asked on the phone",
        NOW,
        None,
    )


def test_adding_twice_keeps_the_first_entry(ledger: Ledger) -> None:
    assert ledger.optouts.add(number(1), source="ann", now=NOW)
    assert not ledger.optouts.add(number(1), source="bob", now=NOW + 1)
    assert [entry.source for entry in ledger.optouts.all()] == ["ann"]


def test_a_lifted_entry_stays_as_history_and_the_address_can_come_back(ledger: Ledger) -> None:
    ledger.optouts.add(number(1), source="ann", now=NOW)
    assert ledger.optouts.lift(number(1), by="bob", now=NOW + 1) == 1
    assert ledger.optouts.lift(number(1), by="bob", now=NOW + 2) == 0
    assert list(ledger.optouts.all()) == []
    assert ledger.optouts.add(number(1), source="reply", now=NOW + 3)
    assert [(e.source, e.lifted_at, e.lifted_by) for e in ledger.optouts.of(number(1))] == [
        ("ann", NOW + 1, "bob"),
        ("reply", None, None),
    ]
    assert len(list(ledger.optouts.all(lifted=True))) == 2
    assert ledger.optouts.count() == 1


def test_a_senders_opt_out_holds_for_that_sender_only(ledger: Ledger) -> None:
    ledger.optouts.add(number(1), source="gateway", scope="sender", scope_value="ACME")
    ledger.optouts.add(number(2), source="reply")
    ledger.optouts.add(number(2), source="gateway", scope="sender", scope_value="ACME")
    found = {scope: [f"+{one}" for one in numbers] for scope, numbers in ledger.optouts.people().items()}
    assert found == {("everything", ""): [number(2)], ("sender", "ACME"): [number(1), number(2)]}


def test_one_scope_can_be_lifted_and_the_other_stays(ledger: Ledger) -> None:
    ledger.optouts.add(number(1), source="reply")
    ledger.optouts.add(number(1), source="gateway", scope="sender", scope_value="ACME")
    assert ledger.optouts.lift(number(1), scope="sender", scope_value="ACME", by="ann") == 1
    assert [entry.scope for entry in ledger.optouts.all()] == ["everything"]


@pytest.mark.parametrize(("scope", "value"), [("sender", ""), ("everything", "ACME"), ("country", "GB")])
def test_a_scope_that_would_suppress_nobody_is_refused(ledger: Ledger, scope: str, value: str) -> None:
    with pytest.raises(InvalidInput):
        ledger.optouts.add(number(1), source="ann", scope=scope, scope_value=value)


def test_many_at_once_are_each_added_or_there_already(ledger: Ledger) -> None:
    ledger.optouts.add(number(3), source="reply")
    many = [number(person % 1200) for person in range(1500)]
    assert ledger.optouts.add_all(many, source="list.csv", reason='it\'s "old"') == Imported(1199, 301)
    assert ledger.optouts.add_all(pa.array([number(0), number(9999)]), source="again") == Imported(1, 1)
    assert ledger.optouts.add_all([], source="nothing") == Imported(0, 0)
    assert [entry.source for entry in ledger.optouts.of(number(3))] == ["reply"]
    assert len(ledger.optouts.people()["everything", ""]) == 1201


def test_the_list_comes_in_the_order_it_was_made(ledger: Ledger) -> None:
    ledger.optouts.add_all([number(person) for person in (5, 3, 4, 1, 2)], source="list")
    assert [entry.address for entry in ledger.optouts.all(chunk=2)] == [
        number(person) for person in (5, 3, 4, 1, 2)
    ]
