"""Counting and smart encoding by the column give what they give text by text."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.content.encoding import measure, measure_column, prepare, prepare_column
from a2pcli.content.parts import BASIC
from a2pcli.content.smart import plain, plain_column, smart, smart_column
from a2pcli.content.special import SpecialCharacters
from a2pcli.content.typography import TABLE

LETTERS = st.one_of(
    st.sampled_from("aaab1 .\n€[é"),
    st.sampled_from("яçë😀👍🏽\u0301\u200d\r"),
    st.sampled_from(sorted(TABLE)),
    st.sampled_from(["https://a.example/", "www.b.example", "c.example/x", "x" * 60, "€" * 40]),
    st.characters(exclude_categories=("Cs",)),
)
TEXT = st.lists(LETTERS, max_size=60).map("".join)
COLUMN = st.lists(st.one_of(st.none(), TEXT), max_size=12)


@settings(deadline=None)
@given(COLUMN, st.sampled_from([8, 16]), st.integers(0, 3))
def test_a_measured_column_equals_measured_texts(texts: list[str | None], bits: int, offset: int) -> None:
    column = measure_column(pa.array(texts, pa.string()).slice(offset), bits)
    for row, text in enumerate(texts[offset:]):
        if text:
            expected = measure(text, bits)
            assert not column.invalid[row]
            assert bool(column.ucs2[row]) == (expected.encoding == "UCS-2")
            assert (column.units[row], column.parts[row]) == (expected.units, expected.parts)
        else:
            assert column.invalid[row]
            assert column.parts[row] == 0


@settings(deadline=None)
@given(COLUMN)
def test_a_prepared_column_equals_prepared_texts(texts: list[str | None]) -> None:
    prepared = prepare_column(pa.array(texts, pa.string())).to_pylist()
    assert prepared == [None if text is None else prepare(text) for text in texts]


@settings(max_examples=60, deadline=None)
@given(COLUMN, st.integers(0, 2))
def test_a_smart_column_equals_smart_texts(texts: list[str | None], offset: int) -> None:
    new, counts = smart_column(pa.array(texts, pa.string()).slice(offset))
    expected = [None if text is None else smart(text) for text in texts[offset:]]
    assert new.to_pylist() == [None if each is None else each.text for each in expected]
    assert counts.tolist() == [0 if each is None else len(each.replacements) for each in expected]


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 140_000])
def test_columns_of_any_length_are_measured_whole(size: int) -> None:
    column = measure_column(pa.array(["€" * 81, "я"] * (size // 2) + ["a"] * (size % 2), pa.string()))
    assert len(column.units) == size
    assert column.parts.sum() == size // 2 * 3 + size % 2


def test_chunked_columns_are_taken_as_one() -> None:
    chunked = pa.chunked_array([pa.array(["a"]), pa.array(["it’s"])])
    assert measure_column(chunked).ucs2.tolist() == [False, True]
    assert smart_column(chunked)[0].to_pylist() == ["a", "it's"]


@settings(max_examples=60, deadline=None)
@given(COLUMN, st.booleans(), st.integers(0, 2))
def test_a_plain_column_equals_plain_texts(texts: list[str | None], use_smart: bool, offset: int) -> None:
    new, counts = plain_column(pa.array(texts, pa.string()).slice(offset), use_smart=use_smart)
    expected = [None if text is None else plain(text, use_smart=use_smart) for text in texts[offset:]]
    assert new.to_pylist() == [None if each is None else each.text for each in expected]
    assert counts.tolist() == [0 if each is None else len(each.replacements) for each in expected]


@settings(max_examples=60, deadline=None)
@given(COLUMN, st.integers(0, 2))
def test_special_characters_are_all_that_are_not_plain_ascii(texts: list[str | None], offset: int) -> None:
    special = SpecialCharacters.of(pa.array(texts, pa.string()).slice(offset))
    expected = [
        (row, ord(character))
        for row, text in enumerate(texts[offset:])
        for character in text or ""
        if not (character.isascii() and character in BASIC)
    ]
    assert list(zip(special.rows.tolist(), special.codes.tolist(), strict=True)) == expected
