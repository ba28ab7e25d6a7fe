"""Plans as chunks: what is stored is what was planned, and what happens to many at once is one row."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgerkit import ACCEPTED, NOT_SENT, NOW, Make, accepted, claim, number, settle, states
from test_clocks_at_claim import LOS_ANGELES, NEW_YORK, NOON, clock, planned

from a2pcli.errors import LedgerError
from a2pcli.ledger import erased, plan_store
from a2pcli.ledger.chunks import SCHEMA, Chunk, pack, pack_rows
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.records import AcceptedRows, ExcludedRows, PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import MOST_ROWS, attempts, plan_chunks, plan_ends
from a2pcli.messages import State

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_FEW = st.sampled_from([None, "GB", "FR", "ü"])
_NUMBER = st.one_of(st.none(), st.integers(0, 2**40))


def count_of(ledger: Ledger, table: sa.Table) -> int:
    with ledger.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


@settings(max_examples=60, deadline=None)
@given(data=st.data(), many=st.integers(1, 40), first=st.integers(1, 10**6))
def test_what_is_packed_comes_out_again(data: st.DataObject, many: int, first: int) -> None:
    """Both halves in the file's order, every column, and the groups add up."""
    is_accepted = data.draw(st.lists(st.booleans(), min_size=many, max_size=many))
    texts = ("address", "body", "consent", "detail", "cell", "spelling", "others", "content", "alternatives")
    expected: list[dict[str, Any]] = []
    halves: list[Any] = []
    for kind, mine in ((AcceptedRows, True), (ExcludedRows, False)):
        rows = [first + place for place, one in enumerate(is_accepted) if one is mine]
        columns: dict[str, list[Any]] = {"row": rows}
        for name in [field.name for field in fields(kind) if field.name != "row"]:
            value = st.integers(0, 30_000) if name in ("units", "parts", "clock") else _NUMBER
            value = _TEXT if name in texts else _FEW if pa.types.is_dictionary(SCHEMA[name]) else value
            value = st.sampled_from(["duplicate", "filtered"]) if name == "reason" else value
            columns[name] = data.draw(st.lists(value, min_size=len(rows), max_size=len(rows)))
        halves.append(kind(**columns))
        for values in zip(*columns.values(), strict=True):
            expected.append(dict.fromkeys(SCHEMA) | dict(zip(columns, values, strict=True)))
    packed = pack_rows(PlannedRows(*halves))
    assert packed is not None
    chunk = Chunk.read(1, packed.first_row, packed.rows, packed.data)
    found = zip(*(chunk.values(name) for name in SCHEMA), strict=True)
    expected.sort(key=lambda one: one.pop("row"))
    assert [dict(zip(SCHEMA, row, strict=True)) for row in found] == expected
    groups = plan_store.groups_from(packed.counts)
    assert packed.accepted == sum(is_accepted)
    assert sum(group.messages for group in groups) == many
    assert sum(group.cost for group in groups) == sum(one["cost"] or 0 for one in expected)
    assert sum(group.parts for group in groups) == sum(one["parts"] or 0 for one in expected)
    assert sum(group.priced for group in groups) == sum(one["cost"] is not None for one in expected)


@pytest.mark.parametrize("rows", [[1, 3], [2, 2], [5, 4, 2]])
def test_rows_that_are_not_consecutive_are_a_mistake(rows: list[int]) -> None:
    with pytest.raises(ValueError, match="consecutive"):
        pack_rows(PlannedRows(accepted(range(len(rows)), row=rows)))


def test_nothing_stays_under_a_value_that_is_gone() -> None:
    """Arrow marks a value as null and leaves its bytes where they are; a chunk has neither."""
    texts, numbers = pa.array(["Annabelle", "Ben"]), pa.array([447700900007, 1])
    hidden = pc.if_else(pa.array([False, True]), texts, None)
    key = pa.Array.from_buffers(pa.int64(), 2, [pa.array([False, True]).buffers()[1], numbers.buffers()[1]])
    assert key.to_pylist() == [None, 1]
    assert b"Annabelle" in hidden.buffers()[2].to_pybytes()
    data = pack(pa.table({"body": hidden, "person": key}), 1).data
    assert b"Annabelle" not in data
    assert (447700900007).to_bytes(6, "little") not in data
    assert Chunk.read(1, 1, 2, data).values("body") == [None, "Ben"]


def test_a_plan_has_no_more_rows_than_ids(make: Make, ledger: Ledger) -> None:
    run = make.begun()
    with pytest.raises(LedgerError, match="268,435,455 rows at most"):
        ledger.plans.add_rows(run, PlannedRows(accepted([1, 2], row=[MOST_ROWS, MOST_ROWS + 1])))


def in_chunks(ledger: Ledger, sizes: list[int], **values: Any) -> Run:
    """A plan of several chunks, for as many people as they have rows."""
    run = Make(ledger).begun(**values)
    first = 1
    for size in sizes:
        rows = list(range(first, first + size))
        ledger.plans.add_rows(run, PlannedRows(accepted([row - 1 for row in rows], row=rows, line=rows)))
        first += size
    run = ledger.plans.finish(run, digest="d", rows_read=first - 1, summary={})
    ledger.attempts.start(run, NOW)
    return run


def test_claims_go_from_chunk_to_chunk_and_a_retry_has_its_own_text(ledger: Ledger) -> None:
    run = in_chunks(ledger, [3, 1, 5])
    ids = [id for _ in range(3) for id in claim(ledger, run, 4)]
    assert ids == [run.number * 2**32 + row for row in range(1, 10)]
    settle(ledger, run, [ids[2], ids[3], ids[8]], NOT_SENT, due_at=NOW)
    again = ledger.attempts.exchange(run, [], 10, NOW)
    assert [one.message.body for one in again.claimed] == ["Hello 2", "Hello 3", "Hello 8"]
    assert [one.message.to for one in again.claimed] == [number(2), number(3), number(8)]
    assert again.left == 0


def test_nothing_is_written_for_whoever_is_held(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is their chunk read."""
    run = planned(ledger, [1] * 500, {1: LOS_ANGELES})
    monkeypatch.setattr(plan_store, "data_of", None)
    found = ledger.attempts.exchange(run, [], 100, NOON)
    assert (found.claimed, found.left, found.more) == ([], 500, False)
    assert ledger.runs.waiting(run, NOON)[0].messages == 500
    assert ledger.runs.totals(run, NOON).held == {"quiet-hours": 500}
    assert count_of(ledger, attempts) == count_of(ledger, plan_ends) == 0


def test_whoever_expires_by_their_clock_ends_in_one_row(ledger: Ledger) -> None:
    tokyo = clock("Asia/Tokyo", expires=datetime(2027, 6, 15, 21))
    run = planned(ledger, [1, 2] * 50, {1: tokyo, 2: NEW_YORK})
    found = ledger.attempts.exchange(run, [], 10, NOON)
    assert (len(found.claimed), found.skipped, found.left) == (10, 50, 40)
    assert (count_of(ledger, plan_ends), count_of(ledger, attempts)) == (1, 10)
    assert (
        states(ledger, run)
        == dict(ledger.runs.totals(run).by_state)
        == {"expired": 50, "submitting": 10, "planned": 40}
    )
    assert ledger.attempts.exchange(run, [], 100, NOON).left == 0


def test_an_erased_person_of_a_run_that_ended_stays_what_they_were(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock that ended them goes with their row, and must not let them go."""
    monkeypatch.setenv(erased.KEY_VARIABLE, "a key of the tests, long enough")
    tokyo = clock("Asia/Tokyo", expires=datetime(2027, 6, 15, 21))
    run = planned(ledger, [1, 1, 2], {1: tokyo, 2: LOS_ANGELES})
    ledger.attempts.exchange(run, [], 10, NOON)
    ledger.people.erase(Person(number(0)), NOON)
    assert states(ledger, run) == dict(ledger.runs.totals(run).by_state) == {"expired": 2, "planned": 1}
    ledger.attempts.start(run, NOON)
    assert [
        one.message.to for one in ledger.attempts.exchange(run, [], 10, NOON + 5 * 3_600_000).claimed
    ] == [number(2)]


def test_who_is_erased_while_their_chunk_is_being_sent_gets_nothing(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender has the chunk in memory; another process takes the person out of the ledger."""
    monkeypatch.setenv(erased.KEY_VARIABLE, "a key of the tests, long enough")
    run = in_chunks(ledger, [6, 4])
    settle(ledger, run, claim(ledger, run, 2))
    with Ledger.open(url) as other:
        other.people.erase(Person(number(3)), NOW)
    found = ledger.attempts.exchange(run, [], 10, NOW)
    assert [one.message.to for one in found.claimed] == [number(person) for person in (2, 4, 5, 6, 7, 8, 9)]
    assert states(ledger, run) == {"accepted": 2, "submitting": 7, "skipped": 1}
    assert not [row for some in ledger.messages.rows(run) for row in some if row["address"] == number(3)]


def test_a_country_refused_as_one_row_is_planned_again_person_by_person(make: Make, ledger: Ledger) -> None:
    run = make.sending(6, columns={"country": ["GB", "FR"] * 3})
    ledger.runs.refuse_country(run, "FR", NOW)
    ledger.optouts.add(number(1), source="reply")
    assert [(one.messages, one.may_go) for one in ledger.attempts.rejections(run, NOW)] == [(3, 2)]
    assert ledger.attempts.plan_again(run, ["country-refused"], "asked", NOW) == 2
    assert states(ledger, run) == dict(ledger.runs.totals(run).by_state) == {"planned": 5, "skipped": 1}
    assert sorted(claim(ledger, run)) == [run.number * 2**32 + row for row in (1, 3, 4, 5, 6)]


def test_a_chunk_that_is_changed_while_the_run_is_sent_is_not_sent(ledger: Ledger) -> None:
    run = in_chunks(ledger, [3, 3])
    assert len(claim(ledger, run, 3)) == 3
    with ledger.engine.begin() as connection:
        second = plan_chunks.c.number == 2
        first = connection.execute(sa.select(plan_chunks.c.data).where(plan_chunks.c.number == 1)).scalar()
        connection.execute(sa.update(plan_chunks).where(second).values(data=first))
    with pytest.raises(LedgerError, match="no longer matches its plan"):
        ledger.attempts.exchange(run, [], 3, NOW)
    assert states(ledger, run)["submitting"] == 3


def test_a_claim_that_was_not_committed_gives_the_same_people_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = in_chunks(ledger, [4, 4])
    first = claim(ledger, run, 3)
    with monkeypatch.context() as broken:
        broken.setattr("a2pcli.ledger.claims.paces", None)
        broken.setattr("a2pcli.ledger.one_claim.claimed_messages", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.attempts.exchange(run, [], 3, NOW)
    found = ledger.attempts.exchange(run, [], 10, NOW)
    assert sorted([*first, *(one.message.id for one in found.claimed)]) == [
        run.number * 2**32 + row for row in range(1, 9)
    ]
    assert found.left == 0


def test_outcomes_after_a_cancellation_count_beside_the_ended(make: Make, ledger: Ledger) -> None:
    run = make.sending(10)
    ids = claim(ledger, run, 4)
    settle(ledger, run, ids[:1], NOT_SENT, due_at=NOW + 5)
    assert ledger.runs.cancel(run, NOW) == 7
    settle(ledger, run, ids[1:], ACCEPTED)
    assert states(ledger, run) == dict(ledger.runs.totals(run).by_state) == {"accepted": 3, "cancelled": 7}
    assert ledger.runs.totals(run).states[State.CANCELLED].cost == {"GBP": 280_000_000}


def test_nobody_is_held_by_their_hours_before_the_run_begins(ledger: Ledger) -> None:
    run = planned(ledger, [1, 2], {1: LOS_ANGELES, 2: NEW_YORK}, not_before=NOON + 60_000)
    assert ledger.runs.waiting(run, NOON) == []
    assert ledger.runs.totals(run, NOON).held == {}
    assert ledger.runs.waiting(run, NOON + 60_000)[0].messages == 1
