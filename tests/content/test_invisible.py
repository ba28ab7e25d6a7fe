"""Characters nobody sees do not make a message dear, and are never taken from where they have a meaning."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.content.parts import is_gsm
from a2pcli.content.smart import plain, plain_column
from a2pcli.content.typography import RANGES, invisible_in

EACH = [chr(code) for first, last in RANGES for code in range(first, last + 1)]


def test_every_one_of_them_is_dropped_from_a_text_that_is_otherwise_gsm() -> None:
    texts = [f"Hi Anna{character}, see you" for character in EACH]
    sent, changed = plain_column(pa.array(texts), use_smart=False)
    assert set(sent.to_pylist()) == {"Hi Anna, see you"}
    assert set(changed.tolist()) == {1}
    assert {plain(text, use_smart=True).text for text in texts[::100]} == {"Hi Anna, see you"}


def test_every_format_character_that_unicode_calls_invisible_is_known() -> None:
    shown = {*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD}
    others = {code for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"} - shown
    others -= {*range(0x13430, 0x13440)}  # they place hieroglyphs
    assert others <= {ord(character) for character in EACH}


@pytest.mark.parametrize(
    "text",
    [
        "Hi ❤\ufe0f",
        "👩\u200d👩\u200d👧",
        "می\u200cخواهم",
        "क्\u200dष",
        "🏴\U000e0067\U000e0062\U000e007f Hi",
        "see\u200bhttps://acme.example/x",
        "https://acme.example/a\u200bb",
        "\u200b\u200d",
        "naïve ça\u200c",
    ],
)
def test_where_they_mean_something_or_nothing_is_won_they_stay(text: str) -> None:
    assert plain(text, use_smart=False).text == text
    assert plain_column(pa.array([text]), use_smart=False)[0].to_pylist() == [text]


def test_each_is_told_at_its_place() -> None:
    changes = plain("A\u200cnna’s\u200b", use_smart=True).replacements
    assert [(made.position, made.before, made.after) for made in changes] == [
        (2, "\u200c", ""), (6, "’", "'"), (8, "\u200b", ""),
    ]  # fmt: skip


TEXTS = st.lists(
    st.sampled_from(
        [*"aé €’…ça\n½1", "\u200c", "\u00ad", "\ufe0f", "\U000e0041", "❤", "م", "https://a.example/"]
    ),
    max_size=30,
)


@settings(deadline=None)
@given(TEXTS.map("".join), st.booleans())
def test_a_column_and_one_text_agree(text: str, use_smart: bool) -> None:
    one = plain(text, use_smart=use_smart)
    sent, changed = plain_column(pa.array([text, "plain"]), use_smart=use_smart)
    assert sent.to_pylist() == [one.text, "plain"]
    assert changed.tolist() == [len(one.replacements), 0]
    if one.replacements:
        assert is_gsm(one.text)
        assert not invisible_in(one.text)
