"""Somebody's rows are found in a chunk by its bytes as they would be row by row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ledgerkit import NOW, Make, accepted, number
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import OTHERS
from a2pcli.ledger import chunk_filter, plan_store
from a2pcli.ledger.chunk_filter import ENOUGH, PUNCTUATION, may_hold
from a2pcli.ledger.chunks import Chunk, pack
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.plan_people import Searched, columns_of, in_chunks, places_in
from a2pcli.ledger.records import PlannedRows, Run
from a2pcli.ledger.store import Ledger

ADDRESS = st.sampled_from(
    [
        "+447700900001",
        "+44770090000",
        "+447700900012",
        "a@b.example",
        "aa@b.example",
        "telegram:1",
        "+5491166773399",
    ]
)
CELL = st.one_of(
    st.sampled_from(
        ["07700 900001", "(07700) 900001x", "7", "77", "N/A", "n/a", "Road 7700900", "ROAD 7700900", "-", ""]
    ),
    st.text(st.sampled_from("07 -()aAsé."), max_size=9),
)
ROW = st.one_of(
    st.tuples(ADDRESS, st.none(), st.lists(ADDRESS, max_size=2)),
    st.tuples(st.none(), CELL, st.just([])),
)


def bare(text: str) -> str:
    return "".join(character for character in text if character not in PUNCTUATION)


def is_theirs(row: tuple[str | None, str | None, list[str]], whom: Searched) -> bool:
    """The rule, for one row."""
    address, written, others = row
    if whom.address and (address in whom.forms or set(others) & set(whom.forms)):
        return True
    for cell in whom.cells if written is not None else ():
        text, have = bare(cell), bare(written or "")
        if written == cell or (have == text if len(text) < ENOUGH else text.casefold() in have.casefold()):
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ROW, min_size=1, max_size=12),
    st.one_of(st.just(""), ADDRESS),
    st.lists(CELL, max_size=2),
)
@example([("+447700900012", None, []), ("+447700900001", None, [])], "+447700900001", [])
@example([(None, "07700", []), (None, "900001", [])], "", ["07700900001"])
@example([("+541166773399", None, []), ("a@b.example", None, ["+541166773399"])], "+5491166773399", [])
def test_the_rows_are_those_that_a_look_at_each_finds(
    rows: list[tuple[str | None, str | None, list[str]]], address: str, cells: list[str]
) -> None:
    table = pa.table(
        {
            "line": pa.array(range(len(rows)), pa.int64()),
            "address": pa.array([row[0] for row in rows], pa.string()),
            "cell": pa.array([row[1] for row in rows], pa.string()),
            "others": pa.array([OTHERS.join(row[2]) or None for row in rows], pa.string()),
        }
    )
    whom = Searched(address, tuple(cells))
    data = pack(table, 1).data
    chunk = Chunk.read(1, 1, len(rows), data, columns_of(whom))
    expected = [place for place, row in enumerate(rows) if is_theirs(row, whom)]
    assert places_in(chunk, whom) == expected
    assert may_hold(data[: chunk_filter.PREFIX], whom.forms, whom.cells) or not expected


ADDRESSES = {
    "phones": [f"+4477009{number:05}" for number in range(20_000)],
    "emails": [f"anna{number}@example.com" for number in range(5_000)],
    "both": [f"+4477009{n:05}" if n % 2 else f"anna{n}@example.com" for n in range(5_000)],
}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_a_filter_knows_everybody_in_its_chunk_and_rules_out_nearly_all_others(kind: str) -> None:
    there = ADDRESSES[kind]
    cells = ["07700 9", "n/a", "number 0171 2345678"] + [None] * (len(there) - 3)
    table = pa.table({"address": pa.array(there, pa.string()), "cell": pa.array(cells, pa.string())})
    prefix = pack(table, 1).data[: chunk_filter.PREFIX]
    assert all(may_hold(prefix, [address], ()) for address in there[::7])
    assert all(may_hold(prefix, (), [cell]) for cell in ("077009", "n/a", "N/A", "01712345678", "1712345"))
    others = [f"+4479119{number:05}" for number in range(1_000)] + [
        f"bo{n}@example.com" for n in range(1_000)
    ]
    assert sum(may_hold(prefix, [other], [f"0{other[3:]}"]) for other in others if other[0] == "+") < 60
    assert sum(may_hold(prefix, [other], ()) for other in others) < 60
    assert not may_hold(prefix, (), ["0800123"])


def test_chunks_without_a_filter_or_with_a_broken_one_are_read() -> None:
    data = pack(pa.table({"address": pa.array(["+447700900001"])}), 1).data
    assert not may_hold(data, ["+447700900002"], ())
    for prefix in (
        b"",
        data[: data.index(b"a2pcli-people") + 20],
        data.replace(b"a2pcli-people-1:", b"a2pcli-people-9:"),
    ):
        assert may_hold(prefix, ["+447700900002"], ())


@pytest.mark.parametrize("encrypted", [False, True])
def test_only_chunks_that_may_hold_the_person_are_read(
    tmp_path: Path, encrypted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if encrypted:
        pytest.importorskip("sqlcipher3")
    read: list[int] = []
    monkeypatch.setattr(
        plan_store,
        "opened",
        lambda *given, _opened=plan_store.opened: read.append(given[2].number) or _opened(*given),
    )
    with Ledger.open(str(tmp_path / "ledger.db"), key="a key of this test" if encrypted else None) as ledger:
        run = Make(ledger).begun()
        for chunk in range(4):
            people = range(100 * chunk, 100 * chunk + 100)
            rows = [person + 1 for person in people]
            ledger.plans.add_rows(run, PlannedRows(accepted=accepted(people, row=rows)))
        with ledger.reading() as connection:
            whom = Searched(number(250))
            quick = list(in_chunks(connection, whom, by_filter=True))
            assert read == [3]
            assert list(in_chunks(connection, whom)) == quick
            assert [(head.number, places) for _, head, places in quick] == [(3, [50])]


def _first_prefix(connection: Connection, run: Run) -> bytes:
    return next(plan_store.prefixes(connection, run, chunk_filter.PREFIX))[-1]


def test_an_erased_person_leaves_the_filter_too(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "ab" * 32)
    run = make.plan(50)
    with ledger.reading() as connection:
        before = _first_prefix(connection, run)
    assert may_hold(before, [number(7)], ())
    ledger.people.erase(Person(number(7)), NOW)
    with ledger.reading() as connection:
        after = _first_prefix(connection, run)
    assert not may_hold(after, [number(7)], ())
    assert may_hold(after, [number(8)], ())
