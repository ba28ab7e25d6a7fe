"""The audit trail: who did what, in a chain that shows whatever is done to it afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
import readykit
from ledgerkit import NOW
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from a2pcli.ledger.store import Ledger


def filled(ledger: Ledger, count: int = 5) -> str:
    for number in range(count):
        entry = ledger.audit.add("import", f"list-{number}", {"added": number}, now=NOW + number)
    return entry.hash


def tampered(ledger: Ledger, sql: str, **values: Any) -> None:
    """As somebody would who owns the database: the triggers go first."""
    with ledger.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER audit_no_update"))
            connection.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            connection.execute(text("DROP TRIGGER audit_append_only ON audit"))
        connection.execute(text(sql), values)


def test_entries_are_numbered_without_gaps_and_the_trail_is_sound(ledger: Ledger) -> None:
    head = filled(ledger)
    found = ledger.audit.verify()
    assert (found.sound, found.entries, found.last, found.head) == (True, 5, 5, head)
    assert [entry.number for entry in ledger.audit.entries(chunk=2)] == [5, 4, 3, 2, 1]


def test_an_empty_trail_is_sound(ledger: Ledger) -> None:
    found = ledger.audit.verify()
    assert (found.sound, found.entries, found.head) == (True, 0, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [("at", 1), ("who", "eve"), ("host", "elsewhere"), ("action", "send"), ("subject", "x"), ("detail", "{}"),
     ("previous", "f" * 64), ("hash", "f" * 64)],
)  # fmt: skip
def test_a_change_of_any_field_shows(ledger: Ledger, column: str, value: Any) -> None:
    filled(ledger)
    tampered(ledger, f"UPDATE audit SET {column} = :value WHERE number = 3", value=value)
    found = ledger.audit.verify()
    assert not found.sound
    assert found.broken[0].number in (3, 4)


def test_a_removed_entry_shows(ledger: Ledger) -> None:
    filled(ledger)
    tampered(ledger, "DELETE FROM audit WHERE number = 3")
    assert [broken.what for broken in ledger.audit.verify().broken] == ["entry 3 was removed"]


def test_a_removed_first_entry_shows(ledger: Ledger) -> None:
    filled(ledger)
    tampered(ledger, "DELETE FROM audit WHERE number = 1")
    assert not ledger.audit.verify().sound


def test_a_removal_hidden_by_new_numbers_shows(ledger: Ledger) -> None:
    filled(ledger)
    tampered(ledger, "DELETE FROM audit WHERE number = 3")
    with ledger.engine.begin() as connection:
        for number in (4, 5):
            connection.execute(text(f"UPDATE audit SET number = {number - 1} WHERE number = {number}"))
    assert not ledger.audit.verify().sound


def test_an_entry_slipped_in_at_the_end_with_a_hash_of_its_own_shows(ledger: Ledger) -> None:
    filled(ledger)
    tampered(
        ledger,
        "INSERT INTO audit (number, at, who, host, action, previous, hash)"
        " VALUES (6, 1, 'eve', 'h', 'send', :previous, :hash)",
        previous="0" * 64,
        hash="1" * 64,
    )
    assert [broken.number for broken in ledger.audit.verify().broken] == [6, 6]


def test_a_tail_cut_off_shows_only_against_a_head_noted_before(ledger: Ledger) -> None:
    head = filled(ledger)
    tampered(ledger, "DELETE FROM audit WHERE number >= 4")
    assert ledger.audit.verify().sound
    assert not ledger.audit.verify(head).sound


def test_a_noted_head_that_has_entries_after_it_is_sound(ledger: Ledger) -> None:
    head = filled(ledger)
    ledger.audit.add("prune")
    assert ledger.audit.verify(head).sound


@pytest.mark.parametrize("sql", ["UPDATE audit SET who = 'eve'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_or_remove_entries(ledger: Ledger, sql: str) -> None:
    filled(ledger)
    with pytest.raises(DBAPIError, match="append-only"), ledger.engine.begin() as connection:
        connection.execute(text(sql))
    assert ledger.audit.verify().entries == 5


def test_an_entry_says_who_and_where_and_names_people_by_a_hash(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "maria")
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "k" * 32)
    entry = ledger.audit.add("optout-add", None, {"scope": "everything"}, people=["+447911123456"])
    assert entry.who == "maria"
    assert entry.facts["people"] == 1
    assert entry.subject is not None
    assert entry.subject.startswith("#")
    assert "7911123456" not in entry.subject + json.dumps(entry.facts)
    several = ledger.audit.add("optout-add", None, people=["+447911123456", "+447911123457"])
    assert several.facts["hashes"][0] == entry.subject
    many = ledger.audit.add("optout-add", None, people=[f"+4479111234{n:02}" for n in range(50)])
    assert many.facts == {"people": 50}


WRITE = """
import sys
from a2pcli.ledger.store import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    for number in range(10):
        ledger.audit.add("import", f"{number}")
"""


def test_several_processes_at_once_keep_one_chain(url: str) -> None:
    Ledger.open(url).close()
    writers = [readykit.Forked(["ready:script", WRITE, url]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0] * 3
    with Ledger.open(url) as ledger:
        found = ledger.audit.verify()
    assert (found.sound, found.entries, found.last) == (True, 30, 30)
