"""Smart encoding: all or nothing, and never at the cost of a link or a meaning."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2pcli.content.parts import BASIC, is_gsm, measure
from a2pcli.content.typography import TABLE, Replacement, smart


def test_everything_it_writes_is_basic_gsm() -> None:
    assert all(BASIC.issuperset(after) or after in "[\\]^{|}~" for after in TABLE.values())
    assert not any(is_gsm(before) for before in TABLE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("“It’s” – 5′ 10″ `x`", "\"It's\" - 5' 10\" 'x'"),
        ("a—b‒c−d•e…", "a-b-c-d-e..."),
        ("a\u00a0b\u2009c\td\u2028e\u3000f", "a b c d e f"),
        ("ＡＢＣ１２３！", "ABC123!"),
        ("½ price, 1½ hours", "1/2 price, 1 1/2 hours"),
        ("a\u200bb\u2060c\ufeffd", "abcd"),
        ("a\u200cb\u200dc", "abc"),
        ("it’s\u180e \U000e0041x\ufe0f", "it's x"),
        ("(see https://acme.example/spring…)", "(see https://acme.example/spring...)"),
        ("“https://acme.example/x”", '"https://acme.example/x"'),
    ],
)
def test_typography_becomes_gsm(before: str, after: str) -> None:
    assert smart(before).text == after


@pytest.mark.parametrize(
    "text",
    [
        "plain text, é and €",
        "it’s ça",  # ç stays, so all stays
        "привет – it’s",
        "it’s here: https://acme.example/spring–sale",
        "it’s at acme.example/spring–sale",
        "see\u200bhttps://acme.example",  # would fuse with the link
        "👩\u200d👩\u200d👧 it’s",
        "می\u200cخواهم – it’s",
        "\u200b",
        "\u2003",
        "",
        "…" * 60,  # 180 septets: a part more than UCS-2 needs
    ],
)
def test_a_text_that_would_not_gain_is_left_exactly_alone(text: str) -> None:
    assert smart(text).text == text
    assert smart(text).replacements == ()


def test_each_replacement_is_reported_at_its_place() -> None:
    assert smart("it’s 1½…").replacements == (
        Replacement(3, "’", "'"),
        Replacement(7, "½", " 1/2"),
        Replacement(8, "…", "..."),
    )


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TABLE, *"ab1 €é\n", "https://a.example/"]), max_size=80).map("".join))
def test_what_changes_becomes_gsm_in_no_more_parts(text: str) -> None:
    result = smart(text)
    assert smart(result.text).replacements == ()
    if result.replacements:
        assert is_gsm(result.text)
        assert measure(result.text).parts <= measure(text).parts
        assert all(text[made.position - 1] == made.before for made in result.replacements)
    else:
        assert result.text == text
