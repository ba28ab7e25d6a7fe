"""Duplicates, arms and keys: the parts of planning that decide who is who."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.planning.people import NOBODY, Seen, hashed_keys, keys_of
from a2pcli.planning.shares import arms, share_of, shares


def test_a_number_is_its_own_key_and_no_number_is_nobody():
    keys = keys_of(pa.array(["+447911123456", None, "+14155550123"]))
    assert keys.tolist() == [447911123456, NOBODY, 14155550123]


@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=12))
def test_a_person_is_met_for_the_first_time_exactly_once_however_the_rows_are_chunked(chunks):
    seen, known = Seen(), set()
    for chunk in chunks:
        expected = []
        for person in chunk:
            expected.append(person not in known)
            known.add(person)
        assert seen.first_time(np.array(chunk, dtype=np.int64)).tolist() == expected


def test_the_same_person_with_another_appointment_is_another_recipient():
    keys = hashed_keys(["+447911123456"] * 3 + [None], ["a", "b", "a", "a"])
    assert keys[0] == keys[2] != keys[1]
    assert keys[3] == NOBODY
    assert (keys[:3] >= 0).all()


def test_assignment_follows_the_published_formula():
    assert share_of("spring-sale", "exp1", "+14155550123") == pytest.approx(0.10451369597, abs=1e-11)


def test_arms_get_their_share_and_do_not_depend_on_order():
    addresses = [f"+4479{number:08d}" for number in range(20_000)]
    places = shares("spring-sale", "variants", addresses)
    chosen = arms(places, {"a": 1, "b": 3})
    assert 0.24 < (chosen == 0).mean() < 0.26
    backwards = arms(shares("spring-sale", "variants", addresses[::-1]), {"a": 1, "b": 3})
    assert (backwards[::-1] == chosen).all()
