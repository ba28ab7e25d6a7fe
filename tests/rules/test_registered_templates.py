"""India's registered templates: which messages are one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.rules.copy_dlt import DltTemplate

TEMPLATE = DltTemplate("1107", "1101", "Dear {#var#}, order {#var#} (50% off!) is out.\n- ACME")


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("Dear Ann, order 12 (50% off!) is out.\n- ACME", None),
        ("Dear , order  (50% off!) is out.\n- ACME", None),
        ("Hi Ann, order 12 (50% off!) is out.\n- ACME", "it does not start with 'Dear'"),
        ("Dear Ann, order 12 (50% off!) is in.\n- ACME", "after slot 2 it wants '(50% off!) is out. - ACME'"),
        ("Dear " + "x" * 31 + ", order 12 (50% off!) is out.\n- ACME", "after slot 1 it wants ', order'"),
        ("Dear Ann, order 12 (50% off!) is out.\n- ACME Ltd", "there is more text behind its end"),
    ],
)
def test_a_message_is_the_template_but_for_its_slots(text: str, how: str | None) -> None:
    assert TEMPLATE.differs(text) == how


@given(st.lists(st.text(max_size=33), min_size=2, max_size=2))
def test_a_column_of_messages_is_judged_like_each_of_them(values: list[str]) -> None:
    """Planning asks Arrow's engine for a column, ``check`` asks Python's for one message."""
    text = f"Dear {values[0]}, order {values[1]} (50% off!) is out.\n- ACME"
    found = pc.match_substring_regex(pa.array([text]), TEMPLATE.pattern)[0].as_py()
    assert found == (TEMPLATE.differs(text) is None)


@given(st.text(alphabet=r".*+?()[]{}|\^$ aé€✓" + "\n", max_size=40))
def test_whatever_a_template_says_it_is_itself(text: str) -> None:
    assert DltTemplate("1", None, text).differs(text.strip()) is None
    assert pc.match_substring_regex(pa.array([text.strip()]), DltTemplate("1", None, text).pattern)[0].as_py()


def test_slots_with_kinds_are_slots() -> None:
    assert (
        DltTemplate("1", None, "OTP {#numeric#} from {# url #}").differs("OTP 123 from acme.example") is None
    )
