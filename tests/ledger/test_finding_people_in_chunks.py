"""Somebody's rows are found in a chunk by its bytes as they would be row by row."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from a2pcli.addresses.kinds import OTHERS
from a2pcli.ledger.chunks import Chunk, pack
from a2pcli.ledger.plan_people import ENOUGH, PUNCTUATION, Searched, columns_of, places_in

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
        ["07700 900001", "(07700) 900001x", "7", "77", "N/A", "n/a", "Straße 7700900", "STRASSE", "-", ""]
    ),
    st.text(st.sampled_from("07 -()aAßſsé."), max_size=9),
)
ROW = st.one_of(
    st.tuples(ADDRESS, st.none(), st.lists(ADDRESS, max_size=2)),
    st.tuples(st.none(), CELL, st.just([])),
)


def bare(text: str) -> str:
    return "".join(character for character in text if character not in PUNCTUATION)


def is_theirs(row: tuple[str | None, str | None, list[str]], whom: Searched) -> bool:
    """The rule, for one row. Letters are compared whatever their case, which the cells below are simple enough for."""
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
    st.lists(CELL.filter(lambda cell: "ß" not in cell and "ſ" not in cell), max_size=2),
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
    chunk = Chunk.read(1, 1, len(rows), pack(table, 1).data, columns_of(whom))
    # "ß" and "SS" are one letter to Python, not to the search; no cell that is looked for has one.
    expected = [place for place, row in enumerate(rows) if is_theirs(row, whom)]
    assert places_in(chunk, whom) == expected
